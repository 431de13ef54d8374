"""Training recipes as frozen, validated values. Standard library only: the site imports this file."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

SPEC_FORMAT = "sortyard-train-spec"
SPEC_VERSION = 1

DEFAULT_RECIPE = "partial_finetune"
# The first three may be frozen block by block.
FREEZABLE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
BACKBONES = (*FREEZABLE, "resnet18", "resnet34", "resnet50")
OPTIMIZERS = ("lbfgs", "sgd", "adam", "adamw")
AUGMENTATIONS = ("none", "flips", "crops_flips")
CLASS_WEIGHTS = ("none", "balanced")
NORMALISATIONS = ("weights", "dataset")
# A trunk is exported once for all sides; its padding is right only where every layer's input has an even side.
TRUNK_STEP = 32

Value = str | int | float


class SpecError(ValueError):
    """A setting has a value that cannot be used. `field` names it; `message` says what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Setting:
    """One setting of a recipe: how to parse it, its bounds (inclusive) or choices, and its help text."""

    name: str
    kind: str  # "int" | "float" | "choice"
    help: str
    minimum: float | None = None
    maximum: float | None = None
    step: int = 1
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Value:
        """The value written in `text`, checked. Raises SpecError naming this setting."""
        if self.kind == "choice":
            value: Value = text
        elif self.kind == "int":
            if not re.fullmatch(r"[+-]?[0-9]{1,12}", text):
                raise SpecError(self.name, f"a whole number is needed, not {text!r}")
            value = int(text)
        else:
            if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text):
                raise SpecError(self.name, f"a number is needed, not {text!r}")
            value = float(text)
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """Raise SpecError unless `value` has the right type and lies within the bounds."""
        if self.kind == "choice":
            if value not in self.choices:
                raise SpecError(self.name, f"one of {', '.join(self.choices)} is needed, not {value!r}")
            return
        wanted = (int,) if self.kind == "int" else (int, float)
        if isinstance(value, bool) or not isinstance(value, wanted) or not math.isfinite(value):
            noun = "a whole number" if self.kind == "int" else "a finite number"
            raise SpecError(self.name, f"{noun} is needed, not {value!r}")
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise SpecError(
                self.name, f"a value from {_plain(low)} to {_plain(high)} is needed, not {value!r}"
            )
        if self.kind == "int" and self.step > 1 and int(value) % self.step:
            raise SpecError(self.name, f"a multiple of {self.step} is needed, not {value!r}")


def _plain(number: float | None) -> str:
    return "any" if number is None else f"{number:g}"


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            Setting("backbone", "choice", "The pretrained network to start from.", choices=BACKBONES),
            Setting("size", "int", "Side of the square picture, in pixels.", 64, 512, step=16),
            Setting("epochs", "int", "How often the training photos are gone through.", 1, 500),
            Setting("batch", "int", "Photos in one optimiser step.", 1, 1024),
            Setting("optimizer", "choice", "The rule that turns gradients into steps.", choices=OPTIMIZERS),
            Setting("lr", "float", "Learning rate of the network's body.", 1e-7, 10.0),
            Setting("head_lr", "float", "Learning rate of the last layer.", 1e-7, 10.0),
            Setting("momentum", "float", "Momentum (SGD only).", 0.0, 0.999),
            Setting("weight_decay", "float", "Pull of the weights towards zero.", 0.0, 1.0),
            Setting("label_smoothing", "float", "Share of certainty taken from the true class.", 0.0, 0.5),
            Setting("views", "int", "Cropped and mirrored versions kept of each training photo.", 1, 32),
            Setting("frozen_blocks", "int", "First blocks of the network that stay as they are.", 1, 6),
            Setting("augment", "choice", "Random changes while training.", choices=AUGMENTATIONS),
            Setting("class_weights", "choice", "Give rare classes more weight.", choices=CLASS_WEIGHTS),
            Setting(
                "normalisation", "choice", "Mean and deviation: the weights' own or the data set's.",
                choices=NORMALISATIONS,
            ),
            Setting("l2", "float", "The probe's regularisation; 0: chosen by cross-validation.", 0.0, 1e6),
        )
    }
)  # fmt: skip


@dataclass(frozen=True)
class TrainSpec:
    """Everything that decides a training run besides its data. Validated at construction (SpecError)."""

    recipe: str
    backbone: str
    size: int
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
    augment: str
    class_weights: str
    normalisation: str
    l2: float
    seed: int

    def __post_init__(self) -> None:
        if self.recipe not in RECIPE_NAMES:
            raise SpecError("recipe", f"one of {', '.join(RECIPE_NAMES)} is needed, not {self.recipe!r}")
        for setting in SETTINGS.values():
            setting.check(getattr(self, setting.name))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**31:
            raise SpecError("seed", f"a whole number from 0 to {2**31 - 1} is needed, not {self.seed!r}")
        for name in ("lr", "head_lr", "momentum", "weight_decay", "label_smoothing", "l2"):
            object.__setattr__(self, name, float(getattr(self, name)))  # 1 and 1.0 are one spec, one digest
        if (self.optimizer == "lbfgs") != (self.recipe == "linear_probe"):
            raise SpecError("optimizer", f"{self.optimizer} does not go with the recipe {self.recipe}")
        RECIPES[self.recipe].setting("backbone").check(self.backbone)
        if self.recipe in ("linear_probe", "partial_finetune") and self.size % TRUNK_STEP:
            raise SpecError("size", f"a multiple of {TRUNK_STEP} is needed, not {self.size!r}")
        if self.recipe == "linear_probe" and self.views > 2:
            raise SpecError("views", "linear_probe knows 1 (the photo) or 2 (and its mirror image)")

    def to_json(self) -> dict[str, Any]:
        """A dict that `from_json` turns back into an equal spec."""
        return {"format": SPEC_FORMAT, "version": SPEC_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainSpec:
        """The spec in `data`. Raises SpecError for a foreign format, a missing or an unknown field."""
        if data.get("format") != SPEC_FORMAT or data.get("version") != SPEC_VERSION:
            raise SpecError("format", f"{SPEC_FORMAT} version {SPEC_VERSION} is needed")
        names = {field.name for field in fields(cls)}
        given = {key: value for key, value in data.items() if key not in ("format", "version")}
        for name in sorted(names - set(given)):
            raise SpecError(name, "missing")
        for name in sorted(set(given) - names):
            raise SpecError(name, "unknown setting")
        return cls(**given)

    def digest(self) -> str:
        """sha256 (hex) of the canonical JSON: equal specs, equal digests."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class RecipeInfo:
    """A preset as people see it, with its defaults and the settings that may be changed."""

    name: str
    title: str
    description: str
    expected_time: str
    defaults: Mapping[str, Value]
    editable: tuple[str, ...]
    backbones: tuple[str, ...] = BACKBONES

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that `make_spec` accepts as overrides, in the order to show them."""
        return tuple(self.setting(name) for name in self.editable)

    def setting(self, name: str) -> Setting:
        """The setting as this recipe knows it: not every recipe offers every backbone."""
        known = SETTINGS[name]
        return replace(known, choices=self.backbones) if name == "backbone" else known


RECIPE_NAMES = ("linear_probe", "partial_finetune", "finetune", "scratch")

_COMMON: dict[str, Value] = {
    "backbone": "efficientnet_lite0",
    "size": 224,
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
    "augment": "flips",
    "class_weights": "none",
    "normalisation": "weights",
    "l2": 0.0,
}
_LOOP_SETTINGS = ("epochs", "batch", "optimizer", "lr", "head_lr", "weight_decay", "label_smoothing")


def _recipe(
    name: str,
    title: str,
    description: str,
    expected_time: str,
    editable: tuple[str, ...],
    backbones: tuple[str, ...] = BACKBONES,
    **own: Value,
) -> RecipeInfo:
    defaults = MappingProxyType({**_COMMON, **own})
    return RecipeInfo(name, title, description, expected_time, defaults, editable, backbones)


RECIPES: Mapping[str, RecipeInfo] = MappingProxyType(
    {
        "linear_probe": _recipe(
            "linear_probe",
            "Quick probe",
            "A linear classifier on what a pretrained network already sees: good for a first look.",
            "seconds to a minute",
            ("backbone", "size", "views", "l2", "class_weights"),
            FREEZABLE,
            optimizer="lbfgs", epochs=1, views=2, augment="none",
        ),
        "partial_finetune": _recipe(
            "partial_finetune",
            "Fine-tune the last blocks",
            "The early layers stay fixed and are computed once; the last blocks learn your classes.",
            "5 to 10 minutes for 2,000 photos on two cores",
            ("backbone", "size", *_LOOP_SETTINGS, "views", "frozen_blocks", "class_weights"),
            FREEZABLE,
            optimizer="adamw", epochs=8, lr=5e-4, head_lr=5e-3, weight_decay=0.01, label_smoothing=0.1,
            views=4, augment="crops_flips",
        ),
        "finetune": _recipe(
            "finetune",
            "Fine-tune everything",
            "A pretrained ResNet-18 whose every layer goes on learning, as in the paper on waste sorting.",
            "about an hour for 2,000 photos on two cores, minutes on a GPU",
            ("backbone", "size", *_LOOP_SETTINGS, "momentum", "augment", "class_weights", "normalisation"),
            backbone="resnet18",
        ),
        "scratch": _recipe(
            "scratch",
            "From scratch",
            "A ResNet-18 with random weights: slow and weak, and the baseline to compare with.",
            "about an hour for 2,000 photos on two cores, minutes on a GPU",
            ("backbone", "size", *_LOOP_SETTINGS, "momentum", "augment", "class_weights", "normalisation"),
            backbone="resnet18", batch=128, optimizer="sgd", lr=1e-3, head_lr=1e-3, normalisation="dataset",
        ),
    }
)  # fmt: skip


def make_spec(recipe: str, overrides: Mapping[str, str] | None = None, seed: int = 0) -> TrainSpec:
    """The recipe's defaults with `overrides` (name -> text as typed) parsed strictly.

    Raises SpecError naming the field for an unknown recipe, a setting the recipe does not have, or a bad
    value.
    """
    if recipe not in RECIPES:
        raise SpecError("recipe", f"one of {', '.join(RECIPES)} is needed, not {recipe!r}")
    info = RECIPES[recipe]
    values: dict[str, Any] = dict(info.defaults)
    for name, text in (overrides or {}).items():
        if name not in info.editable:
            raise SpecError(name, f"{recipe} has no such setting; it has {', '.join(info.editable)}")
        values[name] = info.setting(name).parse(text.strip())
    return TrainSpec(recipe=recipe, seed=seed, **values)
