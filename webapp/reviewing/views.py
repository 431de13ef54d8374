"""Giving out photos of the inbox, each person's own queue, and the order in which the inbox is worth looking at.

Each form works without scripts: it answers with a message and a redirect. The gallery sends what is selected as JSON.
"""

from __future__ import annotations

import json
import uuid
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.accounts.views import person
from webapp.core.pagination import whole_number
from webapp.datasets.answers import wants_part
from webapp.datasets.chips import FilterBar
from webapp.datasets.filters import DEFAULT_SORT, GIVEN, SORTS, WORKED_OUT, ImageFilter
from webapp.datasets.models import Dataset, ImageState
from webapp.datasets.selectors import class_choices, dataset_for, state_label_counts
from webapp.datasets.selectors_gallery import gallery_counts
from webapp.reviewing import selectors, services

USUAL_NUMBER = 200
# Orders to give in: the others are of labels or of the photos' sides.
SORTS_TO_GIVE = ("uncertain", "varied", "newest", "oldest")


@allow(Role.CURATOR)
@require_GET
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Who has what, and a form to give out more. The query is that of the inbox: what passes it can be given."""
    dataset = dataset_for(person(request), slug)
    chosen = _inbox_filter(request.GET)
    board = selectors.board(dataset)
    counted = state_label_counts(dataset)
    bar = FilterBar(
        dataset,
        chosen,
        ImageState.INBOX,
        gallery_counts(dataset, chosen, counted),
        class_choices(dataset, counted),
    )
    context = {
        "dataset": dataset,
        "section": "inbox",
        "photos_counted": counted,
        "query": chosen.to_query(state=ImageState.INBOX.value),
        "bar": bar,
        "filter": chosen,
        "inbox_url": bar.url(chosen),
        "sort": chosen.sort if chosen.sort in SORTS_TO_GIVE else "newest",
        "sorts": [(name, SORTS[name].label) for name in SORTS_TO_GIVE],
        "free": bar.total - selectors.held_photos(dataset, chosen),
        "passing": bar.total,
        "inbox": counted.total(ImageState.INBOX),
        "number": USUAL_NUMBER,
        "most": selectors.MOST_AT_ONCE,
        "people": [
            (one, board.by_person.get(one.pk, 0))
            for one in selectors.people_who_label()[: selectors.MAX_PEOPLE]
        ],
        "board": board,
        "order": selectors.order_state(dataset),
    }
    return render(request, "reviewing/page.html", context)


@allow(Role.ANNOTATOR)
@require_GET
def mine(request: HttpRequest, slug: str) -> HttpResponse:
    """The reader's own queue: the inbox with what they were given, in that order."""
    user = person(request)
    dataset = dataset_for(user, slug)
    return redirect(queue_url(dataset, user))


def queue_url(dataset: Dataset, user: User) -> str:
    return f"{reverse('datasets:inbox', args=[dataset.slug])}?{urlencode({'assigned': user.username})}"


@allow(Role.CURATOR)
@require_POST
def give(request: HttpRequest, slug: str) -> HttpResponse:
    """`people` (ids), and either `ids` of photos and the `sort` they were seen in, as JSON, or `filter` (the query of
    an inbox), `sort`, and `n`.

    Without `n` all that pass the filter are given, MOST_AT_ONCE at most.
    """
    user = person(request)
    dataset = dataset_for(user, slug)
    if request.content_type == "application/json":
        return _give_chosen(request, dataset, user)
    people = _people(request.POST.getlist("people"))
    if not people:
        messages.error(request, _("Choose who is to label them."))
        return redirect(_page_url(dataset, request.POST.get("filter", "")))
    chosen = _inbox_filter(QueryDict(request.POST.get("filter", "")))
    sort = request.POST.get("sort", "")
    if sort in SORTS_TO_GIVE:
        chosen = chosen.changed(sort=sort)
    asked = request.POST.get("n", "").replace(",", "").strip()
    if refused := _refused(dataset, chosen.sort, asked):
        messages.error(request, refused)
        return redirect(_page_url(dataset, request.POST.get("filter", "")))
    n = min(int(asked or selectors.MOST_AT_ONCE), selectors.MOST_AT_ONCE)
    ids = list(selectors.free_photos(dataset, chosen).values_list("pk", flat=True)[: n + 1])
    given = services.photos_give(
        dataset=dataset, ids=ids[:n], people=people, given_by=user, sort=chosen.sort, of_more=len(ids) > n
    )
    (messages.success if given.n else messages.info)(request, _given_said(given))
    # The next ones are often given in the same order.
    return redirect(_page_url(dataset, chosen.to_query(state=ImageState.INBOX.value)))


def _refused(dataset: Dataset, sort: str, n: str) -> str:
    """Why photos can't be given in this order, or so many of them; "" where they can."""
    if n and not whole_number(n):
        return _("Say how many photos with a number from 1 on.")
    if sort in WORKED_OUT and not selectors.order_state(dataset).job:
        return _("The inbox was not put in order yet. Put it in order first, or choose another order.")
    return ""


def _give_chosen(request: HttpRequest, dataset: Dataset, user: User) -> JsonResponse:
    try:
        values = json.loads(request.body)
        ids = [int(one) for one in values["ids"]]
        people = _people([str(one) for one in values["people"]])
        sort = str(values.get("sort") or "")
    except (ValueError, TypeError, KeyError, OverflowError):
        return JsonResponse({"error": _("The request is not valid JSON.")}, status=400)
    if not people:
        return JsonResponse({"error": _("Choose who is to label them.")}, status=400)
    if len(ids) > selectors.MOST_AT_ONCE:
        said = _("At most %(n)s photos in one request.") % {"n": f"{selectors.MOST_AT_ONCE:,}"}
        return JsonResponse({"error": said}, status=400)
    wanted = [one for one in dict.fromkeys(ids) if 0 < one < 2**63]
    given = services.photos_give(
        dataset=dataset,
        ids=wanted,
        people=people,
        given_by=user,
        sort=sort if sort in SORTS else "",
        of_more=True,
    )
    return JsonResponse({"message": _given_said(given), "given": given.n, "operation": str(given.operation)})


@allow(Role.CURATOR)
@require_POST
def take_back(request: HttpRequest, slug: str) -> HttpResponse:
    """`person` (an id), or `operation` of an act of giving: what is left of theirs is nobody's again."""
    dataset = dataset_for(person(request), slug)
    is_json = request.content_type == "application/json"
    try:
        operation = json.loads(request.body)["operation"] if is_json else request.POST.get("operation", "")
        chosen = uuid.UUID(operation) if operation else None
    except (ValueError, TypeError, KeyError, AttributeError):
        chosen = None
    holder = User.objects.filter(pk=whole_number(request.POST.get("person")) or 0).first()
    n = 0
    if chosen is not None or holder is not None:
        n = services.photos_take_back(dataset=dataset, person=holder, operation=chosen)
    said = ngettext("%(n)s photo taken back.", "%(n)s photos taken back.", n) % {"n": f"{n:,}"}
    if is_json:
        return JsonResponse({"message": said, "changed": n})
    messages.success(request, said)
    return redirect(_page_url(dataset, request.POST.get("filter", "")))


@allow(Role.CURATOR)
@require_POST
def hand_over(request: HttpRequest, slug: str) -> HttpResponse:
    """`person`: whose photos; `to`: who is to have what is left of them. Both are ids."""
    user = person(request)
    dataset = dataset_for(user, slug)
    holder = User.objects.filter(pk=whole_number(request.POST.get("person")) or 0).first()
    to = [one for one in _people(request.POST.getlist("to")) if one != holder]
    if holder is None or not to:
        messages.error(request, _("Choose who is to label them."))
    else:
        given = services.photos_hand_over(dataset=dataset, person=holder, to=to, given_by=user)
        messages.success(request, _given_said(given))
    return redirect(_page_url(dataset, request.POST.get("filter", "")))


@allow(Role.ANNOTATOR)
@require_POST
def order(request: HttpRequest, slug: str) -> HttpResponse:
    """Puts the inbox in order anew; with `by` “labels” by a probe, though there is a model. Leads to that order."""
    user = person(request)
    dataset = dataset_for(user, slug)
    services.order_request(dataset=dataset, created_by=user, by_labels=request.POST.get("by") == "labels")
    if wants_part(request):
        return _order_note(request, dataset)
    return redirect(f"{reverse('datasets:inbox', args=[dataset.slug])}?sort=uncertain")


@allow(Role.VIEWER)
@require_GET
def order_work(request: HttpRequest, slug: str) -> HttpResponse:
    """The line about the order. Only a page on which one was being made asks for it."""
    return _order_note(request, dataset_for(person(request), slug), ended=True)


def _order_note(request: HttpRequest, dataset: Dataset, *, ended: bool = False) -> HttpResponse:
    context = {"dataset": dataset, "order": selectors.order_state(dataset), "ended": ended}
    return render(request, "reviewing/_order.html", context)


def _inbox_filter(query: QueryDict) -> ImageFilter:
    """What can be given is in the inbox, and nobody's: neither is for the query to say."""
    chosen = ImageFilter.from_query(query, state=ImageState.INBOX.value)
    sort = DEFAULT_SORT if chosen.sort == GIVEN else chosen.sort
    return chosen.changed(state=ImageState.INBOX.value, assigned="", sort=sort)


def _people(ids: list[str]) -> list[User]:
    """Those who may label, in the order of their names, each once."""
    wanted = [n for one in ids[: selectors.MAX_PEOPLE] if (n := whole_number(one)) is not None]
    return list(selectors.people_who_label().filter(pk__in=wanted))


def _page_url(dataset: Dataset, query: str) -> str:
    """`query` is read and written again: nothing but a filter leads on."""
    again = _inbox_filter(QueryDict(query)).to_query(state=ImageState.INBOX.value)
    return f"{reverse('reviewing:page', args=[dataset.slug])}{'?' if again else ''}{again}"


def _given_said(given: services.Given) -> str:
    if not given.n:
        return _("Nothing was given: none of these photos is free.")
    said = ngettext("%(n)s photo given", "%(n)s photos given", given.n) % {"n": f"{given.n:,}"}
    shares = ", ".join(f"{one.username} {n:,}" for one, n in given.by_person.items())
    said = _("%(said)s: %(shares)s.") % {"said": said, "shares": shares}
    if given.left_out:
        said += " " + ngettext(
            "%(n)s was not free any more.", "%(n)s were not free any more.", given.left_out
        ) % {"n": f"{given.left_out:,}"}
    return said
