"""Sources: what each is, who turns them on after which question, and what a check of one says."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from tests.support.rows import add_job
from webapp.crawls.models import SourceDay, SourceState
from webapp.crawls.sources import next_day, source
from webapp.jobs.models import Job, JobKind, JobState

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def url(dataset, name="sources", *more) -> str:
    return reverse(f"crawls:{name}", args=[dataset.slug, *more])


def checked(dataset, key="openverse", **fields) -> Job:
    job = add_job(dataset, JobKind.CRAWL_CHECK, **fields)
    SourceState.objects.create(provider=key, is_on=True, check_job=job)
    return job


def test_each_source_stands_there_with_its_host_quota_and_what_it_lacks(client_of, viewer, dataset, settings):
    settings.CRAWL_CONTACT = ""
    from datetime import timedelta

    SourceDay.objects.create(provider="openverse", day=next_day().date() - timedelta(days=1), requests=12)
    page = client_of(viewer).get(url(dataset))
    for text in ("Openverse", "Wikimedia Commons", "Baidu Images", "Bing Images", "List of addresses",
                 "api.openverse.org", "12 of 200 requests", "SORTYARD_CRAWL_CONTACT"):  # fmt: skip
        assertContains(page, text)
    for act in ("Turn on", "Turn off", "Check this source"):
        assertNotContains(page, act)


def test_the_proxy_is_named_without_its_password(client_of, admin, dataset, settings):
    settings.CRAWL_PROXY = "http://user:hunter2@proxy.example:3128"
    page = client_of(admin).get(url(dataset))
    assertContains(page, "proxy.example:3128")
    assertNotContains(page, "hunter2")


def test_only_an_admin_turns_a_source_on_or_off(client_of, curator, admin, dataset):
    there = url(dataset, "turn", "openverse")
    assert client_of(curator).post(there).status_code == 403
    assertRedirects(client_of(admin).post(there), url(dataset))
    assert not source("openverse").is_on
    client_of(admin).post(there, {"on": "1"})
    assert source("openverse").is_on


def test_a_source_without_licences_is_turned_on_only_by_who_says_so(client_of, admin, dataset):
    client, there = client_of(admin), url(dataset, "turn", "baidu")
    page = client.post(there, {"on": "1"})
    assertContains(page, "no licence is stated with it", status_code=422)
    assertContains(page, "Tick the box", status_code=422)
    assert not source("baidu").is_on
    client.post(there, {"on": "1", "sure": "yes"})
    assert source("baidu").is_on
    assert SourceState.objects.get(provider="baidu").turned_by == admin


def test_the_question_is_asked_in_a_dialog_and_without_scripts_on_a_page(client_of, admin, dataset):
    client = client_of(admin)
    page = client.get(url(dataset))
    assertContains(page, 'id="consent-baidu"')
    assertContains(page, f'href="{url(dataset, "turn", "baidu")}"')
    assertContains(
        client.get(url(dataset, "turn", "baidu")), 'type="checkbox" name="sure" value="yes" required'
    )


def test_a_source_is_checked_with_one_request_and_the_page_waits_for_the_answer(client_of, curator, dataset):
    client, there = client_of(curator), url(dataset, "check", "openverse")
    page = client.post(there, {"words": "  bottle "}, headers=HTMX)
    job = Job.objects.get(kind=JobKind.CRAWL_CHECK)
    assert job.payload == {"provider": "openverse", "words": "bottle"}
    assertContains(page, "The check waits in the queue.")
    assertContains(page, "every 1s")
    result = {"words": "bottle", "candidates": 10, "total": 10_234, "licensed": 9, "first": "A bottle"}
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, result=result)
    page = client.get(there, headers=HTMX)
    assertContains(page, "Asked for “bottle”: 10 of 10,234 results, 9 with a licence.")
    assertNotContains(page, "every 1s")


def test_a_source_that_does_not_count_its_results_is_told_without_a_total(client_of, curator, dataset):
    result = {"words": "<b>", "candidates": 10, "total": None, "licensed": 0, "first": ""}
    checked(dataset, state=JobState.SUCCEEDED, result=result)
    page = client_of(curator).get(url(dataset, "check", "openverse"), headers=HTMX)
    assertContains(page, "Asked for “&lt;b&gt;”: 10 results, 0 with a licence.")


def test_a_source_that_works_but_finds_nothing_is_warned_of_and_not_called_broken(
    client_of, curator, dataset
):
    result = {"words": "glass" * 30, "candidates": 0, "total": 0, "licensed": 0, "first": None}
    checked(dataset, state=JobState.SUCCEEDED, result=result)
    page = client_of(curator).get(url(dataset, "check", "openverse"), headers=HTMX)
    assertContains(page, f"It answers, but found nothing for “{'glass' * 30}”.")
    assertContains(page, "answerline warn")
    assertNotContains(page, "answerline bad")


def test_words_of_a_check_that_are_too_long_are_refused(client_of, curator, dataset):
    page = client_of(curator).post(url(dataset, "check", "openverse"), {"words": "glass" * 600}, headers=HTMX)
    assertContains(page, "A search has at most 200 characters; this one has 3,000")
    assertNotContains(page, "maxlength")
    assert not Job.objects.exists()


def test_what_went_wrong_with_a_check_stands_at_the_source(client_of, viewer, dataset):
    checked(
        dataset,
        state=JobState.FAILED,
        error="Openverse is busy and asks to wait. What was saved stays; go on later.",
    )
    assertContains(client_of(viewer).get(url(dataset)), "Openverse is busy and asks to wait.")


def test_a_viewer_sees_a_check_under_way_without_asking_again(client_of, viewer, dataset):
    checked(dataset, state=JobState.RUNNING)
    page = client_of(viewer).get(url(dataset))
    assertContains(page, "Asking the source.")
    assertNotContains(page, "every 1s")


def test_a_source_that_may_not_be_asked_is_not_checked(client_of, curator, dataset):
    page = client_of(curator).post(url(dataset, "check", "bing"), headers=HTMX)
    assertContains(page, "Bing Images is off.")
    answer = client_of(curator).post(url(dataset, "check", "bing"), follow=True)
    assertContains(answer, "Bing Images is off.")
    assert not Job.objects.exists()


def test_a_source_that_nobody_knows_is_not_found(client_of, admin, dataset):
    for name in ("turn", "check"):
        assert client_of(admin).post(url(dataset, name, "altavista")).status_code == 404
