"""Preview: deals out a snapshot as the snapshot job would, says what would leak, and freezes nothing."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

from ml.balance import balanced_weights
from webapp.datasets.models import LabelClass
from webapp.snapshots.models import Split
from webapp.snapshots.plans import SnapshotPlan
from webapp.snapshots.services import labels_fingerprint
from worker.context import JobContext
from worker.dealing import Dealing, deal
from worker.leaks import leak_report

# Enough for any data set that is worth its splits; past it the report says "at least".
MOST_PAIRS = 500_000


def handle(context: JobContext) -> dict[str, Any]:
    assert context.job.dataset is not None
    plan = SnapshotPlan.from_json(context.job.payload["plan"])
    workplace = f"preview-{context.job.pk}"
    fingerprint = labels_fingerprint(context.job.dataset)
    try:
        dealing = deal(context, plan.unsaved(context.job.dataset), workplace=workplace, most_pairs=MOST_PAIRS)
    finally:
        shutil.rmtree(context.store.run_dir(workplace), ignore_errors=True)
    return {**_counts(dealing), "leak": _leak(dealing), "fingerprint": fingerprint}


def _counts(dealing: Dealing) -> dict[str, Any]:
    """The figures that the frozen snapshot will have."""
    dealt = dealing.dealt
    by_class: dict[str, Counter[str]] = {}
    for item in dealt.items:
        by_class.setdefault(item.label, Counter())[dealt.split_of(item)] += 1
    ids = {photo.label: photo.label_id for photo in dealt.photos.values()}
    order = list(
        LabelClass.objects.filter(pk__in=ids.values()).order_by("position", "id").values_list("pk", flat=True)
    )
    labels = sorted(by_class, key=lambda label: order.index(ids[label]))
    weights = balanced_weights([by_class[label][Split.TRAIN] for label in labels])
    return {
        **{split.value: sum(counts[split] for counts in by_class.values()) for split in Split},
        "groups": len({item.group for item in dealt.items}),
        "photos": len(dealt.photos),
        "classes": [
            {
                "id": ids[label],
                "key": label,
                "splits": [by_class[label][split] for split in Split],
                "weight": round(weight, 4),
            }
            for label, weight in zip(labels, weights, strict=True)
        ],
        "too_small": dealing.report["too_small"],
        "missing": dealing.report["missing"],
    }


def _leak(dealing: Dealing) -> dict[str, Any]:
    return {**leak_report(dealing.dealt, dealing.pairs), "more": len(dealing.pairs) >= MOST_PAIRS}
