"""Crawls and their candidates made directly, for pages that only read them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from tests.support.rows import add_job, image_row, sha_of
from webapp.crawls.models import Crawl, CrawlItem, CrawlState, CrawlVerdict
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass, Source
from webapp.jobs.models import Job, JobKind, JobState

PAGE = "https://photos.example/{n}"
JOB_OF = {
    CrawlState.TRYING: JobState.RUNNING,
    CrawlState.RUNNING: JobState.RUNNING,
    CrawlState.TRIED: JobState.SUCCEEDED,
    CrawlState.FINISHED: JobState.SUCCEEDED,
    CrawlState.STOPPED: JobState.FAILED,
}


def add_crawl(
    label_class: LabelClass,
    state: str = CrawlState.FINISHED,
    *,
    job: dict[str, Any] | None = None,
    **fields: Any,
) -> Crawl:
    dataset = label_class.dataset
    number = dataset.crawls.count() + 1
    is_trial = state in (CrawlState.TRYING, CrawlState.TRIED)
    crawl = Crawl.objects.create(
        **{
            "dataset": dataset,
            "number": number,
            "label_class": label_class,
            "provider": "openverse",
            "queries": [label_class.name_en or label_class.key],
            "state": state,
            "is_trial": is_trial,
            **fields,
        }
    )
    payload = {"crawl": crawl.pk, "number": number, "trial": crawl.is_trial}
    crawl.job = add_job(dataset, JobKind.CRAWL, JOB_OF[CrawlState(state)], payload=payload, **(job or {}))
    crawl.save(update_fields=["job"])
    return crawl


def candidate(crawl: Crawl, n: object, verdict: str = CrawlVerdict.PENDING, **fields: Any) -> CrawlItem:
    """An unsaved candidate whose address follows from `n`."""
    return CrawlItem(
        **{
            "crawl": crawl,
            "urls": [f"https://files.example/{n}.jpg".replace(" ", "-")],
            "url_key": sha_of(f"address {n}"),
            "page_url": PAGE.format(n=str(n).replace(" ", "-")),
            "title": f"Photo {n}",
            "verdict": verdict,
            **fields,
        }
    )


def add_candidates(
    crawl: Crawl, n: int, verdict: str = CrawlVerdict.PENDING, **fields: Any
) -> list[CrawlItem]:
    start = crawl.items.count()
    return CrawlItem.objects.bulk_create(candidate(crawl, start + i, verdict, **fields) for i in range(n))


def add_found(
    crawl: Crawl, n: int, state: str = ImageState.INBOX, label: LabelClass | None = None, **fields: Any
) -> list[CrawlItem]:
    """Saved candidates with their photos, the best fit first."""
    start = Image.objects.count()
    photos = Image.objects.bulk_create(
        found_row(crawl.dataset, start + i, state=state, label=label) for i in range(n)
    )
    begin = crawl.items.count()
    return CrawlItem.objects.bulk_create(
        candidate(
            crawl, begin + i, CrawlVerdict.SAVED,
            **{"image": photo, "sha256": photo.sha256, "fit": 1 - (begin + i) / 10_000, **fields},
        )
        for i, photo in enumerate(photos)
    )  # fmt: skip


def found_row(dataset: Dataset, n: object, **fields: Any) -> Image:
    """An unsaved photo as a crawl brings it."""
    return image_row(
        dataset,
        f"found {n}",
        **{
            "source": Source.CRAWL,
            "original_name": f"Photo {n}",
            "author": "Jane Doe",
            "licence": "CC BY 4.0",
            "page_url": PAGE.format(n=n),
            "provenance": {
                "provider": "openverse",
                "query": "bottle",
                "title": f"Photo {n}",
                "url": f"https://files.example/{n}.jpg",
                "licence_url": "https://creativecommons.org/licenses/by/4.0/",
                "fetched_at": timezone.now().isoformat(timespec="seconds"),
            },
            **fields,
        },
    )


def add_rank(label_class: LabelClass, state: str = JobState.SUCCEEDED, **fields: Any) -> Job:
    result = {"candidates": 3, "references": 34, "method": "references", "missing": 0}
    fields = {"result": result, **fields} if state == JobState.SUCCEEDED else fields
    return add_job(label_class.dataset, JobKind.RANK, state, payload={"class": label_class.pk}, **fields)
