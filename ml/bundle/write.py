"""Finish a bundle: the folder that a model is published as."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.bundle.familiarity import FAMILIARITY_FILE, Familiarity
from ml.bundle.predict import BUNDLE_VERSION, FILES, SUMS_FILE, Label, label_rows
from ml.durable import make_folder, write_atomic
from ml.evaluation.calibration import Calibration
from ml.evaluation.unknown import Limit
from ml.manifest import Manifest
from ml.training.transforms import Preprocess


def write_bundle(
    folder: Path,
    write_model: Callable[[Path], None],
    manifest: Manifest,
    preprocess: Preprocess,
) -> None:
    """The model, its labels and its preprocessing; `seal` finishes the bundle.

    `write_model(path)` writes model.onnx.
    """
    if folder.exists():
        shutil.rmtree(folder)  # left by an attempt that was interrupted here
    make_folder(folder)
    aside = folder / ".model.onnx.aside"
    try:
        write_model(aside)
        write_atomic(folder / "model.onnx", aside.read_bytes())
    finally:
        aside.unlink(missing_ok=True)  # on a full disk the half of it would leave no room for the last words
    labels = [
        Label(
            info.key, info.name, info.name_en, info.name_zh, info.category, info.category_en,
            info.category_zh, info.bin, info.colour,
        )
        for info in manifest.classes
    ]  # fmt: skip
    _json(folder / "labels.json", {"version": BUNDLE_VERSION, "classes": label_rows(labels)})
    _json(folder / "preprocess.json", preprocess.to_json())


def seal(folder: Path, calibration: Calibration, limit: Limit, familiarity: Familiarity, card: str) -> str:
    """Write calibration, familiarity, card and SHA256SUMS; the bundle's digest (sha256 of SHA256SUMS).

    Whatever else lies in the folder by then (weights, recipe) is listed too.
    """
    content = {key: value for key, value in calibration.to_json().items() if key != "curve"}
    content["unfamiliar"] = limit.to_json()
    _json(folder / "calibration.json", {"version": BUNDLE_VERSION, **content})
    write_atomic(folder / FAMILIARITY_FILE, familiarity.to_bytes())
    write_atomic(folder / "card.md", card.encode())
    more = sorted(path.name for path in folder.iterdir() if path.name not in (*FILES, SUMS_FILE))
    lines = []
    for name in (*FILES, *more):
        with (folder / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    listing = "".join(lines).encode()
    write_atomic(folder / SUMS_FILE, listing)
    return hashlib.sha256(listing).hexdigest()


def _json(path: Path, content: Any) -> None:
    write_atomic(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())
