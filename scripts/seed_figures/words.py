"""How the figures and their page speak of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .plan import STARTS

Spec = Mapping[str, Any]

NETWORKS = {"resnet18": "ResNet-18", "efficientnet_lite0": "EfficientNet-Lite0"}
OPTIMIZER_WORDS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
NORMALISATION_WORDS = {
    "dataset": "the snapshot's mean and deviation",
    "weights": "the network's own, 0.5 and 0.5",
}
# Of a replaced last layer, and of one in a network that starts at random: see docs/ml-contract.md.
LAST_LAYERS = {"finetune": "Xavier uniform, bias 0", "scratch": "PyTorch's default for a linear layer"}
SETTING_WORDS = {
    "backbone": "network", "optimizer": "optimiser", "lr": "learning rate of the body",
    "head_lr": "learning rate of the last layer", "batch": "batch", "normalisation": "normalisation",
    "size": "side in pixels", "epochs": "epochs", "momentum": "momentum", "weight_decay": "weight decay",
    "augment": "augmentation", "label_smoothing": "label smoothing", "class_weights": "class weights",
}  # fmt: skip
_NOT_SETTINGS = {"format", "version", "recipe", "seed"}


def network_words(spec: Spec) -> str:
    """The network's name."""
    return NETWORKS.get(spec["backbone"], str(spec["backbone"]))


def start_words(spec: Spec) -> str:
    """Where its weights came from."""
    return STARTS[spec["recipe"]]


def cell_words(cell: str) -> str:
    """A cell of the 2 x 2: `finetune adam` -> `ImageNet start, Adam`."""
    recipe, optimizer = cell.split()
    return f"{STARTS[recipe]}, {OPTIMIZER_WORDS[optimizer]}"


def differences(one: Spec, other: Spec) -> list[tuple[str, str, str]]:
    """Everything that differs between two runs besides the seed: (what, the one's, the other's)."""
    found = []
    if one["recipe"] != other["recipe"]:
        found.append(("start of the network", start_words(one), start_words(other)))
        found.append(("start of the last layer", LAST_LAYERS[one["recipe"]], LAST_LAYERS[other["recipe"]]))
    for name, value in one.items():
        if name not in _NOT_SETTINGS and other.get(name) != value:
            what = SETTING_WORDS.get(name, name.replace("_", " "))
            found.append((what, value_words(name, one), value_words(name, other)))
    return found


def value_words(name: str, spec: Spec) -> str:
    """The value of a setting."""
    if name == "backbone":
        return network_words(spec)
    if name == "normalisation" and spec[name] == "weights" and spec["backbone"].startswith("resnet"):
        return "ImageNet's mean and deviation"
    words = {"optimizer": OPTIMIZER_WORDS, "normalisation": NORMALISATION_WORDS}.get(name, {})
    value = spec.get(name)
    return words.get(str(value), f"{value:g}" if isinstance(value, float) else str(value))


def percent(share: float) -> str:
    """0.628 -> 62.8 %."""
    return f"{100 * share:.1f} %"


def interval(bounds: tuple[float, float] | list[float], digits: int = 1) -> str:
    """Of shares, in per cent."""
    low, high = (100 * bound for bound in bounds)
    return f"{low:.{digits}f} to {high:.{digits}f} %"
