"""`python -m ml suspects`: labels of stored photos that are probably wrong, and photos unlike all others.

Reads JSON lines `{"sha256", "label": number or null, "group": number}`; photos of one group are copies of each other.
Writes `{"suspicion": [0 to 1 or null, one a line], "suspects": [[line, suggested label, fit of the given one], …],
"odd": [[line, score], …]}`, lines counted from 0, the worst first.
"""

from __future__ import annotations

import argparse
import itertools
import json
from typing import Any

from ml.cli.groups import NearnessProgress, add_options
from ml.cli.shared import BAD_INPUT, FAILED, answer, die_with_parent, open_store, read_photos, say
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
        photos = read_photos(args.list, read_photo)
    except (ValueError, OSError) as error:
        say("suspects", error)
        return BAD_INPUT
    import numpy as np

    from ml.backbones.embed import embed_images
    from ml.evaluation.label_check import UNLABELLED, check_labels

    progress = NearnessProgress(args.progress, phase="labels", message="Checking labels")
    labels = np.array([UNLABELLED if one["label"] is None else one["label"] for one in photos], np.int64)
    alone = itertools.count(-1, -1)  # a photo that names no group is no copy of any other
    groups = np.array([next(alone) if (own := one["group"]) is None else own for one in photos], np.int64)
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


def read_photo(text: str) -> dict[str, Any]:
    """A line of the list; `group` is None where it names none. ValueError where a value is none."""
    one = json.loads(text)
    label = None if one["label"] is None else int(one["label"])
    if label is not None and label < 0:
        raise ValueError("a label is a number from 0")
    group = int(one["group"]) if "group" in one else None
    return {"sha256": str(one["sha256"]), "label": label, "group": group}
