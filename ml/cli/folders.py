"""For commands that study a plain folder: groups from hashes and embeddings, and bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli import shared

if TYPE_CHECKING:
    from ml.manifest import Manifest
    from ml.store import Store


def grouped_manifest(command: str, folder: Path, store: Store, backbone_name: str, size: int) -> Manifest:
    """A manifest of a plain folder whose groups come from hashes and embeddings; what is left out is told.

    Raises FolderError (a ValueError) and what embedding raises.
    """
    from tqdm import tqdm

    from ml.backbones.embed import pooled_features
    from ml.backbones.pipeline import Photo
    from ml.backbones.registry import backbone
    from ml.images.folder import FolderPhoto, manifest_from_folder

    embedding = slice(0, backbone(backbone_name).embedding)

    def embed(found: Sequence[FolderPhoto]):  # type: ignore[no-untyped-def]
        photos = [Photo(one.sha256, str(one.path)) for one in found]
        with tqdm(unit="photo", desc="embedding", file=sys.stderr) as bar:
            return pooled_features(store, photos, shown(bar), backbone_name, size, columns=embedding)

    with tqdm(unit="photo", desc="reading", file=sys.stderr) as bar:
        manifest, report = manifest_from_folder(folder, progress=shown(bar), embed=embed)
    for one in report.unreadable:
        shared.say(command, f"left out {one.path}: {one.detail}")
    for twin in report.duplicates:
        shared.say(command, f"left out {twin.path}: same bytes as {twin.kept}")
    return manifest


def shown(bar) -> Callable[[int, int], None]:  # type: ignore[no-untyped-def]
    """A `progress(done, total)` that moves a tqdm bar."""

    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress
