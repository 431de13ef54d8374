"""The recipes as people see them: titles, defaults, presets, and what may be changed. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ml.settings import BACKBONES, FREEZABLE, SETTINGS, Setting, SpecError, Value

DEFAULT_RECIPE = "partial_finetune"


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
        if name == "optimizer":  # those of the probes are no choice elsewhere
            return replace(known, choices=tuple(one for one in known.choices if one not in _CLOSED))
        return replace(known, choices=self.backbones) if name == "backbone" else known


RECIPE_NAMES = ("linear_probe", "kernel_probe", "partial_finetune", "finetune", "scratch")
# What has nothing to train in torch, and how its classifier is found.
PROBE_OPTIMIZERS = {"linear_probe": "lbfgs", "kernel_probe": "closed_form"}
_CLOSED = tuple(PROBE_OPTIMIZERS.values())

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
    "features": "pooled",
    "refit": "none",
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
    "features",
    "refit",
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
            ("backbone", "size", "framing", "views", "l2", "class_weights", "features", "refit"),
            FREEZABLE,
            (
                _preset("fast", "Fast", "Each photo looked at once: a quarter of the time.", views=1),
                _preset(
                    "best", "Best",
                    "Larger pictures, and at the end the validation photos join in: about twice the time.",
                    size=384, refit="train_val",
                ),
            ),
            optimizer="closed_form", epochs=1, views=4, augment="crops_flips", size=288, framing="whole",
            features="textured",
        ),
        "partial_finetune": _recipe(
            "partial_finetune",
            "Fine-tune the last blocks",
            "The early layers stay fixed and are computed once; the last blocks learn your classes.",
            "5 to 10 minutes for 2,000 photos on two cores",
            _TAIL_SETTINGS,
            FREEZABLE,
            (
                _preset("fast", "Fast", "Half the epochs and views.", epochs=2, views=2),
                _preset(
                    "best", "Best",
                    "Larger pictures, and at the end the validation photos join in: about twice the time.",
                    size=384, epochs=3, views=3, refit="train_val",
                ),
            ),
            optimizer="adamw", epochs=4, lr=4e-4, head_lr=3e-3, weight_decay=0.01, label_smoothing=0.1,
            views=4, augment="crops_flips", schedule="one_cycle", size=288, framing="whole", start="probe",
            mixup=0.2, ema=0.97, features="textured",
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
