"""What a trainer writes to its folder reaches the tables, and only new epochs excuse earlier losses."""

import json

import pytest

from tests.webapp.runs.world import make_run, make_snapshot
from webapp.jobs.models import JobState
from webapp.jobs.services import job_claim, job_requeue
from worker.context import JobContext
from worker.handlers.train import RunRelay
from worker.identity import own_identity

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(dataset):
    return make_run(make_snapshot(dataset), state="queued")


def attempt(run, folder) -> RunRelay:
    """A worker takes the run up, and looks at its folder once."""
    relay = RunRelay(JobContext(job_claim(job_id=run.job_id, owner=own_identity())), run, folder)
    relay.poll()
    run.job.refresh_from_db()
    return relay


def write_epoch(folder, number: int) -> None:
    row = {"epoch": number, "epochs": 8, "train_loss": 1.0, "val_loss": 1.0, "lr": 0.1, "seconds": 1.0}
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def lose(run) -> None:
    job_requeue(job_id=run.job_id, attempt=run.job.attempt, lost=True)
    run.job.refresh_from_db()


def test_a_run_that_dies_again_and_again_in_the_same_epoch_is_given_up(run, tmp_path):
    write_epoch(tmp_path, 1)
    for losses in (0, 1, 2):
        attempt(run, tmp_path)
        assert (run.job.state, run.job.losses) == (JobState.RUNNING, losses)
        lose(run)
    assert run.job.state == JobState.FAILED
    assert "lost 3 times" in run.job.error


def test_a_new_epoch_excuses_the_losses_before_it(run, tmp_path):
    write_epoch(tmp_path, 1)
    for _ in range(2):
        attempt(run, tmp_path)
        lose(run)
    relay = attempt(run, tmp_path)
    assert run.job.losses == 2
    write_epoch(tmp_path, 2)
    relay.poll()
    run.job.refresh_from_db()
    assert run.job.losses == 0
    assert list(run.epochs.values_list("epoch", flat=True)) == [1, 2]
