"""The page of a job, which stays: result, times, error, log, and the way to what it made."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_job, add_run, add_snapshot
from webapp.jobs.models import JobKind, JobState


def url(job, name="detail"):
    return reverse(f"jobs:{name}", args=[job.pk])


def test_a_finished_import_shows_its_result_in_words(client_of, viewer, dataset):
    result = {"verdicts": {"not_an_image": 3, "saved": 2012}, "seconds": 19.4, "folders": ["glass"]}
    job = add_job(dataset, JobKind.IMPORT, JobState.SUCCEEDED, progress=1.0, result=result)
    page = client_of(viewer).get(url(job))
    assertContains(page, "<dd>2,012</dd>")
    assertContains(page, "<dt>Not a photo</dt><dd>3</dd>")
    assertContains(page, "<dd>19 s</dd>")
    assertContains(page, "1 min 15 s")
    assertNotContains(page, "folders")
    assertNotContains(page, "verdicts")


def test_a_failure_says_what_happened_and_where_to_go(client_of, viewer, dataset):
    job = add_job(
        dataset, JobKind.IMPORT, JobState.FAILED, error="The disk is full.", log_tail="writing\nENOSPC"
    )
    page = client_of(viewer).get(url(job))
    assertContains(page, "The disk is full.")
    assertContains(page, reverse("ingest:upload", args=[dataset.slug]))
    assertContains(page, "ENOSPC")


def test_a_log_is_shown_as_text(client_of, viewer, dataset):
    job = add_job(dataset, state=JobState.FAILED, error="x", log_tail="<script>alert(1)</script>")
    assertNotContains(client_of(viewer).get(url(job)), "<script>alert")


def test_it_leads_to_the_run_that_it_made(client_of, viewer, dataset):
    run = add_run(add_snapshot(dataset), 4)
    assertContains(client_of(viewer).get(url(run.job)), reverse("runs:detail", args=[dataset.slug, 4]))


def test_a_snapshot_job_goes_by_its_number(client_of, viewer, dataset):
    snapshot = add_snapshot(dataset, 9)
    snapshot.job.payload = {"snapshot": snapshot.pk}
    snapshot.job.save()
    page = client_of(viewer).get(url(snapshot.job))
    assertContains(page, "Snapshot 9")
    assertContains(page, reverse("snapshots:detail", args=[dataset.slug, 9]))


def test_the_changing_part_asks_again_until_the_job_has_ended(client_of, viewer, dataset):
    job = add_job(dataset, state=JobState.RUNNING, progress=0.2)
    client = client_of(viewer)
    assertContains(client.get(url(job, "live")), "every 2s")
    add_job(dataset)
    job.state, job.lease_owner, job.lease_until = JobState.SUCCEEDED, "", None
    job.save()
    assertNotContains(client.get(url(job, "live")), "every 2s")


def test_a_curator_cancels_a_waiting_job(client_of, curator, dataset):
    job = add_job(dataset)
    page = client_of(curator).post(url(job, "cancel"), follow=True)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assertContains(page, "Cancelled.")


@pytest.mark.parametrize(
    ("back", "there"),
    [("/studio/d/kerbside/crawls/3/", True), ("https://evil.example/", False), ("//evil.example", False)],
)
def test_who_cancels_on_another_page_stays_there_if_it_is_of_this_site(
    client_of, curator, dataset, back, there
):
    job = add_job(dataset)
    answer = client_of(curator).post(url(job, "cancel"), {"back": back})
    assert answer["Location"] == (back if there else url(job))


def test_a_running_job_is_asked_to_stop(client_of, curator, dataset):
    job = add_job(dataset, state=JobState.RUNNING)
    page = client_of(curator).post(url(job, "cancel"), follow=True)
    job.refresh_from_db()
    assert (job.state, job.cancel_requested) == (JobState.RUNNING, True)
    assertContains(page, "Asked to stop.")


def test_a_job_that_has_ended_stays_as_it_is(client_of, curator, dataset):
    job = add_job(dataset, state=JobState.SUCCEEDED)
    page = client_of(curator).post(url(job, "cancel"), follow=True)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assertContains(page, "It had ended already.")


@pytest.mark.parametrize("who", ["viewer", "annotator"])
def test_only_curators_cancel(client_of, request, dataset, who):
    job = add_job(dataset)
    client = client_of(request.getfixturevalue(who))
    assert client.post(url(job, "cancel")).status_code == 403
    assertNotContains(client.get(url(job)), url(job, "cancel"))
    job.refresh_from_db()
    assert job.state == JobState.QUEUED


def test_nothing_is_cancelled_by_a_look(client_of, curator, dataset):
    assert client_of(curator).get(url(add_job(dataset), "cancel")).status_code == 405


def test_a_job_that_never_was_is_not_found(client_of, viewer):
    assert client_of(viewer).get(reverse("jobs:detail", args=[404])).status_code == 404
