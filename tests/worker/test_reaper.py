import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from webapp.jobs.models import Job, JobKind, JobState, WorkerProcess
from webapp.jobs.services import job_claim, job_create
from worker.identity import identity_of, is_gone, own_identity
from worker.reaper import reap

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(dataset):
    return job_create(kind=JobKind.IMPORT, dataset=dataset, payload={}, created_by=None)


def dead_process() -> str:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    identity = identity_of(process.pid)
    process.kill()
    process.wait()
    return identity


def test_a_job_of_a_dead_process_on_this_host_goes_back_at_once(job):
    job_claim(job_id=job.pk, owner=dead_process())
    assert reap()["requeued"] == 1
    job.refresh_from_db()
    assert (job.state, job.losses) == (JobState.QUEUED, 1)


def test_a_job_of_a_living_process_with_a_good_lease_is_left_alone(job):
    job_claim(job_id=job.pk, owner=own_identity())
    assert reap()["requeued"] == 0


def test_a_job_on_another_host_waits_for_its_lease_to_run_out(job):
    job_claim(job_id=job.pk, owner="another-host/1/1")
    assert reap()["requeued"] == 0
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert reap()["requeued"] == 1


def test_a_pid_that_was_given_to_another_process_counts_as_gone():
    host, pid, _started = own_identity().split("/")
    assert int(pid) == os.getpid()
    assert is_gone(f"{host}/{pid}/1")
    assert not is_gone(own_identity())


def test_dead_workers_are_forgotten_and_living_ones_kept():
    WorkerProcess.objects.create(name=dead_process(), queues="prep")
    WorkerProcess.objects.create(name=own_identity(), queues="train")
    reap()
    assert [worker.name for worker in WorkerProcess.objects.all()] == [own_identity()]
