"""`make bench`: each benchmark in a process of its own, one after the other; their tables become docs/benchmarks.md.

A benchmark that is not run keeps the table it had. Ratios against a named alternative in the same run are what
counts; absolute figures drift with the machine.

Usage: python -m tests.bench [NAME …] [--quick] [-- ARGUMENTS OF THE BENCHMARK]
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"

# Name to its title and the arguments of a whole and of a quick round.
BENCHES: dict[str, tuple[str, list[str], list[str]]] = {
    "accuracy": ("Time to accuracy", [], ["--splits", "0", "--loop-splits"]),
    "training": ("Recipes", [], ["--recipes", "linear_probe", "--seeds", "0"]),
    "probe": ("The probe at 100,000 photos", [], ["--rows", "2500", "5000", "10000"]),
    "loading": ("Decoding and augmenting for training", [], []),
    "images": ("Import and statistics", ["--rounds", "3"], ["--rounds", "1"]),
    "public": ("The public page", [], ["--photos", "50"]),
    "duplicates": ("Looking for near-duplicates", [], ["--photos", "20000"]),
    "guesses": ("Sorting an inbox", [], ["--photos", "5000"]),
    "order": ("The order of an inbox", [], ["--seeds", "2", "--photos", "5000"]),
    "map": ("Drawing a map", [], ["--photos", "2000"]),
    "crawl_ranking": ("Ranking what a crawl found", [], ["--seeds", "1"]),
    "crawl": ("Crawling", [], ["--photos", "200", "--candidates", "500"]),
    "gallery": ("The studio's pages", [], ["--photos", "10000"]),
}
_HEAD = """\
# Benchmarks

Written by `make bench` (`python -m tests.bench NAME` for one of them). Two cores and no graphics card unless a
section says otherwise. Read the ratios, taken within one run: absolute figures drift by tens of per cent.
"""


def run(name: str, *, quick: bool, more: Sequence[str] = ()) -> tuple[int, str]:
    """Exit code and section of one benchmark; what it says on the way goes to the terminal."""
    title, whole, short = BENCHES[name]
    words = short if quick else whole
    begun, load = time.monotonic(), os.getloadavg()[0]
    command = [sys.executable, "-m", f"tests.bench.bench_{name}", *words, *more]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    minutes = (time.monotonic() - begun) / 60
    today = datetime.datetime.now(datetime.UTC).date()
    conditions = f"{today}, {os.cpu_count()} cores, load {load:.1f} at the start, {minutes:.0f} min" + (
        ", quick round" if quick else ""
    )
    section = f"## {title}\n\n`python -m tests.bench {name}`: {conditions}\n\n{done.stdout.strip()}\n"
    print(section, flush=True)
    return done.returncode, section


def sections() -> dict[str, str]:
    """The page as it stands: title to section."""
    if not PAGE.exists():
        return {}
    _, *parts = PAGE.read_text().split("\n## ")
    return {part.partition("\n")[0]: f"## {part.strip()}\n" for part in parts}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all without one")
    parser.add_argument(
        "--quick", action="store_true", help="minutes instead of hours; docs stay as they are"
    )
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    arguments, more = parser.parse_args(words[:cut]), words[cut + 1 :]
    if more and len(arguments.names) != 1:
        parser.error("arguments after -- belong to one benchmark: name just that one")
    unknown = set(arguments.names) - set(BENCHES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(BENCHES)}")
    worst = 0
    for name in arguments.names or BENCHES:
        code, section = run(name, quick=arguments.quick, more=more)
        worst = max(worst, code)
        if code == 0 and not arguments.quick:
            # Written after each, so that an interruption loses one of them and not all.
            found = {**sections(), BENCHES[name][0]: section}
            order = [title for title, _, _ in BENCHES.values() if title in found]
            PAGE.write_text("\n".join([_HEAD, *(found[title] for title in order)]))
    return worst


if __name__ == "__main__":
    sys.exit(main())
