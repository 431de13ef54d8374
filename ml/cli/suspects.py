"""`python -m ml suspects`: labels of stored photos that are probably wrong, and photos unlike all others.

Reads JSON lines `{"sha256", "label": number or null, "group": number}`; photos of one group are copies of each other.
Writes `{"suspicion": [0 to 1 or null, one a line], "suspects": [[line, suggested label, fit of the given one], …],
"odd": [[line, score], …]}`, lines counted from 0, the worst first.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ml.cli.groups import NearnessProgress, add_options
from ml.cli.shared import BAD_INPUT, FAILED, answer, die_with_parent, open_store, say
from ml.durable import write_atomic


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `suspects`."""
    parser = subparsers.add_parser(
        "suspects", help="labels that are probably wrong, photos unlike all others"
    )
    add_options(parser, hashes=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write what was found, print the counts as JSON; 2 and a sentence for bad input, 1 where embedding fails."""
    die_with_parent(args)
    try:
        photos = read_list(args.list)
    except (ValueError, OSError) as error:
        say("suspects", error)
        return BAD_INPUT
    import numpy as np

    from ml.backbones.embed import embed_images
    from ml.evaluation.label_check import UNLABELLED, check_labels

    progress = NearnessProgress(args.progress, phase="labels", message="Checking labels")
    labels = np.array([UNLABELLED if one["label"] is None else one["label"] for one in photos], np.int64)
    groups = np.array([one["group"] for one in photos], np.int64)
    try:
        embeddings = embed_images(open_store(args), [one["sha256"] for one in photos], progress.embedding)
    except Exception as error:  # weights, trunk, disk, an unreadable photo: each has a sentence of its own
        say("suspects", error)
        return FAILED
    progress.comparing(0, 1)
    found = check_labels(embeddings, labels, groups)
    suspicion = [None if np.isnan(one) else round(float(one), 3) for one in found.suspicion]
    content = {
        "suspicion": suspicion,
        "suspects": [[one.row, one.suggested, one.score] for one in found.suspects],
        "odd": found.odd,
    }
    write_atomic(args.out, json.dumps(content).encode())
    answer({"images": len(photos), "suspects": len(found.suspects), "odd": len(found.odd)})
    return 0


def read_list(path: Path) -> list[dict[str, Any]]:
    """The photos of the list. ValueError names the bad line."""
    found = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                one = json.loads(line)
                label = one["label"]
                if label is not None and int(label) < 0:
                    raise ValueError("a label is a number from 0")
                found.append({
                    "sha256": str(one["sha256"]), "label": None if label is None else int(label),
                    "group": int(one.get("group", number)),
                })  # fmt: skip
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"line {number} of {path} is not a photo: {error}") from error
    return found
