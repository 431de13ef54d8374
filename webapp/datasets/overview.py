"""What the overview of a data set shows: counts, class bars, the latest run, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.accounts.models import User
from webapp.cleaning.selectors import group_counts
from webapp.cleaning.selectors_suspects import suspect_counts
from webapp.datasets.models import Dataset, ImageState
from webapp.datasets.selectors import ClassChoice, StateCounts, class_choices, rail_counts, state_label_counts
from webapp.guessing.selectors import LEAST_LABELS
from webapp.jobs.listing import JobRow, job_rows, with_predecessor
from webapp.jobs.models import UNFINISHED, JobKind, JobState
from webapp.jobs.selectors import HEAVY
from webapp.runs.models import Run
from webapp.snapshots.models import Snapshot, SnapshotState
from webapp.snapshots.services import labels_fingerprint, why_not_trainable

FEW_PHOTOS = 10


@dataclass(frozen=True)
class Step:
    """One line of "what to do next". `urgent` ones stand in the way of a good model."""

    icon: str
    text: str
    action: str = ""
    url: str = ""
    urgent: bool = False
    is_act: bool = False
    """Whether `url` does something, and is posted to, instead of leading somewhere."""


@dataclass(frozen=True)
class ClassBar:
    choice: ClassChoice
    share: float
    """Of the largest class, 0 to 1: the width of its bar."""


@dataclass(frozen=True)
class BarGroup:
    """The classes of one category, in the category's colour."""

    name_en: str
    name_zh: str
    key: str
    pk: int | None
    bin: str
    colour: str
    n: int
    bars: list[ClassBar]


@dataclass(frozen=True)
class Overview:
    accepted: int
    inbox: int
    quarantined: int
    classes: int
    groups: list[BarGroup]
    latest: Run | None
    snapshot: Snapshot | None
    changed: bool
    """Whether labels or photos changed since the newest snapshot."""
    jobs: list[JobRow]
    cannot_train: str
    few: int
    """Classes with fewer photos than a model can learn much from."""
    bare: int
    """Accepted photos without a label."""
    photos_counted: StateCounts
    rail: dict[str, int]
    """The figures of the rail, for the page to hand on."""
    steps: list[Step] = field(default_factory=list)

    @property
    def found(self) -> int:
        """Photos that crawls brought and that wait for a review."""
        return self.rail["found"]

    @property
    def is_empty(self) -> bool:
        return not (self.accepted or self.inbox or self.quarantined)


def overview(dataset: Dataset, person: User | None = None) -> Overview:
    """`person`: who reads it, whose own work stands on it."""
    counts = state_label_counts(dataset)
    choices = class_choices(dataset, counts)
    jobs = work_of(dataset)
    latest = dataset.runs.filter(job__state=JobState.SUCCEEDED).defer("steps", "spec").first()
    snapshot = dataset.snapshots.filter(state=SnapshotState.READY).first()
    changed = snapshot is not None and snapshot.fingerprint != labels_fingerprint(dataset)
    accepted = counts.total(ImageState.ACCEPTED)
    found = Overview(
        accepted=accepted,
        inbox=counts.total(ImageState.INBOX),
        quarantined=counts.total(ImageState.QUARANTINED),
        classes=len(choices),
        groups=bar_groups(choices),
        latest=latest,
        snapshot=snapshot,
        changed=changed,
        jobs=jobs,
        cannot_train=why_not_trainable(dataset),
        few=sum(1 for one in choices if one.n < FEW_PHOTOS),
        bare=counts.of(ImageState.ACCEPTED, None),
        photos_counted=counts,
        rail=rail_counts(dataset, counts, person),
    )
    found.steps.extend(next_steps(dataset, found, choices, counts))
    return found


def work_of(dataset: Dataset) -> list[JobRow]:
    """The jobs of this data set that have not ended, the oldest first."""
    jobs = dataset.jobs.filter(state__in=UNFINISHED).select_related("run", "dataset").order_by("id")
    return job_rows(with_predecessor(jobs).defer(*HEAVY)[:5])


def bar_groups(choices: list[ClassChoice], *, by_size: bool = True) -> list[BarGroup]:
    """Classes by category in the order given, the largest of each first (or, without `by_size`, as given)."""
    most = max((one.n for one in choices), default=0) or 1
    by_category: dict[str, list[ClassChoice]] = {}
    for one in choices:
        by_category.setdefault(one.category, []).append(one)
    return [
        BarGroup(
            name_en=rows[0].category_en,
            name_zh=rows[0].category_zh,
            key=key,
            pk=rows[0].category_pk,
            bin=rows[0].bin,
            colour=rows[0].category_colour,
            n=sum(one.n for one in rows),
            bars=[
                ClassBar(one, one.n / most)
                for one in (sorted(rows, key=lambda one: -one.n) if by_size else rows)
            ],
        )
        for key, rows in by_category.items()
    ]


def next_steps(
    dataset: Dataset, found: Overview, choices: list[ClassChoice], counts: StateCounts
) -> list[Step]:
    """The few things worth doing now, the one that holds up the others first."""
    if not (found.accepted or found.inbox or found.quarantined):
        return [
            Step(
                "upload",
                _("Add photos. A folder per class is the quickest way: its name becomes the label."),
                _("Add photos"),
                _link(dataset, "ingest:upload"),
                urgent=True,
            )
        ]
    steps = [
        *_class_steps(dataset, choices),
        *_found_steps(dataset, found.found),
        *_own_steps(dataset, found.rail["mine"]),
        *_inbox_steps(dataset, found, counts),
        *_clean_steps(dataset),
        *_train_steps(dataset, found),
    ]
    return sorted(steps, key=lambda step: not step.urgent)


def _class_steps(dataset: Dataset, choices: list[ClassChoice]) -> list[Step]:
    steps = []
    no_bin = sum(1 for one in choices if not one.category)
    if no_bin:
        text = ngettext("%(n)d class has no bin yet.", "%(n)d classes have no bin yet.", no_bin) % {
            "n": no_bin
        }
        steps.append(Step("bin", text, _("Choose bins"), _link(dataset, "datasets:bins"), urgent=True))
    few = [one for one in choices if 0 < one.n < FEW_PHOTOS]
    if few:
        text = ngettext(
            "%(n)d class has fewer than %(few)d photos: a model learns little from it.",
            "%(n)d classes have fewer than %(few)d photos: a model learns little from them.",
            len(few),
        ) % {"n": len(few), "few": FEW_PHOTOS}
        steps.append(Step("warning", text, _("Find photos on the web"), _link(dataset, "crawls:fill")))
    return steps


def _found_steps(dataset: Dataset, n: int) -> list[Step]:
    if not n:
        return []
    text = ngettext(
        "%(n)s photo found on the web waits for a review.",
        "%(n)s photos found on the web wait for a review.",
        n,
    ) % {"n": f"{n:,}"}
    return [Step("globe", text, _("Review them"), _link(dataset, "crawls:list"), urgent=True)]


def _own_steps(dataset: Dataset, n: int) -> list[Step]:
    if not n:
        return []
    text = ngettext("%(n)s photo waits in your queue.", "%(n)s photos wait in your queue.", n) % {
        "n": f"{n:,}"
    }
    return [Step("check", text, _("Open my queue"), _link(dataset, "reviewing:mine"), urgent=True)]


def _inbox_steps(dataset: Dataset, found: Overview, counts: StateCounts) -> list[Step]:
    steps = []
    if found.inbox:
        text = ngettext(
            "%(n)d photo in the inbox waits for a look.",
            "%(n)d photos in the inbox wait for a look.",
            found.inbox,
        ) % {"n": found.inbox}
        enough = sum(counts.by_state[ImageState.ACCEPTED].values()) - counts.of(ImageState.ACCEPTED, None)
        if enough >= LEAST_LABELS:
            action, url = _("Sort the inbox by looks"), _link(dataset, "guessing:page")
        else:
            action, url = _("Open the inbox"), _link(dataset, "datasets:inbox")
        steps.append(Step("inbox", text, action, url, urgent=True))
    bare = counts.of(ImageState.ACCEPTED, None)
    if bare:
        text = ngettext(
            "%(n)d accepted photo has no label.", "%(n)d accepted photos have no label.", bare
        ) % {"n": bare}
        steps.append(Step("tag", text, _("Label"), f"{_link(dataset, 'datasets:images')}?unlabelled=1"))
    return steps


def _clean_steps(dataset: Dataset) -> list[Step]:
    return [*_duplicate_steps(dataset), *_doubt_steps(dataset)]


def _doubt_steps(dataset: Dataset) -> list[Step]:
    counts = suspect_counts(dataset)
    steps = []
    if counts.label:
        text = ngettext(
            "%(n)d label is in doubt: by what the other photos say, another class fits better.",
            "%(n)d labels are in doubt: by what the other photos say, other classes fit better.",
            counts.label,
        ) % {"n": counts.label}
        steps.append(Step("warning", text, _("Check labels"), _link(dataset, "cleaning:suspects")))
    if counts.odd:
        text = ngettext(
            "%(n)d photo is unlike all others.", "%(n)d photos are unlike all others.", counts.odd
        )
        url = f"{_link(dataset, 'cleaning:suspects')}?show=odd"
        steps.append(Step("info", text % {"n": counts.odd}, _("Look at them"), url))
    return steps


def _duplicate_steps(dataset: Dataset) -> list[Step]:
    counts = group_counts(dataset)
    if not counts.open:
        return []
    text = ngettext("%(n)d group of near-duplicates", "%(n)d groups of near-duplicates", counts.open) % {
        "n": counts.open
    }
    if counts.conflicts:
        text = _("%(groups)s, %(n)d with different labels.") % {"groups": text, "n": counts.conflicts}
    else:
        text = _("%(groups)s: a look at each keeps the best copy.") % {"groups": text}
    url = _link(dataset, "cleaning:groups")
    return [Step("clean", text, _("Clean"), url, urgent=counts.conflicts > 0)]


def _train_steps(dataset: Dataset, found: Overview) -> list[Step]:
    if found.cannot_train or any(row.job.kind == JobKind.TRAIN for row in found.jobs):
        return []
    if found.latest is None:
        return [_train_step(dataset, _("Everything is there for a first model. One click trains it."))]
    if found.changed:
        return [
            _train_step(
                dataset,
                _("Labels or photos changed since the last snapshot. Train again to see what that brings."),
            )
        ]
    return [
        Step(
            "matrix",
            _("Nothing changed since the last run. Look at what it confuses, and fix labels there."),
            _("See its mistakes"),
            _link(dataset, "evaluations:matrix", found.latest.number),
        )
    ]


def _train_step(dataset: Dataset, text: str) -> Step:
    return Step("run", text, _("Train"), _link(dataset, "datasets:train"), is_act=True)


def _link(dataset: Dataset, name: str, *more: object) -> str:
    try:
        return reverse(name, args=[dataset.slug, *more])
    except NoReverseMatch:
        return ""
