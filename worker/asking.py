"""Asks `python -m ml COMMAND` about the stored photos of a list, and reads the answer it writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.context import JobContext
from worker.supervisor import NICE, supervise


def ask(
    context: JobContext,
    command: str,
    lines: Iterable[Mapping[str, Any]],
    *,
    folder: str,
    out: str,
    poll: Callable[[Path], Callable[[], None]],
    options: Sequence[str] = (),
    nice: int = NICE,
) -> dict[str, Any]:
    """The content of `out`, a file in the run folder `folder`; what the last look left there is replaced.

    `lines` are written as JSON, one a line; `poll`, given the progress file, answers what `supervise` is to call.
    """
    home = context.store.run_dir(folder)
    home.mkdir(parents=True, exist_ok=True)
    listing, progress, console = (home / name for name in ("photos.jsonl", "progress.json", "console.txt"))
    for old in (progress, console):
        old.unlink(missing_ok=True)
    with listing.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in lines)
    supervise(
        context,
        [
            command, "--store", str(context.store.root), "--list", str(listing), "--out", str(home / out),
            "--progress", str(progress), *options, "--die-with-parent",
        ],
        console=console,
        on_poll=poll(progress),
        nice=nice,
    )  # fmt: skip
    content: dict[str, Any] = json.loads((home / out).read_text())
    return content
