"""Training recipes as frozen, validated values. Standard library only: the site imports this file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from ml.settings import BACKBONES, FREEZABLE, SETTINGS, TRUNK_STEP, Setting, SpecError, Value

__all__ = (
    "BACKBONES", "DEFAULT_RECIPE", "FREEZABLE", "RECIPES", "SETTINGS", "TRUNK_STEP", "Preset", "RecipeInfo",
    "Setting", "SpecError", "TrainSpec", "Value", "make_spec", "upgraded",
)  # fmt: skip

SPEC_FORMAT = "sortyard-train-spec"
SPEC_VERSION = 2

DEFAULT_RECIPE = "partial_finetune"
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
        """The spec in `data`, of this version or version 1. Raises SpecError for a foreign format, a missing or an
        unknown field.
        """
        if data.get("format") != SPEC_FORMAT or data.get("version") not in (1, SPEC_VERSION):
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

        A spec that version 1 could say keeps the digest it had there: runs and checkpoints are known by it.
        """
        content = self.to_json()
        added = _added_by_version_2(self.recipe)
        if all(content[name] == value for name, value in added.items()):
            content = {name: value for name, value in content.items() if name not in added} | {"version": 1}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def upgraded(data: Mapping[str, Any]) -> dict[str, Any]:
    """A spec's JSON of version 1 or 2 as one of version 2, unchecked: what is new gets the meaning it had before."""
    if data.get("version") != 1:
        return dict(data)
    return {**_added_by_version_2(str(data.get("recipe"))), **data, "version": SPEC_VERSION}


def _added_by_version_2(recipe: str) -> dict[str, Value]:
    """Version 1 had no such settings; this is what it did."""
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


@dataclass(frozen=True)
class Preset:
    """A named choice of settings of one recipe. Only its values count for a run; its name is not kept."""

    name: str
    title: str
    description: str
    values: Mapping[str, Value]


@dataclass(frozen=True)
class RecipeInfo:
    """A recipe as people see it, with its defaults, the settings that may be changed, and its presets."""

    name: str
    title: str
    description: str
    expected_time: str
    defaults: Mapping[str, Value]
    editable: tuple[str, ...]
    backbones: tuple[str, ...] = BACKBONES
    presets: Mapping[str, Preset] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for preset in self.presets.values():
            for name, value in preset.values.items():
                self.setting(name).check(value)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that `make_spec` accepts as overrides, in the order to show them."""
        return tuple(self.setting(name) for name in self.editable)

    def setting(self, name: str) -> Setting:
        """The setting as this recipe knows it: not every recipe offers every backbone. SpecError for one it lacks."""
        if name not in self.editable:
            raise SpecError(name, f"{self.name} has no such setting; it has {', '.join(self.editable)}")
        known = SETTINGS[name]
        return replace(known, choices=self.backbones) if name == "backbone" else known


RECIPE_NAMES = ("linear_probe", "kernel_probe", "partial_finetune", "finetune", "scratch")
# What has nothing to train in torch, and how its classifier is found.
PROBE_OPTIMIZERS = {"linear_probe": "lbfgs", "kernel_probe": "closed_form"}

_COMMON: dict[str, Value] = {
    "backbone": "efficientnet_lite0",
    "size": 224,
    "framing": "centre",
    "epochs": 10,
    "batch": 32,
    "optimizer": "adam",
    "lr": 1e-4,
    "head_lr": 1e-3,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "views": 1,
    "frozen_blocks": 5,
    "start": "plain",
    "schedule": "constant",
    "early_stopping": 0,
    "augment": "flips",
    "mixup": 0.0,
    "sampling": "shuffled",
    "class_weights": "none",
    "normalisation": "weights",
    "ema": 0.0,
    "l2": 0.0,
}
_LOOP_SETTINGS = (
    "epochs", "batch", "optimizer", "lr", "head_lr", "weight_decay", "label_smoothing", "schedule", "early_stopping",
)  # fmt: skip
_SAMPLE_SETTINGS = ("mixup", "sampling", "class_weights")
_TAIL_SETTINGS = (
    "backbone",
    "size",
    "framing",
    *_LOOP_SETTINGS,
    "views",
    "frozen_blocks",
    "start",
    *_SAMPLE_SETTINGS,
    "ema",
)
_WHOLE_SETTINGS = (
    "backbone", "size", "framing", *_LOOP_SETTINGS, "momentum", "augment", *_SAMPLE_SETTINGS, "normalisation", "ema",
)  # fmt: skip


def _recipe(
    name: str,
    title: str,
    description: str,
    expected_time: str,
    editable: tuple[str, ...],
    backbones: tuple[str, ...] = BACKBONES,
    presets: tuple[Preset, ...] = (),
    **own: Value,
) -> RecipeInfo:
    defaults = MappingProxyType({**_COMMON, **own})
    by_name = MappingProxyType({preset.name: preset for preset in presets})
    return RecipeInfo(name, title, description, expected_time, defaults, editable, backbones, by_name)


def _preset(name: str, title: str, description: str, **values: Value) -> Preset:
    return Preset(name, title, description, MappingProxyType(values))


RECIPES: Mapping[str, RecipeInfo] = MappingProxyType(
    {
        "linear_probe": _recipe(
            "linear_probe",
            "Quick probe",
            "A linear classifier on what a pretrained network already sees: good for a first look.",
            "seconds to a minute",
            ("backbone", "size", "framing", "views", "l2", "class_weights"),
            FREEZABLE,
            (_preset("fast", "Fast", "Without mirrored copies: half the time.", views=1),),
            optimizer="lbfgs", epochs=1, views=2, augment="none",
        ),
        "kernel_probe": _recipe(
            "kernel_probe",
            "Sharp probe",
            "Remembers the training photos as a pretrained network sees them and compares: quick, and hard to beat.",
            "a minute or two for 2,000 photos on two cores",
            ("backbone", "size", "framing", "views", "l2", "class_weights"),
            FREEZABLE,
            (
                _preset("fast", "Fast", "Each photo looked at once: a quarter of the time.", views=1),
                _preset("best", "Best", "More views of each photo.", views=6),
            ),
            optimizer="closed_form", epochs=1, views=4, augment="crops_flips", size=288, framing="whole",
        ),
        "partial_finetune": _recipe(
            "partial_finetune",
            "Fine-tune the last blocks",
            "The early layers stay fixed and are computed once; the last blocks learn your classes.",
            "5 to 10 minutes for 2,000 photos on two cores",
            _TAIL_SETTINGS,
            FREEZABLE,
            (
                _preset("fast", "Fast", "Half the epochs and views.", epochs=3, views=2),
                _preset(
                    "best", "Best", "Larger pictures, more blocks and epochs: the most accurate, and the slowest.",
                    size=320, epochs=12, views=8, frozen_blocks=4,
                ),
            ),
            optimizer="adamw", epochs=6, lr=4e-4, head_lr=3e-3, weight_decay=0.01, label_smoothing=0.1,
            views=4, augment="crops_flips", schedule="one_cycle", size=288, framing="whole", start="probe",
            mixup=0.2, ema=0.97,
        ),
        "finetune": _recipe(
            "finetune",
            "Fine-tune everything",
            "A pretrained ResNet-18 whose every layer goes on learning, as in the paper on waste sorting.",
            "about an hour for 2,000 photos on two cores, minutes on a GPU",
            _WHOLE_SETTINGS,
            presets=(
                _preset(
                    "modern", "Modern", "What has been learned since the paper: random crops, one cycle of rates.",
                    optimizer="adamw", weight_decay=0.01, label_smoothing=0.1, schedule="one_cycle",
                    augment="crops_flips",
                ),
                _preset(
                    "bundled", "Bundled network",
                    "EfficientNet-Lite0 instead of ResNet-18: its weights are always here.",
                    backbone="efficientnet_lite0",
                ),
            ),
            backbone="resnet18",
        ),
        "scratch": _recipe(
            "scratch",
            "From scratch",
            "A ResNet-18 with random weights: slow and weak, and the baseline to compare with.",
            "about an hour for 2,000 photos on two cores, minutes on a GPU",
            _WHOLE_SETTINGS,
            presets=(
                _preset(
                    "modern", "Modern", "Momentum, a higher rate that falls, random crops, three times the epochs.",
                    epochs=30, batch=64, lr=0.02, head_lr=0.02, momentum=0.9, weight_decay=5e-4,
                    label_smoothing=0.1, schedule="cosine", augment="crops_flips",
                ),
            ),
            backbone="resnet18", batch=128, optimizer="sgd", lr=1e-3, head_lr=1e-3, normalisation="dataset",
        ),
    }
)  # fmt: skip


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
