"""The model card: data, recipe, figures and limits, for a person to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml.evaluation.unknown import MAX_LOSS
from ml.manifest import Manifest
from ml.specs import RECIPES, TrainSpec
from ml.training.transforms import Preprocess

_TITLES = {"val": "validation (chosen by)", "test": "test (read once, at the end)"}
_FRAMED = {
    "centre": "the upright photo's centred square",
    "whole": "the whole upright photo pressed into a square",
}


@dataclass(frozen=True)
class CardFacts:
    """What the card tells; `evaluation` as in evaluation.json, `earlier_reads` of the test set before this one."""

    manifest: Manifest
    spec: TrainSpec
    preprocess: Preprocess
    evaluation: Mapping[str, Any]
    finished_at: str
    code_version: str
    earlier_reads: int


def card(facts: CardFacts) -> str:
    """The content of card.md."""
    recipe = RECIPES[facts.spec.recipe]
    lines = [
        f"# {facts.manifest.name or 'Image classifier'}",
        "",
        f"Answers which of {len(facts.manifest.classes)} classes a photo shows. Trained {facts.finished_at} with the "
        f"recipe “{recipe.title}” ({facts.spec.recipe}, seed {facts.spec.seed}).",
        "",
        *_data(facts.manifest),
        *_figures(facts),
        *_doubt(facts.evaluation),
        "## Recipe",
        recipe.description,
        "",
        *(f"- {name}: {getattr(facts.spec, name)}" for name in recipe.editable),
        f"- code: {facts.code_version}",
        f"- input: {_FRAMED[facts.preprocess.framing]}, {facts.preprocess.size} × {facts.preprocess.size} pixels, RGB",
        "",
        *_limits(facts),
    ]
    return "\n".join(lines)


def _data(manifest: Manifest) -> list[str]:
    counts = manifest.counts()
    totals = {split: sum(counts[split].values()) for split in ("train", "val", "test")}
    lines = [
        "## Data",
        f"Manifest {manifest.digest}, split rule “{manifest.plan.rule}”, seed {manifest.plan.seed}: "
        f"{totals['train']:,} photos to train, {totals['val']:,} to choose by, {totals['test']:,} to test.",
        "",
        "| class | category | train | val | test |",
        "|---|---|---:|---:|---:|",
    ]
    for info in manifest.classes:
        cells = " | ".join(str(counts[split][info.key]) for split in ("train", "val", "test"))
        lines.append(f"| {_cell(info.key)} | {_cell(info.category)} | {cells} |")
    return [*lines, ""]


def _figures(facts: CardFacts) -> list[str]:
    splits = facts.evaluation["splits"]
    lines = ["## Figures"]
    lines += [_split_figures(title, splits.get(split, {"n": 0})) for split, title in _TITLES.items()]
    if "val" in facts.evaluation["fitted_on"]:
        lines.append(
            "- the validation photos joined the classifier's last fit after everything was chosen: their figures are "
            "those of the model before"
        )
    test = splits.get("test", {"n": 0})
    if test["n"]:
        lines.append(
            f"- earlier readings of this test set that the store knows of: {facts.earlier_reads} (each choice made by "
            "one flatters the next)"
        )
        lines += ["", "| class | test photos | precision | recall | F1 |", "|---|---:|---:|---:|---:|"]
        lines += [
            f"| {_cell(row['key'])} | {row['n']} | {row['precision']:.2f} | {row['recall']:.2f} | {row['f1']:.2f} |"
            for row in test["per_class"]
        ]
    return [*lines, ""]


def _split_figures(title: str, figures: Mapping[str, Any]) -> str:
    if not figures["n"]:
        return f"- {title}: no photos"
    low, high = figures["interval"]
    text = (
        f"- {title}: accuracy {figures['accuracy']:.1%} ({low:.1%} to {high:.1%}, 95 % by resampling groups), "
        f"balanced {figures['balanced_accuracy']:.1%}, macro F1 {figures['macro_f1']:.3f}, {figures['n']:,} photos"
    )
    if figures["category_accuracy"] is not None:
        text += f"; right category {figures['category_accuracy']:.1%}, cost of a wrong one {figures['bin_cost']:.3f}"
    return text


def _doubt(evaluation: Mapping[str, Any]) -> list[str]:
    """When it says that it is not sure, and what was measured of that."""
    calibration, unfamiliar = evaluation["calibration"], evaluation["unfamiliar"]
    promise = (
        f"{calibration['target']:.0%} of its answers are right" if calibration["promised"] else "no promise"
    )
    lines = [
        "## Doubt",
        f"- temperature {calibration['temperature']:.2f}; calibration error {calibration['ece_before']:.3f} before, "
        f"{calibration['ece_after']:.3f} after",
        f"- sure enough to answer above {calibration['threshold']:.2f}: {calibration['coverage']:.0%} of photos, "
        f"{promise} ({calibration['note']})",
    ]
    if unfamiliar["limit"] is None:
        return [*lines, f"- unfamiliar photos are not recognised: {unfamiliar['note']}", ""]
    shares = ", ".join(
        f"{share:.1%} of {split}" for split, share in unfamiliar["beyond"].items() if share is not None
    )
    return [
        *lines,
        f"- unfamiliar beyond a distance of {unfamiliar['limit']:.3f} ({unfamiliar['note']}), meant to turn away at "
        f"most {MAX_LOSS:.0%} of photos like the training photos; beyond it lie {shares or 'none measured'}",
        "",
    ]


def _limits(facts: CardFacts) -> list[str]:
    lines = [
        "## Limits",
        "- It knows only the classes above. Pictures of quite another kind (noise, screenshots, drawings) are mostly "
        "recognised as unfamiliar; a photo of a thing that merely belongs to no class above mostly is not, and it may "
        "name one of them with confidence.",
        "- The figures hold for photos like those in the data set; other cameras, places or ways of taking photos may "
        "do worse.",
    ]
    test = facts.evaluation["splits"].get("test", {"n": 0})
    if test["n"]:
        weakest = min(
            (row for row in test["per_class"] if row["n"]), key=lambda row: (row["recall"], row["key"])
        )
        lines.append(
            f"- Weakest class in the test: {_cell(weakest['key'])}, {weakest['recall']:.0%} of its {weakest['n']} "
            "photos recognised."
        )
    if facts.manifest.plan.rule != "grouped":
        lines.append(
            f"- The split rule “{facts.manifest.plan.rule}” lets near-duplicates lie on both sides, which flatters "
            "the figures."
        )
    return [*lines, ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
