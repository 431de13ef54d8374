"""How fast photos are prepared and measured, each figure beside its limit in the same run.

The limit is bare `cv2.imdecode` on as many processes; the anchor for statistics is the paper's loop (ImageFolder,
batch size 1). Figures drift by tens of per cent on a shared machine, so the parts take turns and medians are compared;
CPU seconds are given too, since they hardly depend on what else runs.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import statistics as numbers
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ml.images.pool import PreparePool, PrepareRequest
from ml.store import Store, StoredBlob
from tests.bench import report
from tests.bench.report import Row

PROCESSES = 2
LOOP_PHOTOS = 200


@dataclass
class Part:
    """Seconds of wall and of CPU of each round, for so many photos."""

    photos: int
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Median photos a second."""
        return self.photos / numbers.median(self.wall)

    @property
    def cpu_ms(self) -> float:
        """Median CPU milliseconds a photo, all processes together."""
        return 1000 * numbers.median(self.cpu) / self.photos


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(part: Part, work: Callable[[], object]) -> None:
    cpu, wall = cpu_seconds(), time.perf_counter()
    work()
    part.wall.append(time.perf_counter() - wall)
    part.cpu.append(cpu_seconds() - cpu)


def decode_bare(paths: Sequence[Path]) -> None:
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    for path in paths:
        cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)


def in_forks(work: Callable[[Sequence[Path]], object], *shares: Sequence[Path]) -> None:
    """Run on processes that share this one's loaded libraries, so that no start-up is charged."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def bare(paths: Sequence[Path]) -> None:
    in_forks(decode_bare, *(paths[place::PROCESSES] for place in range(PROCESSES)))


def measure_all(paths: Sequence[Path]) -> None:
    from ml.images.statistics import measure_statistics

    measure_statistics(paths, workers=PROCESSES)


def loop(folder: Path) -> None:
    """The paper's statistics loop, as it stands there: ImageFolder, batch size 1, mean and std per channel."""
    import torch
    from torchvision import datasets, transforms

    # More threads than one only slow such small tensors down.
    torch.set_num_threads(1)
    data = datasets.ImageFolder(str(folder), transforms.ToTensor())
    loader = torch.utils.data.DataLoader(data, batch_size=1, shuffle=False, num_workers=0, pin_memory=False)
    mean, std = torch.zeros(3), torch.zeros(3)
    for pixels, _ in loader:
        for channel in range(3):
            mean[channel] += pixels[:, channel, :, :].mean()
            std[channel] += pixels[:, channel, :, :].std()
    mean.div_(len(data))
    std.div_(len(data))


def serve_loop(folder: Path, orders: Connection) -> None:
    """Run the loop once an order, in a process with torch loaded: it would change how this one allocates memory."""
    loop(folder)  # loads the libraries
    orders.send(True)
    while orders.recv():
        part = Part(0)
        timed(part, lambda: loop(folder))
        orders.send((part.wall[0], part.cpu[0]))


@contextlib.contextmanager
def loop_beside(paths: Sequence[Path]) -> Iterator[Callable[[Part], None]]:
    """`run(part)` times the loop over these photos; between two calls its process waits."""
    context = multiprocessing.get_context("spawn")
    orders, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as room:
        process = context.Process(target=serve_loop, args=(linked(paths, Path(room)), theirs))
        process.start()
        orders.recv()

        def run(part: Part) -> None:
            orders.send(True)
            wall, cpu = orders.recv()
            part.wall.append(wall)
            part.cpu.append(cpu)

        try:
            yield run
        finally:
            orders.send(False)
            process.join()


def linked(paths: Sequence[Path], root: Path) -> Path:
    """A folder per class with links to these photos: what ImageFolder reads."""
    for path in paths:
        (root / path.parent.name).mkdir(exist_ok=True, parents=True)
        (root / path.parent.name / path.name).symlink_to(path)
    return root


class RssWatch(threading.Thread):
    """Peak resident memory of a pool's children, in MB, looked at twenty times a second."""

    def __init__(self, pool: PreparePool) -> None:
        super().__init__(daemon=True)
        self._pool = pool
        self._over = threading.Event()
        self.peak = 0.0

    def run(self) -> None:
        while not self._over.wait(0.05):
            for pid in self._pool.pids:
                try:
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                except OSError:
                    continue
                peaks = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
                self.peak = max([self.peak, *peaks])

    def stop(self) -> float:
        self._over.set()
        self.join()
        return self.peak


def prepare(store: Store, blobs: Sequence[StoredBlob]) -> float:
    """Prepare every photo with thumbnails on disk, children started and ended within; peak MB of a child."""
    with PreparePool(store, processes=PROCESSES) as pool:
        watch = RssWatch(pool)
        watch.start()
        requests = (PrepareRequest(place, blob.sha256) for place, blob in enumerate(blobs))
        if not all(result.ok for result in pool.prepare(requests)):
            raise SystemExit("a photo could not be prepared")
        return watch.stop()


def measure(paths: list[Path], rounds: int) -> dict[str, Any]:
    with loop_beside(paths[:: len(paths) // LOOP_PHOTOS][:LOOP_PHOTOS]) as run_loop:
        return take_turns(paths, rounds, run_loop)


def take_turns(paths: list[Path], rounds: int, run_loop: Callable[[Part], None]) -> dict[str, Any]:
    import ml.images.statistics  # noqa: F401 - loaded before the forks

    n = len(paths)
    parts = {name: Part(n) for name in ("bare", "prepare", "store", "statistics")}
    parts["loop"] = Part(LOOP_PHOTOS)
    peaks = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            blobs: list[StoredBlob] = []

            def put() -> None:
                results = store.put_blobs(path.open("rb") for path in paths)  # noqa: B023
                blobs.extend(one for one in results if isinstance(one, StoredBlob))  # noqa: B023

            timed(parts["bare"], lambda: bare(paths))
            timed(parts["store"], put)
            timed(parts["prepare"], lambda: peaks.append(prepare(store, blobs)))  # noqa: B023
            timed(parts["bare"], lambda: bare(paths))
            timed(parts["statistics"], lambda: in_forks(measure_all, paths))
            run_loop(parts["loop"])
    limit, rates = parts["bare"], {name: part.rate for name, part in parts.items()}
    return {
        "photos": n,
        "rounds": rounds,
        "images_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        "cpu_ms_per_image": {name: round(part.cpu_ms, 3) for name, part in parts.items()},
        "prepare_of_bare": round(rates["prepare"] / rates["bare"], 3),
        "prepare_of_bare_cpu": round(limit.cpu_ms / parts["prepare"].cpu_ms, 3),
        "statistics_of_bare": round(rates["statistics"] / rates["bare"], 3),
        "statistics_of_bare_cpu": round(limit.cpu_ms / parts["statistics"].cpu_ms, 3),
        "statistics_of_loop": round(rates["statistics"] / rates["loop"], 2),
        "statistics_of_loop_cpu": round(parts["loop"].cpu_ms / parts["statistics"].cpu_ms, 2),
        "child_peak_mb": round(max(peaks), 1),
    }


def rows(result: dict[str, Any]) -> list[Row]:
    """Each ratio in wall time, and in processor time, which hardly depends on what else runs."""
    rates = result["images_per_second"]
    bare_rate, loop_rate = f"bare decoding: {rates['bare']:.0f}/s", f"the paper's loop: {rates['loop']:.0f}/s"
    found = [
        Row("preparing photos", f"{rates['prepare']:.0f}/s", "", None, "≥ 100/s", rates["prepare"] >= 100)
    ]
    for what, name, beside, aim in (
        ("preparing photos", "prepare_of_bare", bare_rate, 0.3),
        ("statistics", "statistics_of_bare", bare_rate, 0.9),
        ("statistics", "statistics_of_loop", loop_rate, 6.0),
    ):
        rate = rates["prepare" if what.startswith("prep") else "statistics"]
        found.append(Row(what, f"{rate:.0f}/s", beside, result[name], f"≥ {aim:g} ×", result[name] >= aim))
        found.append(Row("  the same in processor time", "", "", result[f"{name}_cpu"]))
    peak = result["child_peak_mb"]
    found.append(Row("peak memory of a preparing child", f"{peak:.0f} MB", "", None, "≤ 600 MB", peak <= 600))
    return found


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=Path, default=report.TRASHNET)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if report.photos_missing(options.photos):
        return 2
    paths = sorted(options.photos.glob("*/*.jpg"))
    result = measure(paths, options.rounds)
    return report.finish(rows(result), result, options.json)


if __name__ == "__main__":
    sys.exit(main())
