"""Whatever order claims, deaths, cancels and late answers come in: never two owners, never a lost job."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from webapp.datasets.models import Dataset
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import (
    job_cancel,
    job_claim,
    job_create,
    job_end_cancelled,
    job_fail,
    job_renew,
    job_requeue,
    job_succeed,
)
from worker.reaper import reap

FINISHED = {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


class JobMachine(RuleBasedStateMachine):
    jobs = Bundle("jobs")
    attempts = Bundle("attempts")

    def __init__(self):
        super().__init__()
        self.dataset, _ = Dataset.objects.get_or_create(slug="machine", name="machine")
        self.ids: set[int] = set()
        self.ended: dict[int, str] = {}
        self.workers = 0

    @rule(target=jobs)
    def create(self):
        job = job_create(kind=JobKind.IMPORT, dataset=self.dataset, payload={}, created_by=None)
        self.ids.add(job.pk)
        return job.pk

    @rule(target=attempts, job_id=jobs)
    def claim(self, job_id):
        self.workers += 1
        before = Job.objects.get(pk=job_id)
        claimed = job_claim(job_id=job_id, owner=f"elsewhere/{self.workers}/1")
        assert (claimed is not None) == (before.state == JobState.QUEUED)
        return multiple() if claimed is None else (job_id, claimed.attempt)

    @rule(attempt=attempts, how=st.sampled_from(["succeed", "fail", "cancelled", "renew", "requeue"]))
    def write_as_owner_or_too_late(self, attempt, how):
        job_id, number = attempt
        job = Job.objects.get(pk=job_id)
        owns = job.state == JobState.RUNNING and job.attempt == number
        write = {
            "succeed": lambda: job_succeed(job_id=job_id, attempt=number, result={}),
            "fail": lambda: job_fail(job_id=job_id, attempt=number, error="no"),
            "cancelled": lambda: job_end_cancelled(job_id=job_id, attempt=number),
            "renew": lambda: job_renew(job_id=job_id, attempt=number),
            "requeue": lambda: job_requeue(job_id=job_id, attempt=number, lost=True),
        }[how]
        assert write() == owns

    @rule(job_id=jobs)
    def cancel(self, job_id):
        job_cancel(job=Job.objects.get(pk=job_id))

    @rule(job_id=jobs)
    def lease_runs_out_and_the_reaper_comes(self, job_id):
        Job.objects.filter(pk=job_id, state=JobState.RUNNING).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        reap()
        assert Job.objects.get(pk=job_id).state != JobState.RUNNING

    @invariant()
    def no_job_is_lost_and_none_comes_back_from_its_end(self):
        rows = {job.pk: job for job in Job.objects.filter(pk__in=self.ids)}
        assert set(rows) == self.ids
        for pk, state in self.ended.items():
            assert rows[pk].state == state
        for job in rows.values():
            assert (job.state == JobState.RUNNING) == bool(job.lease_owner)
            assert job.state in FINISHED or job.finished_at is None
            if job.state in FINISHED:
                self.ended[job.pk] = job.state


@pytest.mark.django_db
def test_the_job_machine_never_has_two_owners_and_never_loses_a_job():
    run_state_machine_as_test(
        JobMachine,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
