"""The page “Clean”: near-duplicates side by side, and the requests that decide about them.

Each form works without scripts: it answers with a redirect to the page. A request of htmx gets the group's own part.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.accounts.views import person
from webapp.cleaning import selectors, services, words
from webapp.cleaning.models import DuplicateGroup
from webapp.cleaning.selectors_suspects import suspect_counts
from webapp.cleaning.services import Act, GroupTaken
from webapp.core.pagination import whole_number
from webapp.datasets.labelling import LabelError, class_to_give
from webapp.datasets.models import Dataset
from webapp.datasets.selectors import classes_of, dataset_for
from webapp.jobs.listing import job_row
from webapp.jobs.models import JobKind
from webapp.jobs.services import look_request

FILTERS = ("show", "after")


@allow(Role.VIEWER)
@require_GET
def groups(request: HttpRequest, slug: str) -> HttpResponse:
    """`show` is all, conflicts or decided; `act` names what was just done, to be undone."""
    dataset = dataset_for(person(request), slug)
    show = request.GET.get("show", "")
    show = show if show in selectors.SHOWS else "all"
    page = selectors.group_page(dataset, show=show, after=request.GET.get("after", ""))
    context = {
        **_frame(dataset),
        **_work(dataset),
        "show": show,
        "page": page,
        "counts": selectors.group_counts(dataset),
        "doubts": suspect_counts(dataset),
        "decided": selectors.decided_count(dataset),
        "has_fresh": selectors.has_fresh(dataset),
        "has_unplaced": selectors.has_unplaced(dataset),
        "latest": selectors.latest_look(dataset),
        "certain": sum(1 for row in page.rows if not row.is_conflict),
        "done": words.of_act(dataset, _uuid(request.GET.get("act"))),
        "back": _kept(request.GET),
    }
    return render(request, "cleaning/groups.html", context)


@allow(Role.VIEWER)
@require_GET
def work(request: HttpRequest, slug: str) -> HttpResponse:
    """The part that changes while a look is under way. Only a page that showed one asks for it."""
    dataset = dataset_for(person(request), slug)
    return render(request, "cleaning/_work.html", {**_frame(dataset), **_work(dataset), "ended": True})


@allow(Role.ANNOTATOR)
@require_POST
def look(request: HttpRequest, slug: str) -> HttpResponse:
    user = person(request)
    dataset = dataset_for(user, slug)
    look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=user)
    return redirect(_address(dataset, request.POST.get("back", "")))


@allow(Role.ANNOTATOR)
@require_POST
def decide(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """`act`: keep_best, keep_all or label (with `label`, a class's key); or `best`: the photo to keep. `seen` is what
    the page showed of the group.
    """
    user = person(request)
    dataset = dataset_for(user, slug)
    group = get_object_or_404(dataset.duplicate_groups.select_related("dataset", "decided_by"), pk=pk)
    try:
        done = _decide(request, group, user)
    except (GroupTaken, LabelError) as refused:
        return _answer(request, dataset, pk, refused=str(refused))
    return _answer(request, dataset, pk, done=done)


@allow(Role.ANNOTATOR)
@require_POST
def keep_best_of_all(request: HttpRequest, slug: str) -> HttpResponse:
    """`group`: “id:what was seen of it” for each group that the page showed."""
    user = person(request)
    dataset = dataset_for(user, slug)
    seen = dict(one.split(":", 1) for one in request.POST.getlist("group")[:200] if ":" in one)
    ids = [n for pk in seen if (n := whole_number(pk)) is not None]
    rows = dataset.duplicate_groups.select_related("dataset", "decided_by").filter(pk__in=ids)
    done = services.groups_keep_best(groups=[(row, seen[str(row.pk)]) for row in rows], actor=user)
    if done.stale:
        said = ngettext(
            "%(n)d group was changed by someone else meanwhile and left as it is.",
            "%(n)d groups were changed by someone else meanwhile and left as they are.",
            done.stale,
        )
        messages.warning(request, said % {"n": done.stale})
    return redirect(_address(dataset, "", act=done.act if done.groups else None))


@allow(Role.ANNOTATOR)
@require_POST
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    """`act`: what an earlier answer named; `group`: the one whose part of the page is to be answered."""
    user = person(request)
    dataset = dataset_for(user, slug)
    act = _uuid(request.POST.get("act"))
    done = services.act_undo(dataset=dataset, act=act, actor=user) if act else Act(uuid.uuid4())
    pk = whole_number(request.POST.get("group"))
    if request.headers.get("HX-Request") and pk is not None:
        response = _answer(request, dataset, pk, refused="" if done.groups else words.nothing_undone())
        return say_undone(response, pk, words.undone(done.groups) if done.groups else "")
    words.tell_undone(request, done)
    return redirect(_address(dataset, request.POST.get("back", "")))


def _decide(request: HttpRequest, group: DuplicateGroup, user: User) -> Act:
    seen, act, best = (request.POST.get(name, "") for name in ("seen", "act", "best"))
    if best:
        return services.group_choose_best(group=group, seen=seen, image=whole_number(best) or 0)
    if act == "keep_best":
        return services.group_keep_best(group=group, seen=seen, actor=user)
    if act == "keep_all":
        return services.group_keep_all(group=group, seen=seen, actor=user)
    if act != "label":
        raise Http404
    label = class_to_give(dataset=group.dataset, key=request.POST.get("label", ""))
    return services.group_label_all(group=group, seen=seen, label=label, actor=user)


def _answer(
    request: HttpRequest, dataset: Dataset, pk: int, *, done: Act | None = None, refused: str = ""
) -> HttpResponse:
    """The group as it is now, for htmx; else the page it came from."""
    if not request.headers.get("HX-Request"):
        if refused:
            messages.warning(request, refused)
        back = request.POST.get("back", "")
        return redirect(f"{_address(dataset, back, act=done.act if done else None)}#group-{pk}")
    group = dataset.duplicate_groups.select_related("dataset", "decided_by").filter(pk=pk).first()
    row = selectors.group_row(group) if group else None
    context = {
        **_frame(dataset),
        "row": row,
        "pk": pk,
        "refused": refused,
        "back": request.POST.get("back", ""),
    }
    response = render(request, "cleaning/_group.html", context)
    if done is not None:
        told = {"message": words.of_one(row), "act": str(done.act), "group": pk}
        response["HX-Trigger-After-Settle"] = json.dumps({"cleaned": told})
    return response


def say_undone(response: HttpResponse, pk: int, said: str) -> HttpResponse:
    """The page's script takes the act off what Ctrl+Z takes back, and says so; "" where the part says why not."""
    response["HX-Trigger-After-Settle"] = json.dumps({"uncleaned": {"group": pk, "message": said}})
    return response


def _frame(dataset: Dataset) -> dict[str, Any]:
    return {"dataset": dataset, "section": "clean", "choices": list(classes_of(dataset))}


def _work(dataset: Dataset) -> dict[str, Any]:
    job = selectors.unfinished_look(dataset)
    return {"looking": job_row(job) if job else None}


def _kept(query: QueryDict) -> str:
    """The filter of the page as a query string, to come back to."""
    kept = QueryDict(mutable=True)
    for name in FILTERS:
        if value := query.get(name):
            kept[name] = value
    return kept.urlencode()


def _address(dataset: Dataset, back: str, *, act: uuid.UUID | None = None) -> str:
    query = QueryDict(_kept(QueryDict(back[:500])), mutable=True)
    if act:
        query["act"] = str(act)
    address = reverse("cleaning:groups", args=[dataset.slug])
    return f"{address}?{query.urlencode()}" if query else address


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None
