"""Small data sets and runs for the tests of `ml`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ml.manifest import ClassInfo, Item, Manifest, Plan
from ml.store import Store
from tests.support.photos import class_folders

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("red", "green", "blue")


def tiny_manifest(folder: Path, per_class: int = 20, classes: tuple[str, ...] = CLASSES) -> Manifest:
    """Photos of so many colours, written to `folder`; of each class 3 validate, 3 test, the rest train."""
    class_folders(folder, dict.fromkeys(classes, per_class))
    items = []
    for label in classes:
        for place, path in enumerate(sorted((folder / label).iterdir())):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            split = "val" if place < 3 else "test" if place < 6 else "train"
            items.append(Item(digest, label, split, len(items), path=str(path)))
    infos = tuple(ClassInfo(key, name_en=key.title(), category="colours", bin="other") for key in classes)
    return Manifest("tiny", Plan(), infos, tuple(items))


def written(manifest: Manifest, path: Path) -> Path:
    manifest.write(path)
    return path


def store_with_trunk(root: Path, trunks: Path) -> Store:
    """An empty store whose trunk need not be exported again."""
    store = Store(root)
    shutil.copytree(trunks, store.cache / "trunks")
    return store


def ml(*arguments: object, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m ml ARGUMENTS` in a process of its own."""
    done = subprocess.run(command(*arguments), **options(environment), capture_output=True, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "ml", *map(str, arguments)]


def options(environment: dict[str, str] | None = None) -> dict:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SORTYARD_")}
    # One thread: two that wait for each other at every layer crawl on a machine where other tests run too.
    return {"cwd": ROOT, "text": True, "env": {**clean, "OMP_NUM_THREADS": "1", **(environment or {})}}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def reseal(bundle: Path) -> None:
    """SHA256SUMS anew, after a file was changed on purpose."""
    names = sorted(path.name for path in bundle.iterdir() if path.name != "SHA256SUMS")
    sums = [f"{hashlib.sha256((bundle / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (bundle / "SHA256SUMS").write_text("".join(sums))
