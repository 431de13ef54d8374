"""What every benchmark prints: one Markdown table of figures beside a named alternative, measured in the same run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRASHNET = Path(__file__).resolve().parents[3] / "shared" / "data" / "trashnet"


@dataclass(frozen=True)
class Row:
    """One figure. `ratio` is ours to the alternative's; `aim` as it was set, `holds` None where there is none."""

    what: str
    figure: str
    beside: str = ""
    ratio: float | None = None
    aim: str = ""
    holds: bool | None = None

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        held = {True: "yes", False: "**no**", None: ""}[self.holds]
        return f"| {self.what} | {self.figure} | {self.beside} | {ratio} | {self.aim} | {held} |"


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the option that all benchmarks share."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    return made


def finish(rows: Sequence[Row], result: Any, file: Path | None, notes: Sequence[str] = ()) -> int:
    """Print the table and the notes on stdout, write `result` to `file`; exit code 0."""
    print("| what | figure | beside | ratio | aim | holds |\n|---|---|---|---:|---|---|")
    for row in rows:
        print(row)
    for note in notes:
        print(f"\n{note}")
    if file:
        write_json(file, result)
    return 0


def write_json(file: Path, result: Any) -> None:
    file.write_text(json.dumps({"machine": machine(), "result": result}, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {"processors": os.cpu_count(), "platform": platform.platform(), "load": list(os.getloadavg())}


def photos_missing(folder: Path = TRASHNET) -> bool:
    """Whether the real photos are absent; then one sentence is printed."""
    if folder.is_dir():
        return False
    print(f"needs the TrashNet photos in {folder}", file=sys.stderr)
    return True
