"""The queue: what runs, why the rest waits, who works, and what has ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_job, add_run, add_snapshot, add_worker
from webapp.jobs.models import JobKind, JobState, WorkerProcess

QUEUE = "jobs:queue"


@pytest.fixture
def page(client_of, viewer):
    return client_of(viewer)


def test_an_empty_queue_says_what_will_stand_here(page):
    assertContains(page.get(reverse(QUEUE)), "Nothing has been queued yet")


def test_a_running_job_shows_progress_time_left_and_message(page, dataset):
    job = add_job(
        dataset,
        JobKind.IMPORT,
        JobState.RUNNING,
        progress=0.62,
        eta_seconds=170,
        message="1,240 of 2,012 photos",
    )
    answer = page.get(reverse(QUEUE))
    assertContains(answer, "62 %")
    assertContains(answer, "about 3 min left")
    assertContains(answer, "1,240 of 2,012 photos")
    assertContains(answer, reverse("jobs:row", args=[job.pk]))


def test_a_job_that_waits_says_why(page, dataset):
    add_worker("prep")
    first, second = add_job(dataset), add_job(dataset)
    add_job(dataset, JobKind.TRAIN)
    answer = page.get(reverse(QUEUE))
    assertContains(answer, "Starts in a moment.")
    assertContains(answer, "1 before it in this queue.")
    assertContains(answer, "No worker takes this queue now.")
    assert first.pk < second.pk


def test_a_job_that_waits_for_a_run_names_it(page, dataset):
    snapshot = add_snapshot(dataset)
    run = add_run(snapshot, 7, JobState.RUNNING)
    add_run(snapshot, 8, job=add_job(dataset, JobKind.TRAIN, after=run.job))
    assertContains(page.get(reverse(QUEUE)), "Waits for Run 7 to finish.")


def test_only_unfinished_jobs_ask_for_themselves_again(page, dataset):
    for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED):
        add_job(dataset, state=state)
    assertNotContains(page.get(reverse(QUEUE)), "every 3s")
    job = add_job(dataset, state=JobState.RUNNING)
    assertContains(page.get(reverse(QUEUE)), "every 3s", count=1)
    assertContains(page.get(reverse("jobs:row", args=[job.pk])), "every 3s")


def test_the_state_in_the_address_chooses_the_rows(page, dataset):
    add_job(dataset, state=JobState.FAILED, error="The disk is full.")
    add_job(dataset, state=JobState.SUCCEEDED, message="35 of 36", result={"verdicts": {"saved": 36}})
    failed = page.get(reverse(QUEUE), {"state": "failed"})
    assertContains(failed, "The disk is full.")
    assertNotContains(failed, "Saved 36")
    assertContains(page.get(reverse(QUEUE), {"state": "running"}), "No job is in this state")
    assertContains(page.get(reverse(QUEUE), {"state": "nonsense"}), "Saved 36")


def test_older_jobs_follow_by_their_number_and_none_is_shown_twice(page, dataset):
    jobs = [add_job(dataset, state=JobState.SUCCEEDED) for _job in range(70)]
    seen, address = [], reverse(QUEUE)
    for _page in range(3):
        answer = page.get(address)
        seen += [row.job.pk for row in answer.context["rows"]]
        address = f"{reverse(QUEUE)}?before={answer.context['page'].next_before}"
    assert seen == [job.pk for job in reversed(jobs)]


@pytest.mark.parametrize("before", ["x", "-1", "1e9", "٣"])
def test_a_mistyped_place_shows_the_newest(page, dataset, before):
    add_job(dataset, state=JobState.SUCCEEDED, result={"verdicts": {"saved": 36}})
    assertContains(page.get(reverse(QUEUE), {"before": before}), "Saved 36")


def test_living_workers_stand_there_with_what_they_do_and_dead_ones_do_not(page, dataset):
    add_worker("train")
    add_worker("prep", "laptop/4243/1")
    add_worker("prep", "gone/1/1")
    WorkerProcess.objects.filter(name="gone/1/1").update(seen_at=timezone.now() - timedelta(hours=1))
    add_run(add_snapshot(dataset), 3, JobState.RUNNING)
    answer = page.get(reverse(QUEUE))
    assertContains(answer, "process 4242")
    assertContains(answer, "free · laptop")
    assertNotContains(answer, "gone")
    assert [[row.title for row in worker.jobs] for worker in answer.context["workers"]] == [["Run 3"], []]


def test_without_a_worker_it_says_that_nothing_will_start(page):
    assertContains(page.get(reverse(QUEUE)), "No worker is alive")


def test_many_jobs_take_as_many_queries_as_few(page, dataset, django_assert_num_queries):
    snapshot = add_snapshot(dataset)
    before = add_run(snapshot, 1, JobState.RUNNING).job
    for number in range(2, 30):
        add_run(snapshot, number, job=add_job(dataset, JobKind.TRAIN, after=before))
        add_job(dataset, JobKind.SNAPSHOT, JobState.SUCCEEDED, payload={"snapshot": snapshot.pk})
    add_worker("train")
    # session, person, page, unfinished, state counts, queue order, workers (twice), what they do,
    # snapshot numbers; switcher, queue in the top bar
    with django_assert_num_queries(12):
        page.get(reverse(QUEUE))


def test_the_top_bar_shows_the_running_job_and_asks_again_only_while_there_is_one(page, dataset):
    quiet = page.get(reverse("jobs:indicator"))
    assertNotContains(quiet, "every 4s")
    add_job(dataset, JobKind.IMPORT, JobState.RUNNING, progress=0.5)
    busy = page.get(reverse("jobs:indicator"))
    assertContains(busy, "every 4s")
    assertContains(busy, 'aria-valuenow="50"')


@pytest.mark.parametrize("name", ["jobs:queue", "jobs:indicator"])
def test_nobody_sees_it_without_signing_in(client, db, name):
    assert client.get(reverse(name)).status_code == 302
