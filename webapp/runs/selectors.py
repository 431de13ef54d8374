"""Reads of runs: the list, one run's page, what changed between two runs, its log."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.http import Http404, QueryDict
from django.utils.translation import gettext as _

from ml.specs import RECIPES, SETTINGS, upgraded
from webapp.core.pagination import KeysetPage, whole_number
from webapp.core.store import site_store
from webapp.datasets.models import Dataset
from webapp.jobs.models import UNFINISHED, Job, JobState
from webapp.jobs.selectors import why_waiting
from webapp.runs.models import Run

PAGE_SIZE = 40
COMPARE_AT_MOST = 8
# A log page shows so much of the end of a log; the whole is there to download.
LOG_BYTES_SHOWN = 1_000_000

Interval = tuple[float, float]


@dataclass(frozen=True)
class RunFilter:
    """What the list shows, as the address says it."""

    state: str = ""
    recipe: str = ""
    compare: tuple[int, ...] = ()
    before: int | None = None

    @classmethod
    def from_query(cls, query: QueryDict) -> RunFilter:
        """Unknown values count as absent: an old link still shows a list."""
        state, recipe = query.get("state", ""), query.get("recipe", "")
        words = [word for text in query.getlist("compare") for word in text.split(",")]
        numbers = dict.fromkeys(n for word in words if (n := whole_number(word)) is not None)
        return cls(
            state=state if state in (*JobState.values, "unfinished") else "",
            recipe=recipe if recipe in RECIPES else "",
            compare=tuple(numbers)[:COMPARE_AT_MOST],
            before=whole_number(query.get("before")),
        )


def runs_of(dataset: Dataset) -> QuerySet[Run]:
    """All runs of a data set with what every page shows of them."""
    return dataset.runs.select_related("job", "snapshot", "snapshot__job", "created_by")


def run_page(dataset: Dataset, chosen: RunFilter) -> KeysetPage[Run]:
    """Newest first. `before` and `next_before` are run numbers."""
    runs = runs_of(dataset).order_by("-number")
    if chosen.state == "unfinished":
        runs = runs.filter(job__state__in=UNFINISHED)
    elif chosen.state:
        runs = runs.filter(job__state=chosen.state)
    if chosen.recipe:
        runs = runs.filter(recipe=chosen.recipe)
    if chosen.before is not None:
        runs = runs.filter(number__lt=chosen.before)
    found = list(runs[: PAGE_SIZE + 1])
    rows = found[:PAGE_SIZE]
    return KeysetPage(rows, rows[-1].number if len(found) > PAGE_SIZE else None)


def run_for(dataset: Dataset, number: int) -> Run:
    """Raises Http404 where the data set has no run of that number."""
    try:
        run = runs_of(dataset).select_related("job__after", "bundle").get(number=number)
    except Run.DoesNotExist:
        raise Http404 from None
    return run


def runs_to_compare(dataset: Dataset, numbers: Iterable[int]) -> list[Run]:
    """The runs of those numbers that exist, in the order asked, each with its epochs."""
    found = {
        run.number: run
        for run in runs_of(dataset).filter(number__in=list(numbers)).prefetch_related("epochs")
    }
    return [found[number] for number in numbers if number in found]


def run_before(run: Run) -> Run | None:
    """The run whose number comes before this one's."""
    return runs_of(run.dataset).filter(number__lt=run.number).order_by("-number").first()


@dataclass(frozen=True)
class Difference:
    """One thing in which runs differ: its name and its value in each run, in their order."""

    name: str
    values: tuple[str, ...]


def differences(runs: list[Run]) -> list[Difference]:
    """Everything that differs between the runs: data, seed, recipe, settings. It names no cause.

    A setting that a run's recipe does not use counts as a dash, whatever stands in its spec.
    """
    rows: list[tuple[str, list[str]]] = [
        (_("Recipe"), [recipe_title(run.recipe) for run in runs]),
        (_("Snapshot"), [str(run.snapshot.number) for run in runs]),
        (_("Seed"), [str(run.seed) for run in runs]),
        *(
            (
                setting_title(name),
                [plain(settings_of(run).get(name)) if name in used(run) else "–" for run in runs],
            )
            for name in SETTINGS
        ),
    ]
    return [Difference(name, tuple(values)) for name, values in rows if len(set(values)) > 1]


def settings_of(run: Run) -> dict[str, Any]:
    """A run's spec as today's recipes would write it: runs from before a setting existed did what it did then."""
    return upgraded(run.spec)


def used(run: Run) -> tuple[str, ...]:
    """The settings that count for a run, in the order to show them."""
    recipe = RECIPES.get(run.recipe)
    if recipe is None:
        return tuple(SETTINGS)
    return recipe.editable if "backbone" in recipe.editable else ("backbone", *recipe.editable)


@dataclass(frozen=True)
class SpecLine:
    """A setting of a run as people read it. `usual` is the recipe's own value where the run has another."""

    name: str
    value: str
    help: str
    usual: str = ""


def spec_lines(run: Run) -> list[SpecLine]:
    """Every setting that the run's recipe uses, with the values that differ from the recipe's own marked."""
    recipe = RECIPES.get(run.recipe)
    defaults: Mapping[str, Any] = recipe.defaults if recipe else {}
    lines, settings = [], settings_of(run)
    for name in used(run):
        value, usual = settings.get(name), defaults.get(name)
        changed = usual is not None and value != usual
        help_text = _(SETTINGS[name].help)
        lines.append(SpecLine(setting_title(name), plain(value), help_text, plain(usual) if changed else ""))
    return lines


def overrides_of(run: Run) -> dict[str, str]:
    """The settings in which a run leaves its recipe's defaults, as typed: starts the same run again."""
    recipe = RECIPES.get(run.recipe)
    if recipe is None:
        return {}
    settings = settings_of(run)
    changed = ((name, settings.get(name)) for name in recipe.editable)
    return {
        name: plain(value) for name, value in changed if value is not None and value != recipe.defaults[name]
    }


def recipe_title(name: str) -> str:
    return _(RECIPES[name].title) if name in RECIPES else name


def setting_title(name: str) -> str:
    """`head_lr` as people read it."""
    return {
        "backbone": _("Network"),
        "size": _("Picture size"),
        "framing": _("Framing"),
        "epochs": _("Epochs"),
        "batch": _("Batch size"),
        "optimizer": _("Optimiser"),
        "lr": _("Learning rate"),
        "head_lr": _("Learning rate, last layer"),
        "momentum": _("Momentum"),
        "weight_decay": _("Weight decay"),
        "label_smoothing": _("Label smoothing"),
        "views": _("Views per photo"),
        "frozen_blocks": _("Frozen blocks"),
        "start": _("Starting point"),
        "features": _("Features"),
        "refit": _("Last fit with validation"),
        "augment": _("Augmentation"),
        "schedule": _("Schedule"),
        "early_stopping": _("Early stopping"),
        "mixup": _("Mixup"),
        "sampling": _("Sampling"),
        "ema": _("Moving average"),
        "class_weights": _("Class weights"),
        "normalisation": _("Normalisation"),
        "l2": _("Regularisation"),
    }.get(name, name)


def plain(value: object) -> str:
    """A setting's value as text that `make_spec` reads back."""
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)


def wilson(accuracy: float | None, n: int | None, z: float = 1.96) -> Interval | None:
    """Wilson's 95 % interval of a share; None where nothing was counted."""
    if accuracy is None or not n:
        return None
    middle = (accuracy + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Intervals:
    """95 % intervals of a run's accuracies, both of one kind; None where nothing was counted."""

    val: Interval | None
    test: Interval | None


def intervals(runs: Iterable[Run]) -> dict[int, Intervals]:
    """By run id. From resampled groups, as its evaluation has them; Wilson's where one of the two is missing.

    One query for any number of runs.
    """
    measured = {run.pk: run for run in runs if run.val_accuracy is not None or run.test_accuracy is not None}
    if not measured:
        return {}
    stored = Run.objects.filter(pk__in=measured, evaluations__snapshot=F("snapshot"))
    val_of = dict(stored.values_list("pk", "evaluations__splits__val__interval"))
    return {pk: _intervals(run, val_of.get(pk)) for pk, run in measured.items()}


def _intervals(run: Run, val: list[float] | None) -> Intervals:
    test = None if run.test_low is None or run.test_high is None else (run.test_low, run.test_high)
    if (run.val_accuracy is None or val) and (run.test_accuracy is None or test):
        return Intervals((val[0], val[1]) if val else None, test)
    return Intervals(wilson(run.val_accuracy, run.val_n), wilson(run.test_accuracy, run.test_n))


@dataclass(frozen=True)
class Log:
    """A run's log. `start_cut` is true where only its end is shown."""

    text: str
    start_cut: bool
    is_whole_file: bool


def run_log(run: Run, *, whole: bool = False) -> Log:
    """The stored log of a finished run, else the tail that the job keeps while it runs."""
    stored = stored_log(run)
    if stored is None:
        return Log(run.job.log_tail, start_cut=False, is_whole_file=False)
    cut = not whole and len(stored) > LOG_BYTES_SHOWN
    data = stored[-LOG_BYTES_SHOWN:].partition(b"\n")[2] if cut else stored
    return Log(data.decode("utf-8", "replace"), start_cut=cut, is_whole_file=True)


@dataclass(frozen=True)
class LogLine:
    """A line of a log with its number (from 1), cut at the words that were looked for."""

    number: int
    parts: tuple[tuple[str, bool], ...]


def matching_lines(text: str, query: str) -> list[LogLine]:
    """All lines, or those that contain `query` in any case; each part says whether it matches."""
    pattern = re.compile(f"({re.escape(query)})", re.IGNORECASE) if query else None
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern is None:
            found.append(LogLine(number, ((line, False),)))
        elif len(pieces := pattern.split(line)) > 1:
            parts = tuple((piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece)
            found.append(LogLine(number, parts))
    return found


def stored_log(run: Run) -> bytes | None:
    """The log file as bytes; None while it is not stored (or its blob is gone)."""
    if not run.log_sha256:
        return None
    try:
        with site_store().open_blob(run.log_sha256) as file:
            return file.read()
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class Waiting:
    """Why a run does not start yet, and the job it waits for."""

    reason: str
    job: Job | None


def waiting(run: Run) -> Waiting | None:
    """None unless the run is queued."""

    if run.job.state != JobState.QUEUED:
        return None
    before = run.job.after
    return Waiting(why_waiting(run.job), before if before is not None and before.is_unfinished else None)
