"""SIGKILL in the middle of a run: the run finishes anyway, from where it was."""

import os
import signal

import pytest

from tests.support.photos import class_folders
from tests.support.site import is_alive, wait_until

pytestmark = pytest.mark.faults

TINY = ["--set", "size=96", "--set", "epochs=12", "--set", "views=1"]


@pytest.fixture
def training(site, tmp_path):
    """A run in its second epoch or later; `(site, run id)`."""
    photos = class_folders(tmp_path / "photos", {"glass": 40, "paper": 40})
    site.answer("import_images", "kerbside", str(photos))
    site.answer("train", "kerbside", *TINY)

    def first_epoch() -> bool:
        return site.rows("select count(*) from runs_epochmetric")[0][0] >= 1

    wait_until(first_epoch, seconds=240, what="the first epoch")
    return site


def job(site) -> dict:
    columns = ("state", "attempt", "losses", "error")
    row = site.rows("select state, attempt, losses, error from jobs_job where kind = 'train'")[0]
    return dict(zip(columns, row, strict=True))


def finish(site) -> dict:
    wait_until(
        lambda: job(site)["state"] not in ("queued", "running"), seconds=300, what="the end of the run"
    )
    return job(site)


def assert_whole(site, *, attempts: int) -> None:
    ended = finish(site)
    assert ended["state"] == "succeeded", ended["error"]
    assert ended["attempt"] == attempts
    assert [row[0] for row in site.rows("select epoch from runs_epochmetric order by epoch")] == list(
        range(1, 13)
    )
    assert site.rows("select count(*) from publishing_bundle") == [(1,)]
    assert site.rows("select count(*) from evaluations_evaluation") == [(1,)]


def test_a_killed_trainer_is_started_again_and_the_run_finishes(training):
    site = training
    (trainer,) = site.processes()["trainer"][:1]
    os.killpg(trainer, signal.SIGKILL)
    assert_whole(site, attempts=2)


def test_a_killed_worker_takes_its_trainer_along_and_the_run_finishes(training):
    site = training
    tree = site.processes()
    for pid in tree["worker-train"]:
        os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: not any(is_alive(pid) for pid in tree["trainer"]), seconds=20, what="the trainer's end"
    )
    assert_whole(site, attempts=2)


def test_stopping_everything_in_mid_run_and_starting_again_finishes_the_run(training):
    site = training
    assert site.stop() == 0
    assert job(site)["state"] == "queued"
    site.start()
    assert_whole(site, attempts=2)
    assert job(site)["losses"] == 0


def test_a_wiped_broker_loses_no_job(site, tmp_path):
    """Jobs wait in the table: with every message gone they are rung again."""
    import shutil

    photos = class_folders(tmp_path / "photos", {"glass": 20, "paper": 20})
    site.answer("import_images", "kerbside", str(photos))
    site.stop()
    site.manage("train", "kerbside", "--recipe", "linear_probe")
    shutil.rmtree(site.data / "broker")
    site.start()
    assert finish(site)["state"] == "succeeded"
