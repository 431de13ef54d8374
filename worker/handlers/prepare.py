"""Preparation: one step of getting a data set ready, its result and log kept on its own page."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_noop as _  # stored in English, see webapp.core.spoken

from ml.images.moments import Tally
from ml.manifest import TRANSFORMS
from ml.splits import SplitItem, cap_per_class, with_flips
from webapp.core.pagination import chunks
from webapp.datasets.labelling import images_set_state
from webapp.datasets.models import Dataset, ImageState, LabelClass, LabelEvent
from webapp.preparing.models import Preparation, Step
from webapp.preparing.rules import ACTIVE, Limits
from webapp.preparing.services import preparation_act, preparation_save
from webapp.snapshots.models import Snapshot, SnapshotItem, SnapshotState
from worker.context import JobContext, JobError
from worker.supervisor import log_tail, relay_progress, supervise

MOST_POINTS = 5000
SAMPLES = 12
MOVED_AT_ONCE = 1000
LOG_LETTERS = 16_000


class Work:
    """One attempt: its job, its row, and a log that is written down as it grows."""

    def __init__(self, context: JobContext, preparation: Preparation) -> None:
        self.context, self.preparation = context, preparation
        self._log = context.job.log_tail.splitlines()

    @property
    def dataset(self) -> Dataset:
        return self.preparation.dataset

    def say(self, *lines: str) -> None:
        now = datetime.now().strftime("%H:%M:%S")
        self._log += [f"{now}  {line}" for line in lines]
        self.context.write(log_tail="\n".join(self._log)[-LOG_LETTERS:])

    def run(self, *arguments: str, share: tuple[float, float] = (0.0, 1.0)) -> dict[str, Any]:
        """Runs `python -m ml enhance …` and returns what it printed; its console goes into the log."""
        folder = self.context.store.run_dir(f"prepare-{self.context.job.pk}")
        console, progress = (
            folder / f"console-{self.context.attempt}-{share[0]:g}.txt",
            folder / "progress.json",
        )
        folder.mkdir(parents=True, exist_ok=True)
        progress.unlink(missing_ok=True)
        self.say("python -m ml enhance " + " ".join(Path(one).name for one in arguments))
        try:
            supervise(
                self.context,
                ["enhance", *arguments, "--store", str(self.context.store.root), "--progress", str(progress),
                 "--die-with-parent"],
                console=console,
                on_poll=lambda: relay_progress(self.context, progress, share=share[1]),
            )  # fmt: skip
        finally:
            printed = log_tail(console).splitlines()
            self.say(*(line for line in printed if not line.startswith("{")))
        answer: dict[str, Any] = json.loads(printed[-1])
        self.say(", ".join(f"{name} {value}" for name, value in answer.items() if name != "out"))
        return answer


Done = tuple[dict[str, Any], dict[str, Any]]


def handle(context: JobContext) -> dict[str, Any]:
    preparation = Preparation.objects.select_related("dataset").get(pk=context.job.payload["preparation"])
    work = Work(context, preparation)
    started = time.monotonic()
    work.say(f"attempt {context.attempt}: {preparation.step} of {preparation.dataset.name}")
    result, details = STEPS[preparation.step](work)
    context.check()
    preparation_save(preparation=preparation, result=result, details=details)
    work.say(f"done in {time.monotonic() - started:.2f} s")
    return {"photos": result["photos"]}


def sizes(work: Work) -> Done:
    """Every photo's width and height, by class. A figure gets MOST_POINTS at most, evenly taken."""
    accepted = work.dataset.images.filter(state=ImageState.ACCEPTED).order_by("id")
    rows = list(accepted.values_list("width", "height", "label"))
    if not rows:
        raise JobError(_("There are no photos yet. Add photos first."))
    counts: Counter[int | None] = Counter(label for _width, _height, label in rows)
    labels = class_rows(work.dataset, counts)
    places = {one["pk"]: place for place, one in enumerate(labels)}
    taken = (
        rows if len(rows) <= MOST_POINTS else [rows[i * len(rows) // MOST_POINTS] for i in range(MOST_POINTS)]
    )
    points = [[width, height, places.get(label, -1)] for width, height, label in taken]
    work.say(f"{len(rows)} photos of {len(labels)} classes, {len(points)} points in the figure")
    result = {
        "photos": len(rows),
        "unlabelled": counts[None],
        "classes": labels,
        "points": len(points),
        "width": five(sorted(row[0] for row in rows)),
        "height": five(sorted(row[1] for row in rows)),
        "aspect": five(sorted(max(row[:2]) / min(row[:2]) for row in rows)),
        "landscape": sum(1 for row in rows if row[0] > row[1]),
        "portrait": sum(1 for row in rows if row[0] < row[1]),
    }
    return result, {"points": points}


def five(values: Sequence[float]) -> list[float]:
    """Least, quarter, middle, three quarters, most."""
    last = len(values) - 1
    return [round(values[round(share * last)], 3) for share in (0, 0.25, 0.5, 0.75, 1)]


def class_rows(dataset: Dataset, counts: Counter[int | None]) -> list[dict[str, Any]]:
    """The classes with photos, by category and place, as the page names them a week later too."""
    rows = LabelClass.objects.filter(dataset=dataset, pk__in=[pk for pk in counts if pk]).select_related(
        "category"
    )
    return [
        {
            "pk": one.pk,
            "key": one.key,
            "name_en": one.name_en,
            "name_zh": one.name_zh,
            "bin": one.category.bin if one.category else "",
            "n": counts[one.pk],
        }
        for one in rows.order_by("category__position", "category_id", "position", "id")
    ]


def rules(work: Work) -> Done:
    """One rule after the other, so that each photo's reason names the first that it breaks; one act for all."""
    limits = Limits.read(work.preparation.settings)
    active = work.dataset.images.filter(state__in=ACTIVE).order_by("id")
    photos = active.count()
    operation = preparation_act(preparation=work.preparation)
    wanted = active.filter(limits.any()).count() or 1
    done = 0
    for rule, query in limits.queries().items():
        ids = list(active.filter(query).values_list("pk", flat=True))
        for part in chunks(ids, MOVED_AT_ONCE):
            images_set_state(
                dataset=work.dataset, ids=part, state=ImageState.QUARANTINED, actor=work.preparation.created_by,
                reason=limits.reason(rule), operation=operation,
            )  # fmt: skip
            done += len(part)
            work.context.report(min(1.0, done / wanted), _("Moving photos to quarantine"), phase="move")
        work.say(f"{limits.reason(rule)}: {len(ids)} photos")
    # What an attempt before this one moved is counted too.
    moved = moved_by(work.preparation)
    return {"photos": photos + sum(moved.values()) - done, "moved": sum(moved.values()), "rules": moved}, {}


def moved_by(preparation: Preparation) -> dict[str, int]:
    """Rule → photos that were moved by it."""
    limits = Limits.read(preparation.settings)
    events = LabelEvent.objects.filter(operation=preparation_act(preparation=preparation)).order_by()
    counts = Counter(events.values_list("reason", flat=True))
    return {rule: counts[limits.reason(rule)] for rule in limits.queries()}


def labelled(dataset: Dataset) -> list[tuple[int, str, int]]:
    """(id, sha256, class id) of the accepted photos that have a label, in a snapshot's order."""
    rows = dataset.images.filter(state=ImageState.ACCEPTED, label__isnull=False).order_by("id")
    found = [(pk, sha, label) for pk, sha, label in rows.values_list("id", "sha256", "label") if label]
    if not found:
        raise JobError(_("There are no labelled photos yet. Add photos in class folders, or label some."))
    return found


def flips(work: Work) -> Done:
    """A few photos of as many classes as can be, mirrored and turned; and what all photos would become."""
    photos = labelled(work.dataset)
    counts: Counter[int | None] = Counter(label for _pk, _sha, label in photos)
    labels = class_rows(work.dataset, counts)
    by_class: dict[int, list[str]] = {one["pk"]: [] for one in labels}
    for _pk, sha, label in photos:
        by_class[label].append(sha)
    # The first photo of each class, then the second: round and round.
    rounds = (shas[i] for i in range(SAMPLES) for shas in by_class.values() if i < len(shas))
    chosen = [sha for sha, _n in zip(rounds, range(SAMPLES), strict=False)]
    folder = work.context.store.run_dir(f"prepare-{work.context.job.pk}")
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / "photos.txt"
    listing.write_text("\n".join(chosen))
    work.run("--thumbnails", str(listing))
    result = {
        "photos": len(photos),
        "after": len(photos) * len(TRANSFORMS),
        "classes": labels,
        "samples": chosen,
    }
    return result, {}


def balance(work: Work) -> Done:
    """Which photos (and copies) a cap leaves, drawn as a snapshot of that cap and seed draws them."""
    settings = work.preparation.settings
    photos = labelled(work.dataset)
    ids = {sha: pk for pk, sha, _label in photos}
    counts: Counter[int | None] = Counter(label for _pk, _sha, label in photos)
    labels = class_rows(work.dataset, counts)
    keys = {one["pk"]: one["key"] for one in labels}
    items = [SplitItem(sha, keys[label], 0) for _pk, sha, label in photos]
    if settings["flips"]:
        items = with_flips(items)
    kept = {item.key for item in cap_per_class(items, settings["cap"], settings["seed"])}
    before = Counter(item.label for item in items)
    after = Counter(item.label for item in items if item.key in kept)
    left: dict[str, list[list[int]]] = {}
    for item in items:
        if item.key not in kept:
            left.setdefault(item.label, []).append([ids[item.id], TRANSFORMS.index(item.transform)])
    for one in labels:
        one |= {"before": before[one["key"]], "after": after[one["key"]]}
    work.say(f"{len(items)} before, {len(kept)} after, {len(items) - len(kept)} left out")
    result = {"photos": len(photos), "before": len(items), "after": len(kept), "classes": labels}
    return result, {"left": left}


def statistics(work: Work) -> Done:
    """Both estimators from the sums that were kept when each photo came in: no photo is read again."""
    rows = work.dataset.images.filter(state=ImageState.ACCEPTED).order_by()
    total = rows.count()
    if not total:
        raise JobError(_("There are no photos yet. Add photos first."))
    tally = Tally()
    for sums in rows.values_list("channel_sums", flat=True).iterator(chunk_size=2000):
        tally.add(sums["n"], sums["sum"], sums["sumsq"])
        if tally.images % 2000 == 0:
            work.context.report(tally.images / total, _("Adding up the colours"), phase="prepare")
    work.say(f"{tally.images} photos, {tally.pixels} pixels")
    return {"photos": tally.images, "pixels": tally.pixels, **tally.moments().as_json()}, {}


def enhance(work: Work) -> Done:
    """One ZIP of a snapshot's photos and copies, and the small flipped pictures that its gallery shows."""
    number = work.preparation.settings["snapshot"]
    snapshot = Snapshot.objects.get(dataset=work.dataset, number=number)
    if snapshot.state != SnapshotState.READY:
        raise JobError(_("The snapshot is not ready yet. Wait until it is made."))
    store = work.context.store
    target = store.enhanced_path(snapshot.digest)
    # What a killed attempt left aside; of one snapshot only one is made at a time.
    for aside in target.parent.glob(f".{target.name}.*"):
        aside.unlink(missing_ok=True)
    answer = work.run(str(store.manifest_path(snapshot.digest)), "--out", str(target), share=(0.0, 0.8))
    if snapshot.enhanced:
        flipped = SnapshotItem.objects.filter(snapshot=snapshot).exclude(transform=TRANSFORMS[0]).order_by()
        folder = store.run_dir(f"prepare-{work.context.job.pk}")
        listing = folder / "photos.txt"
        listing.write_text("\n".join(sorted(set(flipped.values_list("sha256", flat=True)))))
        work.run("--thumbnails", str(listing), share=(0.8, 1.0))
    return {
        "photos": answer["photos"],
        "files": answer["files"],
        "unreadable": answer["left_out"],
        "bytes": target.stat().st_size,
        "snapshot": number,
    }, {}


STEPS: dict[str, Callable[[Work], Done]] = {
    Step.SIZES: sizes,
    Step.RULES: rules,
    Step.FLIPS: flips,
    Step.BALANCE: balance,
    Step.STATISTICS: statistics,
    Step.ENHANCE: enhance,
}
