from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from webapp.core.commands import SortyardCommand, progress_line
from webapp.jobs.waiting import wait_for
from webapp.snapshots.models import SplitRule
from webapp.snapshots.services import SnapshotError, snapshot_request


class Command(SortyardCommand):
    help = "Freezes a data set: which photos train, which validate, which test. Prints one JSON object."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="its slug or name")
        parser.add_argument("--cap", type=int, help="photos per class at most, mirrored copies counted")
        parser.add_argument(
            "--enhance",
            action="store_true",
            help="add each photo mirrored and upside down, before cap and split",
        )
        parser.add_argument("--val", type=float, default=0.1)
        parser.add_argument("--test", type=float, default=0.1)
        parser.add_argument("--split", choices=SplitRule.values, default=SplitRule.GROUPED)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--note", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = self.dataset(options["dataset"])
        with self.refusing(SnapshotError):
            snapshot = snapshot_request(
                dataset=dataset,
                created_by=None,
                rule=options["split"],
                val=options["val"],
                test=options["test"],
                seed=options["seed"],
                cap=options["cap"],
                enhanced=options["enhance"],
                note=options["note"],
            )
        assert snapshot.job is not None
        self.succeeded(wait_for(snapshot.job, on_progress=progress_line()))
        snapshot.refresh_from_db()
        self.answer(
            {
                "snapshot": f"{dataset.slug}/{snapshot.number}",
                "digest": snapshot.digest,
                "train": snapshot.n_train,
                "val": snapshot.n_val,
                "test": snapshot.n_test,
                "groups": snapshot.n_groups,
                "held_out": snapshot.n_held_out,
                "dataset": dataset.slug,
                "number": snapshot.number,
            }
        )
