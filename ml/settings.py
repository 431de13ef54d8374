"""The settings that recipes are made of: how each is read, bounded and explained. Standard library only."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# The first three may be frozen block by block.
FREEZABLE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
BACKBONES = (*FREEZABLE, "resnet18", "resnet34", "resnet50")
OPTIMIZERS = ("closed_form", "lbfgs", "sgd", "adam", "adamw")
AUGMENTATIONS = ("none", "flips", "crops_flips", "crops_flips_colour")
CLASS_WEIGHTS = ("none", "balanced")
NORMALISATIONS = ("weights", "dataset")
# A trunk is exported once for all sides; its padding is right only where every layer's input has an even side.
TRUNK_STEP = 32
SCHEDULES = ("constant", "cosine", "one_cycle")
SAMPLINGS = ("shuffled", "balanced")
FRAMINGS = ("centre", "whole")
STARTS = ("plain", "probe")
FEATURES = ("pooled", "textured")
REFITS = ("none", "train_val")

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
            Setting(
                "framing", "choice",
                "Look at the centred square of each photo, or at the whole photo pressed into a square.",
                choices=FRAMINGS,
            ),
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
            Setting(
                "start", "choice",
                "Begin with a new last layer, or with a probe's answers and learn what they miss.",
                choices=STARTS,
            ),
            Setting(
                "features", "choice",
                "What the probe reads of the network: what is there, or also how it goes together, which tells "
                "materials apart.",
                choices=FEATURES,
            ),
            Setting(
                "refit", "choice",
                "Once nothing is left to choose, let the validation photos join the probe's last fit, or not.",
                choices=REFITS,
            ),
            Setting("schedule", "choice", "How the learning rates change while training.", choices=SCHEDULES),
            Setting(
                "early_stopping", "int",
                "Stop after so many epochs without a better validation; 0: go on to the end.", 0, 100,
            ),
            Setting("augment", "choice", "Random changes while training.", choices=AUGMENTATIONS),
            Setting(
                "mixup", "float", "How strongly pairs of photos are blended while training; 0: not at all.",
                0.0, 1.0,
            ),
            Setting(
                "sampling", "choice", "Take each photo once an epoch, or each class equally often.",
                choices=SAMPLINGS,
            ),
            Setting("class_weights", "choice", "Give rare classes more weight.", choices=CLASS_WEIGHTS),
            Setting(
                "ema", "float",
                "Keep a moving average of the weights with this decay and use it as the model; 0: none.",
                0.0, 0.9999,
            ),
            Setting(
                "normalisation", "choice", "Mean and deviation: the weights' own or the data set's.",
                choices=NORMALISATIONS,
            ),
            Setting("l2", "float", "The probe's regularisation; 0: chosen by cross-validation.", 0.0, 1e6),
        )
    }
)  # fmt: skip
