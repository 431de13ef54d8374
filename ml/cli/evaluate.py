"""`python -m ml evaluate`: a finished run's figures, on its own or on another data set version."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ml.cli import shared
from ml.cli.shared import BadInputError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a finished run again",
        description="Asks RUN/bundle about the val and test photos of the run's own data set version or of "
        "another (--manifest) and prints what evaluation.json holds. Photos that the run was trained on are "
        "left out and counted as `excluded`. Each call is one more reading of the test set and is counted in the "
        "store (`test_reads`).",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("--manifest", type=Path, metavar="FILE", help="another data set version")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="also write evaluation.json, predictions.jsonl and pairs.json (confused classes, possible causes) there",
    )
    parser.add_argument(
        "--costs", type=Path, metavar="FILE",
        help='cost of a wrong bin, JSON by true and answered category: {"kitchen": {"hazardous": 10}}; what it does '
        "not name costs 1, the right bin 0",
    )  # fmt: skip
    shared.add_store(parser)
    shared.add_die_with_parent(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score and print one JSON object; the exit code."""
    from tqdm import tqdm

    from ml.backbones.pipeline import UnreadablePhotoError
    from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError
    from ml.durable import make_folder, write_atomic
    from ml.evaluation.pairs import PAIRS_FILE
    from ml.evaluation.reads import note_reading
    from ml.evaluation.rerun import ClassesDifferError, evaluate_run
    from ml.training.runfolder import now

    shared.die_with_parent(args)
    try:
        shared.check_finished(args.run_folder)
        if args.out:  # before the work
            make_folder(args.out)
        own = shared.read_manifest(args.run_folder / "manifest.json")
        manifest = shared.read_manifest(args.manifest) if args.manifest else own
        with tqdm(unit="photo", file=sys.stderr, disable=not sys.stderr.isatty()) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            store = shared.open_store(args)
            costs = _costs(args.costs) if args.costs else None
            rerun = evaluate_run(args.run_folder, manifest, own, store, progress, costs)
    except (BadInputError, BundleCorruptError, BundleIncompatibleError, ClassesDifferError) as error:
        shared.say("evaluate", error)
        return shared.BAD_INPUT
    except UnreadablePhotoError as error:
        shared.say("evaluate", error)
        return shared.FAILED
    if rerun.n_test:
        facts = {"run": args.run_folder.resolve().name, "command": "evaluate", "at": now()}
        rerun.content["test_reads"] = note_reading(store, manifest, facts) + 1
    if args.out:
        write_atomic(args.out / PAIRS_FILE, json.dumps(rerun.pairs, ensure_ascii=False, indent=1).encode())
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rerun.rows)
        write_atomic(args.out / "predictions.jsonl", lines.encode())
        write_atomic(
            args.out / "evaluation.json", json.dumps(rerun.content, ensure_ascii=False, indent=1).encode()
        )
    shared.answer(rerun.content)
    return 0


def _costs(path: Path) -> dict[str, dict[str, float]]:
    """The cost matrix in a JSON file; BadInputError where it is none."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadInputError(f"{path} is not JSON: {error}") from error
    rows = list(content.values()) if isinstance(content, dict) else [None]
    costs = [cost for row in rows if isinstance(row, dict) for cost in row.values()]
    if not all(isinstance(row, dict) for row in rows) or not all(
        isinstance(cost, int | float) and cost >= 0 for cost in costs
    ):
        raise BadInputError(f'{path} must hold costs of 0 or more, as in {{"kitchen": {{"hazardous": 10}}}}')
    return {truth: {answer: float(cost) for answer, cost in row.items()} for truth, row in content.items()}
