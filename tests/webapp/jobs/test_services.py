"""The queue's writers, one act at a time; `test_machine.py` mixes them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import (
    job_cancel,
    job_claim,
    job_create,
    job_end_cancelled,
    job_fail,
    job_progress,
    job_renew,
    job_requeue,
    job_retry,
    job_succeed,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(dataset):
    return job_create(kind=JobKind.IMPORT, dataset=dataset, payload={"batch": 1}, created_by=None)


def test_a_new_job_waits_in_the_queue_of_its_kind(job):
    assert (job.state, job.queue) == (JobState.QUEUED, "prep")


def test_a_claim_takes_the_job_and_counts_the_attempt(job):
    claimed = job_claim(job_id=job.pk, owner="host/1/1")
    assert (claimed.state, claimed.attempt, claimed.lease_owner) == (JobState.RUNNING, 1, "host/1/1")
    assert claimed.lease_until > timezone.now()


def test_a_second_claim_gets_nothing(job):
    job_claim(job_id=job.pk, owner="host/1/1")
    assert job_claim(job_id=job.pk, owner="host/2/2") is None
    job.refresh_from_db()
    assert job.lease_owner == "host/1/1"


def test_a_claim_of_a_job_that_does_not_exist_gets_nothing():
    assert job_claim(job_id=987654, owner="host/1/1") is None


def test_an_old_attempt_can_write_nothing_after_the_job_was_taken_over(job):
    old = job_claim(job_id=job.pk, owner="host/1/1")
    job_requeue(job_id=job.pk, attempt=old.attempt, lost=True)
    new = job_claim(job_id=job.pk, owner="host/2/2")
    assert new.attempt == old.attempt + 1
    assert not job_renew(job_id=job.pk, attempt=old.attempt)
    assert not job_progress(job_id=job.pk, attempt=old.attempt, progress=0.9)
    assert not job_succeed(job_id=job.pk, attempt=old.attempt, result={"late": True})
    assert not job_fail(job_id=job.pk, attempt=old.attempt, error="late")
    assert not job_requeue(job_id=job.pk, attempt=old.attempt, lost=True)
    job.refresh_from_db()
    assert (job.state, job.lease_owner, job.result, job.progress) == (JobState.RUNNING, "host/2/2", {}, 0.0)


def test_a_job_that_is_lost_three_times_fails_and_says_why(job, settings):
    settings.JOB_MAX_LOSSES = 3
    for _ in range(3):
        claimed = job_claim(job_id=job.pk, owner="host/1/1")
        job_requeue(job_id=job.pk, attempt=claimed.attempt, lost=True)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "3 times" in job.error


def test_giving_a_job_back_because_the_worker_ends_is_no_loss(job):
    claimed = job_claim(job_id=job.pk, owner="host/1/1")
    job_requeue(job_id=job.pk, attempt=claimed.attempt, lost=False)
    job.refresh_from_db()
    assert (job.state, job.losses) == (JobState.QUEUED, 0)


def test_a_waiting_job_is_cancelled_at_once(job):
    assert job_cancel(job=job)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert job_claim(job_id=job.pk, owner="host/1/1") is None


def test_a_running_job_is_asked_to_stop_and_keeps_running_until_it_does(job):
    claimed = job_claim(job_id=job.pk, owner="host/1/1")
    assert job_cancel(job=job)
    job.refresh_from_db()
    assert (job.state, job.cancel_requested) == (JobState.RUNNING, True)
    assert job_end_cancelled(job_id=job.pk, attempt=claimed.attempt)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_a_cancelled_job_whose_worker_dies_ends_cancelled_instead_of_starting_again(job):
    claimed = job_claim(job_id=job.pk, owner="host/1/1")
    job_cancel(job=job)
    job_requeue(job_id=job.pk, attempt=claimed.attempt, lost=True)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_a_finished_job_can_not_be_cancelled(job):
    claimed = job_claim(job_id=job.pk, owner="host/1/1")
    job_succeed(job_id=job.pk, attempt=claimed.attempt, result={"saved": 1})
    assert not job_cancel(job=job)
    job.refresh_from_db()
    assert (job.state, job.result, job.progress) == (JobState.SUCCEEDED, {"saved": 1}, 1.0)


def test_a_job_waits_until_the_one_before_it_has_succeeded(dataset, job):
    after = job_create(kind=JobKind.TRAIN, dataset=dataset, payload={}, created_by=None, after=job)
    assert job_claim(job_id=after.pk, owner="host/1/1") is None
    first = job_claim(job_id=job.pk, owner="host/1/1")
    assert job_claim(job_id=after.pk, owner="host/1/1") is None
    job_succeed(job_id=job.pk, attempt=first.attempt, result={})
    assert job_claim(job_id=after.pk, owner="host/1/1") is not None


def test_a_job_fails_with_the_one_before_it_and_repeats_its_reason(dataset, job):
    after = job_create(kind=JobKind.TRAIN, dataset=dataset, payload={}, created_by=None, after=job)
    first = job_claim(job_id=job.pk, owner="host/1/1")
    job_fail(job_id=job.pk, attempt=first.attempt, error="The disk is full.")
    after.refresh_from_db()
    assert after.state == JobState.FAILED
    assert "The disk is full." in after.error


def test_a_snapshot_whose_job_is_cancelled_does_not_stay_under_construction(dataset):
    from webapp.snapshots.models import Snapshot, SnapshotState

    job = job_create(kind=JobKind.SNAPSHOT, dataset=dataset, payload={}, created_by=None)
    snapshot = Snapshot.objects.create(dataset=dataset, number=1, job=job)
    job_cancel(job=job)
    snapshot.refresh_from_db()
    assert snapshot.state == SnapshotState.FAILED


def test_a_failed_job_can_be_tried_again(job):
    claimed = job_claim(job_id=job.pk, owner="host/1/1")
    job_fail(job_id=job.pk, attempt=claimed.attempt, error="The disk is full.")
    assert job_retry(job=job)
    job.refresh_from_db()
    assert (job.state, job.error, job.losses) == (JobState.QUEUED, "", 0)
    assert not job_retry(job=job)


def test_progress_stays_between_nothing_and_all(job):
    claimed = job_claim(job_id=job.pk, owner="host/1/1")
    assert job_progress(job_id=job.pk, attempt=claimed.attempt, progress=1.7, message="x" * 900)
    job.refresh_from_db()
    assert (job.progress, len(job.message)) == (1.0, 300)


def test_renewing_moves_the_lease_on(job):
    claimed = job_claim(job_id=job.pk, owner="host/1/1")
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=5))
    assert job_renew(job_id=job.pk, attempt=claimed.attempt)
    job.refresh_from_db()
    assert job.lease_until > timezone.now()


def test_the_database_refuses_a_running_job_without_a_lease(job):
    from django.db import IntegrityError

    with pytest.raises(IntegrityError):
        Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING)
