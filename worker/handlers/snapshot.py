"""Snapshot: mirrors and caps if asked, groups near-duplicates, deals out the splits, freezes."""

from __future__ import annotations

from typing import Any

from webapp.snapshots.models import Snapshot, SnapshotState
from webapp.snapshots.services import labels_fingerprint
from worker.context import JobContext
from worker.dealing import deal
from worker.freezing import freeze


def handle(context: JobContext) -> dict[str, Any]:
    snapshot = Snapshot.objects.select_related("dataset").get(pk=context.job.payload["snapshot"])
    if snapshot.state == SnapshotState.READY:
        return summary(snapshot)  # an earlier attempt was lost after its last write
    # One asked for before contents were kept has no fingerprint yet.
    fingerprint = snapshot.fingerprint or labels_fingerprint(snapshot.dataset)
    dealing = deal(context, snapshot, workplace=f"snapshot-{snapshot.pk}")
    freeze(context, snapshot, dealing.dealt, dealing.report, fingerprint)
    snapshot.refresh_from_db()
    return summary(snapshot)


def summary(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "snapshot": snapshot.number,
        "digest": snapshot.digest,
        "train": snapshot.n_train,
        "val": snapshot.n_val,
        "test": snapshot.n_test,
        "groups": snapshot.n_groups,
    }
