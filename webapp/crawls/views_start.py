"""Starting crawls: for one class, or for all that have too few photos."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from webapp.accounts.access import allow
from webapp.accounts.models import Role
from webapp.accounts.views import person
from webapp.core.pagination import whole_number
from webapp.crawls import selectors, selectors_rates, services
from webapp.crawls.checking import ENOUGH, MAX_LINES
from webapp.crawls.errors import CrawlError
from webapp.crawls.forms import CrawlForm, FillForm
from webapp.crawls.models import TRIAL_SIZE, Crawl
from webapp.crawls.presenting import SourceCard, prefill, source_cards
from webapp.crawls.selectors import ENOUGH_PHOTOS, ThinClass
from webapp.datasets.models import Dataset, LabelClass
from webapp.datasets.selectors import classes_of, dataset_for

TEACHERS = 8


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """`class`: its key; `provider`, `words`: what to begin with; `from`: a crawl whose values are taken over."""
    user = person(request)
    dataset = dataset_for(user, slug)
    earlier = _earlier(request, dataset)
    label_class = _class_of(request, dataset, earlier)
    if label_class is None:
        context = {
            "dataset": dataset,
            "section": "crawls",
            "thin": selectors.thin_classes(dataset, 2**31),
            "enough": ENOUGH_PHOTOS,
        }
        return render(request, "crawls/choose_class.html", context)
    cards = source_cards(label_class)
    form = CrawlForm(request.POST or None, request.FILES or None, initial=_initial(request, cards, earlier))
    if request.method == "POST" and form.is_valid():
        try:
            crawl = _start(request, dataset, label_class, form)
        except CrawlError as error:
            form.add_error(None, str(error))
        else:
            return redirect("crawls:detail", slug, crawl.number)
    context = {
        "dataset": dataset,
        "section": "crawls",
        "label_class": label_class,
        "classes": list(classes_of(dataset)),
        "form": form,
        "cards": cards,
        "chosen": _chosen(form, cards),
        "token": uuid.uuid4(),
        "rates": selectors_rates.accept_rates(label_class)[:TEACHERS],
        "trial_size": TRIAL_SIZE,
        "max_lines": MAX_LINES,
        "earlier": earlier,
    }
    return render(request, "crawls/new.html", context, status=422 if form.is_bound else 200)


def _earlier(request: HttpRequest, dataset: Dataset) -> Crawl | None:
    number = whole_number(request.GET.get("from"))
    return selectors.crawls_of(dataset).filter(number=number).first() if number is not None else None


def _class_of(request: HttpRequest, dataset: Dataset, earlier: Crawl | None) -> LabelClass | None:
    key = (
        request.POST.get("class") or request.GET.get("class") or (earlier.label_class.key if earlier else "")
    )
    return classes_of(dataset).filter(key=key).first() if key else None


def _start(request: HttpRequest, dataset: Dataset, label_class: LabelClass, form: CrawlForm) -> Crawl:
    asked = form.cleaned_data
    return services.crawl_start(
        dataset=dataset,
        label_class=label_class,
        provider=asked["provider"],
        created_by=person(request),
        queries=form.words,
        start_page=asked["start_page"],
        total_page=asked["total_page"],
        per_page=asked["per_page"],
        min_side=asked["min_side"],
        licence=asked["licence"],
        target=asked["target"],
        trial=request.POST.get("act") != "all",
        plan=asked["token"],
    )


def _initial(request: HttpRequest, cards: list[SourceCard], earlier: Crawl | None) -> dict[str, Any]:
    """The values of an earlier crawl, or the first source that can be asked, with the class's name."""
    if earlier:
        return prefill(earlier)
    asked = request.GET.get("provider", "")
    card = next((one for one in cards if one.source.key == asked), None) or _first(cards)
    words = request.GET.get("words", "")
    return {
        "provider": card.source.key,
        "queries": words or card.words,
        "start_page": 1,
        "total_page": services.USUAL_PAGES,
        "per_page": card.per_page,
    }


def _first(cards: list[SourceCard]) -> SourceCard:
    return next((one for one in cards if not one.source.why_not), cards[0])


def _chosen(form: CrawlForm | FillForm, cards: list[SourceCard]) -> SourceCard:
    """The source that is ticked, also in a form that was refused."""
    key = form["provider"].value()
    return next((one for one in cards if one.source.key == key), cards[0])


@allow(Role.CURATOR)
@require_http_methods(["GET", "POST"])
def fill(request: HttpRequest, slug: str) -> HttpResponse:
    """All thin classes at once. `enough`: photos that a class should have; `provider`: what to begin with."""
    user = person(request)
    dataset = dataset_for(user, slug)
    enough, not_enough = _enough(request)
    thin = selectors.thin_classes(dataset, enough)
    cards = [card for card in source_cards(None) if card.source.traits.takes_query]
    asked = request.GET.get("provider", "")
    first = next((one for one in cards if one.source.key == asked), None) or _first(cards)
    form = FillForm(
        request.POST or None,
        classes=[one.choice.pk for one in thin],
        initial={"enough": enough, "provider": first.source.key},
    )
    if request.method == "POST" and form.is_valid():
        try:
            return _fill(request, dataset, thin, form)
        except CrawlError as error:
            form.add_error(None, str(error))
    ticked = _ticked(form, thin)
    chosen = _chosen(form, cards)
    context = {
        "dataset": dataset,
        "section": "crawls",
        "form": form,
        "cards": cards,
        "chosen": chosen,
        "enough": enough,
        "not_enough": not_enough,
        "token": uuid.uuid4(),
        "thin": [
            {
                "one": one,
                "ticked": one.choice.pk in ticked,
                "en": services.default_query(one.choice, "en"),
                "zh": services.default_query(one.choice, "zh"),
            }
            for one in thin
        ],
        "n_ticked": len(ticked),
        "requests": _requests(thin, ticked, chosen),
        "has_classes": bool(thin) or dataset.classes.filter(is_retired=False).exists(),
    }
    return render(request, "crawls/fill.html", context, status=422 if form.is_bound else 200)


def _enough(request: HttpRequest) -> tuple[int, str]:
    """How many photos a class should have, and what to say of a number that is none: the usual one counts then."""
    text = request.POST.get("enough") or request.GET.get("enough") or ""
    asked = whole_number(text)
    if not text:
        return ENOUGH_PHOTOS, ""
    if asked is None or not ENOUGH.low <= asked <= ENOUGH.high:
        return ENOUGH_PHOTOS, ENOUGH.sentence
    return asked, ""


def _ticked(form: FillForm, thin: list[ThinClass]) -> set[int]:
    """What was ticked; on a fresh page all that lack photos and are not at work."""
    if form.is_bound:
        asked = form["classes"].value() or []
        return {pk for one in asked if (pk := whole_number(str(one))) is not None}
    return {one.choice.pk for one in thin if one.lacking and not one.is_crawled}


def _requests(thin: list[ThinClass], ticked: set[int], card: SourceCard) -> int:
    """Requests that the crawls would need of the source's day."""
    lacking = [one.lacking for one in thin if one.choice.pk in ticked and one.lacking]
    return sum(services.pages_for(n, card.source.traits) for n in lacking)


def _fill(request: HttpRequest, dataset: Dataset, thin: list[ThinClass], form: FillForm) -> HttpResponse:
    asked = form.cleaned_data
    there = f"{reverse('crawls:list', args=[dataset.slug])}?plan={asked['token']}"
    if dataset.crawls.filter(plan=asked["token"]).exists():  # the form was sent twice
        return redirect(there)
    ticked = set(asked["classes"])
    lacking = {one.choice.pk: one.lacking for one in thin if one.choice.pk in ticked and one.lacking}
    classes = classes_of(dataset).in_bulk(list(lacking)) if lacking else {}
    if not classes:
        raise CrawlError(_("Tick at least one class that lacks photos."))
    started = services.crawls_fill(
        dataset=dataset,
        wanted=[(classes[pk], n) for pk, n in lacking.items() if pk in classes],
        provider=asked["provider"],
        created_by=person(request),
        licence=asked["licence"],
        min_side=asked["min_side"],
        plan=asked["token"],
    )
    said = ngettext("%(n)s crawl was started.", "%(n)s crawls were started.", len(started))
    messages.success(request, said % {"n": len(started)})
    return redirect(there)
