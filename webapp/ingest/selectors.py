"""Reads of upload batches."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from webapp.accounts.models import User
from webapp.datasets.models import Dataset, Image, ImageState, Source
from webapp.datasets.names import preset55
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, UploadPart, Verdict
from webapp.jobs.models import Job

GOOD = (
    Verdict.SAVED,
    Verdict.DUPLICATE,
    Verdict.LABELLED,
    Verdict.LABELS,
    Verdict.EXPANDED,
    Verdict.IGNORED,
    Verdict.PENDING,
)
# Not files of their own: an archive counts as its files, a list of labels as the photos it names.
WRAPPERS = (Verdict.EXPANDED, Verdict.LABELS)


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is. `counts` is by verdict; archives that were unpacked count as their files."""

    counts: dict[str, int]
    state: str
    job: Job | None

    @property
    def total(self) -> int:
        return sum(n for verdict, n in self.counts.items() if verdict not in WRAPPERS)

    @property
    def pending(self) -> int:
        return self.counts.get(Verdict.PENDING, 0)

    @property
    def judged(self) -> int:
        return self.total - self.pending

    @property
    def saved(self) -> int:
        return self.counts.get(Verdict.SAVED, 0)

    @property
    def rejected(self) -> int:
        return sum(n for verdict, n in self.counts.items() if verdict not in GOOD)

    @property
    def fraction(self) -> float:
        """0 to 1."""
        if self.state == BatchState.FINISHED:
            return 1.0
        judged = (self.total - self.pending) / self.total if self.total else 0.0
        return max(judged, self.job.progress if self.job else 0.0)

    @property
    def is_unfinished(self) -> bool:
        """Whether a worker may still change it: a failed or cancelled job leaves a batch as it is."""
        if self.state == BatchState.FINISHED:
            return False
        return self.job is None or self.job.is_unfinished


def batch_progress(batch: UploadBatch) -> BatchProgress:
    """Two queries, whatever the size of the batch."""
    counts = dict(batch.items.order_by().values_list("verdict").annotate(n=Count("pk")))
    job = Job.objects.filter(pk=batch.job_id).first() if batch.job_id else None
    return BatchProgress(counts, batch.state, job)


def batch_number(batch: UploadBatch) -> int:
    """The how-manieth upload of its data set it is, for people; those that nothing arrived in do not count."""
    earlier = UploadBatch.objects.filter(dataset=batch.dataset_id, pk__lt=batch.pk)
    return 1 + earlier.filter(Exists(UploadItem.objects.filter(batch=OuterRef("pk")))).count()


@dataclass(frozen=True)
class ItemPage:
    items: list[UploadItem]
    next_after: int | None


def items_page(
    batch: UploadBatch, *, verdict: str = "", after: int | None = None, size: int = 100
) -> ItemPage:
    """Files in the order they came, optionally of one verdict, past the id `after`."""
    rows = batch.items.select_related("image").order_by("id")
    if verdict:
        rows = rows.filter(verdict=verdict)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    return ItemPage(found, found[-1].pk if more else None)


@dataclass(frozen=True)
class NextSteps:
    """What to do once the photos of a batch are in."""

    classes_without_category: int
    in_inbox: int
    may_train: bool


def next_steps(batch: UploadBatch) -> NextSteps:
    dataset: Dataset = batch.dataset
    here = batch.images.order_by()
    homeless = dataset.classes.filter(
        Exists(Image.objects.filter(batch=batch, label=OuterRef("pk"))), category=None, is_retired=False
    ).count()
    classes = (
        dataset.images.filter(state=ImageState.ACCEPTED)
        .exclude(label=None)
        .order_by()
        .values("label")
        .distinct()
    )
    return NextSteps(homeless, here.filter(state=ImageState.INBOX).count(), classes[:2].count() > 1)


def recent_batches(dataset: Dataset, limit: int = 5) -> list[UploadBatch]:
    """The newest batches that hold something and were closed, with `n_items`."""
    rows = dataset.batches.exclude(state__in=(BatchState.DISCARDED, BatchState.RECEIVING))
    rows = rows.annotate(n_items=Count("items")).filter(n_items__gt=0).order_by("-id")
    return list(rows.select_related("created_by")[:limit])


def unfinished_batches(dataset: Dataset, user: User, limit: int = 3) -> list[UploadBatch]:
    """A person's own uploads that were never closed and hold something, newest first, with `n_items` and
    `is_of_folder`.
    """
    rows = dataset.batches.filter(state=BatchState.RECEIVING, source=Source.UPLOAD, created_by=user)
    holds = Q(Exists(UploadItem.objects.filter(batch=OuterRef("pk"))))
    holds |= Q(Exists(UploadPart.objects.filter(batch=OuterRef("pk"))))
    found = list(rows.filter(holds).order_by("-id")[:limit])
    for batch in found:
        batch.n_items = batch.items.count()  # type: ignore[attr-defined]
        batch.is_of_folder = batch.items.filter(name__contains="/").exists()  # type: ignore[attr-defined]
    return found


@dataclass(frozen=True)
class Arrived:
    """What an open batch has: [path, size] of whole files; [path, size, time of change, bytes there] of others."""

    files: list[tuple[str, int]]
    parts: list[tuple[str, int, int, int]]
    next_after: int | None


def arrived_page(batch: UploadBatch, *, after: int | None, size: int) -> Arrived:
    """Files in the order they came past the id `after`; the parts stand on the first page."""
    rows = batch.items.order_by("id").values_list("pk", "name", "size")
    parts: list[tuple[str, int, int, int]] = []
    if after is None:
        parts = list(batch.parts.values_list("name", "size", "modified", "received"))
    else:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    return Arrived([row[1:] for row in found], parts, found[-1][0] if more else None)


def known_category_names(dataset: Dataset) -> list[str]:
    """What a folder may begin with: the data set's categories and the four bins, in both languages."""
    names = list(
        dict.fromkeys(name for preset in preset55() for name in (preset.category_zh, preset.category_en))
    )
    for row in dataset.categories.values_list("key", "name_en", "name_zh"):
        names += [name for name in row if name and name not in names]
    return names


def known_class_names(dataset: Dataset) -> list[str]:
    """Keys of the classes that a folder may name without making a new one."""
    return list(dataset.classes.order_by().values_list("key", flat=True))
