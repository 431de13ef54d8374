"""`python -m ml guess`: which class the photos without a label look like, in groups for a person to accept.

Reads JSON lines `{"sha256", "label": number or null, "not": [number, …]}`, labelled ones in the order of their
labelling; `not` names classes a person said the photo is not. Only photos whose embeddings are kept take part, so that
nobody waits for embedding. Writes `{"groups": {label: {"total", "rows": [[line, probability], …]}}, "labels",
"asked", "missing", "accuracy"}`, lines counted from 0, the surest first.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from ml.cli.groups import add_options
from ml.cli.shared import BAD_INPUT, FAILED, answer, die_with_parent, open_store, read_photos, say
from ml.durable import write_atomic


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `guess`."""
    parser = subparsers.add_parser("guess", help="what photos without a label look like")
    add_options(parser, hashes=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the groups, print the counts as JSON; 2 and a sentence for bad input, 1 without a backbone."""
    die_with_parent(args)
    try:
        photos = read_photos(args.list, read_photo)
    except (ValueError, OSError) as error:
        say("guess", error)
        return BAD_INPUT
    from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
    from ml.backbones.registry import backbone
    from ml.backbones.weights import WeightsCorruptError, WeightsMissingError
    from ml.evaluation.guesses import guess

    try:
        cache = feature_cache(open_store(args), DEFAULT_BACKBONE, DEFAULT_SIZE)
    except (WeightsMissingError, WeightsCorruptError) as error:
        say("guess", error)
        return FAILED
    columns = slice(0, backbone(DEFAULT_BACKBONE).embedding)
    content = guess(photos, cache, columns)
    write_atomic(args.out, json.dumps(content).encode())
    answer({key: value for key, value in content.items() if key != "groups"})
    return 0


def read_photo(text: str) -> dict[str, Any]:
    """A line of the list. ValueError where a value is none."""
    one = json.loads(text)
    if len(bytes.fromhex(one["sha256"])) != 32:
        raise ValueError("a sha256 has 64 digits")
    label = None if one["label"] is None else int(one["label"])
    return {
        "sha256": one["sha256"],
        "label": label,
        "not": frozenset(int(each) for each in one.get("not", ())),
    }
