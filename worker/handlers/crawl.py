"""Crawl: pages of results to candidates, candidates to verdicts, photos to the inbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from ml.images.pool import PreparePool
from webapp.crawls.homes import home_of
from webapp.crawls.models import TRIAL_SIZE, Crawl, CrawlItem, CrawlVerdict
from webapp.crawls.providers.urllist import n_addresses
from webapp.crawls.services import crawl_end, crawl_rank
from webapp.jobs.models import UNFINISHED, Job, JobKind, JobState, Queue
from webapp.jobs.services import look_request
from worker.context import GaveWay, JobContext, JobError
from worker.crawling.downloads import Downloader
from worker.crawling.pages import Pages
from worker.crawling.saving import Saver
from worker.crawling.session import open_session

# Candidates of one write at most, and fetched ahead of it: few enough that the page shows them as they come.
AT_A_TIME = 24
RANK_EVERY = 120
CLASS_DELETED = _("The class of this crawl was deleted. What was saved waits in the inbox.")
# By whether it is a trial, which saves nothing yet, and whether some wait behind a slow one.
SENTENCES = {
    (False, False): _("%(n)s saved of %(all)s looked at"),
    (False, True): _("%(n)s saved of %(all)s looked at, %(more)s more fetched"),
    (True, False): _("%(n)s in the trial of %(all)s looked at"),
    (True, True): _("%(n)s in the trial of %(all)s looked at, %(more)s more fetched"),
}


def handle(context: JobContext) -> dict[str, Any]:
    crawl = Crawl.objects.select_related("dataset", "label_class", "created_by").get(
        pk=context.job.payload["crawl"]
    )
    with (
        open_session(crawl.provider, context.check) as session,
        PreparePool(context.store, processes=settings.PREP_PROCESSES) as pool,
        Downloader(session, at_once=settings.CRAWL_AT_ONCE) as downloader,
    ):
        saver = Saver(context, crawl, pool)
        if not crawl.is_trial:
            promote(context, crawl, saver)
        pages = Pages(context, crawl, session)
        ranked_at = saver.saved
        while settle_waiting(context, crawl, downloader, saver) and pages.read_next():
            if saver.saved - ranked_at >= RANK_EVERY:
                ranked_at = saver.saved
                crawl_rank(crawl)
            if home_of(crawl) is None:
                raise JobError(CLASS_DELETED)
            give_way(crawl)
    context.check()
    crawl_end(crawl=crawl)
    crawl_rank(crawl)
    if saver.saved:
        look_request(kind=JobKind.DUPLICATES, dataset=crawl.dataset, created_by=crawl.created_by)
    return {"verdicts": verdicts(crawl)}


def promote(context: JobContext, crawl: Crawl, saver: Saver) -> None:
    tried = crawl.items.filter(verdict=CrawlVerdict.CANDIDATE).order_by("id")
    while items := list(tried[:AT_A_TIME]):
        saver.promote(items)
        context.checkpointed()
        report(context, crawl, saver)


def settle_waiting(context: JobContext, crawl: Crawl, downloader: Downloader, saver: Saver) -> bool:
    """Verdicts for all candidates that wait, in their order. False once the crawl has what it was asked for."""
    waiting = crawl.items.filter(verdict=CrawlVerdict.PENDING)
    with downloader.in_turn(in_order(waiting), ahead=AT_A_TIME) as parts:
        while not saver.is_enough and (part := next(parts, None)):
            if part.downloads:
                saver.settle(part.downloads)
                context.checkpointed()
            report(context, crawl, saver, held=part.held)
    if saver.is_enough:
        waiting.update(verdict=CrawlVerdict.NOT_NEEDED)
    return not saver.is_enough


def in_order(rows: QuerySet[CrawlItem]) -> Iterator[CrawlItem]:
    """Rows by their id, few at a time: they change while they are read."""
    last = 0
    while items := list(rows.filter(pk__gt=last).order_by("id")[:AT_A_TIME]):
        yield from items
        last = items[-1].pk


def report(context: JobContext, crawl: Crawl, saver: Saver, *, held: int = 0) -> None:
    """`held`: fetched already, but behind one that is still under way, so that nothing is settled of them yet."""
    is_trial = crawl.is_trial
    counted = crawl.items.aggregate(
        all=Count("pk"),
        left=Count("pk", filter=Q(verdict=CrawlVerdict.PENDING)),
        tried=Count("pk", filter=Q(verdict=CrawlVerdict.CANDIDATE)),
    )
    looked_at = counted["all"] - counted["left"]
    share = min(1.0, (looked_at + held) / max(TRIAL_SIZE if is_trial else expected_of(crawl), 1))
    if crawl.target and not is_trial:
        share = max(share, min(1.0, saver.saved / crawl.target))
    saved = counted["tried"] if is_trial else saver.saved
    sentence = SENTENCES[is_trial, bool(held)]
    said = sentence % {"n": f"{saved:,}", "all": f"{looked_at:,}", "more": f"{held:,}"}
    context.report(share, said, phase="fetch")


def expected_of(crawl: Crawl) -> int:
    return n_addresses(crawl.queries) if crawl.provider == "urls" else crawl.asked


def give_way(crawl: Crawl) -> None:
    """Between pages a whole crawl lets trials and checks go first: a person waits for them with the page open."""
    if crawl.is_trial:
        return
    waiting = Job.objects.filter(queue=Queue.CRAWL, state=JobState.QUEUED)
    waiting = waiting.filter(Q(after__isnull=True) | ~Q(after__state__in=UNFINISHED))
    if waiting.filter(Q(kind=JobKind.CRAWL_CHECK) | Q(kind=JobKind.CRAWL, payload__trial=True)).exists():
        raise GaveWay


def verdicts(crawl: Crawl) -> dict[str, int]:
    """How many candidates each verdict has."""
    return dict(
        CrawlItem.objects.filter(crawl=crawl).order_by().values_list("verdict").annotate(n=Count("id"))
    )
