"""`python -m ml groups`: near-duplicate groups of stored photos, from their hashes and embeddings.

Reads JSON lines `{"sha256", "label", "phash", "phash_mirror"}` and writes
`{"groups": {sha256: number}, "report": {…}}`, with `--pairs N` also `"pairs": [[sha256, sha256], …]`, the near ones.
The report is also printed.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from ml.cli.shared import (
    BAD_INPUT,
    FAILED,
    add_die_with_parent,
    add_store,
    answer,
    die_with_parent,
    open_store,
    read_photos,
    say,
)
from ml.durable import write_atomic

_FIELDS = ("sha256", "label", "phash", "phash_mirror")
# Embedding takes nearly all the time, comparing the rest.
_EMBEDDING_SHARE = 0.9


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `groups`."""
    parser = subparsers.add_parser("groups", help="near-duplicate groups of stored photos")
    add_options(parser)
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="write the first N near pairs, too")
    parser.set_defaults(run=run)


def add_options(parser: argparse.ArgumentParser, *, hashes: bool = True) -> None:
    """What every command takes that looks at the photos of a list; `hashes`: it can do without embeddings."""
    add_store(parser)
    parser.add_argument("--list", type=Path, required=True, metavar="FILE", help="JSON lines, one a photo")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON: what was found")
    if hashes:
        parser.add_argument("--hashes-only", action="store_true", help="without embeddings: crops are missed")
    parser.add_argument("--progress", type=Path, metavar="FILE", help="keep this progress file up to date")
    add_die_with_parent(parser)


def run(args: argparse.Namespace) -> int:
    """Write the groups, print the report as JSON; 2 and a sentence for bad input, 1 where embedding fails."""
    die_with_parent(args)
    try:
        once: dict[str, dict[str, str]] = {}
        for photo in read_photos(args.list, _read_photo):
            once.setdefault(photo["sha256"], photo)  # the first line of a photo counts
        photos = list(once.values())
    except (ValueError, OSError) as error:
        say("groups", error)
        return BAD_INPUT
    from ml.images.groups import find_groups
    from ml.images.hashes import pack_hashes

    progress = NearnessProgress(args.progress)
    try:
        hashes = pack_hashes([photo["phash"] for photo in photos])
        mirrored = pack_hashes([photo["phash_mirror"] for photo in photos])
    except ValueError as error:
        say("groups", error)
        return BAD_INPUT
    embeddings = None
    if photos and not args.hashes_only:
        from ml.backbones.embed import embed_images

        try:
            embeddings = embed_images(
                open_store(args), [photo["sha256"] for photo in photos], progress.embedding
            )
        except Exception as error:  # weights, trunk, disk: each has a sentence of its own
            say("groups", error)
            return FAILED
    labels = [photo["label"] for photo in photos]
    found = find_groups(hashes, mirrored, embeddings, labels, progress.comparing, max(0, args.pairs))
    names = [photo["sha256"] for photo in photos]
    report = found.report.as_json()
    report["crossing_examples"] = [[names[a], names[b]] for a, b in found.report.examples]
    groups = {name: int(number) for name, number in zip(names, found.ids, strict=True)}
    content: dict[str, Any] = {"groups": groups, "report": report}
    if args.pairs > 0:
        content["pairs"] = [[names[a], names[b]] for a, b in found.pairs.tolist()]
    write_atomic(args.out, json.dumps(content).encode())
    answer(report)
    return 0


def _read_photo(text: str) -> dict[str, str]:
    entry: Any = json.loads(text)
    photo = {field: entry[field] for field in _FIELDS}
    if not all(isinstance(value, str) for value in photo.values()):
        raise ValueError("every field must be text")
    return photo


class NearnessProgress:
    """Writes the progress file at most twice a second; both phases make one fraction of the whole."""

    def __init__(
        self, path: Path | None, *, phase: str = "groups", message: str = "Looking for near-duplicates"
    ) -> None:
        self._path = path
        self._phase, self._message = phase, message
        self._started = time.monotonic()
        self._written = 0.0

    def embedding(self, done: int, total: int) -> None:
        """Photos embedded so far."""
        share = done / total if total else 1.0
        self._write("features", done, total, _EMBEDDING_SHARE * share, "Embedding photos")

    def comparing(self, done: int, total: int) -> None:
        """Rows looked at so far, once they are embedded."""
        share = done / total if total else 1.0
        fraction = _EMBEDDING_SHARE + (1 - _EMBEDDING_SHARE) * share
        self._write(self._phase, done, total, fraction, self._message)

    def _write(self, phase: str, done: int, total: int, fraction: float, message: str) -> None:
        now = time.monotonic()
        if self._path is None or (now - self._written < 0.5 and done < total):
            return
        self._written = now
        spent = now - self._started
        eta = round(spent * (1 - fraction) / fraction, 1) if fraction > 0 else None
        state = {"phase": phase, "done": done, "total": total, "fraction": fraction, "eta_seconds": eta}
        write_atomic(self._path, json.dumps({**state, "message": message}).encode())
