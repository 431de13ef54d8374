"""Crawls run by the real handler against real servers that speak each source's protocol."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import replace

import pytest

from tests.support.providers import Catalogue
from tests.support.providers.openverse import CLIENT
from tests.worker.crawling.conftest import ended, gone_on, titles, verdicts
from webapp.core.store import site_store
from webapp.crawls.errors import CrawlError
from webapp.crawls.models import TRIAL_SIZE, Crawl, CrawlState, CrawlVerdict, SourceDay
from webapp.crawls.reviewing import review_decide
from webapp.crawls.selectors import to_review
from webapp.crawls.services import crawl_go_on, crawl_start, source_check_request
from webapp.datasets.class_services import class_delete, classes_merge
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import Image, ImageState
from webapp.datasets.operations import class_operation_undo
from webapp.datasets.services import class_create
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import job_cancel
from worker.crawling import downloads
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("provider", ["openverse", "commons", "baidu", "bing"])
def test_every_source_fills_the_inbox_and_nothing_is_taken_into_the_data_set_by_itself(
    serve, crawl, dataset, provider
):
    serve(Catalogue.drawn(30))
    done = crawl(provider, total_page=2, per_page=20)
    assert (done.state, done.job.state) == (CrawlState.FINISHED, JobState.SUCCEEDED), done.job.error
    assert verdicts(done) == {CrawlVerdict.SAVED: 30}
    images = dataset.images.all()
    assert {(one.state, one.label, one.source) for one in images} == {(ImageState.INBOX, None, "crawl")}
    assert all(site_store().thumb_path(one.sha256).exists() for one in images)


def test_each_photo_keeps_where_it_comes_from(serve, crawl):
    site = serve(Catalogue.drawn(3))
    crawl("openverse", queries=["cup", "drawn cup"], total_page=1)
    image = Image.objects.get(original_name="cup 1")
    assert (image.author, image.licence) == ("Ōta & Sons", "CC BY-SA 4.0")
    assert image.page_url.startswith("http")
    known = image.provenance
    assert known.pop("fetched_at").startswith("20")
    assert known.pop("licence_url") == "https://creativecommons.org/licenses/by-sa/4.0/"
    assert known == {
        "provider": "openverse", "query": "cup", "title": "cup 1", "url": f"{site.url}/pictures/drawn-0001.jpg",
    }  # fmt: skip
    event = image.events.get()
    assert (event.reason, event.new_state, event.new_label) == ("crawl", "inbox", None)


def test_the_four_parameters_of_the_paper_choose_the_results(serve, crawl):
    site = serve(Catalogue.drawn(60))
    done = crawl("baidu", start_page=2, total_page=3, per_page=10)
    # The second to the fourth ten, as `pn` counts them.
    assert titles(done) == [one.title for one in sorted(done.items.all(), key=lambda row: row.pk)]
    asked = [one.query for one in site.seen if one.path.endswith("/acjson")]
    assert [(one["pn"], one["rn"]) for one in asked] == [("10", "10"), ("20", "10"), ("30", "10")]
    assert done.items.count() == 30


def test_every_kind_of_failure_has_its_own_verdict_and_spoils_no_other_photo(serve, crawl, dataset):
    troubles = ("missing", "once", "slow", "endless", "html", "cut", "length", "redirect", "inside", "huge")
    site = serve(Catalogue.drawn(30).troubled(2, troubles), pace=1.0)
    lines = [f"{site.url}/pictures/{one.name}" for one in site.catalogue.pictures]
    lines += ["ftp://example.org/1.jpg", f"http://user:secret@127.0.0.1:{site.port}/1.jpg"]
    lines += ["http://127.0.0.1:1/1.jpg", "not an address", "http://[::1]/1.jpg"]
    done = crawl("urls", queries=lines, per_page=50)
    by_trouble = {}
    for item in done.items.all():
        name = item.urls[0].rsplit("/", 1)[-1]
        if picture := site.catalogue.by_name.get(name):
            by_trouble.setdefault(picture.trouble, set()).add(item.verdict)
    assert by_trouble == {
        "": {"saved"},
        "missing": {"http_error"},
        "once": {"saved"},
        "slow": {"too_slow"},
        "endless": {"too_large"},
        "html": {"not_an_image"},
        "cut": {"truncated"},
        "length": {"network"},
        "redirect": {"saved"},
        "inside": {"refused_address"},
        "huge": {"too_many_pixels"},
    }
    found = {item.urls[0]: item.verdict for item in done.items.order_by("-pk")[:5]}
    assert set(found.values()) == {"refused_url", "refused_address"}
    assert not any(item.detail == "" for item in done.items.exclude(verdict="saved"))
    assert dataset.images.count() == verdicts(done)["saved"]


def test_a_page_where_the_photo_was_leads_to_the_preview_that_the_source_keeps(serve, crawl, dataset):
    site = serve(Catalogue.drawn(6).troubled(3, ["html", "missing"]))
    done = crawl("baidu", total_page=1, per_page=10)
    assert verdicts(done) == {CrawlVerdict.SAVED: 6}
    taken = {item.title: item.url for item in done.items.all() if "/thumb/" in item.url}
    assert len(taken) == 2
    assert site.asked("/pictures/drawn-0002.jpg")


def test_copies_by_bytes_are_saved_once_whatever_their_address(serve, crawl, dataset):
    pictures = Catalogue.drawn(10).pictures
    copies = [replace(one, id=f"copy-{one.id}") for one in pictures[:4]]
    serve(Catalogue([*pictures, *copies], everything=True))
    done = crawl("openverse", total_page=1)
    assert verdicts(done) == {CrawlVerdict.SAVED: 10, CrawlVerdict.DUPLICATE: 4}
    assert dataset.images.count() == 10
    copy = done.items.filter(verdict=CrawlVerdict.DUPLICATE).first()
    assert copy.image.sha256 == copy.sha256


def test_crawling_twice_saves_nothing_twice_and_fetches_no_photo_again(serve, crawl, dataset):
    site = serve(Catalogue.drawn(12))
    crawl("openverse", total_page=1)
    fetched = len([one for one in site.seen if one.path.startswith("/pictures/")])
    again = crawl("openverse", total_page=1)
    assert verdicts(again) == {CrawlVerdict.DUPLICATE: 12}
    assert len([one for one in site.seen if one.path.startswith("/pictures/")]) == fetched
    assert dataset.images.count() == 12


def test_what_a_person_refused_is_not_brought_back_by_the_next_crawl(serve, crawl, dataset, curator):
    serve(Catalogue.drawn(4))
    crawl("openverse", total_page=1)
    refused = dataset.images.first()
    images_set_state(dataset=dataset, ids=[refused.pk], state=ImageState.QUARANTINED, actor=curator)
    crawl("openverse", total_page=1)
    refused.refresh_from_db()
    assert (dataset.images.count(), refused.state) == (4, ImageState.QUARANTINED)


def test_a_target_ends_a_crawl_early_and_the_rest_is_not_fetched(serve, crawl, dataset):
    site = serve(Catalogue.drawn(100))
    done = crawl("openverse", total_page=5, target=30)
    assert dataset.images.count() == 30
    assert done.state == CrawlState.FINISHED
    searched = [one for one in site.seen if "/images/" in one.path]
    assert len(searched) == 2, "twenty a page: the third page is not asked for"
    fetched = [one for one in site.seen if one.path.startswith("/pictures/")]
    assert len(fetched) <= 40


def test_photos_below_the_smallest_side_are_told_before_they_are_fetched_and_after(serve, crawl):
    pictures = Catalogue.drawn(4).pictures
    told_large = replace(pictures[0], width=4000, height=3000)
    told_small = replace(pictures[1], width=100, height=90)
    site = serve(Catalogue([told_large, told_small, *pictures[2:]]))
    done = crawl("openverse", total_page=1, min_side=241)
    assert verdicts(done) == {CrawlVerdict.TOO_SMALL: 4}
    details = {item.title: item.detail for item in done.items.all()}
    assert "Its source gives its shorter side as 90 px" in details["cup 1"]
    assert details["cup 0"] == "Its shorter side has 240 px, the crawl asks for 241."
    assert not site.asked("/pictures/drawn-0001.jpg")


def test_a_licence_filter_lets_only_such_photos_pass(serve, crawl, dataset):
    serve(Catalogue.drawn(10))
    crawl("commons", total_page=1, licence="public_domain")
    licences = set(dataset.images.values_list("licence", flat=True))
    assert licences
    assert all("CC0" in one or "ublic domain" in one for one in licences), licences


def test_a_trial_fetches_fifty_and_waits_then_the_rest_comes_and_nothing_is_fetched_twice(
    serve, crawl, dataset
):
    site = serve(Catalogue.drawn(90))
    trial = crawl("openverse", total_page=5, trial=True)
    assert (trial.state, dataset.images.count()) == (CrawlState.TRIED, 0)
    assert verdicts(trial) == {CrawlVerdict.CANDIDATE: 50}
    assert all(site_store().thumb_path(one.sha256).exists() for one in trial.items.all())
    done = gone_on(trial)
    assert (done.state, dataset.images.count()) == (CrawlState.FINISHED, 90)
    fetched = [one.path for one in site.seen if one.path.startswith("/pictures/")]
    assert len(fetched) == len(set(fetched)) == 90
    assert Image.objects.filter(provenance__provider="openverse", author__gt="").count() == 90


def test_a_trial_takes_its_share_from_every_query(serve, crawl):
    pictures = [*Catalogue.drawn(40).pictures, *Catalogue.drawn(40, words=("mug",), start=40).pictures]
    serve(Catalogue(pictures))
    trial = crawl("openverse", queries=["cup", "mug"], total_page=3, trial=True)
    shares = [trial.items.filter(query=place).count() for place in (0, 1)]
    assert shares == [25, 25]


def test_a_source_that_refuses_stops_the_crawl_with_that_sentence_and_keeps_what_was_saved(
    serve, crawl, dataset
):
    site = serve(Catalogue.drawn(60), baidu={"refuse_after": 2})
    stopped = crawl("baidu", total_page=5, per_page=10)
    assert (stopped.state, stopped.job.state) == (CrawlState.STOPPED, JobState.FAILED)
    assert "What was saved stays" in stopped.stopped_because
    assert dataset.images.count() == 20
    # The source has calmed down: the crawl goes on at the page where it stood.
    site.baidu.refuse_after = None
    done = gone_on(stopped)
    assert (done.state, dataset.images.count()) == (CrawlState.FINISHED, 50)
    offsets = [one.query["pn"] for one in site.seen if one.path.endswith("/acjson")]
    assert offsets == ["0", "10", "20", "20", "30", "40"]


def test_the_days_quota_stops_a_crawl_before_the_source_has_to(serve, crawl, dataset, monkeypatch):
    from webapp.crawls.providers.openverse import Openverse

    monkeypatch.setattr(Openverse, "traits", replace(Openverse.traits, day_quota=2))
    site = serve(Catalogue.drawn(60))
    stopped = crawl("openverse", total_page=3)
    assert stopped.state == CrawlState.STOPPED
    assert "are used up" in stopped.stopped_because
    assert len([one for one in site.seen if "/images/" in one.path]) == 2
    assert SourceDay.objects.get(provider="openverse").requests == 2
    assert dataset.images.count() == 40


def test_commons_that_lags_is_waited_for(serve, crawl, dataset):
    serve(Catalogue.drawn(30), commons={"maxlag_every": 2, "retry_after": 1, "lag": 1})
    done = crawl("commons", total_page=3, per_page=10)
    assert (done.state, dataset.images.count()) == (CrawlState.FINISHED, 30)


def test_a_cancelled_crawl_ends_at_once_and_keeps_what_was_saved(serve, cup, dataset, curator):
    site = serve(Catalogue.drawn(200).troubled(30, ["slow"]), pace=0.5)
    crawl = crawl_start(
        dataset=dataset, label_class=cup, provider="openverse", created_by=curator, total_page=10, trial=False
    )
    seen: list[int] = []

    def is_stopping() -> bool:
        # Asked many times a second; a person cancels while a slow photo is under way.
        if not seen and any(one.path == "/pictures/drawn-0029.jpg" for one in site.seen):
            job_cancel(job=Job.objects.get(pk=crawl.job_id))
            seen.append(1)
        return False

    assert run_job(crawl.job_id, is_stopping=is_stopping)
    crawl.refresh_from_db()
    assert (crawl.state, crawl.job.state) == (CrawlState.STOPPED, JobState.CANCELLED)
    assert 0 < dataset.images.count() < 200
    site.catalogue = Catalogue.drawn(200)
    site.images.catalogue = site.catalogue
    assert gone_on(crawl).state == CrawlState.FINISHED
    assert dataset.images.count() == 200


def test_photos_come_in_the_order_of_the_results_so_that_a_target_chooses_the_same_ones(
    serve, crawl, dataset
):
    serve(Catalogue.drawn(40).troubled(7, ["redirect", "missing", "once"]))
    crawl("openverse", total_page=2, target=20)
    names = list(dataset.images.order_by("pk").values_list("original_name", flat=True))
    assert names == sorted(names, key=lambda one: int(one.split()[-1]))


def test_what_came_before_a_slow_photo_is_shown_while_it_is_waited_for(serve, cup, dataset, curator):
    serve(Catalogue.drawn(20).troubled(6, ["slow"]), pace=0.5)  # the sixth, the twelfth and the eighteenth
    made = crawl_start(dataset=dataset, label_class=cup, provider="openverse", created_by=curator)
    said: list[str] = []

    def is_stopping() -> bool:
        if threading.current_thread() is threading.main_thread():
            said.append(Job.objects.values_list("message", flat=True).get(pk=made.job_id))
        return False

    assert run_job(made.job_id, is_stopping=is_stopping)
    made.refresh_from_db()
    assert (made.state, verdicts(made)) == (CrawlState.TRIED, {"candidate": 20})
    early = [one for one in said if one.startswith("5 in the trial of 5 looked at, ")]
    assert early, f"nothing was shown before the slow one was given up: {set(said)}"
    assert all(re.search(r", \d+ more fetched$", one) for one in early)


def test_downloads_are_handed_on_in_order_and_no_more_are_held_than_are_allowed(monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE_SECONDS", 0.05)
    free, started = threading.Event(), []

    class Fake(downloads.Downloader):
        def _one(self, item):
            started.append(item)
            if item == 2:
                free.wait(5)
            return downloads.Download(item, io.BytesIO(b"x"))

    with Fake(None, at_once=3) as downloader, downloader.in_turn(range(12), ahead=5) as parts:
        first = next(parts)
        assert ([one.item for one in first.downloads], first.held) == ([0, 1], 2)
        files = [one.file for one in first.downloads]
        for _turn in range(3):
            part = next(parts)
            assert (part.downloads, part.held) == ([], 4)
        assert max(started) == 6, "five from the slow one on, and not one more"
        assert all(one.closed for one in files)
        free.set()
        rest = [one.item for part in parts for one in part.downloads]
    assert rest == list(range(2, 12))


def test_downloads_that_are_given_up_close_what_had_come():
    class Fake(downloads.Downloader):
        def _one(self, item):
            return downloads.Download(item, item)

    files = [io.BytesIO(b"x") for _n in range(8)]
    with Fake(None, at_once=3) as downloader, downloader.in_turn(files, ahead=4) as parts:
        next(parts)
    assert [one.closed for one in files[:4]] == [True] * 4


def test_copies_in_a_trial_are_not_counted_as_saved(serve, crawl):
    pictures = Catalogue.drawn(10).pictures
    copies = [replace(one, id=f"copy-{one.id}") for one in pictures[:4]]
    serve(Catalogue([*pictures, *copies], everything=True))
    done = crawl("openverse", trial=True)
    assert verdicts(done) == {CrawlVerdict.CANDIDATE: 10, CrawlVerdict.DUPLICATE: 4}
    assert done.job.message == "10 in the trial of 14 looked at"


def test_a_check_that_finds_nothing_has_not_failed(serve, dataset, curator):
    serve(Catalogue.drawn(3))
    job = source_check_request(key="openverse", dataset=dataset, words="nothing like it", actor=curator)
    assert run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error, job.result["candidates"]) == (JobState.SUCCEEDED, "", 0)
    found = source_check_request(key="openverse", dataset=dataset, words="cup", actor=curator)
    assert run_job(found.pk)
    found.refresh_from_db()
    assert (found.result["candidates"], found.result["first"]) == (3, "cup 0")


def test_each_address_of_a_list_keeps_its_line_and_is_refused_for_what_is_wrong_with_it(serve, crawl):
    site = serve(Catalogue.drawn(2))
    good = f"{site.url}/pictures/{site.catalogue.pictures[0].name}"
    lines = [
        "# cups",
        good,
        "",
        "http:///nohost.jpg",
        "file:///etc/passwd",
        "https://a.example/" + "x" * 3000,
    ]
    done = crawl("urls", queries=lines, trial=True)
    found = {item.query + 1: item.detail or item.verdict for item in done.items.all()}
    assert found == {
        2: "candidate",
        4: "The address names no host. Write it as https://host/photo.jpg.",
        5: "The address does not begin with http:// or https://. Only those are fetched.",
        6: "The address is longer than 2000 characters. Give a shorter one.",
    }


def test_a_trial_of_a_list_takes_no_more_than_a_trial_does(serve, crawl):
    site = serve(Catalogue.drawn(70))
    lines = [f"{site.url}/pictures/{one.name}" for one in site.catalogue.pictures]
    done = crawl("urls", queries=["# all of them", *lines], trial=True, per_page=20)
    assert [item.query for item in done.items.order_by("pk")] == list(range(1, TRIAL_SIZE + 1))
    assert gone_on(done).items.count() == 70


def test_a_crawl_asks_for_a_ranking_and_for_near_duplicates_when_it_ends(serve, crawl, dataset):
    serve(Catalogue.drawn(8))
    crawl("openverse", total_page=1)
    kinds = set(Job.objects.filter(dataset=dataset, state=JobState.QUEUED).values_list("kind", flat=True))
    assert kinds == {JobKind.RANK, JobKind.DUPLICATES}


def test_a_whole_crawl_gives_way_to_a_trial_that_a_person_waits_for(serve, crawl, dataset, cup, curator):
    serve(Catalogue.drawn(60))
    whole = crawl_start(
        dataset=dataset, label_class=cup, provider="openverse", created_by=curator, total_page=3, trial=False
    )
    trial = crawl_start(dataset=dataset, label_class=cup, provider="openverse", created_by=curator)
    assert run_job(whole.job_id)
    whole.job.refresh_from_db()
    assert whole.job.state == JobState.QUEUED
    assert ended(trial).state == CrawlState.TRIED
    assert ended(whole).state == CrawlState.FINISHED


def test_two_crawls_for_two_classes_do_not_bring_the_same_photo_twice(serve, crawl, dataset, curator):
    from webapp.datasets.services import class_create

    serve(Catalogue.drawn(5, words=("cup", "mug")))
    mug = class_create(dataset=dataset, name="mug", actor=curator)
    first = crawl("openverse", total_page=1)
    second = crawl("openverse", total_page=1, label_class=mug)
    assert (verdicts(first), verdicts(second)) == ({"saved": 5}, {"duplicate": 5})


def test_a_photo_that_was_labelled_by_a_person_stays_so_when_a_crawl_finds_it(serve, crawl, dataset, cup):
    serve(Catalogue.drawn(3))
    crawl("openverse", total_page=1)
    photo = dataset.images.first()
    images_label(dataset=dataset, ids=[photo.pk], label=cup, actor=None)
    crawl("openverse", total_page=1, queries=["drawn cup", "cup"])
    photo.refresh_from_db()
    assert (photo.label, photo.state) == (cup, ImageState.ACCEPTED)


def test_with_an_account_openverse_gives_larger_pages(serve, crawl, settings, dataset):
    site = serve(Catalogue.drawn(60))
    settings.CRAWL_CREDENTIALS = {"openverse": {"client_id": CLIENT[0], "client_secret": CLIENT[1]}}
    done = crawl("openverse", total_page=1, per_page=60)
    assert (done.state, dataset.images.count()) == (CrawlState.FINISHED, 60), done.stopped_because
    asked = [one for one in site.seen if one.path.endswith("/images/")]
    assert [one.query["page_size"] for one in asked] == ["60"]
    assert all(one.headers["authorization"].startswith("Bearer ") for one in asked)


def refused(crawl: Crawl) -> set[str]:
    """All that the crawl saved is refused by review, as not of its class."""
    images = Image.objects.filter(crawl_items__crawl=crawl)
    versions = dict(images.values_list("pk", "version"))
    review_decide(label_class=crawl.label_class, take={}, refuse=versions, actor=crawl.created_by)
    assert set(images.values_list("state", flat=True)) == {ImageState.QUARANTINED}
    return set(images.values_list("sha256", flat=True))


def test_a_photo_refused_for_one_class_is_offered_again_when_it_is_found_for_another(
    serve, crawl, dataset, curator
):
    serve(Catalogue.drawn(10))
    shas = refused(crawl("openverse", total_page=1))
    mug = class_create(dataset=dataset, name="mug", actor=curator)
    again = crawl("openverse", label_class=mug, queries=["cup"], total_page=1)
    assert verdicts(again) == {CrawlVerdict.SAVED: 10}
    assert {one.image.sha256 for one in to_review(mug)} == shas
    assert set(dataset.images.values_list("state", flat=True)) == {ImageState.INBOX}
    assert dataset.images.count() == 10
    # Refused for this one as well, they are asked about no more.
    refused(again)
    assert verdicts(crawl("openverse", label_class=mug, queries=["cup"], total_page=1)) == {
        CrawlVerdict.DUPLICATE: 10
    }


def test_a_trial_shows_photos_that_were_refused_for_another_class(serve, crawl, dataset, curator):
    serve(Catalogue.drawn(10))
    refused(crawl("openverse", total_page=1))
    mug = class_create(dataset=dataset, name="mug", actor=curator)
    trial = crawl("openverse", label_class=mug, queries=["cup"], total_page=1, trial=True)
    assert verdicts(trial) == {CrawlVerdict.CANDIDATE: 10}
    assert set(dataset.images.values_list("state", flat=True)) == {ImageState.QUARANTINED}
    assert verdicts(gone_on(trial)) == {CrawlVerdict.SAVED: 10}


def test_what_a_person_put_aside_for_another_reason_stays_there(serve, crawl, dataset, curator):
    serve(Catalogue.drawn(10))
    crawl("openverse", total_page=1)
    ids = list(dataset.images.values_list("pk", flat=True))
    images_set_state(dataset=dataset, ids=ids, state=ImageState.QUARANTINED, actor=curator, reason="blurred")
    mug = class_create(dataset=dataset, name="mug", actor=curator)
    assert verdicts(crawl("openverse", label_class=mug, queries=["cup"], total_page=1)) == {
        CrawlVerdict.DUPLICATE: 10
    }


def test_a_crawl_whose_class_is_deleted_stops_and_says_why(serve, crawl, dataset, cup, curator):
    serve(Catalogue.drawn(60))
    trial = crawl("openverse", total_page=3, trial=True)
    closing = class_delete(label_class=cup, to=None, actor=curator)
    with pytest.raises(CrawlError, match="was deleted"):
        crawl_go_on(crawl=trial, actor=curator)
    class_operation_undo(operation=closing, actor=curator)
    crawl_go_on(crawl=trial, actor=curator)
    class_delete(label_class=cup, to=None, actor=curator)
    done = ended(trial)
    assert done.state == CrawlState.STOPPED
    assert "was deleted" in done.stopped_because
    assert not Job.objects.filter(kind=JobKind.RANK, state=JobState.QUEUED, pk__gt=done.job.pk).exists()


def test_a_crawl_whose_class_is_merged_goes_on_for_the_class_that_took_it(
    serve, crawl, dataset, cup, curator
):
    serve(Catalogue.drawn(60))
    trial = crawl("openverse", total_page=3, trial=True)
    crawl_go_on(crawl=trial, actor=curator)
    mug = class_create(dataset=dataset, name="mug", actor=curator)
    classes_merge(sources=[cup], into=mug, actor=curator)
    done = ended(trial)
    assert (done.state, done.items.filter(verdict=CrawlVerdict.SAVED).count()) == (CrawlState.FINISHED, 60)
    assert to_review(mug).count() == 60
    assert Job.objects.filter(kind=JobKind.RANK, payload={"class": mug.pk}).exists()
