import json

import pytest

from ml.training import progress as module
from ml.training.progress import Progress

PLAN = {"prepare": ("prepare", 1.0), "view": ("features", 20.0), "epoch 1": ("train", 30.0)}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock)
    return clock


def state(path) -> dict:
    return json.loads(path.read_text())


def test_it_promises_a_sensible_end_from_the_first_moment(tmp_path, clock):
    Progress(tmp_path / "p.json", PLAN).stage("prepare", "Getting ready")
    first = state(tmp_path / "p.json")
    assert first["phase"] == "prepare"
    assert first["message"] == "Getting ready"
    assert first["eta_seconds"] == 51
    assert 0 <= first["fraction"] < 0.05


def test_what_is_measured_corrects_what_was_expected(tmp_path, clock):
    progress = Progress(tmp_path / "p.json", PLAN)
    progress.stage("view")
    clock.now += 20
    progress.update(25, 100)  # four times slower than expected
    assert 60 + 60 < state(tmp_path / "p.json")["eta_seconds"] < 60 + 30 * 5


def test_a_skipped_stage_takes_no_time(tmp_path, clock):
    progress = Progress(tmp_path / "p.json", PLAN)
    progress.skip("view")
    progress.stage("prepare")
    assert state(tmp_path / "p.json")["eta_seconds"] < 40


def test_the_fraction_never_goes_back(tmp_path, clock):
    progress = Progress(tmp_path / "p.json", PLAN)
    seen = []
    for stage, pace in (("prepare", 0.1), ("view", 3.0), ("epoch 1", 0.2)):
        progress.stage(stage)
        for done in range(10):
            clock.now += pace
            progress.update(done + 1, 10)
            seen.append(state(tmp_path / "p.json")["fraction"])
    assert seen == sorted(seen)
    assert seen[-1] < 1
    progress.finish("Finished")
    assert state(tmp_path / "p.json")["fraction"] == 1.0


def test_it_is_written_at_most_twice_a_second(tmp_path, clock):
    progress = Progress(tmp_path / "p.json", PLAN)
    progress.stage("view")
    clock.now += 0.1
    progress.update(50, 100)
    assert state(tmp_path / "p.json")["done"] == 0
    clock.now += 0.5
    progress.update(60, 100)
    assert state(tmp_path / "p.json")["done"] == 60


def test_a_run_that_goes_on_begins_where_it_was_left(tmp_path, clock):
    """Progress began at 0 % again after a kill, with an epoch to go."""
    plan = {"prepare": ("prepare", 1.0), **{f"epoch {n}": ("train", 30.0) for n in range(1, 9)}}
    progress = Progress(tmp_path / "p.json", plan)
    progress.stage("prepare")
    for done in range(1, 7):
        progress.done_before(f"epoch {done}")
    clock.now += 1
    progress.stage("epoch 7")
    now = state(tmp_path / "p.json")
    assert 0.70 < now["fraction"] < 0.80
    assert 50 < now["eta_seconds"] < 70
