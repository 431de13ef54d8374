"""`python -m ml COMMAND`: Sortyard's engine on the command line, without Django."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

COMMANDS = (
    "stats", "split", "groups", "duplicates", "suspects", "guess", "alike", "order", "project", "fit", "enhance",
    "preview",
    "train", "evaluate", "predict", "explain", "neighbours", "export", "embed", "leak", "study", "weights", "draw",
    "bench",
)  # fmt: skip

_HELP = """\
From a folder of photos, one sub-folder per class, to a classifier:

  python -m ml stats photos/                                      what is in it
  python -m ml train --data photos/ --recipe linear_probe --out runs/first
  python -m ml predict runs/first/bundle new.jpg                  which class is this?

Results are JSON on stdout, progress goes to stderr. Exit codes: 0 done, 1 failed on the way,
2 bad input (one sentence on stderr), 143 stopped by SIGTERM.
"""


_MISTAKES = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)

# Read by OpenMP when torch is loaded. Waiting threads that spin make a training step four times slower as soon as
# anything else runs (2.2 s against 0.58 s on two cores beside a second trainer), and a web server always does.
WAIT_POLICY = ("OMP_WAIT_POLICY", "PASSIVE")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run one command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ml", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    os.environ.setdefault(*WAIT_POLICY)
    for name in COMMANDS:
        importlib.import_module(f"ml.cli.{name}").add_parser(subparsers)
    args = parser.parse_args(arguments)
    try:
        code: int = args.run(args)
    except BrokenPipeError:  # `… | head` has read enough
        sys.stderr.close()
        return 0
    except OSError as error:
        # What a command does not expect of the files it is given: folders that are none, no permission.
        if error.filename is None:
            raise
        sys.stderr.write(f"ml {args.command}: {error.filename} cannot be used: {error.strerror}\n")
        return 2 if isinstance(error, _MISTAKES) else 1
    return code


if __name__ == "__main__":
    sys.exit(main())
