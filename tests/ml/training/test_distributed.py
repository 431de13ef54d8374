"""Two processes with gloo on processors, started by torchrun, against one process."""

import json
import subprocess
import sys

import pytest
import torch

from ml.training.distributed import check_share
from ml.training.errors import TrainingProblemError
from ml.training.team import Team, team
from tests.ml.training.test_resume import arguments
from tests.ml.training.tiny import Plain, spec_with, train
from tests.ml.worlds import lines, options, read

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]


def together(*words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Two processes of the program `words`."""
    done = subprocess.run([*TORCHRUN, *map(str, words)], **options(), capture_output=True, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def tiny(out, *settings: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return together("tests.ml.training.tiny", out, *settings, check=check)


def losses(run) -> list[float]:
    return [row["loss"] for row in lines(run / "steps.jsonl")]


def test_without_torchrun_a_process_is_a_team_of_one():
    assert team({"RANK": "1", "WORLD_SIZE": "2"}) == Team(0, 1, 0)  # of some other launcher
    given = {"TORCHELASTIC_RUN_ID": "x", "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}
    assert team(given) == Team(3, 4, 1)
    assert not team(given).leads


def test_a_batch_that_is_too_small_to_be_shared_is_refused():
    check_share(Team(0, 4), 8)
    check_share(Team(), 1)
    with pytest.raises(TrainingProblemError, match="a batch of 7 photos is too small for 4 processes"):
        check_share(Team(0, 4), 7)


def test_two_processes_come_to_the_weights_of_one(tmp_path):
    # A batch of 9 makes shares of 5 and 4: each photo must count the same all the same.
    settings = ("batch=9", "class_weights=balanced")
    spec = spec_with(**dict(text.split("=") for text in settings))
    one = train(tmp_path / "one", spec, network_of=Plain)
    tiny(tmp_path / "two", *settings)
    two = torch.load(tmp_path / "two" / "weights.pt", weights_only=True)
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-4)
    rows = [lines(tmp_path / run / "metrics.jsonl") for run in ("one", "two")]
    assert [row["epoch"] for row in rows[1]] == [1, 2, 3, 4]  # one of them wrote
    for single, shared in zip(*rows, strict=True):
        assert shared["train_loss"] == pytest.approx(single["train_loss"], abs=1e-4)
        assert shared["val_loss"] == pytest.approx(single["val_loss"], abs=1e-4)


@pytest.mark.full
def test_a_team_that_is_killed_goes_on_to_the_same_weights(tmp_path):
    tiny(tmp_path / "straight", "ema=0.9", "mixup=0.4")
    killed = tiny(tmp_path / "killed", "ema=0.9", "mixup=0.4", "kill_at=3", check=False)
    assert killed.returncode != 0
    assert len(lines(tmp_path / "killed" / "metrics.jsonl")) == 2
    tiny(tmp_path / "killed", "ema=0.9", "mixup=0.4")
    straight, resumed = (
        torch.load(tmp_path / run / "weights.pt", weights_only=True) for run in ("straight", "killed")
    )
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


@pytest.mark.full
def test_the_command_trains_with_two_processes_and_answers_once(tail_world, tmp_path):
    out = tmp_path / "run"
    done = together("ml", *arguments(tail_world, out))
    assert json.loads(done.stdout)["state"] == read(out / "run.json")["state"] == "succeeded"
    assert [row["epoch"] for row in lines(out / "metrics.jsonl")] == [1, 2, 3]
    # Batch statistics are those of shares of four, so that the losses are near each other and not equal.
    first, alone = (lines(run / "metrics.jsonl")[0]["train_loss"] for run in (out, tail_world.run))
    assert first == pytest.approx(alone, rel=0.25)
    # What is finished is not trained again, and nobody waits for anybody.
    again = together("ml", *arguments(tail_world, out))
    assert again.stdout == done.stdout
