"""Writers of crawls and sources: people start, go on with, and discard here; a worker fills the crawl meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Protocol

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.crawls.checking import check_figures, check_source, cleaned_list, cleaned_searches, cleaned_words
from webapp.crawls.errors import CrawlError
from webapp.crawls.homes import home_of
from webapp.crawls.models import WORKING, Crawl, CrawlState, CrawlVerdict, LicenceFilter, SourceState
from webapp.crawls.providers.base import Traits
from webapp.crawls.providers.registry import PROVIDERS
from webapp.crawls.providers.urllist import n_addresses
from webapp.crawls.sources import Source, source
from webapp.datasets.models import Dataset, LabelClass
from webapp.jobs.models import UNFINISHED, Job, JobKind
from webapp.jobs.services import job_create

USUAL_PAGES = 5


def crawl_start(
    *,
    dataset: Dataset,
    label_class: LabelClass,
    provider: str,
    created_by: User | None,
    queries: Sequence[str] = (),
    start_page: int = 1,
    total_page: int = USUAL_PAGES,
    per_page: int | None = None,
    min_side: int = 0,
    licence: str = LicenceFilter.ANY,
    target: int | None = None,
    trial: bool = True,
    plan: uuid.UUID | None = None,
) -> Crawl:
    """Start a crawl for a class. CrawlError says what to change.

    `queries`: words to look for, the class's name in the provider's language where none are given; for a list of
    addresses its lines. `trial`: fetch TRIAL_SIZE candidates first and wait for a person. `plan`: what a form that
    is sent twice is known by; where the same was asked for already, that crawl is the answer.
    """
    chosen = _ready(provider)
    if label_class.dataset_id != dataset.pk or label_class.is_retired:
        raise CrawlError(_("This class was closed. Choose another one."))
    traits = chosen.traits
    per_page = per_page if per_page is not None else usual_per_page(traits)
    check_figures(
        start_page=start_page, total_page=total_page, per_page=per_page, min_side=min_side, target=target
    )
    asked = cleaned_searches(queries) if traits.takes_query else cleaned_list(queries)
    crawl = Crawl(
        dataset=dataset,
        label_class=label_class,
        provider=provider,
        queries=asked or [default_query(label_class, traits.language)],
        start_page=start_page,
        total_page=total_page,
        per_page=per_page,
        min_side=min_side,
        licence=licence,
        target=target,
        is_trial=trial,
        plan=plan,
        created_by=created_by,
        state=CrawlState.TRYING if trial else CrawlState.RUNNING,
    )
    if not traits.takes_query:  # a list is read to its end, whatever pages say
        crawl.start_page, crawl.total_page = 1, -(-n_addresses(crawl.queries) // crawl.per_page)
    check_source(crawl, traits)
    with transaction.atomic():
        Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)  # one number after the other
        same = {
            name: getattr(crawl, name)
            for name in ("plan", "label_class", "provider", "queries", "start_page")
        }
        if plan and (twin := dataset.crawls.filter(**same).first()):
            return twin
        crawl.number = (dataset.crawls.aggregate(last=Max("number"))["last"] or 0) + 1
        crawl.save()
        _queue(crawl, created_by)
    return crawl


def usual_per_page(traits: Traits) -> int:
    """As many as the source gives at once, at most 50: fewer requests of its quota."""
    return min(traits.max_per_page, 50)


class Named(Protocol):
    """A class, or a choice of one."""

    @property
    def key(self) -> str: ...
    @property
    def name_en(self) -> str: ...
    @property
    def name_zh(self) -> str: ...


def default_query(label_class: Named, language: str) -> str:
    """The class's name in the language a provider is asked in, else in the other one, else its key."""
    names = (label_class.name_zh, label_class.name_en)
    first, second = names if language == "zh" else names[::-1]
    return first or second or label_class.key


def pages_for(lacking: int, traits: Traits) -> int:
    """Pages of results in which a source shows half as many candidates again as photos are lacking."""
    pages = max(1, -(-lacking * 3 // (2 * usual_per_page(traits))))
    return min(pages, traits.max_pages or pages)


def crawls_fill(
    *,
    dataset: Dataset,
    wanted: Iterable[tuple[LabelClass, int]],
    provider: str,
    created_by: User | None,
    licence: str = LicenceFilter.ANY,
    min_side: int = 0,
    plan: uuid.UUID | None = None,
) -> list[Crawl]:
    """One crawl for each class, for as many photos as it lacks; nothing is started where one of them can't be.

    Half as many candidates again as photos are asked for: some will be copies, or not what was meant.
    """
    traits, plan = _ready(provider).traits, plan or uuid.uuid4()
    if not traits.takes_query:
        raise CrawlError(
            _("A list of addresses is for one class. Choose a source that is searched by words.")
        )
    per_page, started = usual_per_page(traits), []
    with transaction.atomic():
        for label_class, lacking in wanted:
            started.append(
                crawl_start(
                    dataset=dataset, label_class=label_class, provider=provider, created_by=created_by,
                    total_page=pages_for(lacking, traits), per_page=per_page, licence=licence,
                    min_side=min_side, target=lacking, trial=False, plan=plan,
                )
            )  # fmt: skip
    return started


def crawl_go_on(*, crawl: Crawl, actor: User | None) -> None:
    """After a look at the trial: the whole crawl. After a stop: from where it was. CrawlError otherwise."""
    _ready(crawl.provider)
    if home_of(crawl) is None:
        raise CrawlError(_("The class of this crawl was deleted. Start one for another class."))
    to_whole = crawl.state == CrawlState.TRIED
    is_trial = crawl.is_trial and not to_whole
    with transaction.atomic():
        changed = Crawl.objects.filter(pk=crawl.pk, state__in=(CrawlState.TRIED, CrawlState.STOPPED)).update(
            state=CrawlState.TRYING if is_trial else CrawlState.RUNNING,
            is_trial=is_trial,
            stopped_because="",
            finished_at=None,
            # The whole crawl reads the trial's pages again: what it has of them is known by its address.
            **({"cursor": {}} if to_whole else {}),
        )
        if not changed:
            raise CrawlError(_("This crawl is at work, or has finished. Start another one."))
        crawl.refresh_from_db()
        _queue(crawl, actor)


def crawl_discard(*, crawl: Crawl) -> None:
    """Remove a crawl of which no photo is in the data set, such as a trial that showed noise. CrawlError otherwise."""
    if crawl.is_working:
        raise CrawlError(_("This crawl is at work. Cancel it first."))
    if crawl.items.filter(verdict=CrawlVerdict.SAVED).exists():
        raise CrawlError(
            _("Photos of this crawl are in the data set; it stays as the record of where they come from.")
        )
    while ids := list(crawl.items.order_by("id").values_list("pk", flat=True)[:200]):
        crawl.items.filter(pk__in=ids).delete()
    crawl.delete()


def crawl_end(*, crawl: Crawl) -> None:
    """Its job has done all it was asked: the trial is there to look at, or the crawl has finished."""
    Crawl.objects.filter(pk=crawl.pk, state__in=WORKING).update(
        state=CrawlState.TRIED if crawl.is_trial else CrawlState.FINISHED, finished_at=timezone.now()
    )
    crawl.refresh_from_db(fields=["state", "finished_at"])


def crawl_end_unfinished(job: Job) -> None:
    """Its job failed or was cancelled: what was saved stays, and it may be gone on with."""
    Crawl.objects.filter(job=job, state__in=WORKING).update(
        state=CrawlState.STOPPED, stopped_because=job.error or "Cancelled", finished_at=timezone.now()
    )


def crawl_rank(crawl: Crawl) -> None:
    """Queue a look at how well the candidates of the crawl's class fit it, if there is still a class to fit."""
    if (home := home_of(crawl)) is not None:
        rank_request(label_class=home, created_by=crawl.created_by)


def rank_request(*, label_class: LabelClass, created_by: User | None) -> Job:
    """Queue a look at how well the candidates of a class fit it; one that waits already answers instead."""
    dataset, payload = label_class.dataset, {"class": label_class.pk}
    with transaction.atomic():
        rows = Job.objects.filter(dataset=dataset, kind=JobKind.RANK, payload=payload)
        waiting = rows.filter(state=UNFINISHED[0]).first()
        if waiting is not None:
            return waiting
        running = rows.filter(state__in=UNFINISHED).first()
        return job_create(
            kind=JobKind.RANK, dataset=dataset, payload=payload, created_by=created_by, after=running
        )


def source_turn(*, key: str, on: bool, actor: User) -> None:
    """Turn a source on or off for the whole site. CrawlError for an unknown one."""
    if key not in PROVIDERS:
        raise CrawlError(_("There is no such source."))
    SourceState.objects.update_or_create(
        provider=key, defaults={"is_on": on, "turned_by": actor, "turned_at": timezone.now()}
    )


def source_check_request(*, key: str, dataset: Dataset, words: str, actor: User | None) -> Job:
    """Queue one real request to a source, to say what came. CrawlError where it may not be asked so."""
    _ready(key)
    words = cleaned_words(words)
    with transaction.atomic():
        job = job_create(
            kind=JobKind.CRAWL_CHECK,
            dataset=dataset,
            payload={"provider": key, "words": words},
            created_by=actor,
        )
        state, _made = SourceState.objects.get_or_create(provider=key)
        SourceState.objects.filter(pk=state.pk).update(check_job=job)
    return job


def _ready(key: str) -> Source:
    if key not in PROVIDERS:
        raise CrawlError(
            _("There is no source “%(name)s”. Known: %(known)s.")
            % {"name": key, "known": ", ".join(PROVIDERS)}
        )
    chosen = source(key)
    if chosen.why_not:
        raise CrawlError(chosen.why_not)
    return chosen


def _queue(crawl: Crawl, actor: User | None) -> None:
    crawl.job = job_create(
        kind=JobKind.CRAWL,
        dataset=crawl.dataset,
        # The number: the queue's page links to the crawl without looking it up.
        payload={"crawl": crawl.pk, "number": crawl.number, "trial": crawl.is_trial},
        created_by=actor,
    )
    crawl.save(update_fields=["job"])
