"""Reads of maps: the points of a part of it, the photos of an area, what is not on it yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, F, Q, QuerySet

from webapp.datasets.filters import ImageFilter, images_matching
from webapp.datasets.models import Dataset, ImageState
from webapp.datasets.selectors import StateCounts
from webapp.datasets.selectors_gallery import GalleryCounts, gallery_counts
from webapp.evaluations.models import Evaluation, Prediction
from webapp.jobs.models import UNFINISHED, Job, JobKind
from webapp.mapping.geometry import Area, Box
from webapp.mapping.models import ImageMap, MapPoint
from webapp.mapping.query import CATEGORY, NOT_ASKED, RIGHT, STATE, VERDICT, VERDICTS, WRONG, MapQuery
from webapp.snapshots.models import Transform

# More can't be told apart, and a browser redraws so many in a few milliseconds.
MOST_POINTS = 5000
# Steps of the unit square that a browser is told places in: finer than a screen's, and short to write.
GRID = 100_000
MOST_RUNS = 30


def current_map(dataset: Dataset) -> ImageMap | None:
    return dataset.maps.filter(is_current=True).first()


def unfinished_drawing(dataset: Dataset) -> Job | None:
    return _drawings(dataset).filter(state__in=UNFINISHED).order_by("id").first()


def latest_drawing(dataset: Dataset) -> Job | None:
    """The last one that has ended, however it did."""
    return _drawings(dataset).exclude(state__in=UNFINISHED).order_by("-id").first()


def _drawings(dataset: Dataset) -> QuerySet[Job]:
    rows = Job.objects.filter(dataset=dataset, kind=JobKind.PROJECTION)
    return rows.select_related("dataset", "after").defer("log_tail")


def evaluated_runs(dataset: Dataset) -> list[Evaluation]:
    """Evaluations of the newest runs on their own snapshots, the newest first."""
    rows = Evaluation.objects.filter(run__dataset=dataset, snapshot=F("run__snapshot"))
    return list(rows.select_related("run").order_by("-run__number")[:MOST_RUNS])


def evaluation_for(dataset: Dataset, query: MapQuery) -> Evaluation | None:
    """That of the run asked for, else of the last one evaluated; None where nothing of the query needs one."""
    if query.colour != VERDICT and not query.verdict:
        return None
    rows = Evaluation.objects.filter(run__dataset=dataset, snapshot=F("run__snapshot")).order_by(
        "-run__number"
    )
    if query.run is not None:
        rows = rows.filter(run__number=query.run)
    return rows.select_related("run").first()


def counted_on(drawn: ImageMap) -> StateCounts:
    """The photos of a map by state and label."""
    counted: dict[str, dict[int | None, int]] = defaultdict(dict)
    rows = drawn.points.order_by().values_list("image__state", "image__label").annotate(n=Count("pk"))
    for state, label, n in rows:
        counted[state][label] = n
    return StateCounts(counted)


def counts_on(drawn: ImageMap, image_filter: ImageFilter, counted: StateCounts) -> GalleryCounts:
    """The gallery's figures, of the photos of a map; `counted` are those by state and label."""
    without_classes = image_filter.changed(classes=(), unlabelled=False)
    if not without_classes.has_more:
        return gallery_counts(drawn.dataset, image_filter, counted)
    rows = images_matching(drawn.dataset, without_classes).filter(pk__in=drawn.points.values("image"))
    by_label = dict(rows.order_by().values_list("label_id").annotate(n=Count("pk")))
    return GalleryCounts({state: counted.total(state) for state in ImageState.values}, by_label)


def verdict_counts(drawn: ImageMap, evaluation: Evaluation | None) -> dict[str, int]:
    """Photos of a map, by whether the run answered them right; each once, in however many parts it was asked."""
    return {
        verdict: _by_verdict(drawn.points.order_by(), evaluation, verdict).count() for verdict in VERDICTS
    }


def _answers(evaluation: Evaluation) -> QuerySet[Prediction]:
    rows = Prediction.objects.filter(evaluation=evaluation, transform=Transform.ORIGINAL)
    return rows.filter(image__isnull=False).order_by()


def points_of(drawn: ImageMap, query: MapQuery, box: Box | None = None) -> QuerySet[MapPoint]:
    """The points of a part of a map that pass a query, in their drawn order."""
    rows = drawn.points.order_by("pk")
    if query.images.is_narrowed or query.images.state != "any":
        rows = rows.filter(image__in=images_matching(drawn.dataset, query.images).values("pk"))
    if query.verdict:
        rows = _by_verdict(rows, evaluation_for(drawn.dataset, query), query.verdict)
    if box is not None:
        rows = rows.filter(x__gte=box.left, x__lte=box.right, y__gte=box.top, y__lte=box.bottom)
    return rows


def _by_verdict(rows: QuerySet[MapPoint], evaluation: Evaluation | None, verdict: str) -> QuerySet[MapPoint]:
    if evaluation is None:
        return rows if verdict == NOT_ASKED else rows.none()
    answers = _answers(evaluation)
    if verdict == NOT_ASKED:
        return rows.exclude(image__in=answers.values("image"))
    is_right = Q(truth=F("answer"))
    return rows.filter(image__in=answers.filter(is_right if verdict == RIGHT else ~is_right).values("image"))


@dataclass(frozen=True)
class Shown:
    """Points as a browser draws them. `x` and `y` are in steps of 1 / GRID; `group` is a place in `keys`, which name
    classes, categories, states or verdicts ("" for none); `aside` has a 1 for a photo in quarantine. `total` counts
    what the query lets pass in this part of the map, drawn or not; `inside` of `inside_total` are what the part itself
    has, without what lies around it.
    """

    ids: list[int] = field(default_factory=list)
    x: list[int] = field(default_factory=list)
    y: list[int] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    aside: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    total: int = 0
    inside: int = 0
    inside_total: int = 0


def shown_points(
    drawn: ImageMap,
    query: MapQuery,
    box: Box | None = None,
    most: int = MOST_POINTS,
    *,
    beyond: float = 0.0,
) -> Shown:
    """An even sample, `most` at most, of the points in a part of the map and `beyond`, a share of it, around it."""
    rows = points_of(drawn, query, box and box.widened(beyond))
    found = list(rows.values_list("image", "x", "y", "image__label", "image__state")[:most])
    ids = [row[0] for row in found]
    groups = _group_keys(drawn.dataset, query, ids, [row[3] for row in found], [row[4] for row in found])
    keys = sorted(set(groups))
    place = {key: n for n, key in enumerate(keys)}
    is_all = len(found) < most
    total = len(found) if is_all else rows.count()
    inside, inside_total = len(found), total
    if box is not None and beyond:
        inside = sum(box.holds(row[1], row[2]) for row in found)
        inside_total = inside if is_all else points_of(drawn, query, box).count()
    return Shown(
        ids=ids,
        x=[round(row[1] * GRID) for row in found],
        y=[round(row[2] * GRID) for row in found],
        group=[place[key] for key in groups],
        aside=[int(row[4] == "quarantined") for row in found],
        keys=keys,
        total=total,
        inside=inside,
        inside_total=inside_total,
    )


def _group_keys(
    dataset: Dataset, query: MapQuery, ids: Sequence[int], labels: Sequence[int | None], states: Sequence[str]
) -> list[str]:
    """What each photo is coloured by."""
    if query.colour == STATE:
        return list(states)
    if query.colour == VERDICT:
        evaluation = evaluation_for(dataset, query)
        if evaluation is None:
            return [NOT_ASKED] * len(ids)
        answers = _answers(evaluation).filter(image__in=ids).values_list("image", "truth", "answer")
        said = {image: RIGHT if truth == answer else WRONG for image, truth, answer in answers}
        return [said.get(pk, NOT_ASKED) for pk in ids]
    field = "category__key" if query.colour == CATEGORY else "key"
    keys = dict(dataset.classes.values_list("pk", field))
    return [(keys.get(label) or "") if label else "" for label in labels]


@dataclass(frozen=True)
class Within:
    """The photos of an area, the newest first: id, version as seen, key of the label ("" for none)."""

    ids: list[int]
    versions: list[int]
    labels: list[str]


def photos_within(drawn: ImageMap, query: MapQuery, area: Area) -> Within:
    """All photos of an area that pass a query, drawn or not."""
    rows = points_of(drawn, query, area.box).order_by("-image")
    keys = dict(drawn.dataset.classes.values_list("pk", "key"))
    ids, versions, labels = [], [], []
    for pk, x, y, version, label in rows.values_list(
        "image", "x", "y", "image__version", "image__label"
    ).iterator(chunk_size=5000):
        if area.contains(x, y):
            ids.append(pk)
            versions.append(version)
            labels.append(keys.get(label, "") if label else "")
    return Within(ids, versions, labels)
