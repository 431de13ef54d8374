from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from ml.specs import DEFAULT_RECIPE, RECIPES, SpecError, make_spec
from webapp.core.commands import SortyardCommand, progress_line
from webapp.core.store import site_store
from webapp.datasets.models import Dataset
from webapp.jobs.selectors import has_worker
from webapp.jobs.waiting import wait_for
from webapp.runs.forms import cannot_run
from webapp.runs.models import Run
from webapp.runs.services import run_start
from webapp.snapshots.models import Snapshot, SnapshotState
from webapp.snapshots.services import SnapshotError, current_or_new_snapshot


class Command(SortyardCommand):
    help = "Trains a model on a data set's current snapshot. Prints one JSON object."

    def add_arguments(self, parser: ArgumentParser) -> None:
        settings = "; ".join(f"{name}: {', '.join(info.editable)}" for name, info in RECIPES.items())
        presets = "; ".join(f"{name}: {', '.join(info.presets)}" for name, info in RECIPES.items())
        parser.epilog = f"Settings: {settings}. Presets: {presets}."
        parser.add_argument("dataset", help="its slug or name")
        parser.add_argument("--recipe", choices=sorted(RECIPES), default=DEFAULT_RECIPE)
        parser.add_argument("--preset", default="", metavar="NAME", help="a named choice of settings")
        parser.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", help="overrides a setting"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--snapshot", type=int, metavar="N", help="number of an earlier snapshot")
        parser.add_argument("--wait", action="store_true", help="wait for the result")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = self.dataset(options["dataset"])
        overrides = self.overrides(options["set"])
        with self.refusing(SnapshotError, SpecError):
            spec = make_spec(options["recipe"], overrides, options["seed"], options["preset"])
            if missing := cannot_run(spec.recipe, site_store(), spec.backbone):
                self.refuse(missing)
            run = run_start(
                dataset=dataset,
                recipe=options["recipe"],
                overrides=overrides,
                seed=options["seed"],
                snapshot=self.snapshot(dataset, options["snapshot"]),
                created_by=None,
                preset=options["preset"],
            )
        if options["wait"]:
            self.succeeded(wait_for(run.job, on_progress=progress_line()))
            run.refresh_from_db()
        elif not has_worker(run.job.queue):
            self.stderr.write(
                "No worker is running: the run starts with the next “manage.py up”, or with --wait."
            )
        self.answer(result_of(run))

    def overrides(self, words: list[str]) -> dict[str, str]:
        pairs = [word.partition("=") for word in words]
        for key, equals, _value in pairs:
            if not (key and equals):
                self.refuse(f"--set {key}: write it as KEY=VALUE, for example --set epochs=10.")
        return {key: value for key, _equals, value in pairs}

    def snapshot(self, dataset: Dataset, number: int | None) -> Snapshot:
        if number is None:
            return current_or_new_snapshot(dataset=dataset, created_by=None)
        found = dataset.snapshots.filter(number=number).exclude(state=SnapshotState.FAILED).first()
        if found is None:
            self.refuse(f"“{dataset.slug}” has no finished snapshot {number}.")
        return found


def result_of(run: Run) -> dict[str, Any]:
    """The JSON that scripts rely on; figures are null until the run has ended."""
    interval = None if run.test_low is None else [run.test_low, run.test_high]
    bundle = getattr(run, "bundle", None)
    return {
        "run": f"{run.dataset.slug}/{run.number}",
        "state": run.job.state,
        "recipe": run.recipe,
        "seed": run.seed,
        "seconds": run.seconds,
        "val": {"accuracy": run.val_accuracy, "n": run.val_n},
        "test": {"accuracy": run.test_accuracy, "n": run.test_n, "interval": interval},
        "bundle": None if bundle is None else str(site_store().bundle_dir(bundle.digest)),
        "snapshot": f"{run.dataset.slug}/{run.snapshot.number}",
    }
