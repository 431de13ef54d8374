"""How fast photos become training batches, beside torchvision's ImageFolder with Pillow and the same transforms.

Both run in one process on one processor, one thread decoding, over the same photos in the same order: a random square
of 70 to 100 % of the area, mirrored by chance both ways, to `size` pixels, normalised, as a tensor in the layout of
convolutions. CPU seconds are compared, which hardly depend on what else runs. The first epoch decodes; from the second
on Sortyard's loader finds what it kept, and torchvision decodes again, so a run of ten epochs is what counts.
"""

from __future__ import annotations

import hashlib
import os
import statistics as numbers
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.bench.report import TRASHNET, Row, finish, parser, photos_missing

SIZES = (112, 224)
BATCH, EPOCHS = 32, 10
# Later epochs are all alike, so that three of them stand for nine.
MEASURED = 4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
AIM = 4.0


def linked(photos: Sequence[Path], folder: Path) -> Path:
    """A folder per class with links to these photos: what ImageFolder reads."""
    for photo in photos:
        (folder / photo.parent.name).mkdir(exist_ok=True, parents=True)
        (folder / photo.parent.name / photo.name).symlink_to(photo)
    return folder


def torchvisions(folder: Path, size: int) -> Callable[[int], Iterator[object]]:
    """Batches of an epoch by ImageFolder, Pillow and a DataLoader in this process."""
    import torch
    from torchvision import datasets, transforms

    steps = transforms.Compose(
        [
            transforms.RandomResizedCrop(size, scale=(0.7, 1.0), ratio=(1.0, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomVerticalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    data = datasets.ImageFolder(str(folder), steps)
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=False, num_workers=0)

    def epoch(_: int) -> Iterator[object]:
        for x, _y in loader:
            yield x.contiguous(memory_format=torch.channels_last)

    return epoch


def ours(folder: Path, size: int, room: Path) -> Callable[[int], Iterator[object]]:
    """Batches of an epoch as `finetune` and `scratch` train on them."""
    import numpy as np
    import torch

    from ml.backbones.pipeline import Photo, batches, read_pixels
    from ml.store import Store
    from ml.training.kept import KeptPictures
    from ml.training.transforms import Pixels, Preprocess, kept_picture, roomy_side, train_picture

    store, augment = Store(room), "crops_flips"

    def make(photo: Photo) -> Pixels:
        return kept_picture(read_pixels(store, photo, roomy_side(size)), size, augment)

    kept = KeptPictures(room / "cache", make)
    photos = [
        Photo(hashlib.sha256(path.read_bytes()).hexdigest(), str(path)) for path in sorted(folder.glob("*/*"))
    ]

    def epoch(number: int) -> Iterator[object]:
        def load(photo: Photo) -> Pixels:
            rng = np.random.default_rng([0, number, int(photo.sha256, 16)])
            return train_picture(kept.picture(photo), size, rng, augment, quick=True)

        for _, batch in batches(photos, load, Preprocess(size, MEAN, STD), BATCH, channels_last=True):
            yield torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)

    return epoch


def cpu_of(epoch: Callable[[int], Iterator[object]], number: int) -> float:
    """CPU seconds of this process, all threads, for one epoch."""
    begun = time.process_time()
    for _ in epoch(number):
        pass
    return time.process_time() - begun


def measure(folder: Path, size: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds: our first epoch and our later ones, and torchvision's; the parts take turns."""
    found: dict[str, list[float]] = {"first": [], "later": [], "torchvision": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as room:
            loaders = {"ours": ours(folder, size, Path(room)), "torchvision": torchvisions(folder, size)}
            for number in range(MEASURED):
                found["later" if number else "first"].append(cpu_of(loaders["ours"], number))
                found["torchvision"].append(cpu_of(loaders["torchvision"], number))
    return found


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--photos", type=int, default=1000, help="of the real photos (1000)")
    arguments = options.parse_args()
    if photos_missing():
        return 1
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    photos = sorted(TRASHNET.glob("*/*.jpg"))
    photos = photos[:: max(1, len(photos) // arguments.photos)][: arguments.photos]
    rows, result = [], {}
    with tempfile.TemporaryDirectory() as place:
        folder = linked(photos, Path(place))
        for size in SIZES:
            print(f"{size} px …", file=sys.stderr, flush=True)
            found = measure(folder, size, arguments.rounds)
            each = {name: 1000 * numbers.median(times) / len(photos) for name, times in found.items()}
            run = (each["first"] + (EPOCHS - 1) * each["later"]) / EPOCHS
            beside = f"{each['torchvision']:.2f} ms, ImageFolder + Pillow"
            for what, own, aim in (
                (f"{size} px, {EPOCHS} epochs", run, AIM),
                (f"{size} px, first epoch", each["first"], 0.0),
                (f"{size} px, a later epoch", each["later"], 0.0),
            ):
                ratio = each["torchvision"] / own
                held = ratio >= aim if aim else None
                rows.append(Row(what, f"{own:.2f} ms", beside, ratio, f"≥ {aim:g}" if aim else "", held))
            result[size] = {**each, "run": run}
    note = f"CPU milliseconds a photo, medians of {arguments.rounds} rounds over {len(photos)} photos of 341 × 256."
    return finish(rows, result, arguments.json, [note])


if __name__ == "__main__":
    sys.exit(main())
