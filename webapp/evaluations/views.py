"""Where a run is wrong: matrix, the photos behind a cell, relabelling them on the spot."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.core.templatetags.sortyard import display_name, per_cent
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Dataset, LabelClass
from webapp.datasets.selectors import dataset_for
from webapp.datasets.undoing import operation_undo
from webapp.evaluations import selectors
from webapp.evaluations.charts import chosen_point, coverage_figure, coverage_rows, matrix_figure
from webapp.evaluations.matrix import Matrix, confused_pairs, figures_by_class
from webapp.evaluations.selectors import MatrixQuery, Reading
from webapp.publishing.selectors import standing
from webapp.runs.models import Run
from webapp.runs.selectors import recipe_title, run_for
from webapp.runs.views import reader
from webapp.snapshots.models import Split

PAIRS_SHOWN = 30


def _load(request: HttpRequest, slug: str, number: int) -> tuple[Dataset, Run, Reading | None]:
    dataset = dataset_for(reader(request), slug)
    run = run_for(dataset, number)
    evaluation = selectors.evaluation_of(run)
    return dataset, run, Reading(evaluation) if evaluation else None


def _load_or_404(request: HttpRequest, slug: str, number: int) -> tuple[Dataset, Run, Reading]:
    dataset, run, reading = _load(request, slug, number)
    if reading is None:
        raise Http404
    return dataset, run, reading


@require_GET
@allow(Role.VIEWER)
def matrix(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    dataset, run, reading = _load(request, slug, number)
    base = {
        "dataset": dataset,
        "section": "runs",
        "run": run,
        "job": run.job,
        "title": recipe_title(run.recipe),
    }
    if reading is None:
        return render(request, "evaluations/none.html", base)
    query = MatrixQuery.from_query(request.GET)
    shown = reading.matrix(query)
    calibration = reading.evaluation.calibration
    context = {
        **base,
        **_cell_context(reading, query, before=""),
        "query": query,
        "reading": reading,
        "splits": _split_choices(reading),
        "figures": reading.figures(query.split),
        "others": [reading.figures(split) for split in reading.splits if split != query.split],
        "matrix": shown,
        "rows": _table_rows(reading, shown, query),
        "rest": _rest_of_address(request),
        "heat": matrix_figure(shown, query.show),
        "is_many": len(shown.axes) > 16,
        "pairs": confused_pairs(shown)[:PAIRS_SHOWN],
        "by_class": sorted(figures_by_class(shown), key=lambda row: (row.f1 is None, row.f1 or 0.0)),
        "mistakes": _mistakes_page(reading, query, ""),
        "calibration": calibration,
        "standing": standing(run),
        "coverage": coverage_figure(calibration),
        "coverage_rows": coverage_rows(calibration),
        "chosen_point": chosen_point(calibration),
        "fixes": selectors.fixes_since(reading.evaluation.snapshot),
        "cell_url": reverse("evaluations:cell", args=[slug, number]),
    }
    return render(request, "evaluations/matrix.html", context)


def _split_choices(reading: Reading) -> list[tuple[str, str]]:
    titles = {
        Split.TEST.value: _("Test"),
        Split.VAL.value: _("Validation"),
        Split.TRAIN.value: _("Train, out of fold"),
    }
    return [(split, titles[split]) for split in reading.splits]


def _table_rows(reading: Reading, shown: Matrix, query: MatrixQuery) -> list[dict[str, Any]]:
    """The matrix for its HTML table: per row the axis and its cells; `place` is the cell's short name."""
    place = {axis.key: position for position, axis in enumerate(reading.axes(query.level))}
    opened = reading.open_cell(query)
    rows = []
    for i, truth in enumerate(shown.axes):
        total = sum(shown.counts[i])
        cells = []
        for j, answer in enumerate(shown.axes):
            count = shown.counts[i][j]
            text = (
                per_cent(f"{100 * count / total:.0f}")
                if query.show == "rates" and count
                else str(count or "")
            )
            cells.append(
                {
                    "text": text,
                    "kind": "right" if i == j else "wrong",
                    "place": f"{place[truth.key]}.{place[answer.key]}",
                    "is_open": (truth, answer) == opened,
                }
            )
        rows.append({"axis": truth, "cells": cells})
    return rows


def _rest_of_address(request: HttpRequest) -> str:
    """The query without the open cell, ready to be followed by one: "" or "sort=name&"."""
    rest = request.GET.copy()
    for name in ("truth", "answer", "cell", "before"):
        rest.pop(name, None)
    return f"{rest.urlencode()}&" if rest else ""


def _mistakes_page(reading: Reading, query: MatrixQuery, before: str) -> selectors.PhotoPage:
    wrong = selectors.mistakes(reading.evaluation, query.split)
    return selectors.photo_page(reading, wrong, before, selectors.MISTAKES_PAGE)


def _cell_context(reading: Reading, query: MatrixQuery, before: str) -> dict[str, Any]:
    """The photos of the open cell, and training photos of its two classes; empty where no cell is open."""
    opened = reading.open_cell(query)
    if opened is None:
        return {"cell": None}
    truth, answer = opened
    evaluation = reading.evaluation
    rows = selectors.cell_predictions(evaluation, query.split, truth.positions, answer.positions)
    sides = [truth] if truth == answer else [truth, answer]
    training = [(axis, selectors.training_photos(evaluation.snapshot, evaluation, axis)) for axis in sides]
    return {
        "cell": {"truth": truth, "answer": answer, "count": rows.count(), "is_right": truth == answer},
        "page": selectors.photo_page(reading, rows, before, selectors.CELL_PAGE),
        "training": [] if before else training,
        "choices": _class_choices(evaluation.run.dataset),
    }


def _class_choices(dataset: Dataset) -> list[LabelClass]:
    return list(dataset.classes.filter(is_retired=False).select_related("category"))


@require_GET
@allow(Role.VIEWER)
def cell(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The photos behind a cell as a fragment; with `before`, the next ones alone."""
    dataset, run, reading = _load_or_404(request, slug, number)
    query, before = MatrixQuery.from_query(request.GET), request.GET.get("before", "")
    context = {"dataset": dataset, "run": run, "query": query, **_cell_context(reading, query, before)}
    return render(request, "evaluations/_photos.html" if before else "evaluations/_cell.html", context)


@require_GET
@allow(Role.VIEWER)
def mistakes(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The next wrong answers of a split, as a fragment."""
    dataset, run, reading = _load_or_404(request, slug, number)
    query = MatrixQuery.from_query(request.GET)
    page = _mistakes_page(reading, query, request.GET.get("before", ""))
    context = {"dataset": dataset, "run": run, "query": query, "mistakes": page}
    return render(request, "evaluations/_mistakes.html", context)


@require_POST
@allow(Role.ANNOTATOR)
def relabel(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Gives the photo of one prediction another label; answers with its card and the note of fixes.

    The event `relabelled` tells the page what to say and what undoes it.
    """
    user = reader(request)
    dataset, _run, reading = _load_or_404(request, slug, number)
    prediction = selectors.prediction_for(reading, _whole(request.POST.get("prediction")))
    label = dataset.classes.filter(is_retired=False, key=request.POST.get("label", "")).first()
    image = prediction.image
    if label is None or image is None:
        raise Http404
    outcome = images_label(
        dataset=dataset,
        ids=[image.pk],
        label=label,
        actor=user,
        versions={image.pk: _whole(request.POST.get("version"))},
    )
    said = _said(selectors.photo_of(reading, prediction), label) if outcome.changed else ""
    if not request.headers.get("HX-Request"):
        if outcome.stale:
            messages.warning(request, _("Someone else changed this photo meanwhile; look again."))
        elif said:
            messages.success(request, said)
        back = request.POST.get("back", "")
        return redirect(f"{reverse('evaluations:matrix', args=[slug, number])}?{back}#cell")
    response = _card(request, reading, prediction.pk, is_stale=bool(outcome.stale))
    if said:
        told = {"message": said, "operation": str(outcome.operation), "prediction": prediction.pk}
        response["HX-Trigger"] = json.dumps({"relabelled": told})
    return response


@require_POST
@allow(Role.ANNOTATOR)
def relabel_undo(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Takes back the `operation` that a relabelling answered with; answers with the photo's card."""
    user = reader(request)
    dataset, _run, reading = _load_or_404(request, slug, number)
    prediction = selectors.prediction_for(reading, _whole(request.POST.get("prediction")))
    try:
        operation = uuid.UUID(request.POST.get("operation", ""))
    except ValueError:
        raise Http404 from None
    outcome = operation_undo(dataset=dataset, operation=operation, actor=user)
    return _card(request, reading, prediction.pk, is_stale=bool(outcome.stale))


def _said(photo: selectors.Photo, label: LabelClass) -> str:
    told = _("%(photo)s is labelled %(label)s now.") % {"photo": photo.name, "label": display_name(label)}
    if photo.prediction.split != Split.TEST:
        return told
    more = _("It is a test photo: the test set changed. Compare runs on the same labels.")
    return f"{told} {more}"


def _card(request: HttpRequest, reading: Reading, pk: int, *, is_stale: bool) -> HttpResponse:
    """The card of a prediction as its photo is now, and the note of fixes beside it."""
    run = reading.evaluation.run
    context = {
        "dataset": run.dataset,
        "run": run,
        "photo": selectors.photo_of(reading, selectors.prediction_for(reading, pk)),
        "choices": _class_choices(run.dataset),
        "fixes": selectors.fixes_since(reading.evaluation.snapshot),
        "is_stale": is_stale,
    }
    return render(request, "evaluations/_relabelled.html", context)


def _whole(text: str | None) -> int:
    """Raises Http404 unless `text` is a whole number that a row can have."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404
    return int(text)
