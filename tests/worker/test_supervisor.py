"""A job's process: its last words become the job's, and it never outlives the job."""

import os
import signal
import threading
import time

import pytest

from tests.support.site import descendants, is_alive, wait_until
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import job_cancel, job_claim, job_create, job_requeue
from worker.context import JobCancelled, JobContext, JobError, JobLost, ProcessDied, WorkerStopping
from worker.identity import own_identity
from worker.lines import GrowingLines
from worker.supervisor import last_sentence, log_tail, supervise

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def context(dataset, settings) -> JobContext:
    settings.JOB_HEARTBEAT_SECONDS = 0.2
    job = job_create(kind=JobKind.TRAIN, dataset=dataset, payload={}, created_by=None)
    return JobContext(job_claim(job_id=job.pk, owner=own_identity()))


def endless(tmp_path) -> list[str]:
    """A command that would work for hours."""
    return ["draw", "--out", str(tmp_path / "drawn"), "--per-class", "100000"]


def when_running(act) -> None:
    """Calls `act(pid)` from a thread once the process has begun."""
    before = set(descendants(os.getpid()))

    def look() -> None:
        pid = wait_until(lambda: next(iter(set(descendants(os.getpid())) - before), None), what="the process")
        time.sleep(0.5)
        act(pid)

    threading.Thread(target=look, daemon=True).start()


def test_a_process_that_ends_well_ends_well(context, tmp_path):
    supervise(context, ["draw", "--help"], console=tmp_path / "console.txt")
    assert "usage" in (tmp_path / "console.txt").read_text()


def test_bad_input_becomes_the_jobs_error_in_the_commands_own_words(context, tmp_path):
    with pytest.raises(JobError, match="nowhere") as error:
        supervise(context, ["stats", str(tmp_path / "nowhere")], console=tmp_path / "console.txt")
    assert not str(error.value).startswith("ml stats:")


def test_a_killed_process_is_told_apart_from_one_that_failed(context, tmp_path):
    when_running(lambda pid: os.kill(pid, signal.SIGKILL))
    with pytest.raises(ProcessDied, match="signal 9"):
        supervise(context, endless(tmp_path), console=tmp_path / "console.txt")


def test_a_cancelled_job_ends_its_process_and_is_told_before(context, tmp_path):
    seen = []
    when_running(lambda pid: (seen.append(pid), job_cancel(job=context.job)))
    with context.lease(), pytest.raises(JobCancelled):
        supervise(
            context,
            endless(tmp_path),
            console=tmp_path / "console.txt",
            before_cancel=lambda: seen.append("told"),
        )
    assert seen[1] == "told"
    assert not is_alive(seen[0])


def test_a_job_that_was_given_to_another_ends_its_process_and_writes_nothing(context, tmp_path):
    seen = []

    def lose(pid: int) -> None:
        seen.append(pid)
        job_requeue(job_id=context.job.pk, attempt=context.attempt, lost=True)

    when_running(lose)
    with context.lease(), pytest.raises(JobLost):
        supervise(context, endless(tmp_path), console=tmp_path / "console.txt")
    assert not is_alive(seen[0])
    assert Job.objects.get(pk=context.job.pk).state == JobState.QUEUED


def test_a_worker_that_is_to_end_takes_its_process_along(context, tmp_path):
    stopping = threading.Event()
    context._is_stopping = stopping.is_set
    seen = []
    when_running(lambda pid: (seen.append(pid), stopping.set()))
    with pytest.raises(WorkerStopping):
        supervise(context, endless(tmp_path), console=tmp_path / "console.txt")
    assert not is_alive(seen[0])


def test_the_worker_knows_that_it_is_to_end_although_the_flag_equals_false(monkeypatch):
    """Celery asks for an orderly end with exit code 0; it went unnoticed once, and a stop took 40 seconds."""
    from celery.worker import state

    from worker.app import is_stopping

    assert not is_stopping()
    monkeypatch.setattr(state, "should_stop", 0)
    assert is_stopping()


def test_the_end_of_a_log_leaves_out_what_a_progress_bar_overwrote(tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes(b"begun\n10%\r50%\r100%\ndone\n")
    assert log_tail(log) == "begun\n100%\ndone"
    assert log_tail(tmp_path / "absent") == ""
    log.write_text("ml train: the photo is broken\n")
    assert last_sentence(log) == "the photo is broken"


def test_growing_lines_are_read_once_each_and_only_when_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = GrowingLines(path)
    assert lines.new() == []
    with path.open("a") as file:
        file.write('{"epoch": 1}\n{"epo')
    assert lines.new() == [{"epoch": 1}]
    with path.open("a") as file:
        file.write('ch": 2}\n')
    assert lines.new() == [{"epoch": 2}]
    path.write_text('{"epoch": 1}\n')
    assert lines.new() == [{"epoch": 1}]
