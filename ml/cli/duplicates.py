"""`python -m ml duplicates`: near-duplicates among stored photos, in groups for a person to decide about.

Reads JSON lines, the most worthy copy first: `{"sha256", "phash", "phash_mirror", "fresh", "group", "decided"}`;
`group` is the number of the open group that holds the photo (0: none), `decided` those of groups a person has decided
about.
Writes `{"groups": [{"members": [sha256, …], "pairs": [[i, j, cosine or null, bits, mirrored], …]}, …],
"replaced": [number, …], "left": [sha256, …], "used_embeddings", "why_not"}`. The first member of a group is the best.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ml.cli.groups import NearnessProgress, add_options
from ml.cli.shared import (
    BAD_INPUT,
    answer,
    die_with_parent,
    open_store,
    read_photos,
    say,
)
from ml.durable import StoreFull, write_atomic

if TYPE_CHECKING:
    from ml.images.nearness import Nearness


@dataclass(frozen=True, slots=True)
class Line:
    """A photo of the list."""

    sha256: str
    phash: str
    phash_mirror: str
    fresh: bool
    group: int
    decided: frozenset[int]

    @classmethod
    def read(cls, text: str) -> Line:
        """ValueError, KeyError or TypeError where it is none."""
        entry: Any = json.loads(text)
        return cls(
            str(entry["sha256"]), str(entry["phash"]), str(entry["phash_mirror"]),
            bool(entry["fresh"]), int(entry["group"]), frozenset(int(one) for one in entry["decided"]),
        )  # fmt: skip


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `duplicates`."""
    parser = subparsers.add_parser("duplicates", help="near-duplicates to be decided about by a person")
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the groups, print the counts as JSON; 2 and a sentence for bad input."""
    die_with_parent(args)
    try:
        lines = read_photos(args.list, Line.read)
    except (ValueError, OSError) as error:
        say("duplicates", error)
        return BAD_INPUT
    import numpy as np

    from ml.images.duplicates import Known, arrange
    from ml.images.hashes import pack_hashes
    from ml.images.nearness import Nearness

    progress = NearnessProgress(args.progress)
    try:
        hashes = pack_hashes([one.phash for one in lines])
        mirrored = pack_hashes([one.phash_mirror for one in lines])
    except ValueError as error:
        say("duplicates", error)
        return BAD_INPUT
    embeddings, why_not = (None, "") if args.hashes_only else embedded(args, lines, progress)
    nearness = Nearness(hashes, mirrored, embeddings)
    del embeddings  # half a gigabyte of 100,000 photos, of which Nearness keeps a copy
    known = Known(
        np.array([one.fresh for one in lines], np.bool_),
        [one.group for one in lines],
        [one.decided for one in lines],
    )
    found = arrange(nearness, known, progress.comparing)
    names = [one.sha256 for one in lines]
    content = {
        "groups": [_group(nearness, members, names) for members in found.groups],
        "replaced": sorted(found.replaced),
        "left": sorted(names[place] for place in found.left),
        "used_embeddings": nearness.has_embeddings,
        "why_not": why_not,
    }
    write_atomic(args.out, json.dumps(content).encode())
    answer({"images": len(lines), "groups": len(found.groups), "used_embeddings": nearness.has_embeddings})
    return 0


def embedded(args: argparse.Namespace, lines: list[Line], progress: NearnessProgress) -> tuple[Any, str]:
    """Embeddings of all photos in order, or None and why there are none: hashes alone still find most copies."""
    from ml.backbones.embed import embed_images

    if not lines:
        return None, ""
    try:
        return embed_images(open_store(args), [one.sha256 for one in lines], progress.embedding), ""
    except StoreFull:
        raise
    except Exception as error:  # weights, trunk, an unreadable photo: each has a sentence of its own
        say("duplicates", f"by hashes alone: {error}")
        return None, str(error)


def _group(nearness: Nearness, members: list[int], names: list[str]) -> dict[str, Any]:
    import numpy as np

    places = list(combinations(range(len(members)), 2))
    first = np.array([members[a] for a, _ in places], np.int64)
    second = np.array([members[b] for _, b in places], np.int64)
    measured = nearness.between(first, second)
    cosines = [None] * len(places) if measured.cosines is None else measured.cosines.round(4).tolist()
    rows = zip(places, cosines, measured.bits.tolist(), measured.turned.tolist(), strict=True)
    return {
        "members": [names[place] for place in members],
        "pairs": [[a, b, cosine, bits, turned] for (a, b), cosine, bits, turned in rows],
    }
