"""`python -m ml order`: in which order stored photos without a label are best looked at.

Reads JSON lines `{"sha256", "label": number or null}`; those without a label are put in order. Writes `{"rows":
[[line, doubt or null, variety], …], "by": "model" | "labels" | "nothing", "labels", "accuracy", "classes"}`, lines
counted from 0; doubt (0 to 1) is that of the bundle's model or, without `--bundle`, of a probe on the labels of the
list. Variety is above 0 and at most 1. The larger of either, the sooner to be looked at. Photos that were not embedded
yet are.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.cli.groups import add_options
from ml.cli.shared import BAD_INPUT, FAILED, answer, die_with_parent, open_store, read_photos, say
from ml.durable import write_atomic

if TYPE_CHECKING:
    from ml.store import Store

# A pick among 100,000 photos takes a tenth of what a photo takes to be embedded (measured on two cores).
_PICK_COST = 0.1 / 100_000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `order`."""
    parser = subparsers.add_parser("order", help="which photos without a label to look at first")
    add_options(parser, hashes=False)
    parser.add_argument(
        "--bundle", type=Path, metavar="FOLDER", help="the model to ask (default: a probe on the labels)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the order, print the counts as JSON; 2 and a sentence for bad input, 1 where asking fails."""
    die_with_parent(args)
    try:
        photos = read_photos(args.list, _photo)
    except (ValueError, OSError) as error:
        say("order", error)
        return BAD_INPUT
    try:
        content = order(open_store(args), photos, args.bundle, args.progress)
    except (
        Exception
    ) as error:  # weights, trunk, bundle, disk, an unreadable photo: each has a sentence of its own
        say("order", error)
        return FAILED
    write_atomic(args.out, json.dumps(content).encode())
    answer({"images": len(photos), **{key: value for key, value in content.items() if key != "rows"}})
    return 0


def _photo(line: str) -> dict[str, Any]:
    one = json.loads(line)
    if len(bytes.fromhex(one["sha256"])) != 32:
        raise ValueError("a sha256 has 64 digits")
    label = one["label"]
    if label is not None and int(label) < 0:
        raise ValueError("a label is a number from 0")
    return {"sha256": one["sha256"], "label": None if label is None else int(label)}


def order(
    store: Store, photos: list[dict[str, Any]], bundle: Path | None, progress: Path | None
) -> dict[str, Any]:
    """What the command writes. Embeds and asks what was not embedded or asked about before."""
    import numpy as np

    from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, Look, feature_cache, fill_cache
    from ml.backbones.pipeline import Photo
    from ml.backbones.registry import backbone
    from ml.backbones.trunk import trunk
    from ml.evaluation.answers import Answers
    from ml.evaluation.order import PICKS, Photos, doubt, probe_doubt, variety

    listed = Photos.of(photos)
    asked = listed.asked
    hashes = [photos[place]["sha256"] for place in asked]
    if not hashes:
        return {"rows": [], "by": "nothing", "labels": 0, "accuracy": None, "classes": 0}
    cache = feature_cache(store, DEFAULT_BACKBONE, DEFAULT_SIZE)
    columns = slice(0, backbone(DEFAULT_BACKBONE).embedding)
    todo = [Photo(photos[place]["sha256"]) for place in cache.missing(listed.keys)]
    answers = Answers(store, bundle) if bundle is not None else None
    picks = min(PICKS, len(asked))
    stages = Stages(progress, {
        "features": len(todo), "answers": len(answers.missing(hashes)) if answers else 0,
        "order": 1 + picks * len(asked) * _PICK_COST,
    })  # fmt: skip
    if todo:
        done = stages.reporter("features", "Embedding photos")
        fill_cache(trunk(store, DEFAULT_BACKBONE), cache, store, todo, Look(DEFAULT_SIZE), done)
    values, by, labels, accuracy, classes = None, "nothing", 0, None, 0
    if answers is not None:
        answers.ask(hashes, stages.reporter("answers", "Asking the model"))
        values, by, classes = doubt(answers.probabilities(hashes)), "model", answers.cache.width
    elif (found := probe_doubt(listed, cache, columns)) is not None:
        values, by, labels = found.values, "labels", found.labels
        accuracy = None if np.isnan(found.accuracy) else round(found.accuracy, 4)
        classes = len(set(listed.labels[listed.known].tolist()))
    spread = variety(listed, cache, columns, stages.reporter("order", "Putting the inbox in order"))
    doubts = [None] * len(asked) if values is None else [round(float(one), 4) for one in values]
    rows = [
        [int(place), one, round(float(far), 6)] for place, one, far in zip(asked, doubts, spread, strict=True)
    ]
    return {"rows": rows, "by": by, "labels": labels, "accuracy": accuracy, "classes": classes}


class Stages:
    """Writes the progress file at most twice a second. `costs`: what each stage takes, in any unit they share."""

    def __init__(self, path: Path | None, costs: dict[str, float]) -> None:
        self._path, self._costs = path, costs
        self._started, self._written = time.monotonic(), 0.0

    def reporter(self, stage: str, message: str) -> Any:
        """`report(done, total)` of one stage; those before it are done."""
        before = sum(list(self._costs.values())[: list(self._costs).index(stage)])
        whole = sum(self._costs.values()) or 1.0

        def report(done: int, total: int) -> None:
            now = time.monotonic()
            if self._path is None or (now - self._written < 0.5 and done < total):
                return
            self._written = now
            fraction = min(1.0, (before + self._costs[stage] * (done / total if total else 1.0)) / whole)
            spent = now - self._started
            eta = round(spent * (1 - fraction) / fraction, 1) if fraction > 0 else None
            state = {"phase": stage, "done": done, "total": total, "fraction": fraction, "eta_seconds": eta}
            write_atomic(self._path, json.dumps({**state, "message": message}).encode())

        return report
