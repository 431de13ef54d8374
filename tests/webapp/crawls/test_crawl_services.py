"""Services of crawls: what may be started, gone on with and discarded, and what a source's day holds."""

from __future__ import annotations

import pytest

from tests.support.crawl_rows import add_candidates, add_crawl, add_found, add_rank
from tests.support.rows import add_images
from webapp.crawls.checking import FIGURES, MAX_QUERIES, MAX_WORDS
from webapp.crawls.errors import CrawlError
from webapp.crawls.models import CrawlItem, CrawlState, CrawlVerdict, SourceDay
from webapp.crawls.presenting import host_of, outward, provider_name
from webapp.crawls.reviewing import copies_of, review_decide
from webapp.crawls.services import (
    crawl_discard,
    crawl_end,
    crawl_end_unfinished,
    crawl_go_on,
    crawl_start,
    crawls_fill,
    default_query,
    pages_for,
    rank_request,
    source_check_request,
    source_turn,
)
from webapp.crawls.sources import request_counted, source
from webapp.datasets.services import class_create, dataset_create
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import job_cancel

pytestmark = pytest.mark.django_db


@pytest.fixture
def bottle(dataset):
    label = class_create(dataset=dataset, name="bottle")
    label.name_en, label.name_zh = "Bottle", "瓶子"
    label.save()
    return label


def start(label, **values):
    values = {"provider": "openverse", "created_by": None, **values}
    return crawl_start(dataset=label.dataset, label_class=label, **values)


def test_crawls_are_numbered_within_their_data_set(dataset, bottle, curator):
    other = class_create(dataset=dataset_create(name="Other", created_by=curator), name="can")
    assert [start(bottle).number, start(bottle).number, start(other).number] == [1, 2, 1]


def test_a_crawl_and_its_job_know_each_other(bottle, curator):
    crawl = start(bottle, created_by=curator)
    assert crawl.job is not None
    assert crawl.job.payload == {"crawl": crawl.pk, "number": 1, "trial": True}
    assert (crawl.job.queue, crawl.job.created_by) == ("crawl", curator)


def test_without_words_the_class_is_asked_for_in_the_language_of_the_source(bottle, admin):
    source_turn(key="baidu", on=True, actor=admin)
    assert start(bottle).queries == ["Bottle"]
    assert start(bottle, provider="baidu", queries=[" ", "\0"]).queries == ["瓶子"]
    bottle.name_en = bottle.name_zh = ""
    assert default_query(bottle, "zh") == "bottle"


def test_words_are_cleaned_and_stand_once(bottle):
    asked = ["  green   bottle ", "green bottle", "", "x" * MAX_WORDS, "nul\0l"]
    assert start(bottle, queries=asked).queries == ["green bottle", "x" * MAX_WORDS, "null"]


def test_words_that_are_longer_than_a_search_are_refused_and_not_cut(bottle, dataset):
    with pytest.raises(CrawlError, match="at most 200 characters; this one has 3,000: “glassglass"):
        start(bottle, queries=["cup", "glass" * 600])
    with pytest.raises(CrawlError, match="at most 200 characters"):
        source_check_request(key="openverse", dataset=dataset, words="x" * 201, actor=None)
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("value", [-5, 2**31, 10**30])
@pytest.mark.parametrize("provider", ["openverse", "urls"])
def test_a_figure_that_no_crawl_can_have_is_refused_by_its_name(bottle, name, value, provider):
    queries = ["https://a.example/1.jpg"] if provider == "urls" else []
    with pytest.raises(CrawlError, match=f"“{FIGURES[name].label}” is a whole number from"):
        start(bottle, provider=provider, queries=queries, **{name: value})
    assert not bottle.dataset.crawls.exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"provider": "altavista"}, "There is no source “altavista”."),
        ({"provider": "baidu"}, "Baidu Images is off."),
        ({"queries": [str(n) for n in range(MAX_QUERIES + 1)]}, "At most 20 searches"),
        ({"per_page": 21}, "at most 20 photos a page"),
        ({"start_page": 18, "total_page": 4}, "this would read up to page 21"),
        ({"start_page": 0}, "“Start page” is a whole number from 1 to 100,000."),
        ({"total_page": 0}, "“Total pages” is a whole number from 1"),
        ({"per_page": 0}, "“Per page” is a whole number from 1"),
        ({"provider": "urls", "queries": ["https://a.example/1"], "per_page": 0}, "“Per page” is"),
        ({"target": 0}, "“Stop at so many saved” is a whole number from 1"),
        ({"min_side": -5}, "“Shorter side at least, px” is a whole number from 0 to 20,000."),
        ({"licence": "mine"}, "The licence is one of"),
        ({"provider": "urls", "queries": ["", "# note"]}, "Paste at least one address"),
        ({"provider": "urls", "queries": ["https://a.example/1"], "licence": "open"}, "states no licences"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence_and_leaves_nothing(bottle, values, sentence):
    with pytest.raises(CrawlError, match=sentence):
        start(bottle, **values)
    assert not bottle.dataset.crawls.exists()
    assert not Job.objects.exists()


def test_a_list_is_read_to_its_end_whatever_pages_say(bottle):
    crawl = start(
        bottle, provider="urls", queries=[f"https://a.example/{n}" for n in range(120)], total_page=1
    )
    assert (crawl.start_page, crawl.total_page, crawl.per_page) == (1, 3, 50)


def test_a_list_keeps_its_blank_lines_and_notes_so_that_lines_can_be_named(bottle):
    lines = ["# cups", "", "https://a.example/1", " https://a.example/2 ", "", "# the end"]
    crawl = start(bottle, provider="urls", queries=lines, per_page=1)
    assert crawl.queries == ["# cups", "", "https://a.example/1", "https://a.example/2"]
    assert crawl.total_page == 2, "blank lines and notes are no addresses"


def test_as_many_pages_are_asked_for_as_hold_half_as_many_candidates_again():
    traits = source("openverse").traits
    assert [pages_for(n, traits) for n in (1, 13, 14, 100, 10_000)] == [1, 1, 2, 8, 20]


def test_filling_starts_all_or_none(dataset, bottle):
    closed = class_create(dataset=dataset, name="can")
    closed.is_retired = True
    closed.save()
    with pytest.raises(CrawlError, match="closed"):
        crawls_fill(dataset=dataset, wanted=[(bottle, 5), (closed, 5)], provider="openverse", created_by=None)
    assert not dataset.crawls.exists()


def test_the_rest_of_a_trial_reads_its_pages_again_and_a_stopped_crawl_goes_on_where_it_was(bottle):
    place = {"query": 0, "page": 3, "at": {"page": 4}}
    tried, stopped = (
        add_crawl(bottle, state, cursor=place) for state in (CrawlState.TRIED, CrawlState.STOPPED)
    )
    for crawl in (tried, stopped):
        crawl_go_on(crawl=crawl, actor=None)
        assert (crawl.state, crawl.is_trial) == (CrawlState.RUNNING, False)
    assert (tried.cursor, stopped.cursor) == ({}, place)
    with pytest.raises(CrawlError, match="at work"):
        crawl_go_on(crawl=tried, actor=None)


def test_a_trial_that_was_stopped_goes_on_as_a_trial(bottle):
    crawl = add_crawl(bottle, CrawlState.STOPPED, is_trial=True)
    crawl_go_on(crawl=crawl, actor=None)
    assert (crawl.state, crawl.is_trial) == (CrawlState.TRYING, True)


def test_a_cancelled_crawl_is_stopped_and_says_so(bottle):
    crawl = start(bottle)
    assert crawl.job is not None
    job_cancel(job=crawl.job)
    crawl.refresh_from_db()
    assert (crawl.state, crawl.stopped_because) == (CrawlState.STOPPED, "Cancelled")


def test_an_ending_does_not_touch_what_has_ended_already(bottle):
    crawl = add_crawl(bottle, CrawlState.FINISHED)
    assert crawl.job is not None
    crawl_end_unfinished(crawl.job)
    crawl_end(crawl=crawl)
    assert crawl.state == CrawlState.FINISHED


def test_a_crawl_is_discarded_with_its_candidates_unless_it_works_or_saved(bottle):
    noise = add_crawl(bottle, CrawlState.TRIED)
    add_candidates(noise, 450, CrawlVerdict.CANDIDATE)
    crawl_discard(crawl=noise)
    assert not CrawlItem.objects.exists()
    working, kept = add_crawl(bottle, CrawlState.RUNNING), add_crawl(bottle, number=7)
    add_found(kept, 1)
    for crawl in (working, kept):
        with pytest.raises(CrawlError):
            crawl_discard(crawl=crawl)


def test_one_ranking_waits_behind_one_that_runs(bottle):
    first = add_rank(bottle, JobState.RUNNING)
    second = rank_request(label_class=bottle, created_by=None)
    assert second != first
    assert second.after == first
    assert rank_request(label_class=bottle, created_by=None) == second


def test_a_check_is_remembered_with_its_source(dataset, curator):
    job = source_check_request(key="openverse", dataset=dataset, words=" bottle ", actor=curator)
    assert source("openverse").check_job == job
    assert source("openverse").is_on, "asking is no decision about on or off"
    with pytest.raises(CrawlError):
        source_check_request(key="bing", dataset=dataset, words="", actor=curator)


def test_requests_are_counted_up_to_the_quota_of_the_day(settings):
    traits = source("openverse").traits
    assert request_counted(traits)
    SourceDay.objects.update(requests=199)
    assert request_counted(traits)
    assert not request_counted(traits)
    assert source("openverse").left_today == 0
    assert "used up" in source("openverse").why_not


def test_copies_are_found_for_thousands_of_photos_at_once(bottle):
    crawl = add_crawl(bottle)
    items = add_found(crawl, 1200)
    for n, item in enumerate(items):
        item.group, item.is_lead = 1 + n // 2, n % 2 == 0
    CrawlItem.objects.bulk_update(items, ["group", "is_lead"])
    leads = [one.image_id for one in items[::2]]
    found = copies_of(bottle, leads)
    assert found == {
        lead.image_id: [copy.image_id] for lead, copy in zip(items[::2], items[1::2], strict=True)
    }


def test_a_decision_about_nothing_asks_for_no_ranking(bottle):
    done = review_decide(label_class=bottle, take={}, refuse={}, actor=None)
    assert (done.taken, done.refused) == ((), ())
    assert not Job.objects.filter(kind=JobKind.RANK).exists()


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://www.photos.example/a?b=1#c", "photos.example"), ("HTTP://A.example", "a.example"),
     ("javascript:alert(1)", ""), ("java\tscript:alert(1)", ""), ("https://a.example/ x", ""), ("//a.example", ""),
     ("https://[::1", ""), ("http://", ""), ("", ""), (None, ""), (7, "")],
)  # fmt: skip
def test_only_addresses_of_the_web_become_links(url, host):
    assert host_of(url) == host
    assert bool(outward(url)) == bool(host)


def test_a_source_that_is_no_longer_known_is_called_by_its_key():
    assert [provider_name(one) for one in ("commons", "altavista", None)] == [
        "Wikimedia Commons",
        "altavista",
        "",
    ]


def test_photos_that_are_no_crawls_are_left_alone_by_counts(dataset, bottle):
    add_images(dataset, 3, state="inbox")
    from webapp.datasets.selectors import rail_counts

    assert rail_counts(dataset)["found"] == 0
