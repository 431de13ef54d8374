"""Moves a finished bundle from its run folder to where it is kept by digest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ml.durable import sync_file
from ml.store import Store


def keep_bundle(store: Store, folder: Path) -> tuple[str, int, list[dict[str, Any]]]:
    """Copies `folder` to `bundles/<digest>` unless it is there; (digest, bytes, labels)."""
    sums = (folder / "SHA256SUMS").read_bytes()
    digest = hashlib.sha256(sums).hexdigest()
    target = store.bundle_dir(digest)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{digest}.{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(folder, aside)
        for path in aside.rglob("*"):
            if path.is_file():
                sync_file(path)
        sync_file(aside)
        try:
            aside.rename(target)
        except OSError:
            if not target.exists():  # another kept the same bundle meanwhile
                raise
            shutil.rmtree(aside, ignore_errors=True)
        sync_file(target.parent)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    labels = json.loads((target / "labels.json").read_text())
    return digest, size, labels if isinstance(labels, list) else labels["classes"]
