"""The recipe cards' form: text fields for a recipe's settings, checked by the recipe itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from ml.pretrained import PRETRAINED, how_to_get, weights_file
from ml.specs import DEFAULT_RECIPE, RECIPES, Preset, RecipeInfo, SpecError, make_spec
from ml.store import Store
from webapp.core.spoken import spoken
from webapp.core.store import site_store
from webapp.datasets.models import Dataset
from webapp.runs.selectors import plain, setting_title
from webapp.snapshots.models import Snapshot, SnapshotState

FETCH_COMMAND = "manage.py fetch_weights"


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
    presets: tuple[Preset, ...] = ()
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
        if sentence := cannot_run(self.recipe, site_store(), self.overrides.get("backbone", "")):
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
    """A card per recipe. A form with errors, or settings to begin with (`recipe` and `like`), fills its own card."""
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


def preset_values(recipe: str, preset: str) -> dict[str, str] | None:
    """A preset's settings as they would be typed; None where there is no such recipe or preset."""
    found = RECIPES[recipe].presets.get(preset) if recipe in RECIPES else None
    return {name: plain(value) for name, value in found.values.items()} if found else None


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
        cannot=cannot_run(info.name, here, typed.get("backbone", "")) or "",
        presets=tuple(info.presets.values()),
        seed=typed.get("seed", "0"),
        seed_error=errors.get("seed", ""),
        snapshot=typed.get("snapshot", ""),
        error=" ".join(text for name, text in errors.items() if name not in named and name != "seed"),
        is_open=bool(errors or like is not None),
    )


def cannot_run(recipe: str, here: Store, backbone: str = "") -> str | None:
    """None where a recipe's pretrained weights lie on this machine, else the sentence to show.

    They are those of its usual backbone or of `backbone`. Only looks whether the file is there: it is read, and held
    to its hash, when the run begins.
    """
    needed = backbone or str(RECIPES[recipe].defaults["backbone"])
    if recipe == "scratch" or needed not in PRETRAINED or weights_file(here, needed) is not None:
        return None
    return spoken(how_to_get(here, needed, FETCH_COMMAND))
