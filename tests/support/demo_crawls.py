"""Crawls of the demo site in each of their states. Their photos are drawn ones that the site has already."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from tests.support.crawl_rows import add_crawl, add_rank, candidate
from tests.support.rows import add_job
from webapp.accounts.models import User
from webapp.crawls.models import Crawl, CrawlItem, CrawlState, CrawlVerdict, SourceDay, SourceState
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass, LabelOrigin, Source
from webapp.jobs.models import JobKind, JobState

AUTHORS = (
    ("Jane Doe", "CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    ("Museum of Everyday Things", "CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    ("李雷", "CC BY-SA 3.0", "https://creativecommons.org/licenses/by-sa/3.0/"),
    ("", "", ""),
)
TITLES = (
    "On the kerb, early morning", "Still life", "盘子里的", "Collected at the canteen, second floor",
    "IMG_20240311_0812 (cropped), from the collection of household objects", "Close-up on wood",
)  # fmt: skip
REFUSALS = (
    (CrawlVerdict.TOO_SMALL, "Its shorter side has 96 px, the crawl asks for 200."),
    (CrawlVerdict.HTTP_ERROR, "files.example answered with status 404 instead of the file."),
    (CrawlVerdict.NOT_AN_IMAGE, ""),
    (CrawlVerdict.REFUSED_ADDRESS, "intranet.example is at an address that is not public (10.0.0.7). "
                                   "Only the public internet is fetched."),
)  # fmt: skip
LOOSE_PER_CLASS = 3
STOPPED = "Openverse refuses to answer. What was saved stays; try again later, or use another source."


def crawled(slug: str) -> None:
    """One crawl of each state, photos to review and to credit, sources of which two were checked."""
    dataset, admin = Dataset.objects.get(slug=slug), User.objects.get(username="admin")
    classes = list(dataset.classes.filter(is_retired=False).order_by("pk")[:4])
    inbox = _fitting_first(dataset, classes[0])
    own = list(dataset.images.filter(state=ImageState.ACCEPTED, label=classes[0]).order_by("pk"))
    finished = add_crawl(
        classes[0], queries=["disposable cup", "paper cup"], created_by=admin, total_page=3, min_side=200
    )
    _found(finished, inbox)
    _accepted(finished, own[:3], classes[0])
    _refused(finished)
    CrawlItem.objects.bulk_create(
        [
            candidate(finished, f"copy {n}", CrawlVerdict.DUPLICATE, image=own[n], **_about(n))
            for n in range(3)
        ]
    )
    _trial(dataset, classes[1], admin)
    _working(classes[2], admin)
    stopped = add_crawl(
        classes[3], CrawlState.STOPPED, created_by=admin, stopped_because=STOPPED, target=40,
        job={"error": STOPPED},
    )  # fmt: skip
    _refused(stopped)
    add_rank(classes[0])
    _sources(dataset)


def _fitting_first(dataset: Dataset, label: LabelClass) -> list[Image]:
    """Loose photos, those of the class before others: their numbers follow the class folders' names."""
    keys = sorted(
        f"{one.category.name_zh}_{one.key}" for one in dataset.classes.filter(category__isnull=False)
    )
    own = [n for n, key in enumerate(keys) if key.endswith(f"_{label.key}")]
    loose = dataset.images.filter(state=ImageState.INBOX, label=None, original_name__startswith="kerb-")
    loose = loose.exclude(original_name__contains="copy")

    def is_other(photo: Image) -> bool:
        digits = photo.original_name.removeprefix("kerb-")[:3]
        return not digits.isdigit() or int(digits) // LOOSE_PER_CLASS not in own

    return sorted(loose.order_by("pk"), key=is_other)[:22]


def _about(n: int) -> dict[str, Any]:
    author, licence, licence_url = AUTHORS[n % len(AUTHORS)]
    return {
        "title": TITLES[n % len(TITLES)], "author": author, "licence": licence, "licence_url": licence_url,
        "fetched_at": timezone.now(), "width": 1280, "height": 960,
    }  # fmt: skip


def _found(crawl: Crawl, photos: list[Image]) -> None:
    """Photos that wait, from those that fit to those that do not; two are copies of one."""
    items = []
    for n, photo in enumerate(photos):
        _of_crawl(photo, crawl, n)
        items.append(
            candidate(
                crawl,
                f"found {n}",
                CrawlVerdict.SAVED,
                image=photo,
                sha256=photo.sha256,
                query=n % 2,
                fit=round(0.97 - 0.93 * (n / len(photos)) ** 1.4, 3),
                group=int(n in (5, 6, 7)),
                is_lead=n not in (6, 7),
                **_about(n),
            )
        )
    items[9].copy_of = crawl.dataset.images.filter(label=crawl.label_class).first()
    CrawlItem.objects.bulk_create(items)


def _accepted(crawl: Crawl, photos: list[Image], label: LabelClass) -> None:
    for n, photo in enumerate(photos):
        _of_crawl(photo, crawl, n)
        Image.objects.filter(pk=photo.pk).update(label=label, label_origin=LabelOrigin.PERSON)
    CrawlItem.objects.bulk_create(
        candidate(crawl, f"taken {n}", CrawlVerdict.SAVED, image=photo, sha256=photo.sha256, **_about(n))
        for n, photo in enumerate(photos)
    )


def _of_crawl(photo: Image, crawl: Crawl, n: int) -> None:
    about = _about(n)
    known = {
        "provider": crawl.provider, "query": crawl.queries[n % len(crawl.queries)], "title": about["title"],
        "url": f"https://files.example/{n}.jpg", "licence_url": about["licence_url"],
        "fetched_at": timezone.now().isoformat(timespec="seconds"),
    }  # fmt: skip
    Image.objects.filter(pk=photo.pk).update(
        source=Source.CRAWL, author=about["author"], licence=about["licence"],
        page_url=f"https://photos.example/{n}", provenance={k: v for k, v in known.items() if v},
    )  # fmt: skip


def _refused(crawl: Crawl) -> None:
    CrawlItem.objects.bulk_create(
        candidate(crawl, f"refused {n}", *(), **{**_about(n), "verdict": verdict, "detail": detail})
        for n, (verdict, detail) in enumerate(REFUSALS * 2)
    )


def _trial(dataset: Dataset, label: LabelClass, admin: User) -> None:
    """A trial in two searches, the second of which was no good."""
    crawl = add_crawl(label, CrawlState.TRIED, created_by=admin, queries=["towel", "cloth"])
    accepted = dataset.images.filter(state=ImageState.ACCEPTED)
    photos = [
        *accepted.filter(label=label).order_by("pk")[:18],
        *accepted.exclude(label=label).order_by("-pk")[:8],
    ]
    CrawlItem.objects.bulk_create(
        candidate(
            crawl, f"trial {n}", CrawlVerdict.CANDIDATE, sha256=photo.sha256, query=int(photo.label_id != label.pk),
            fit=round(0.94 - n / 60 if photo.label_id == label.pk else 0.44 - n / 80, 3), **_about(n),
        )
        for n, photo in enumerate(photos)
    )  # fmt: skip
    CrawlItem.objects.bulk_create(
        candidate(crawl, f"trial refused {n}", verdict, detail=detail, query=1, **_about(n))
        for n, (verdict, detail) in enumerate(REFUSALS)
    )


def _working(label: LabelClass, admin: User) -> None:
    """A crawl that stands still in the middle of its work: its owner is another machine's worker."""
    crawl = add_crawl(
        label, CrawlState.RUNNING, created_by=admin, provider="commons", target=60,
        job={"progress": 0.38, "eta_seconds": 140.0, "message": "14 saved of 41 looked at", "attempt": 1,
             "heartbeat_at": timezone.now()},
    )  # fmt: skip
    CrawlItem.objects.bulk_create(
        candidate(crawl, f"live {n}", CrawlVerdict.SAVED, sha256=photo.sha256, image=photo, **_about(n))
        for n, photo in enumerate(label.images.filter(state=ImageState.ACCEPTED).order_by("pk")[:14])
    )
    CrawlItem.objects.bulk_create(candidate(crawl, f"waiting {n}", **_about(n)) for n in range(19))
    _refused(crawl)


def _sources(dataset: Dataset) -> None:
    SourceDay.objects.create(provider="openverse", day=timezone.now().date(), requests=12)
    found = {"words": "bottle", "candidates": 10, "total": 10_234, "licensed": 10, "first": "Bottle"}
    checks = {
        "openverse": add_job(dataset, JobKind.CRAWL_CHECK, JobState.SUCCEEDED, result=found),
        "commons": add_job(
            dataset, JobKind.CRAWL_CHECK, JobState.FAILED,
            error="Wikimedia Commons is busy and asks to wait. What was saved stays; go on later.",
        ),
    }  # fmt: skip
    for key, job in checks.items():
        SourceState.objects.create(provider=key, is_on=True, check_job=job)


def crawl_places(dataset: Dataset) -> dict[str, Any]:
    """Numbers of the crawls by their state, and the class with the most to review."""
    numbers = dict(dataset.crawls.order_by("-number").values_list("state", "number"))
    others = dataset.classes.filter(is_retired=False, crawls__isnull=True)
    item = CrawlItem.objects.filter(crawl__dataset=dataset, verdict=CrawlVerdict.SAVED).first()
    return {
        **{f"crawl_{state}": number for state, number in numbers.items()},
        "review": item.crawl.label_class_id if item else 0,
        "reviewed": others.values_list("pk", flat=True)[0],
        "review_key": item.crawl.label_class.key if item else "",
    }
