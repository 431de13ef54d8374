"""The linear probe on 100,000 embeddings of 55 classes, and how its cost grows: synthetic embeddings at three sizes.

    python -m tests.bench.bench_probe [--rows 25000 50000 100000] [--width 1280]

Each size runs in a process of its own: strength by cross-validation, then the fit, as the recipe does them, on rows
drawn around a centre per class. Beside it stands scikit-learn's LogisticRegression (lbfgs) at the same strength on
the smallest size: one fit, without any cross-validation.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import report
from tests.bench.report import Row

ROOT = Path(__file__).resolve().parents[2]
CLASSES = 55
# Deviation of each number around its class's centre, whose length is 1: so that the classes overlap, since a probe that
# is right everywhere would stop early.
SPREAD = 0.28


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=[25_000, 50_000, 100_000])
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--one", help="internal: probe or sklearn, in this process")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one, args.rows[0], args.width)))
        return 0
    result = [apart("probe", rows, args.width) for rows in args.rows]
    anchor = apart("sklearn", args.rows[0], args.width)
    return report.finish(table(result, anchor), {"probe": result, "sklearn": anchor}, args.json)


def apart(kind: str, rows: int, width: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.bench_probe", "--one", kind]
    command += ["--rows", str(rows), "--width", str(width)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)
    print(row, file=sys.stderr, flush=True)
    return row


def one(kind: str, rows: int, width: int) -> dict[str, Any]:
    """Seconds, peak memory in MB and accuracy on rows that were not fitted."""
    features, labels = drawn(rows + 2_000, width)
    began = time.perf_counter()
    fit = fit_probe if kind == "probe" else fit_sklearn
    answer = fit(features[:rows], labels[:rows])
    seconds = time.perf_counter() - began
    accuracy = float((answer(features[rows:]) == labels[rows:]).mean())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rows": rows,
        "seconds": round(seconds, 1),
        "peak_mb": round(peak),
        "accuracy": round(accuracy, 4),
    }


def drawn(rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLASSES, width), dtype=np.float32) * np.float32(1 / np.sqrt(width))
    labels = rng.integers(0, CLASSES, rows)
    features = rng.standard_normal((rows, width), dtype=np.float32)
    features *= np.float32(SPREAD)
    features += centres[labels]
    return features, labels


def fit_probe(features: np.ndarray, labels: np.ndarray) -> Any:
    from ml.training.linear_probe import STAGE_ITERATIONS, STAGES
    from ml.training.logistic import Fitter, Problems, probabilities
    from ml.training.probe import Scaling, cross_validate

    scaling = Scaling.of(features)
    features = scaling.apply(features)
    crossed = cross_validate(features, labels, np.arange(len(labels)), np.ones(CLASSES, np.float32), seed=0)
    weights = np.full((1, len(labels)), 1 / len(labels), np.float32)
    fitter = Fitter(Problems(features, labels, weights, np.array([crossed.l2], np.float32), CLASSES))
    fitter.run(STAGES * STAGE_ITERATIONS)
    return lambda rows: probabilities(scaling.apply(rows), fitter.theta[0]).argmax(1)


def fit_sklearn(features: np.ndarray, labels: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression

    from ml.training.probe import STRENGTHS

    deviation, mean = features.std(0), features.mean(0)
    model = LogisticRegression(C=1 / (STRENGTHS[1] * len(labels)), max_iter=100)
    model.fit((features - mean) / deviation, labels)
    return lambda rows: model.predict((rows - mean) / deviation)


def table(result: list[dict[str, Any]], anchor: dict[str, Any]) -> list[Row]:
    found = []
    for row in result:
        large = row["rows"] == max(other["rows"] for other in result)
        found.append(
            Row(
                f"probe on {row['rows']:,} × {CLASSES} classes, strength chosen by cross-validation",
                f"{row['seconds']:.0f} s, {row['peak_mb'] / 1024:.1f} GB",
                aim="≤ 60 s, ≤ 4 GB" if large else "",
                holds=(row["seconds"] <= 60 and row["peak_mb"] <= 4096) if large else None,
            )
        )
    first, last = result[0], result[-1]
    growth = (last["seconds"] / first["seconds"]) / (last["rows"] / first["rows"])
    found.append(
        Row("  growth of the time, as a multiple of the growth of the rows", f"{growth:.2f}", aim="linear: 1")
    )
    beside = f"scikit-learn, one fit: {anchor['seconds']} s"
    found.append(
        Row(
            f"  {first['rows']:,} rows", f"{first['seconds']} s", beside, first["seconds"] / anchor["seconds"]
        )
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
