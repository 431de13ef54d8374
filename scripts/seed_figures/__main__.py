"""`python -m scripts.seed_figures`: the seed's comparison, and the 2 x 2 that it leaves open.

Everything is trained by a site of its own in OUT, through its queue. Call it again after a break and it goes on:
what stands in OUT/results.json is not trained again, and a run that was under way ends first.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from ml.backbones.weights import backbone_available
from ml.durable import write_atomic
from ml.specs import SpecError
from ml.store import Store

from . import draw, effects, tell
from .bench import Bench, TrainingFailedError, running_site, say
from .effects import Estimate
from .plan import BUNDLED, GRID, PAIR, PAIR_LARGE, PAPERS, Sizes, wanted
from .results import Results, ResultsError, Row

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 1 where a training failed, 2 for bad input."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the site is stopped in good order
    try:
        sizes = Sizes(
            pair=options.size,
            grid=options.grid_size,
            epochs=options.epochs,
            seeds=options.seeds,
            large_pair=options.large_pair,
            pretrained=_pretrained(options.out),
        )
        results = Results(options.out / "results.json")
        if not options.draw_only:
            train(options.out, options.data, sizes, results)
        write(options.docs, sizes, results)
    except (SpecError, ResultsError) as error:
        say(str(error))
        return 2
    except TrainingFailedError as error:
        say(f"{error} Call it again to try once more.")
        return 1
    return 0


def train(out: Path, photos: Path, sizes: Sizes, results: Results) -> None:
    """Do what is not in `results` yet."""
    runs = wanted(sizes)
    for run in runs:
        run.spec()  # a size that cannot be is told before anything starts
    if results.rows and all(results.find(run) for run in runs):
        return
    with running_site(out) as site:
        bench = Bench(site, photos)
        results.describe(bench.about())
        for number, run in enumerate(runs, 1):
            if results.find(run) is None:
                row = bench.train(run)
                results.add(row)
                say(f"{number} of {len(runs)}, {run.name}: test {row['test']['accuracy']:.1%}")


def write(docs: Path, sizes: Sizes, results: Results) -> None:
    """The page, its figures and the rows they are drawn from. ResultsError where no figure has all its trainings."""
    rows = complete(sizes, results)
    if not rows:
        raise ResultsError(f"{results.path} has not all trainings of any figure yet.")
    figures = docs / "figures"
    drawn = {
        figures / f"seed-{figure}-{measure}.svg": draw.curves(
            [row for row in rows if row["figure"] == figure], measure
        )
        for figure in (PAIR, PAIR_LARGE)
        for measure in ("loss", "accuracy")
        if any(row["figure"] == figure for row in rows)
    }
    cells: dict[str, Estimate] = {}
    worth: dict[str, Estimate] = {}
    if grid := [row for row in rows if row["figure"] == GRID]:
        cells, worth = effects.cells(grid), effects.effects(grid)
        drawn[figures / "seed-grid.svg"] = draw.grid(cells)
    draw.draw(drawn)
    results.save(figures / "seed-results.json", rows)
    write_atomic(docs / "seed-figures.md", tell.page(results.data, rows, cells, worth).encode())
    say(f"wrote {docs / 'seed-figures.md'} and {len(drawn)} figures")


def complete(sizes: Sizes, results: Results) -> list[Row]:
    """The rows of each pair that has both, and of the seeds of the 2 x 2 that have all four cells."""
    parts: dict[tuple[str, int], list[Row | None]] = {}
    for run in wanted(sizes):
        parts.setdefault((run.figure, run.seed), []).append(results.find(run))
    return [row for rows in parts.values() if all(rows) for row in rows if row]


def _pretrained(out: Path) -> str:
    """The paper's network where its ImageNet weights are on this machine, else the bundled one."""
    return PAPERS if backbone_available(Store(out / "data"), PAPERS) is None else BUNDLED


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make seed-figures", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared/data/trashnet", help="a folder per class"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "var/seed-figures", help="the site's data and the results"
    )
    parser.add_argument(
        "--docs", type=Path, default=ROOT / "docs", help="where seed-figures.md and figures/ go"
    )
    parser.add_argument("--size", type=int, default=112, help="side in pixels of the pair (default 112)")
    parser.add_argument("--grid-size", type=int, default=64, help="side in pixels of the 2 x 2 (default 64)")
    parser.add_argument("--epochs", type=int, default=10, help="of every training (default 10)")
    parser.add_argument("--seeds", type=int, default=3, help="of each cell of the 2 x 2 (default 3)")
    parser.add_argument(
        "--large-pair", action="store_true", help="the pair at 224 px too: over an hour on two cores"
    )
    parser.add_argument(
        "--draw-only", action="store_true", help="train nothing; draw what OUT/results.json has"
    )
    options = parser.parse_args(arguments)
    if not options.draw_only and not options.data.is_dir():
        parser.error(f"there is no folder {options.data}: give one with a folder per class (DATA=…)")
    if options.seeds < 1:
        parser.error("--seeds must be 1 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
