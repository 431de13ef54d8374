"""What several commands need: the store, a manifest, a sentence on stderr."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ml import family
from ml.store import Store

if TYPE_CHECKING:
    from ml.manifest import Manifest

BAD_INPUT = 2
FAILED = 1
STOPPED = 143


class BadInputError(Exception):
    """What a person gave cannot be used; the text is the sentence to print. Exit code 2."""


def add_store(parser: argparse.ArgumentParser) -> None:
    """The option --store."""
    parser.add_argument(
        "--store", type=Path, metavar="ROOT",
        help="data folder with photos and cache (default: $SORTYARD_DATA, else var)",
    )  # fmt: skip


def open_store(args: argparse.Namespace) -> Store:
    """The store that --store or the environment names."""
    store = Store.from_environment()
    return store if args.store is None else Store(args.store, store.cache_root)


def add_die_with_parent(parser: argparse.ArgumentParser) -> None:
    """The option --die-with-parent."""
    parser.add_argument(
        "--die-with-parent",
        action="store_true",
        help="end when the process that started this one ends (Linux)",
    )


def die_with_parent(args: argparse.Namespace) -> None:
    """Do so, if asked to; a supervisor names itself in $SORTYARD_PARENT_PID."""
    if args.die_with_parent:
        parent = os.environ.get("SORTYARD_PARENT_PID", "")
        family.die_with_parent(int(parent) if parent.isdigit() else None)


def check_out(out: Path, *inputs: Path) -> None:
    """BadInputError where `out` is a folder or would replace one of the files that are read."""
    if out.is_dir():
        raise BadInputError(f"--out {out} is a folder; name a file")
    for given in inputs:
        if out.exists() and given.exists() and out.samefile(given):
            raise BadInputError(
                f"--out {out} is the file that is read: it would be lost; choose another name"
            )


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file; BadInputError where there is none."""
    from ml.manifest import Manifest, ManifestError

    try:
        return Manifest.read(path)
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}") from error
    except ManifestError as error:
        raise BadInputError(f"{path} is no usable manifest: {error}") from error


def check_finished(folder: Path) -> None:
    """BadInputError where a folder holds no run, or one that has not ended well."""
    try:
        state = json.loads((folder / "run.json").read_bytes())["state"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInputError(f"{folder} holds no run: there is no readable run.json in it") from None
    if state != "succeeded":
        raise BadInputError(
            f"the run in {folder} is not finished ({state}): start “train” again with the same --out, and it goes on"
        )


def say(command: str, sentence: object) -> None:
    """One sentence on stderr."""
    print(f"ml {command}: {sentence}", file=sys.stderr, flush=True)


def answer(content: Any) -> None:
    """One JSON value on stdout, on a line of its own."""
    print(json.dumps(content, ensure_ascii=False), flush=True)


def log_to_stderr() -> None:
    """Show what the package logs on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("ml")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)


Photo = TypeVar("Photo")


def read_photos(path: Path, read: Callable[[str], Photo]) -> list[Photo]:
    """The photos of a list, one a line, blank lines aside. ValueError names the line that `read` refuses."""
    found = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found.append(read(line))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"line {number} of {path} is not a photo: {error}") from error
    return found
