from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from webapp.core.commands import SortyardCommand, progress_line
from webapp.datasets.models import Source
from webapp.jobs.waiting import wait_for
from webapp.snapshots.models import SplitRule
from webapp.snapshots.plans import PhotoFilter, PlanError
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
        only = parser.add_argument_group("only some photos")
        only.add_argument(
            "--source", action="append", default=[], choices=Source.values, help="may be repeated"
        )
        only.add_argument("--licensed", action="store_true", help="those whose licence is known")
        only.add_argument("--min-side", type=int, metavar="PX", help="shorter side at least")
        only.add_argument("--min-sharpness", type=float, metavar="N", help="as the gallery shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = self.dataset(options["dataset"])
        with self.refusing(SnapshotError, PlanError):
            passing = PhotoFilter(
                sources=tuple(sorted(set(options["source"]))),
                licensed=options["licensed"],
                min_side=options["min_side"],
                min_sharpness=options["min_sharpness"],
            )
            snapshot = snapshot_request(
                dataset=dataset,
                created_by=None,
                rule=options["split"],
                val=options["val"],
                test=options["test"],
                seed=options["seed"],
                cap=options["cap"],
                enhanced=options["enhance"],
                filter=passing,
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
