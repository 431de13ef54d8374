"""Training recipes as frozen, validated values. Standard library only: the site imports this file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ml.recipes import DEFAULT_RECIPE, PROBE_OPTIMIZERS, RECIPE_NAMES, RECIPES, Preset, RecipeInfo
from ml.settings import BACKBONES, FREEZABLE, SETTINGS, TRUNK_STEP, Setting, SpecError, Value

__all__ = (
    "BACKBONES", "DEFAULT_RECIPE", "FREEZABLE", "PROBE_OPTIMIZERS", "RECIPES", "SETTINGS", "TRUNK_STEP", "Preset",
    "RecipeInfo", "Setting", "SpecError", "TrainSpec", "Value", "make_spec", "upgraded",
)  # fmt: skip

SPEC_FORMAT = "sortyard-train-spec"
SPEC_VERSION = 3

_FLOATS = tuple(setting.name for setting in SETTINGS.values() if setting.kind == "float")


@dataclass(frozen=True)
class TrainSpec:
    """Everything that decides a training run besides its data. Validated at construction (SpecError)."""

    recipe: str
    backbone: str
    size: int
    framing: str
    epochs: int
    batch: int
    optimizer: str
    lr: float
    head_lr: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    views: int
    frozen_blocks: int
    start: str
    features: str
    refit: str
    schedule: str
    early_stopping: int
    augment: str
    mixup: float
    sampling: str
    class_weights: str
    normalisation: str
    ema: float
    l2: float
    seed: int

    def __post_init__(self) -> None:
        if self.recipe not in RECIPE_NAMES:
            raise SpecError("recipe", f"one of {', '.join(RECIPE_NAMES)} is needed, not {self.recipe!r}")
        for setting in SETTINGS.values():
            setting.check(getattr(self, setting.name))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**31:
            raise SpecError("seed", f"a whole number from 0 to {2**31 - 1} is needed, not {self.seed!r}")
        for name in _FLOATS:
            object.__setattr__(self, name, float(getattr(self, name)))  # 1 and 1.0 are one spec, one digest
        own = PROBE_OPTIMIZERS.get(self.recipe)
        if (self.optimizer != own) if own else (self.optimizer in PROBE_OPTIMIZERS.values()):
            raise SpecError("optimizer", f"{self.optimizer} does not go with the recipe {self.recipe}")
        RECIPES[self.recipe].setting("backbone").check(self.backbone)
        if self.recipe in (*PROBE_OPTIMIZERS, "partial_finetune") and self.size % TRUNK_STEP:
            raise SpecError("size", f"a multiple of {TRUNK_STEP} is needed, not {self.size!r}")
        if self.refit == "train_val" and self.recipe != "kernel_probe" and self.start == "plain":
            raise SpecError("refit", "train_val goes with a probe: with kernel_probe, or with start=probe")
        if "balanced" == self.sampling == self.class_weights:
            raise SpecError(
                "sampling", "balanced sampling and class weights would even out the classes twice"
            )
        if self.recipe == "linear_probe" and self.views > 2:
            raise SpecError("views", "linear_probe knows 1 (the photo) or 2 (and its mirror image)")

    def to_json(self) -> dict[str, Any]:
        """A dict that `from_json` turns back into an equal spec."""
        return {"format": SPEC_FORMAT, "version": SPEC_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainSpec:
        """The spec in `data`, of this version or an earlier one. Raises SpecError for a foreign format, a missing or an
        unknown field.
        """
        if data.get("format") != SPEC_FORMAT or data.get("version") not in range(1, SPEC_VERSION + 1):
            raise SpecError("format", f"{SPEC_FORMAT} version 1 to {SPEC_VERSION} is needed")
        names = {field.name for field in fields(cls)}
        given = {key: value for key, value in upgraded(data).items() if key not in ("format", "version")}
        for name in sorted(names - set(given)):
            raise SpecError(name, "missing")
        for name in sorted(set(given) - names):
            raise SpecError(name, "unknown setting")
        return cls(**given)

    def digest(self) -> str:
        """sha256 (hex) of the canonical JSON: equal specs, equal digests.

        A spec that an earlier version could say keeps the digest it had there: runs and checkpoints are known by it.
        """
        content = self.to_json()
        for version in range(SPEC_VERSION, 1, -1):
            added = _added_by(version, self.recipe)
            if any(content[name] != value for name, value in added.items()):
                break
            content = {name: value for name, value in content.items() if name not in added}
            content["version"] = version - 1
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def upgraded(data: Mapping[str, Any]) -> dict[str, Any]:
    """A spec's JSON of any version as one of this version, unchecked: what is new gets the meaning it had before."""
    version = data.get("version")
    if not isinstance(version, int) or not 1 <= version < SPEC_VERSION:
        return dict(data)
    missing: dict[str, Value] = {}
    for later in range(version + 1, SPEC_VERSION + 1):
        missing |= _added_by(later, str(data.get("recipe")))
    return {**missing, **data, "version": SPEC_VERSION}


def _added_by(version: int, recipe: str) -> dict[str, Value]:
    """Settings that came with `version`, with what was done before there was the choice."""
    if version == 3:
        return {"features": "pooled", "refit": "none"}
    schedule = "one_cycle" if recipe == "partial_finetune" else "constant"
    return {
        "schedule": schedule,
        "early_stopping": 0,
        "mixup": 0.0,
        "sampling": "shuffled",
        "ema": 0.0,
        "framing": "centre",
        "start": "plain",
    }


def make_spec(
    recipe: str, overrides: Mapping[str, str] | None = None, seed: int = 0, preset: str = ""
) -> TrainSpec:
    """The recipe's defaults, then those of `preset`, then `overrides` (name -> text as typed) parsed strictly.

    Raises SpecError naming the field for an unknown recipe or preset, a setting the recipe does not have, or a bad
    value.
    """
    if recipe not in RECIPES:
        raise SpecError("recipe", f"one of {', '.join(RECIPES)} is needed, not {recipe!r}")
    info = RECIPES[recipe]
    if preset and preset not in info.presets:
        raise SpecError("preset", f"one of {', '.join(info.presets)} is needed, not {preset!r}")
    values: dict[str, Any] = {**info.defaults, **(info.presets[preset].values if preset else {})}
    for name, text in (overrides or {}).items():
        values[name] = info.setting(name).parse(text.strip())
    return TrainSpec(recipe=recipe, seed=seed, **values)
