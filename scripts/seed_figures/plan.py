"""Which trainings the figures need, and when a training that was done before still counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml.specs import TrainSpec, make_spec

PAIR, PAIR_LARGE, GRID = "pair", "pair-large", "grid"
LARGE = 224
# The network whose ImageNet weights come with Sortyard.
BUNDLED, PAPERS = "efficientnet_lite0", "resnet18"
STARTS = {"scratch": "random start", "finetune": "ImageNet start"}
# The paper's two optimisers, each with the rates that the recipes give it.
OPTIMIZERS: Mapping[str, Mapping[str, str]] = {
    "sgd": {"optimizer": "sgd", "lr": "1e-3", "head_lr": "1e-3"},
    "adam": {"optimizer": "adam", "lr": "1e-4", "head_lr": "1e-3"},
}


@dataclass(frozen=True)
class Wanted:
    """One training: a place in a figure, and the words after `manage.py train`."""

    figure: str
    cell: str
    recipe: str
    overrides: Mapping[str, str]
    seed: int

    @property
    def name(self) -> str:
        """For people, and unique within a set of figures."""
        return f"{self.figure} {self.cell} seed {self.seed}"

    def spec(self) -> TrainSpec:
        """The whole recipe. SpecError for a size or a number of epochs that cannot be."""
        return make_spec(self.recipe, self.overrides, self.seed)

    def is_done_by(self, row: Mapping[str, Any]) -> bool:
        """Whether `row` is this training: no setting that it knows has another value now.

        Settings that came later than the row are not compared: their defaults mean what was done before.
        """
        if (row["figure"], row["cell"]) != (self.figure, self.cell):
            return False
        now = self.spec().to_json()
        return all(now.get(name) == value for name, value in row["spec"].items() if name != "version")


@dataclass(frozen=True)
class Sizes:
    """What may be chosen: sides in pixels, epochs, and how many seeds each cell of the 2 x 2 has."""

    pair: int = 112
    grid: int = 64
    epochs: int = 10
    seeds: int = 3
    large_pair: bool = False
    # Of the pretrained run of the pair; another than `scratch` has where ResNet-18's weights are absent.
    pretrained: str = field(default=BUNDLED)


def wanted(sizes: Sizes) -> list[Wanted]:
    """All trainings in the order to do them: the pair, then the 2 x 2 one seed after the other."""
    runs = [*_pair(PAIR, sizes.pair, sizes)]
    if sizes.large_pair:
        runs += _pair(PAIR_LARGE, LARGE, sizes)
    for seed in range(sizes.seeds):
        runs += _grid(sizes, seed)
    return runs


def cell_name(recipe: str, optimizer: str) -> str:
    """A cell of the 2 x 2."""
    return f"{recipe} {optimizer}"


def _pair(figure: str, side: int, sizes: Sizes) -> Iterator[Wanted]:
    common = {"size": str(side), "epochs": str(sizes.epochs)}
    yield Wanted(figure, "scratch", "scratch", common, 0)
    yield Wanted(figure, "finetune", "finetune", {**common, "backbone": sizes.pretrained}, 0)


def _grid(sizes: Sizes, seed: int) -> Iterator[Wanted]:
    common = {
        "backbone": BUNDLED,
        "size": str(sizes.grid),
        "epochs": str(sizes.epochs),
        "batch": "32",
        "normalisation": "weights",
    }
    for recipe in STARTS:
        for optimizer, rates in OPTIMIZERS.items():
            yield Wanted(GRID, cell_name(recipe, optimizer), recipe, {**common, **rates}, seed)
