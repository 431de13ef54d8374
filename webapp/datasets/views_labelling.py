"""Requests that change labels and states. Each takes JSON or a plain form, and answers in kind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.core.templatetags.sortyard import display_name
from webapp.datasets import class_services, labelling, undoing
from webapp.datasets.acts import LabelOutcome
from webapp.datasets.class_selectors import closed_by
from webapp.datasets.errors import DatasetError
from webapp.datasets.models import ClassOperation, Dataset, ImageState, LabelClass, LabelEvent
from webapp.datasets.operations import class_operation_undo
from webapp.datasets.selectors import class_choice, dataset_for
from webapp.datasets.selectors_gallery import class_json, rows_by_id, tile_json

# The gallery sends larger selections in parts, so that no request takes long.
MAX_IDS = 10_000
MAX_ROWS_ANSWERED = 200


class _BadRequest(Exception):
    pass


@dataclass(frozen=True)
class _Asked:
    """What the request holds, from JSON or a form."""

    values: Mapping[str, Any]
    ids: list[int]
    versions: dict[int, int] | None
    is_json: bool

    def text(self, name: str) -> str:
        value = self.values.get(name) or ""
        if not isinstance(value, str):
            raise _BadRequest(_("“%(name)s” must be a text.") % {"name": name})
        return value


def _read(request: HttpRequest) -> _Asked:
    if request.content_type != "application/json":
        ids = _whole_numbers(request.POST.getlist("ids"))
        seen = {pk: int(v) for pk in ids if (v := request.POST.get(f"version-{pk}", "")).isdigit()}
        return _Asked(request.POST.dict(), ids, seen or None, False)
    try:
        values = json.loads(request.body)
    except ValueError as error:
        raise _BadRequest(_("The request is not valid JSON.")) from error
    if not isinstance(values, dict):
        raise _BadRequest(_("The request must be a JSON object."))
    given = values.get("versions")
    versions = None
    if isinstance(given, dict):
        pairs = zip(_whole_numbers(given), _whole_numbers(given.values()), strict=True)
        versions = dict(pairs)
    return _Asked(values, _whole_numbers(values.get("ids", [])), versions, True)


def _whole_numbers(values: Any) -> list[int]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise _BadRequest(_("“ids” must be a list of numbers."))
    try:
        numbers = [int(value) for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise _BadRequest(_("“ids” must be a list of numbers.")) from error
    if len(numbers) > MAX_IDS:
        raise _BadRequest(_("At most %(n)s photos in one request.") % {"n": f"{MAX_IDS:,}"})
    return [number for number in numbers if 0 < number < 2**63]


@allow(Role.ANNOTATOR)
@require_POST
def label(request: HttpRequest, slug: str) -> HttpResponse:
    """`ids`, `label` (a class key; "" takes the label away), `versions` (id → version seen; optional)."""
    dataset, actor = _place(request, slug)

    def act(asked: _Asked) -> tuple[LabelOutcome, str]:
        key = asked.text("label")
        label_class = labelling.class_to_give(dataset=dataset, key=key) if key else None
        outcome = labelling.images_label(
            dataset=dataset, ids=asked.ids, label=label_class, actor=actor, versions=asked.versions
        )
        n = len(outcome.changed)
        return outcome, ngettext("%(n)s photo labelled.", "%(n)s photos labelled.", n) % {"n": f"{n:,}"}

    return _answer(request, dataset, act)


@allow(Role.ANNOTATOR)
@require_POST
def set_state(request: HttpRequest, slug: str) -> HttpResponse:
    """`ids`, `state` (inbox, accepted, quarantined), `reason` (for the quarantine), `versions`."""
    dataset, actor = _place(request, slug)

    def act(asked: _Asked) -> tuple[LabelOutcome, str]:
        state = asked.text("state")
        if state not in ImageState.values:
            raise _BadRequest(
                _("“state” must be one of %(states)s.") % {"states": ", ".join(ImageState.values)}
            )
        outcome = labelling.images_set_state(
            dataset=dataset,
            ids=asked.ids,
            state=state,
            actor=actor,
            reason=asked.text("reason"),
            versions=asked.versions,
        )
        return outcome, _said(state, len(outcome.changed))

    return _answer(request, dataset, act)


@allow(Role.CURATOR)
@require_POST
def split(request: HttpRequest, slug: str) -> HttpResponse:
    """`ids`, `name` of the new class they begin, `versions`. Answers the class beside the rows."""
    dataset, actor = _place(request, slug)
    made: list[LabelClass] = []

    def act(asked: _Asked) -> tuple[LabelOutcome, str]:
        label_class, outcome = class_services.class_split(
            dataset=dataset, ids=asked.ids, name=asked.text("name"), actor=actor, versions=asked.versions
        )
        made.append(label_class)
        n = len(outcome.changed)
        words = ngettext(
            "New class “%(name)s” with %(n)s photo.", "New class “%(name)s” with %(n)s photos.", n
        )
        return outcome, words % {"name": display_name(label_class), "n": f"{n:,}"}

    return _answer(request, dataset, act, lambda: {"class": class_json(class_choice(made[0]), {})})


@allow(Role.CURATOR)
@require_POST
def reference(request: HttpRequest, slug: str) -> HttpResponse:
    """`ids`, `on` ("1" or ""): whether these photos are reference pictures of their class."""
    dataset, _actor = _place(request, slug)
    is_json = request.content_type == "application/json"
    try:
        asked = _read(request)
        on = asked.text("on") == "1"
        n = class_services.images_mark_reference(dataset=dataset, ids=asked.ids, on=on)
    except (_BadRequest, DatasetError) as error:
        if is_json:
            return JsonResponse({"error": str(error)}, status=400)
        messages.error(request, str(error))
        return redirect(_back(request, dataset))
    if on:
        said = ngettext("%(n)s reference picture added.", "%(n)s reference pictures added.", n)
    else:
        said = ngettext("%(n)s reference picture taken away.", "%(n)s reference pictures taken away.", n)
    if is_json:
        return JsonResponse({"message": said % {"n": n}, "changed": n})
    messages.success(request, said % {"n": n})
    return redirect(_back(request, dataset))


@allow(Role.ANNOTATOR)
@require_POST
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    """`operation`: the id that an earlier answer gave."""
    dataset, actor = _place(request, slug)
    closed: list[str] = []

    def act(asked: _Asked) -> tuple[LabelOutcome, str]:
        try:
            operation = uuid.UUID(asked.text("operation"))
        except ValueError as error:
            raise _BadRequest(_("“operation” is not the id of an operation.")) from error
        outcome, of_classes = _take_back(dataset, operation, actor)
        if of_classes is not None:
            closed.extend(closed_by(of_classes))
        n = len(outcome.changed)
        return outcome, ngettext("%(n)s photo put back.", "%(n)s photos put back.", n) % {"n": f"{n:,}"}

    return _answer(request, dataset, act, lambda: {"closed": closed})


def _take_back(
    dataset: Dataset, operation: uuid.UUID, actor: User
) -> tuple[LabelOutcome, ClassOperation | None]:
    """An act on photos, or one that made a class with them: that is the curators' to take back."""
    of_classes = dataset.class_operations.filter(operation=operation).first()
    if of_classes is None:
        return undoing.operation_undo(dataset=dataset, operation=operation, actor=actor), None
    if not actor.may(Role.CURATOR):
        raise _BadRequest(_("Only a curator can take back a change of classes."))
    made, _kept = class_operation_undo(operation=of_classes, actor=actor)
    events = LabelEvent.objects.filter(operation=made.operation).values_list("image_id", flat=True)
    return LabelOutcome(made.operation, tuple(events)), made


def _place(request: HttpRequest, slug: str) -> tuple[Dataset, User]:
    user = cast(User, request.user)
    return dataset_for(user, slug), user


def _said(state: str, n: int) -> str:
    if state == ImageState.QUARANTINED:
        words = ngettext("%(n)s photo put into quarantine.", "%(n)s photos put into quarantine.", n)
    elif state == ImageState.INBOX:
        words = ngettext("%(n)s photo put back into the inbox.", "%(n)s photos put back into the inbox.", n)
    else:
        words = ngettext("%(n)s photo accepted.", "%(n)s photos accepted.", n)
    return words % {"n": f"{n:,}"}


def _answer(
    request: HttpRequest, dataset: Dataset, act: Any, more: Callable[[], dict[str, Any]] = dict
) -> HttpResponse:
    """Do it, then tell: rows as they are now for the gallery, a message and the page before for a form.

    `more` is asked after the act, for what JSON carries besides.
    """
    is_json = request.content_type == "application/json"
    try:
        asked = _read(request)
        outcome, said = act(asked)
    except (_BadRequest, labelling.LabelError, DatasetError) as error:
        return (
            JsonResponse({"error": str(error)}, status=400) if is_json else HttpResponseBadRequest(str(error))
        )
    if is_json:
        return JsonResponse({**_told(dataset, outcome, said), **more()})
    if outcome.changed or not outcome.stale:
        messages.success(request, said)
    if outcome.stale:
        messages.warning(request, _stale_said(len(outcome.stale)))
    return redirect(_back(request, dataset))


def _told(dataset: Dataset, outcome: LabelOutcome, said: str) -> dict[str, Any]:
    class_keys = dict(dataset.classes.values_list("pk", "key"))

    def rows(ids: tuple[int, ...]) -> list[dict[str, Any]]:
        return [tile_json(row, class_keys) for row in rows_by_id(dataset, ids[:MAX_ROWS_ANSWERED])]

    return {
        "operation": str(outcome.operation),
        "message": said,
        "changed": list(outcome.changed),
        "stale": list(outcome.stale),
        "stale_message": _stale_said(len(outcome.stale)) if outcome.stale else "",
        "rows": rows(outcome.stale + outcome.changed),
    }


def _stale_said(n: int) -> str:
    return ngettext(
        "%(n)s photo was changed by someone else meanwhile and left as it is.",
        "%(n)s photos were changed by someone else meanwhile and left as they are.",
        n,
    ) % {"n": f"{n:,}"}


def _back(request: HttpRequest, dataset: Dataset) -> str:
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return target
    return reverse("datasets:images", args=[dataset.slug])
