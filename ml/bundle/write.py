"""Finish a bundle: the folder that a model is published as."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.bundle.predict import BUNDLE_VERSION, FILES, Label, label_rows
from ml.evaluation.calibration import Calibration
from ml.manifest import Manifest
from ml.specs import RECIPES, TrainSpec
from ml.store import make_folder, write_atomic
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


def seal(folder: Path, calibration: Calibration, card: str) -> str:
    """Write calibration, card and SHA256SUMS; the bundle's digest (sha256 of SHA256SUMS)."""
    content = {key: value for key, value in calibration.to_json().items() if key != "curve"}
    _json(folder / "calibration.json", {"version": BUNDLE_VERSION, **content})
    write_atomic(folder / "card.md", card.encode())
    lines = []
    for name in FILES:
        with (folder / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    listing = "".join(lines).encode()
    write_atomic(folder / "SHA256SUMS", listing)
    return hashlib.sha256(listing).hexdigest()


def card(manifest: Manifest, spec: TrainSpec, evaluation: dict[str, Any], finished_at: str) -> str:
    """A model card that a person can read: data, recipe, figures, limits."""
    recipe = RECIPES[spec.recipe]
    counts = manifest.counts()
    totals = {split: sum(counts[split].values()) for split in ("train", "val", "test")}
    calibration = evaluation["calibration"]
    lines = [
        f"# {manifest.name or 'Image classifier'}",
        "",
        f"Trained {finished_at} with the recipe “{recipe.title}” ({spec.recipe}, seed {spec.seed}).",
        "",
        "## Data",
        f"Manifest {manifest.digest}, split rule “{manifest.plan.rule}”: "
        f"{totals['train']:,} photos to train, "
        f"{totals['val']:,} to choose by, {totals['test']:,} to test.",
        "",
        "| class | category | train | val | test |",
        "|---|---|---:|---:|---:|",
    ]
    for info in manifest.classes:
        cells = " | ".join(str(counts[split][info.key]) for split in ("train", "val", "test"))
        lines.append(f"| {_cell(info.key)} | {_cell(info.category)} | {cells} |")
    lines += ["", "## Figures"]
    for split in ("val", "test"):
        lines.append(_figures(split, evaluation["splits"].get(split, {"n": 0})))
    promise = (
        f"{calibration['target']:.0%} of its answers are right" if calibration["promised"] else "no promise"
    )
    lines += [
        f"- sure enough to answer above {calibration['threshold']:.2f}: "
        f"{calibration['coverage']:.0%} of photos, "
        f"{promise} ({calibration['note']})",
        "",
        "## Recipe",
        recipe.description,
        "",
        *(f"- {name}: {getattr(spec, name)}" for name in recipe.editable),
        "",
        "## Limits",
        "- It knows only the classes above and will name one of them for anything it is sure of; photos "
        "unlike the training photos are not reliably recognised as such.",
        "- The figures hold for photos like those in the data set; other cameras, places or ways of taking "
        "photos may do worse.",
        "",
    ]
    return "\n".join(lines)


def _figures(split: str, figures: dict[str, Any]) -> str:
    if not figures["n"]:
        return f"- {split}: no photos"
    low, high = figures["interval"]
    read = ", chosen by" if split == "val" else ", read once at the end"
    return (
        f"- {split}: accuracy {figures['accuracy']:.1%} ({low:.1%} to {high:.1%} by resampling groups), "
        f"balanced {figures['balanced_accuracy']:.1%}, macro F1 {figures['macro_f1']:.3f}, "
        f"{figures['n']:,} photos{read}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _json(path: Path, content: Any) -> None:
    write_atomic(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())
