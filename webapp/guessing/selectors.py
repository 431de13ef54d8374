"""Reads of guesses: what can be accepted now, and whether the last fit knows the last labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max, QuerySet, Window
from django.db.models.functions import RowNumber

from webapp.accounts.models import User
from webapp.datasets.models import Dataset, Image, ImageState, LabelClass, LabelEvent
from webapp.guessing.models import GuessGroup, Likeness, RefusedGuess
from webapp.jobs.models import UNFINISHED, Job, JobKind, JobState
from webapp.reviewing.selectors import held_by_others

# A probe on fewer labels guesses too badly to be of help.
LEAST_LABELS = 20
# Photos of one group on the page: a person looks through them at a glance, row by row.
SHOWN = 120
# Of each class the last labels are enough; of a large inbox the newest photos are asked about first.
LABELS_A_CLASS = 400
MOST_ASKED = 25_000


@dataclass(frozen=True)
class Offer:
    """A class and its photos (image, probability) that still wait in the inbox without a label."""

    label_class: LabelClass
    waiting: list[int]
    sure: dict[int, float]
    total: int
    """Also those the fit did not list."""

    @property
    def right(self) -> float:
        """The share that is probably right: the mean of calibrated probabilities."""
        return sum(self.sure[pk] for pk in self.waiting) / len(self.waiting) if self.waiting else 0.0


def offers(dataset: Dataset, person: User | None = None) -> list[Offer]:
    """All groups that still hold a waiting photo, the largest first; for `person` without what others were given."""
    groups = GuessGroup.objects.filter(dataset=dataset, label_class__is_retired=False)
    rows = list(groups.select_related("label_class__category"))
    listed = [pk for row in rows for pk, _p in row.photos]
    rest = _waiting(dataset).filter(pk__in=listed)
    if person is not None:
        rest = rest.exclude(held_by_others(dataset, person))
    waiting = set(rest.values_list("pk", flat=True))
    found = []
    for row in rows:
        left = [pk for pk, _p in row.photos if pk in waiting]
        if left:
            total = row.total - (len(row.photos) - len(left))
            found.append(Offer(row.label_class, left, dict(row.photos), total))
    return sorted(found, key=lambda one: (-one.total, one.label_class.pk))


@dataclass(frozen=True)
class Ghost:
    """A photo and how sure the guess is, as a tile shows it."""

    image: Image
    sure: float


def ghosts(offer: Offer, size: int = SHOWN) -> list[Ghost]:
    """The surest photos of an offer."""
    ids = offer.waiting[:size]
    fields = ("pk", "dataset_id", "sha256", "original_name", "version")
    rows = Image.objects.only(*fields).in_bulk(ids)
    return [Ghost(rows[pk], offer.sure[pk]) for pk in ids if pk in rows]


def labels_given(dataset: Dataset) -> tuple[int, int]:
    """How many photos carry an accepted label, and how many classes do; counted no further than needed."""
    rows = dataset.images.filter(state=ImageState.ACCEPTED, label__isnull=False).order_by()
    classes = rows.values("label").distinct()[:2].count()
    return rows[: LEAST_LABELS + 1].count(), classes


def latest_fit(dataset: Dataset) -> Job | None:
    fits = Job.objects.filter(dataset=dataset, kind=JobKind.GUESSES).exclude(state__in=UNFINISHED)
    return fits.defer("log_tail").order_by("-id").first()


def unfinished_fit(dataset: Dataset) -> Job | None:
    fits = Job.objects.filter(dataset=dataset, kind=JobKind.GUESSES, state__in=UNFINISHED)
    return fits.select_related("dataset", "after").defer("log_tail").order_by("id").first()


def is_stale(dataset: Dataset, fit: Job | None) -> bool:
    """Whether a label was given or photos came since the last fit began."""
    if fit is None or fit.state != JobState.SUCCEEDED:
        return True
    seen = fit.result.get("seen", {})
    events = LabelEvent.objects.filter(pk__gt=seen.get("event", 0), image__dataset=dataset)
    return events.exists() or dataset.images.filter(pk__gt=seen.get("image", 0)).order_by().exists()


def newest_rows(dataset: Dataset) -> dict[str, int]:
    """What `is_stale` compares with: the last label event of all data sets and the data set's last photo."""
    event = LabelEvent.objects.aggregate(last=Max("pk"))["last"] or 0
    image = dataset.images.order_by("-id").values_list("pk", flat=True).first() or 0
    return {"event": event, "image": image}


def _waiting(dataset: Dataset) -> QuerySet[Image]:
    return dataset.images.filter(state=ImageState.INBOX, label=None).order_by()


def photos_to_fit(dataset: Dataset) -> list[dict[str, Any]]:
    """Lines of `python -m ml guess`, each with the photo's `id`: labelled ones in the order of labelling, then those
    asked about.
    """
    return [*labelled_to_fit(dataset), *_asked(dataset)]


def labelled_to_fit(dataset: Dataset) -> list[dict[str, Any]]:
    """The last labels of each class, in the order they were given: `id`, `sha256`, `label`."""
    rank = Window(
        RowNumber(), partition_by=F("label"), order_by=[F("labelled_at").desc(nulls_last=True), "-pk"]
    )
    rows = (
        dataset.images.filter(state=ImageState.ACCEPTED, label__isnull=False, label__is_retired=False)
        .order_by()
        .annotate(rank=rank)
        .filter(rank__lte=LABELS_A_CLASS)
        .order_by("-rank", "pk")
        .values_list("pk", "sha256", "label")
    )
    return [{"id": pk, "sha256": sha, "label": label} for pk, sha, label in rows]


def _asked(dataset: Dataset) -> list[dict[str, Any]]:
    refused: dict[int, list[int]] = {}
    rows = RefusedGuess.objects.filter(image__dataset=dataset, image__state=ImageState.INBOX)
    for image, label in rows.values_list("image", "label_class"):
        refused.setdefault(image, []).append(label)
    asked = _waiting(dataset).order_by("-pk").values_list("pk", "sha256")[:MOST_ASKED]
    return [{"id": pk, "sha256": sha, "label": None, "not": refused.get(pk, [])} for pk, sha in asked]


def alike_ids(dataset: Dataset, pk: int) -> list[int]:
    """The photos most like one, itself first; empty where nobody asked yet."""
    rows = Likeness.objects.filter(image__dataset=dataset, image=pk).values_list("photos", flat=True)
    return [image for photos in rows for image, _cosine in photos]


def likeness_note(dataset: Dataset, pk: int) -> dict[str, Any]:
    """What the line above a gallery of photos alike says: of which photo, and how far the look for them is."""
    asked = Job.objects.filter(dataset=dataset, kind=JobKind.LIKENESS, payload={"image": pk})
    return {
        "dataset": dataset,
        "image": dataset.images.only("pk", "sha256", "original_name", "dataset_id").filter(pk=pk).first(),
        "job": asked.defer("log_tail").order_by("-id").first(),
        "is_known": Likeness.objects.filter(image__dataset=dataset, image=pk).exists(),
    }
