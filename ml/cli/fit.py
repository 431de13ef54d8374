"""`python -m ml fit`: how well the pictures of a crawl fit the class they were looked for, and which are copies.

Reads JSON lines `{"sha256", "phash", "phash_mirror", "role"}`; role: `candidate`, `reference` (accepted photos of the
class, those that a person chose first) or `other` (accepted photos of other classes). Candidates, and the references
and others that the fit is told from, are embedded where they are not. Writes `{"fit": [0 to 1 or null], "group":
[number or null], "copy_of": [line or null], "method", "references", "missing"}`, the lists one entry a line, lines
counted from 0: `group` is shared by candidates that are near-duplicates, `copy_of` names the accepted photo that a
candidate copies, `missing` counts candidates without an embedding, which have no fit.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.cli.embedding import embed_readable
from ml.cli.groups import NearnessProgress, add_options
from ml.cli.shared import BAD_INPUT, answer, die_with_parent, open_store, read_photos, say
from ml.durable import StoreFull, write_atomic

if TYPE_CHECKING:
    from ml.backbones.embed import Matrix
    from ml.backbones.shards import ShardCache
    from ml.evaluation.copies import Places

CANDIDATE, REFERENCE, OTHER = "candidate", "reference", "other"


@dataclass(frozen=True, slots=True)
class Line:
    """A photo of the list."""

    sha256: str
    phash: str
    phash_mirror: str
    role: str

    @classmethod
    def read(cls, text: str) -> Line:
        """ValueError, KeyError or TypeError where it is none."""
        entry: Any = json.loads(text)
        one = cls(*(entry[name] for name in ("sha256", "phash", "phash_mirror", "role")))
        if one.role not in (CANDIDATE, REFERENCE, OTHER):
            raise ValueError(f"a role is candidate, reference or other, not {one.role!r}")
        if len(bytes.fromhex(one.sha256)) != 32:
            raise ValueError("a sha256 has 64 digits")
        for name in (one.phash, one.phash_mirror):
            if len(bytes.fromhex(name)) != 8:
                raise ValueError("a perceptual hash has 16 digits")
        return one


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `fit`."""
    parser = subparsers.add_parser("fit", help="how well the pictures of a crawl fit their class")
    add_options(parser, hashes=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write what was found, print the counts as JSON; 2 and a sentence for bad input.

    Where photos cannot be embedded, it says why, goes by what is embedded already, and by hashes alone.
    """
    die_with_parent(args)
    try:
        lines = read_photos(args.list, Line.read)
    except (ValueError, OSError) as error:
        say("fit", error)
        return BAD_INPUT
    import numpy as np

    from ml.evaluation.copies import Looks, copied, near_groups
    from ml.evaluation.fit import NONE
    from ml.images.hashes import pack_hashes

    progress = NearnessProgress(args.progress, phase="fit", message="Comparing the pictures")
    candidates, references, others = (_places(lines, role) for role in (CANDIDATE, REFERENCE, OTHER))
    embedded = Embedded.of(args, [one.sha256 for one in lines], (candidates, references, others), progress)
    found = embedded.fit((candidates, references, others)) if embedded else {}
    looks = Looks(
        pack_hashes([one.phash for one in lines]),
        pack_hashes([one.phash_mirror for one in lines]),
        embedded.embeddings if embedded else None,
    )
    groups = dict(zip(candidates.tolist(), near_groups(looks, candidates), strict=True))
    accepted = np.sort(np.r_[references, others])
    copies = dict(
        zip(candidates.tolist(), copied(looks, candidates, accepted, progress.comparing), strict=True)
    )
    fits: dict[int, float] = found.get("fit", {})
    rest = {
        "method": found.get("method", NONE),
        "references": found.get("references", 0),
        "missing": found.get("missing", len(candidates)),
    }
    every = range(len(lines))
    columns = {"fit": fits, "group": groups, "copy_of": copies}
    content = {name: [column.get(line) for line in every] for name, column in columns.items()}
    write_atomic(args.out, json.dumps({**content, **rest}).encode())
    copies_found = sum(one is not None for one in copies.values())
    answer({"candidates": len(candidates), **rest, "copies": copies_found})
    return 0


@dataclass(frozen=True)
class Embedded:
    """The kept features of the list's photos, by their places in it."""

    cache: ShardCache
    keys: list[bytes]
    absent: frozenset[bytes]
    width: int

    @classmethod
    def of(
        cls, args: argparse.Namespace, sha256s: list[str], roles: Sequence[Places], progress: NearnessProgress
    ) -> Embedded | None:
        """Embed what the fit needs; None, and a sentence on stderr, without a network to do it. StoreFull."""
        from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
        from ml.backbones.registry import backbone
        from ml.backbones.weights import WeightsCorruptError, WeightsMissingError
        from ml.evaluation.fit import CHOSEN, spread

        store = open_store(args)
        candidates, references, others = roles
        needed = [candidates, references[spread(len(references), first=CHOSEN)], others[spread(len(others))]]
        try:
            cache = feature_cache(store, DEFAULT_BACKBONE, DEFAULT_SIZE)
        except (WeightsMissingError, WeightsCorruptError) as error:
            say("fit", f"by hashes alone: {error}")
            return None
        try:
            wanted = [sha256s[place] for places in needed for place in places]
            embed_readable("fit", store, cache, wanted, progress)
        except StoreFull:
            raise
        except Exception as error:  # a trunk that cannot be made: it has a sentence of its own
            say("fit", f"by what is embedded already: {error}")
        keys = [bytes.fromhex(one) for one in sha256s]
        absent = frozenset(keys[place] for place in cache.missing(keys))
        return cls(cache, keys, absent, backbone(DEFAULT_BACKBONE).embedding)

    def fit(self, roles: Sequence[Places]) -> dict[str, Any]:
        """`fit` by place of a candidate, `method`, `references` that it rests on, `missing` candidates."""
        from ml.evaluation.fit import CHOSEN, fit_candidates, spread

        candidates, references, others = (self._there(places) for places in roles)
        chosen = references[spread(len(references), first=CHOSEN)]
        beside = others[spread(len(others))]
        found = fit_candidates(self._read(candidates), self._read(chosen), self._read(beside))
        values = [] if found.values is None else found.values.round(9).tolist()
        return {
            "fit": dict(zip(candidates.tolist(), values, strict=False)),
            "method": found.method,
            "references": len(chosen),
            "missing": len(roles[0]) - len(candidates),
        }

    def embeddings(self, places: Places) -> Matrix:
        """(m, 1280), zeros where there are none."""
        import numpy as np

        found = np.zeros((len(places), self.width), np.float32)
        there = [row for row, place in enumerate(places) if self.keys[place] not in self.absent]
        found[there] = self.cache.read([self.keys[places[row]] for row in there], slice(0, self.width))
        return found

    def _there(self, places: Places) -> Places:
        return places[[self.keys[place] not in self.absent for place in places]]

    def _read(self, places: Places) -> Matrix:
        return self.cache.read([self.keys[place] for place in places])


def _places(lines: list[Line], role: str) -> Places:
    import numpy as np

    return np.array([place for place, one in enumerate(lines) if one.role == role], np.int64)
