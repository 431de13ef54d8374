"""`make bench`: each benchmark in a process of its own, one after the other, and what they printed in bench.json.

Ratios against a named alternative in the same run are what counts; absolute figures drift with the machine.

Usage: python -m tests.bench [gallery images public training] [--quick]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "var" / "bench.json"

# Name to the arguments of a whole and of a quick round.
BENCHES: dict[str, tuple[list[str], list[str]]] = {
    "gallery": ([], ["--photos", "10000"]),
    "images": (["--rounds", "3"], ["--rounds", "1"]),
    "public": ([], ["--photos", "50"]),
    "training": ([], ["--recipes", "linear_probe", "--seeds", "0"]),
}


def run(name: str, *, quick: bool) -> dict[str, Any]:
    """Output of one benchmark; its tables go to the terminal as they come."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.bench_{name}", *BENCHES[name][quick]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(f"\n== {name} ==\n{done.stdout}", flush=True)
    return {
        "exit_code": done.returncode,
        "seconds": round(time.monotonic() - begun, 1),
        "output": done.stdout,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all without one")
    parser.add_argument("--quick", action="store_true", help="minutes instead of an hour")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(BENCHES)}")
    results = {name: run(name, quick=arguments.quick) for name in arguments.names or BENCHES}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(results, indent=1))
    print(f"Written to {OUT}")
    return max(result["exit_code"] for result in results.values())


if __name__ == "__main__":
    sys.exit(main())
