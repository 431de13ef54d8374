"""The seed's figures: what is trained for them, what is told of them, and that nothing is trained twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from ml.specs import SpecError
from scripts.seed_figures import draw, effects, tell
from scripts.seed_figures.__main__ import complete, write
from scripts.seed_figures.plan import GRID, PAIR, PAIR_LARGE, Sizes, wanted
from scripts.seed_figures.results import Results, ResultsError
from scripts.seed_figures.words import differences
from tests.support.photos import class_folders
from tests.support.site import wait_until

ROOT = Path(__file__).resolve().parents[2]
DATA = {
    "name": "kerbside", "classes": ["glass", "paper"], "snapshot": "ab" * 32, "rule": "grouped",
    "train": 320, "val": 4, "test": 4,
}  # fmt: skip
# Right answers of each cell's first and second seed on four test photos, the last two of one group.
RIGHT = {
    "scratch sgd": ([1, 0, 0, 0], [0, 0, 0, 0]),
    "scratch adam": ([1, 1, 0, 0], [1, 0, 0, 0]),
    "finetune sgd": ([1, 1, 0, 0], [1, 1, 0, 0]),
    "finetune adam": ([1, 1, 1, 1], [1, 1, 1, 1]),
}
GROUPS = [7, 8, 9, 9]


def row_of(run, right) -> dict:
    """A finished training of that plan, with these answers."""
    spec = run.spec().to_json()
    accuracy = sum(right) / len(right)
    epochs = range(1, spec["epochs"] + 1)
    curve = {"train_loss": 1.0, "train_accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.4, "seconds": 1.0}
    return {
        "figure": run.figure, "cell": run.cell, "run": 1, "attempts": 1, "spec": spec, "best_epoch": 1,
        "seconds": 1.0, "device": "cpu", "dtype": "float32", "code_version": "ml-0", "threads": 2,
        "processor": "one", "mean": [0.5] * 3, "std": [0.5] * 3, "val": {"accuracy": 0.5, "n": 4},
        "test": {"accuracy": accuracy, "n": 4, "interval": [0.0, 1.0], "loss": 1.0},
        "epochs": [{"epoch": epoch, **curve} for epoch in epochs],
        "answers": [list(pair) for pair in zip(GROUPS, right, strict=True)],
    }  # fmt: skip


@pytest.fixture
def rows() -> list[dict]:
    sizes = Sizes(seeds=2)
    found = [row_of(run, [1, 0, 1, 0]) for run in wanted(sizes) if run.figure == PAIR]
    grid = [run for run in wanted(sizes) if run.figure == GRID]
    return found + [row_of(run, RIGHT[run.cell][run.seed]) for run in grid]


def page(rows) -> str:
    grid = [row for row in rows if row["figure"] == GRID]
    return tell.page(DATA, rows, effects.cells(grid), effects.effects(grid))


def test_the_pair_has_the_papers_settings_and_comes_first():
    scratch, finetune = (run.spec() for run in wanted(Sizes())[:2])
    assert (scratch.backbone, scratch.optimizer, scratch.lr, scratch.batch) == ("resnet18", "sgd", 1e-3, 128)
    assert (scratch.momentum, scratch.normalisation) == (0.0, "dataset")
    assert (finetune.optimizer, finetune.lr, finetune.head_lr, finetune.batch) == ("adam", 1e-4, 1e-3, 32)
    assert {scratch.size, finetune.size} == {112}
    assert {scratch.epochs, finetune.epochs} == {10}


def test_the_cells_differ_in_start_and_optimiser_alone():
    cells = [run.spec().to_json() for run in wanted(Sizes()) if run.figure == GRID and run.seed == 0]
    assert len(cells) == 4
    found = {what for one, other in combinations(cells, 2) for what, _, _ in differences(one, other)}
    assert found == {
        "start of the network",
        "start of the last layer",
        "optimiser",
        "learning rate of the body",
    }


def test_each_cell_is_trained_once_with_each_seed():
    runs = wanted(Sizes(seeds=3))
    assert len({run.name for run in runs}) == len(runs) == 2 + 4 * 3
    assert [run.figure for run in wanted(Sizes(large_pair=True))][2:4] == [PAIR_LARGE] * 2


def test_a_size_that_cannot_be_is_refused_before_anything_starts():
    done = subprocess.run(
        [sys.executable, "-m", "scripts.seed_figures", "--size", "100"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "size: a multiple of" in done.stderr
    with pytest.raises(SpecError):
        wanted(Sizes(epochs=0))[0].spec()


def test_what_was_trained_is_not_trained_again_and_another_size_is(rows, tmp_path):
    results = Results(tmp_path / "results.json")
    results.describe(DATA)
    for row in rows:
        results.add(row)
    again = Results(results.path)
    assert all(again.find(run) for run in wanted(Sizes(seeds=2)))
    assert not any(again.find(run) for run in wanted(Sizes(pair=96, grid=96, seeds=2)))
    del again.rows[0]["spec"]["l2"]  # as if that setting had come later
    assert again.find(wanted(Sizes())[0])


def test_results_of_other_photos_and_damaged_ones_are_refused_in_a_sentence(rows, tmp_path):
    results = Results(tmp_path / "results.json")
    results.describe(DATA)
    results.add(rows[0])
    with pytest.raises(ResultsError, match="another data set or snapshot"):
        results.describe({**DATA, "snapshot": "cd" * 32})
    results.path.write_text(results.path.read_text()[:-3])
    with pytest.raises(ResultsError, match="delete it to begin anew"):
        Results(results.path)


def test_only_whole_figures_are_drawn(rows, tmp_path):
    results = Results(tmp_path / "results.json")
    results.rows = rows[:5]  # the pair, and three cells of the first seed
    assert complete(Sizes(seeds=2), results) == rows[:2]
    results.rows = rows[:7]
    assert complete(Sizes(seeds=2), results) == rows[:6]


def test_means_deviations_and_effects_are_those_worked_out_by_hand(rows):
    grid = [row for row in rows if row["figure"] == GRID]
    cells, worth = effects.cells(grid), effects.effects(grid)
    assert cells["scratch sgd"].seeds == (0.25, 0.0)
    assert cells["scratch sgd"].mean == 0.125
    assert cells["scratch sgd"].deviation == pytest.approx(0.25 / np.sqrt(2))
    # (0.5 + 1) / 2 - (0.25 + 0.5) / 2, and (0.5 + 1) / 2 - (0 + 0.25) / 2
    assert worth["start"].seeds == (0.375, 0.625)
    assert worth["optimizer"].seeds == (0.375, 0.375)
    # (1 - 0.5) - (0.5 - 0.25), and (1 - 0.5) - (0.25 - 0)
    assert worth["interaction"].seeds == (0.25, 0.25)
    # 0.375 - 0.375, and 0.625 - 0.375
    assert worth["larger"].seeds == (0.0, 0.25)
    low, high = cells["finetune adam"].interval
    assert (low, high) == (1.0, 1.0)
    # Three groups: the photos of one are drawn together, so the extremes are whole groups.
    assert cells["finetune sgd"].interval == (0.0, 1.0)


def test_an_effect_is_shown_only_where_interval_and_every_seed_agree():
    assert effects.Estimate((0.1, 0.2), (0.05, 0.3)).is_shown
    assert effects.Estimate((-0.1, -0.2), (-0.3, -0.05)).is_shown
    assert not effects.Estimate((0.1, 0.2), (-0.05, 0.3)).is_shown
    assert not effects.Estimate((-0.1, 0.4), (0.05, 0.3)).is_shown


def test_the_caption_names_all_that_differs_and_gives_no_single_cause(rows):
    text = " ".join(page(rows).split())
    one, other = (row["spec"] for row in rows[:2])
    named = [what for what, _, _ in differences(one, other)]
    settings = {name for name in one if one[name] != other[name]} - {"recipe"}
    assert (
        len(named) == len(settings) + 2
    )  # the recipe is two things: the start of the network and of the last layer
    assert all(f"- {what}: " in text for what in named)
    assert "- optimiser steps, by the batch: 100; 20" in text
    assert f"{len(named) + 1} things differ" in text
    assert "The pretrained run is another network" in text
    assert "because of" not in text


def test_the_page_tells_what_is_not_shown_as_not_shown(rows):
    assert "no effect on test accuracy is shown" not in page(rows)
    for row in rows:
        row["answers"] = [[group, 1] for group in GROUPS]
    text = page(rows)
    assert text.count("no effect on test accuracy is shown") == 2
    assert "is not shown" in text


def test_figures_are_drawn_alike_each_time_and_words_over_each_other_are_refused(rows, tmp_path):
    results = Results(tmp_path / "results.json")
    results.describe(DATA)
    results.rows = rows
    write(tmp_path / "docs", Sizes(seeds=2), results)
    drawn = {path.name for path in (tmp_path / "docs" / "figures").glob("*.svg")}
    assert drawn == {"seed-pair-loss.svg", "seed-pair-accuracy.svg", "seed-grid.svg"}
    told = (tmp_path / "docs" / "seed-figures.md").read_text()
    assert all(f"figures/{name}" in told for name in drawn)
    before = {name: (tmp_path / "docs" / "figures" / name).read_bytes() for name in drawn}
    write(tmp_path / "docs", Sizes(seeds=2), results)
    assert before == {name: (tmp_path / "docs" / "figures" / name).read_bytes() for name in drawn}
    crowded = draw.grid(effects.cells([row for row in rows if row["figure"] == GRID]))
    crowded["layout"]["annotations"][0]["y"] = crowded["layout"]["annotations"][1]["y"]
    with pytest.raises(draw.FigureError, match="lies over"):
        draw.draw({tmp_path / "crowded.svg": crowded})


@pytest.mark.full
def test_stopped_and_called_again_it_goes_on_and_ends_with_the_page(tmp_path):
    photos = class_folders(tmp_path / "photos", {"glass": 30, "paper": 30})
    words = ["--data", photos, "--out", tmp_path / "out", "--docs", tmp_path / "docs"]
    sizes = ["--size", "96", "--epochs", "1", "--seeds", "1"]
    command = [sys.executable, "-m", "scripts.seed_figures", *map(str, words), *sizes]
    results = tmp_path / "out" / "results.json"

    first = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(results.exists, seconds=600, what="the first training")
    first.send_signal(signal.SIGTERM)
    _, told = first.communicate(timeout=120)
    assert first.returncode == 143, told

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    rows = json.loads(results.read_text())["rows"]
    assert sorted(row["run"] for row in rows) == [1, 2, 3, 4, 5, 6]
    assert {len(row["answers"]) for row in rows} == {6}
    assert (tmp_path / "docs" / "seed-figures.md").exists()

    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0
    assert "importing" not in again.stderr
