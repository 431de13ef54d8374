"""The anchor for training: the same backbone fully fine-tuned by the loop that everybody writes.

    python -m tests.bench.plain_loop --manifest FILE --lr 1e-4 [--epochs 1] [--until 0.9]

timm's EfficientNet-Lite0 with ImageNet weights, every layer trained by Adam (body at --lr, last layer at ten times
that), batch 32, 224 px, flips, channels_last, all photos decoded once and kept in memory. It uses nothing of this
project but the weights' loader and the manifest. One JSON line an epoch on stdout, the seconds counted from the start
of the process.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

BEGAN = time.monotonic()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from ml.backbones.networks import lite  # noqa: E402
from ml.backbones.weights import find_weights  # noqa: E402
from ml.manifest import Manifest  # noqa: E402
from ml.store import Store  # noqa: E402

BACKBONE, SIZE, BATCH, HEAD_FACTOR = "efficientnet_lite0", 224, 32, 10


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("var"))
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--until", type=float, default=2.0, help="stop once validation reaches this accuracy")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    manifest = Manifest.read(args.manifest)
    x, y = pictures(manifest, "train")
    val_x, val_y = pictures(manifest, "val")
    network = lite(BACKBONE, find_weights(Store(args.store), BACKBONE).path)
    network.classifier = nn.Linear(network.classifier.in_features, len(manifest.classes))
    network = network.to(memory_format=torch.channels_last)
    head = list(network.classifier.parameters())
    body = [parameter for name, parameter in network.named_parameters() if not name.startswith("classifier")]
    optimizer = torch.optim.Adam(
        [{"params": body, "lr": args.lr}, {"params": head, "lr": HEAD_FACTOR * args.lr}]
    )
    for epoch in range(1, args.epochs + 1):
        network.train()
        for rows in torch.randperm(len(x)).split(BATCH):
            if len(rows) < BATCH:
                continue
            loss = functional.cross_entropy(network(flipped(normalised(x[rows]))), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        accuracy = measure(network, val_x, val_y)
        row = {"epoch": epoch, "val_accuracy": accuracy, "seconds": round(time.monotonic() - BEGAN, 1)}
        print(json.dumps(row), flush=True)
        if accuracy >= args.until:
            break
    return 0


def pictures(manifest: Manifest, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 (n, 3, 224, 224) of the centred squares, and classes (n,)."""
    items = manifest.items_of(split)
    found = [torch.from_numpy(centre_square(item.path)) for item in items]
    labels = [manifest.class_index[item.label] for item in items]
    return torch.stack(found), torch.tensor(labels)


def centre_square(path: str) -> np.ndarray:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize(
        (SIZE, SIZE), Image.Resampling.BILINEAR
    )
    return np.asarray(square).transpose(2, 0, 1).copy()


def normalised(x: torch.Tensor) -> torch.Tensor:
    return ((x.float() / 255 - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)


def flipped(x: torch.Tensor) -> torch.Tensor:
    for axis in (2, 3):
        chosen = torch.rand(len(x)) < 0.5
        x = torch.where(chosen[:, None, None, None], x.flip(axis), x)
    return x.contiguous(memory_format=torch.channels_last)


def measure(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    network.eval()
    with torch.inference_mode():
        answers = [network(normalised(part)).argmax(1) for part in x.split(BATCH)]
    return float((torch.cat(answers) == y).float().mean())


if __name__ == "__main__":
    sys.exit(main())
