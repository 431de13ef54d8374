"""The list of crawls, the form of a new one, and the page of each with what became of every candidate."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape
from PIL import Image as Picture
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from tests.support.crawl_rows import add_candidates, add_crawl, add_found, add_rank, candidate
from tests.support.rows import sha_of
from webapp.core.store import site_store
from webapp.crawls.checking import FIGURES, MAX_LINES
from webapp.crawls.models import Crawl, CrawlItem, CrawlState, CrawlVerdict, SourceDay
from webapp.crawls.sources import next_day
from webapp.datasets.class_services import classes_merge
from webapp.datasets.models import ImageState
from webapp.datasets.services import class_create, dataset_create
from webapp.jobs.models import Job, JobKind, JobState

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
HOSTILE = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:x", "//evil.example/x", "http://", "https:///x",
    'https://a.example/"><script>alert(1)</script> ', "file:///etc/passwd", "http://[::1", "\x00http://a.example",
)  # fmt: skip


@pytest.fixture
def bottle(dataset):
    label = class_create(dataset=dataset, name="bottle")
    label.name_en, label.name_zh = "Bottle", "瓶子"
    label.save()
    return label


@pytest.fixture
def started(client_of, curator, dataset, bottle):
    """`started(**values)` sends the form of a new crawl."""

    def send(**values):
        form = {
            "class": bottle.key, "provider": "openverse", "queries": "green bottle\n\n bottle  cap ",
            "start_page": 1, "total_page": 5, "per_page": 20, "licence": "any", "act": "try", **values,
        }  # fmt: skip
        return client_of(curator).post(url(dataset, "new"), form)

    return send


def url(dataset, name="list", *more) -> str:
    return reverse(f"crawls:{name}", args=[dataset.slug, *more])


def detail(crawl) -> str:
    return url(crawl.dataset, "detail", crawl.number)


def queries_of(client, address) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


# The list


def test_a_data_set_without_crawls_says_how_to_begin(client_of, curator, viewer, dataset, bottle):
    page = client_of(curator).get(url(dataset))
    assertContains(page, "No crawls yet")
    assertContains(page, url(dataset, "new"))
    assertContains(client_of(viewer).get(url(dataset)), "A curator can look for photos")


def test_the_list_shows_each_crawl_with_what_it_brought(client_of, viewer, dataset, bottle):
    crawl = add_crawl(bottle, queries=["green bottle"])
    add_found(crawl, 1, ImageState.ACCEPTED, bottle)
    add_found(crawl, 1, ImageState.QUARANTINED)
    add_found(crawl, 2)
    add_candidates(crawl, 3, CrawlVerdict.HTTP_ERROR)
    page = client_of(viewer).get(url(dataset))
    assertContains(page, "Bottle")
    assertContains(page, "Openverse · green bottle")
    assertContains(page, "4 saved of 7 looked at")
    assertContains(page, "50 %")
    assertContains(page, url(dataset, "review", bottle.pk))


def test_the_list_is_filtered_by_state_class_and_what_was_started_together(
    client_of, viewer, dataset, bottle
):
    other, plan = class_create(dataset=dataset, name="can"), uuid.uuid4()
    add_crawl(bottle, CrawlState.RUNNING, queries=["one"])
    add_crawl(bottle, CrawlState.FINISHED, queries=["two"], plan=plan)
    add_crawl(other, CrawlState.STOPPED, queries=["three"])
    client = client_of(viewer)

    def shown(query: str) -> list[str]:
        page = client.get(url(dataset) + query).content.decode()
        return re.findall(r"Openverse · (\w+)", page)

    assert shown("") == ["three", "two", "one"]
    assert shown("?state=working") == ["one"]
    assert shown("?class=can") == ["three"]
    assert shown("?state=finished&class=can") == []
    assert shown(f"?plan={plan}") == ["two"]
    assert shown("?state=nonsense&plan=nonsense&before=x") == ["three", "two", "one"]


def test_older_crawls_follow_on_the_next_page(client_of, viewer, dataset, bottle):
    for n in range(25):
        add_crawl(bottle, queries=[f"words{n}"])
    page = client_of(viewer).get(url(dataset))
    older = re.search(r'href="([^"]+)" rel="next"', page.content.decode())
    assert older is not None
    rest = client_of(viewer).get(older[1].replace("&amp;", "&"))
    assertContains(rest, "words4")
    assertNotContains(rest, "words5")


def test_the_list_reads_as_often_for_one_crawl_as_for_twenty(client_of, viewer, dataset, bottle):
    add_found(add_crawl(bottle), 3)
    client = client_of(viewer)
    few = queries_of(client, url(dataset))
    for _n in range(19):
        add_found(add_crawl(bottle, CrawlState.RUNNING), 2)
    assert queries_of(client, url(dataset)) == few


def test_a_list_of_addresses_is_not_read_with_the_list_of_crawls(client_of, viewer, dataset, bottle):
    add_crawl(bottle, provider="urls", queries=[f"https://a.example/{n}.jpg" for n in range(50)])
    with CaptureQueriesContext(connection) as queries:
        client_of(viewer).get(url(dataset))
    assert not [one for one in queries if '"crawls_crawl"."cursor"' in one["sql"]]


def test_only_a_list_with_work_asks_for_itself_again(client_of, viewer, dataset, bottle):
    add_crawl(bottle)
    assertNotContains(client_of(viewer).get(url(dataset)), "every 3s")
    add_crawl(bottle, CrawlState.RUNNING, job={"message": "7 saved of 21 looked at", "progress": 0.3})
    assertContains(client_of(viewer).get(url(dataset)), "every 3s")
    part = client_of(viewer).get(url(dataset), headers={"HX-Request": "true"})
    assertContains(part, "7 saved of 21 looked at")
    assertNotContains(part, "<html")


# The form


def test_without_a_class_the_page_asks_for_one_the_thinnest_first(client_of, curator, dataset, bottle):
    class_create(dataset=dataset, name="can")
    page = client_of(curator).get(url(dataset, "new"))
    assertContains(page, "Find photos of which class?")
    assertContains(page, "?class=bottle")


def test_the_form_asks_in_the_language_of_the_source(client_of, curator, dataset, bottle):
    page = client_of(curator).get(url(dataset, "new") + "?class=bottle").content.decode()
    assert re.search(r'name="queries"[^>]*>\s*Bottle</textarea>', page)
    assert re.search(r'value="baidu"[^>]*data-words="瓶子"', page, re.DOTALL)


def test_a_source_that_is_off_or_lacks_a_contact_says_so_and_cannot_be_chosen(
    client_of, curator, dataset, bottle, settings
):
    settings.CRAWL_CONTACT = ""
    page = client_of(curator).get(url(dataset, "new") + "?class=bottle")
    assertContains(page, "Baidu Images is off. An administrator can turn it on under Sources.")
    assertContains(page, "SORTYARD_CRAWL_CONTACT")
    assert re.search(r'value="baidu" disabled', page.content.decode())


def test_the_form_says_how_much_of_the_day_is_used(client_of, curator, dataset, bottle):
    today = next_day().date() - timedelta(days=1)
    SourceDay.objects.create(provider="openverse", day=today - timedelta(days=1), requests=99)
    SourceDay.objects.create(provider="openverse", day=today, requests=12)
    page = client_of(curator).get(url(dataset, "new") + "?class=bottle")
    assertContains(page, "12 of 200 requests used today")


def test_trying_starts_a_trial_with_the_cleaned_words(started, dataset, bottle):
    answer = started()
    crawl = dataset.crawls.get()
    assertRedirects(answer, detail(crawl))
    assert crawl.queries == ["green bottle", "bottle cap"]
    assert (crawl.state, crawl.is_trial, crawl.asked) == (CrawlState.TRYING, True, 200)
    assert Job.objects.get(kind=JobKind.CRAWL).payload["number"] == crawl.number


def test_fetching_all_at_once_starts_the_whole_crawl(started, dataset):
    started(act="all", target=40, min_side=200, licence="open")
    crawl = dataset.crawls.get()
    assert (crawl.state, crawl.is_trial) == (CrawlState.RUNNING, False)
    assert (crawl.target, crawl.min_side, crawl.licence) == (40, 200, "open")


def test_a_form_that_is_sent_twice_starts_one_crawl(started, dataset):
    token = str(uuid.uuid4())
    first, second = started(token=token), started(token=token)
    assert first["Location"] == second["Location"]
    assert dataset.crawls.count() == 1


def test_a_form_that_is_sent_again_with_other_words_starts_another_crawl(started, dataset):
    token = str(uuid.uuid4())  # the Back key brings the form with its token
    first, second = started(token=token, queries="cup"), started(token=token, queries="mug")
    assert first["Location"] != second["Location"]
    assert {one.queries[0] for one in dataset.crawls.all()} == {"cup", "mug"}


def test_a_crawl_that_cannot_be_is_refused_in_the_form_and_nothing_typed_is_lost(started, dataset):
    page = started(per_page=50, min_side=300, queries="my own words")
    assertContains(page, "Openverse gives at most 20 photos a page.", status_code=422)
    assertContains(page, "my own words", status_code=422)
    assertContains(page, 'value="300"', status_code=422)
    assert not dataset.crawls.exists()


@pytest.mark.parametrize("value", ["0", "-3", "x", "1.5", "9" * 30])
@pytest.mark.parametrize("name", ["start_page", "total_page", "per_page", "target"])
def test_a_figure_that_cannot_be_is_refused_beside_its_field_by_its_name(started, dataset, name, value):
    page = started(**{name: value})
    assertContains(page, f"“{FIGURES[name].label}” is a whole number from 1 to 100,000.", status_code=422)
    assertNotContains(page, "Ensure this value", status_code=422)
    assert not dataset.crawls.exists()


def test_words_that_are_too_long_are_refused_and_stay_in_the_form(started, dataset):
    page = started(queries="cup\n" + "glass" * 600)
    assertContains(page, "A search has at most 200 characters; this one has 3,000", status_code=422)
    assertContains(page, "glass" * 600, status_code=422)
    assert not dataset.crawls.exists()


def test_pages_do_not_matter_to_a_list_of_addresses(started, dataset):
    assert (
        started(provider="urls", addresses="https://a.example/1", start_page="", per_page=0).status_code
        == 302
    )
    assert dataset.crawls.get().total_page == 1


@pytest.mark.parametrize(
    "values",
    [{"start_page": 0}, {"total_page": "x"}, {"provider": "nonsense"}, {"licence": "nonsense"}, {"target": -1},
     {"min_side": "9" * 30}, {"start_page": ""}, {"token": "no uuid"}, {"provider": "baidu"}],
)  # fmt: skip
def test_nonsense_in_the_form_is_refused(started, dataset, values):
    assert started(**values).status_code == 422
    assert not dataset.crawls.exists()


def test_a_class_of_another_data_set_is_none(client_of, curator, dataset, started):
    other = dataset_create(name="Other", created_by=curator)
    class_create(dataset=other, name="theirs")
    assertContains(started(**{"class": "theirs"}), "Find photos of which class?")
    assert not Crawl.objects.exists()


def test_a_pasted_list_and_a_file_become_one_crawl(started, client_of, curator, dataset):
    file = SimpleUploadedFile("list.txt", "\ufeffhttps://b.example/2.jpg\n# note\n".encode())
    started(provider="urls", addresses="https://a.example/1.jpg, Jane Doe\r\n\r\n", list_file=file)
    lines = dataset.crawls.get().queries
    assert [line for line in lines if line.startswith("https")] == [
        "https://a.example/1.jpg, Jane Doe",
        "https://b.example/2.jpg",
    ]
    assertContains(client_of(curator).get(detail(dataset.crawls.get())), '<dd class="num">2</dd>')


def test_twenty_thousand_lines_are_taken_and_one_more_is_refused(started, client_of, viewer, dataset):
    lines = [f"https://a.example/{n}.jpg" for n in range(MAX_LINES)]
    page = started(provider="urls", addresses="\n".join([*lines, "https://a.example/more.jpg"]))
    assertContains(page, "At most 20,000 addresses at once.", status_code=422)
    assert started(provider="urls", addresses="\n".join(lines)).status_code == 302
    crawl = dataset.crawls.get()
    assert len(crawl.queries) == MAX_LINES
    page = client_of(viewer).get(detail(crawl))
    assertContains(page, "20,000")
    assertNotContains(page, "https://a.example/19999.jpg")


def test_a_file_that_is_no_text_is_refused(started):
    page = started(provider="urls", list_file=SimpleUploadedFile("list.txt", b"\xff\xfe\x00\x01"))
    assertContains(page, "The file is no text in UTF-8.", status_code=422)


def test_a_new_crawl_takes_over_the_values_of_an_earlier_one(client_of, curator, dataset, bottle):
    crawl = add_crawl(bottle, CrawlState.TRIED, queries=["green bottle", "cap"], total_page=3, min_side=150)
    page = client_of(curator).get(url(dataset, "new") + f"?from={crawl.number}").content.decode()
    assert re.search(r'name="queries"[^>]*>\s*green bottle\ncap</textarea>', page)
    assert re.search(r'name="total_page" value="3"', page)
    assert re.search(r'name="min_side" value="150"', page)


def test_earlier_searches_teach_which_words_work(client_of, curator, dataset, bottle):
    crawl = add_crawl(bottle, queries=["green bottle"])
    add_found(crawl, 3, ImageState.ACCEPTED, bottle)
    add_found(crawl, 1, ImageState.QUARANTINED)
    page = client_of(curator).get(url(dataset, "new") + "?class=bottle")
    assertContains(page, "3 of 4 taken")
    assertContains(page, "75 %")
    assertContains(page, "provider=openverse&amp;words=green%20bottle")


def test_words_of_the_address_stand_in_the_form(client_of, curator, dataset, bottle):
    page = client_of(curator).get(url(dataset, "new") + "?class=bottle&words=<b>cap</b>")
    assertContains(page, "&lt;b&gt;cap&lt;/b&gt;</textarea>")


# One crawl


def test_a_crawl_shows_each_candidate_with_its_verdict_in_words(client_of, viewer, dataset, bottle):
    crawl = add_crawl(bottle)
    add_candidates(
        crawl, 1, CrawlVerdict.HTTP_ERROR, detail="a.example answered with status 404 instead of the file."
    )
    add_candidates(crawl, 1, CrawlVerdict.NOT_AN_IMAGE, detail="cannot identify image file <_io.BytesIO>")
    page = client_of(viewer).get(detail(crawl))
    assertContains(page, "a.example answered with status 404 instead of the file.")
    assertContains(page, "What came is no photo: often a page that says the photo is gone.")
    assertNotContains(page, "BytesIO")


@pytest.mark.parametrize("verdict", CrawlVerdict.values)
def test_every_verdict_has_its_sentence_and_filters_the_table(client_of, viewer, dataset, bottle, verdict):
    crawl = add_crawl(bottle)
    add_candidates(crawl, 1, verdict, title="The one asked for")
    add_candidates(crawl, 1, "redirects" if verdict != "redirects" else "empty", title="Something else")
    page = client_of(viewer).get(detail(crawl) + f"?verdict={verdict}")
    assertContains(page, "The one asked for")
    assertNotContains(page, "Something else")


def test_a_saved_photo_tells_what_people_decided_about_it(client_of, viewer, dataset, bottle):
    crawl = add_crawl(bottle)
    add_found(crawl, 1, ImageState.ACCEPTED, bottle)
    add_found(crawl, 1, ImageState.QUARANTINED)
    page = client_of(viewer).get(detail(crawl))
    assertContains(page, "Saved, and accepted by review.")
    assertContains(page, "Saved, and refused by review")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_stranger_wrote_becomes_no_link_that_runs(client_of, viewer, dataset, bottle, hostile):
    crawl = add_crawl(bottle, CrawlState.TRIED)
    CrawlItem.objects.bulk_create(
        [
            candidate(
                crawl, n, verdict, page_url=hostile.replace("\0", ""), licence_url=hostile.replace("\0", ""),
                licence="CC0", title="<script>alert(1)</script>", author='"><img src=x onerror=alert(1)>',
                urls=[hostile], sha256=sha_of(n),
            )
            for n, verdict in enumerate((CrawlVerdict.CANDIDATE, CrawlVerdict.EMPTY))
        ]
    )  # fmt: skip
    page = client_of(viewer).get(detail(crawl)).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    for link in re.findall(r'href="([^"]*)"', page):
        assert not link or link[0] in "/?#" or link.startswith(("http://", "https://")), link
        assert not link.startswith("//")


def test_a_link_to_a_source_tells_it_nothing_of_this_page(client_of, viewer, dataset, bottle):
    crawl = add_crawl(bottle)
    add_candidates(crawl, 1, CrawlVerdict.EMPTY, page_url="https://photos.example/1")
    page = client_of(viewer).get(detail(crawl)).content.decode()
    (tag,) = re.findall(r'<a href="https://photos\.example/1"[^>]*>', page)
    assert 'target="_blank"' in tag
    assert 'rel="noopener noreferrer nofollow"' in tag


def test_five_thousand_candidates_are_paged_at_the_same_cost(client_of, viewer, dataset, bottle):
    crawl = add_crawl(bottle)
    add_candidates(crawl, 100, CrawlVerdict.TOO_SMALL)
    client = client_of(viewer)
    few = queries_of(client, detail(crawl))
    add_candidates(crawl, 4900, CrawlVerdict.TOO_SMALL)
    assert queries_of(client, detail(crawl)) == few
    assert queries_of(client, detail(crawl) + f"?after={crawl.items.first().pk + 4000}") == few
    seen, address = [], detail(crawl) + "?verdict=too_small"
    for _page in range(3):
        page = client.get(address).content.decode()
        seen += re.findall(r">(Photo \d+)</b>", page)
        following = re.search(r'rel="next" href="(\?[^"#]*)', page)
        assert following is not None
        address = detail(crawl) + following[1].replace("&amp;", "&")
    assert seen == [f"Photo {n}" for n in range(180)]


def test_a_trial_is_a_contact_sheet_what_fits_best_first(client_of, curator, dataset, bottle):
    crawl = add_crawl(bottle, CrawlState.TRIED, queries=["one", "two"])
    for n, fit in enumerate((0.2, None, 0.9)):
        add_candidates(crawl, 1, CrawlVerdict.CANDIDATE, fit=fit, sha256=sha_of(n), query=n % 2)
    add_candidates(crawl, 1, CrawlVerdict.EMPTY, query=1)
    page = client_of(curator).get(detail(crawl)).content.decode()
    sheet = page[page.index('class="grid sheet"') : page.index('id="items"')]
    assert re.findall(r'alt="(Photo \d)"', sheet) == ["Photo 2", "Photo 0", "Photo 1"]
    assert "2 of 2 are photos" in page
    assert "1 of 2 are photos" in page
    for name in ("go_on", "discard"):
        assert url(dataset, name, crawl.number) in page
    assert f"{url(dataset, 'new')}?from={crawl.number}" in page


def test_a_trial_that_is_ranked_asks_for_itself_until_it_is(client_of, viewer, dataset, bottle):
    crawl = add_crawl(bottle, CrawlState.TRIED)
    add_candidates(crawl, 1, CrawlVerdict.CANDIDATE, sha256=sha_of(1))
    assertNotContains(client_of(viewer).get(detail(crawl)), "every 2s")
    rank = add_rank(bottle, JobState.RUNNING)
    assertContains(client_of(viewer).get(detail(crawl)), "every 2s")
    Job.objects.filter(pk=rank.pk).update(state=JobState.SUCCEEDED)
    assertNotContains(client_of(viewer).get(detail(crawl)), "every 2s")


def test_a_crawl_at_work_shows_how_far_it_is_and_can_be_cancelled(client_of, curator, viewer, bottle):
    crawl = add_crawl(
        bottle, CrawlState.RUNNING,
        job={"message": "14 saved of 41 looked at", "progress": 0.38, "eta_seconds": 140},
    )  # fmt: skip
    add_found(crawl, 2)
    page = client_of(curator).get(detail(crawl))
    assertContains(page, "14 saved of 41 looked at")
    assertContains(page, "about 2 min left")
    assertContains(page, reverse("jobs:cancel", args=[crawl.job.pk]))
    assertContains(page, "every 2s")
    part = client_of(viewer).get(detail(crawl), headers=HTMX)
    assertContains(part, "foundstrip")
    assertNotContains(part, "jobs:cancel")


def test_the_list_of_candidates_comes_alive_with_the_page_and_rests_while_nothing_changes(
    client_of, viewer, bottle
):
    crawl = add_crawl(bottle, CrawlState.TRYING)
    client = client_of(viewer)

    def poll(page) -> str:
        """What the part that was shown asks for next."""
        asked = re.search(r'data-poll hx-get="([^"]+)"', page)
        assert asked is not None
        return client.get(asked[1].replace("&amp;", "&"), headers=HTMX).content.decode()

    page = client.get(detail(crawl)).content.decode()
    assert "The first candidates come in a moment." in page
    assert "hx-swap-oob" not in page
    add_candidates(crawl, 2)
    part = poll(page)
    assert '<section id="items"' in part
    assert 'hx-swap-oob="true"' in part
    assert "Photo 1</b>" in part
    assert "<html" not in part
    assert 'id="items"' not in poll(part)
    crawl.items.update(verdict=CrawlVerdict.CANDIDATE)
    Crawl.objects.update(state=CrawlState.TRIED)
    last = poll(part)
    assert last.count('<span class="badge good">In the trial</span>') == 2
    assert "data-poll" not in last


def test_a_page_of_one_verdict_stays_so_while_it_asks_for_itself(client_of, viewer, bottle):
    crawl = add_crawl(bottle, CrawlState.RUNNING)
    add_candidates(crawl, 1, CrawlVerdict.EMPTY)
    add_candidates(crawl, 1, CrawlVerdict.BROKEN)
    page = client_of(viewer).get(detail(crawl) + "?verdict=empty").content.decode()
    asked = re.search(r'data-poll hx-get="([^"]+)"', page)
    assert asked is not None
    assert "verdict=empty" in asked[1]
    part = client_of(viewer).get(detail(crawl) + "?verdict=empty&seen=other", headers=HTMX).content.decode()
    assert "Photo 0</b>" in part
    assert "Photo 1</b>" not in part
    assert re.search(r'<a class="chip on"[^>]*verdict=empty', part)


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("refused_url", "Its address is none that is fetched from."),
        ("licence", "Choose another licence filter to take such photos."),
        ("duplicate", "All that was found is here already."),
    ],
)
def test_a_trial_that_brought_nothing_says_what_became_of_all_and_waits_for_nothing(
    client_of, curator, bottle, verdict, says
):
    crawl = add_crawl(bottle, CrawlState.TRIED)
    add_candidates(crawl, 3, verdict)
    add_rank(bottle, JobState.RUNNING)
    page = client_of(curator).get(detail(crawl))
    assertContains(page, "The trial brought no photo")
    assertContains(page, says)
    for wrong in ("0 photos of the trial", "Working out how well", "data-poll hx-get"):
        assertNotContains(page, wrong)
    html = page.content.decode()
    assert re.search(r'<button type="submit" class="btn" id="fetch-rest"', html)
    assert re.search(r'<a class="btn primary" href="[^"]*from=\d+">', html)


def test_a_crawl_for_which_the_source_found_nothing_says_so(client_of, curator, bottle):
    page = client_of(curator).get(detail(add_crawl(bottle)))
    assertContains(page, "The crawl brought no photo")
    assertContains(page, "The source found nothing for these words.")


def test_each_address_of_a_list_stands_there_as_it_was_written_with_its_line(client_of, viewer, bottle):
    long = "https://files.example/" + "folder/" * 40 + "<b>cup</b>.jpg"
    lines = ["# cups", "file:///etc/passwd", "data:image/png;base64,AAAA", "", "http:///nohost.jpg", long]
    crawl = add_crawl(bottle, provider="urls", queries=lines)
    CrawlItem.objects.bulk_create(
        candidate(crawl, n, CrawlVerdict.REFUSED_URL, title="", page_url="", urls=[line], query=n)
        for n, line in enumerate(lines)
        if line and not line.startswith("#")
    )
    page = client_of(viewer).get(detail(crawl)).content.decode()
    shown = re.findall(r'<b title="([^"]*)">([^<]*)</b>\s*<small><span class="num">([^<]*)<', page)
    assert [(text, line) for _whole, text, line in shown[:3]] == [
        ("file:///etc/passwd", "Line 2"),
        ("data:image/png;base64,AAAA", "Line 3"),
        ("http:///nohost.jpg", "Line 5"),
    ]
    whole, text, line = shown[3]
    assert (whole, line) == (escape(long), "Line 6")
    assert text.startswith("https://files.example/folder/")
    assert "…" in text
    assert text.endswith(escape("<b>cup</b>.jpg"))


def test_a_list_that_was_crawled_before_lines_were_kept_names_none(client_of, viewer, bottle):
    crawl = add_crawl(bottle, provider="urls", queries=["https://a.example/1", "https://a.example/2"])
    CrawlItem.objects.bulk_create(
        [candidate(crawl, 1, CrawlVerdict.EMPTY, title="", urls=["https://a.example/2"])]
    )
    page = client_of(viewer).get(detail(crawl))
    assertContains(page, "https://a.example/2</b>")
    assertNotContains(page, "Line 1")


def test_a_stopped_crawl_says_why_and_goes_on_when_asked(client_of, curator, dataset, bottle):
    reason = "Openverse is busy and asks to wait. What was saved stays; go on later."
    crawl = add_crawl(bottle, CrawlState.STOPPED, stopped_because=reason)
    client = client_of(curator)
    assertContains(client.get(detail(crawl)), reason)
    client.post(url(dataset, "go_on", crawl.number))
    crawl.refresh_from_db()
    assert crawl.state == CrawlState.RUNNING
    page = client.post(url(dataset, "go_on", crawl.number), follow=True)
    assertContains(page, "This crawl is at work, or has finished.")
    assert Job.objects.filter(kind=JobKind.CRAWL, state=JobState.QUEUED).count() == 1


def test_a_finished_crawl_leads_to_the_review_of_what_it_brought(client_of, viewer, dataset, bottle):
    crawl = add_crawl(bottle)
    add_found(crawl, 3)
    page = client_of(viewer).get(detail(crawl))
    assertContains(page, "Review 3 photos")
    assertContains(page, url(dataset, "review", bottle.pk))


def test_a_trial_of_noise_is_discarded_and_a_crawl_with_photos_is_not(client_of, curator, dataset, bottle):
    noise, kept = add_crawl(bottle, CrawlState.TRIED), add_crawl(bottle)
    add_candidates(noise, 3, CrawlVerdict.CANDIDATE)
    add_found(kept, 1)
    client = client_of(curator)
    client.post(url(dataset, "discard", noise.number))
    assertContains(client.post(url(dataset, "discard", kept.number), follow=True), "it stays as the record")
    assert list(dataset.crawls.all()) == [kept]


def test_a_crawl_of_another_data_set_is_not_found(client_of, curator, dataset, bottle):
    crawl = add_crawl(bottle)
    other = dataset_create(name="Other", created_by=curator)
    for name in ("detail", "go_on", "discard"):
        there = reverse(f"crawls:{name}", args=[other.slug, crawl.number])
        assert client_of(curator).get(there).status_code in (404, 405)
        assert client_of(curator).post(there).status_code in (404, 405)


# Thumbnails of a trial


def test_a_candidate_has_a_thumbnail_though_it_is_no_photo_yet(client_of, viewer, dataset, bottle):
    sha256 = sha_of("seen")
    path = site_store().thumb_path(sha256)
    path.parent.mkdir(parents=True)
    Picture.new("RGB", (8, 8)).save(path, "JPEG")
    crawl = add_crawl(bottle, CrawlState.TRIED)
    (item,) = add_candidates(crawl, 1, CrawlVerdict.CANDIDATE, sha256=sha256)
    answer = client_of(viewer).get(url(dataset, "thumb", item.pk))
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"].startswith("private")
    assert b"".join(answer.streaming_content) == path.read_bytes()


def test_a_thumbnail_is_not_handed_out_by_another_data_set_or_for_what_is_no_candidate(
    client_of, curator, dataset, bottle
):
    other = dataset_create(name="Other", created_by=curator)
    crawl = add_crawl(bottle, CrawlState.TRIED)
    (item,) = add_candidates(crawl, 1, CrawlVerdict.CANDIDATE, sha256=sha_of("seen"))
    (refused,) = add_candidates(crawl, 1, CrawlVerdict.TOO_SMALL, sha256=sha_of("seen"))
    client = client_of(curator)
    assert client.get(url(other, "thumb", item.pk)).status_code == 404
    assert client.get(url(dataset, "thumb", item.pk)).status_code == 404  # there is no file
    assert client.get(url(dataset, "thumb", refused.pk)).status_code == 404


# What leads here


def test_the_rail_counts_what_waits_for_a_review(client_of, viewer, dataset, bottle):
    add_found(add_crawl(bottle), 3)
    add_found(add_crawl(bottle), 1, ImageState.ACCEPTED, bottle)
    page = client_of(viewer).get(reverse("datasets:classes", args=[dataset.slug])).content.decode()
    assert re.search(r'Crawls<span class="num">3</span>', page)


def test_a_class_leads_to_the_form_for_it(client_of, curator, viewer, dataset, bottle):
    address = f"{url(dataset, 'new')}?class=bottle"
    classes = reverse("datasets:classes", args=[dataset.slug])
    assertContains(client_of(curator).get(classes), address)
    assertNotContains(client_of(viewer).get(classes), address)


def test_a_photo_tells_where_it_was_found(client_of, viewer, dataset, bottle):
    (item,) = add_found(add_crawl(bottle), 1)
    page = client_of(viewer).get(reverse("datasets:image", args=[dataset.slug, item.image_id]))
    assertContains(page, "Openverse · “bottle”")
    assertContains(page, 'href="https://creativecommons.org/licenses/by/4.0/"')


def test_a_photo_whose_page_is_no_web_address_has_no_link_to_it(client_of, viewer, dataset, bottle):
    (item,) = add_found(add_crawl(bottle), 1)
    type(item.image).objects.filter(pk=item.image_id).update(
        page_url="javascript:alert(1)",
        provenance={"licence_url": "javascript:alert(1)", "fetched_at": "soon"},
    )
    page = client_of(viewer).get(reverse("datasets:image", args=[dataset.slug, item.image_id]))
    assertNotContains(page, 'href="javascript')


def test_jobs_of_crawls_lead_to_their_pages(client_of, viewer, dataset, bottle):
    crawl = add_crawl(bottle, job={"result": {"verdicts": {"saved": 3, "http_error": 2}}})
    page = client_of(viewer).get(reverse("jobs:detail", args=[crawl.job.pk]))
    assertContains(page, f"Crawl {crawl.number}")
    assertContains(page, detail(crawl))
    assertContains(page, "Not delivered")
    rank = add_rank(bottle)
    page = client_of(viewer).get(reverse("jobs:detail", args=[rank.pk]))
    assertContains(page, url(dataset, "review", bottle.pk))
    assertContains(page, "likeness to accepted photos")


def test_a_crawl_of_a_merged_class_names_the_one_that_takes_its_photos(
    client_of, viewer, curator, dataset, bottle
):
    add_crawl(bottle, CrawlState.RUNNING)
    can = class_create(dataset=dataset, name="can")
    classes_merge(sources=[bottle], into=can, actor=curator)
    assertContains(client_of(viewer).get(reverse("crawls:list", args=[dataset.slug])), "→ can")
    assertContains(
        client_of(viewer).get(reverse("crawls:detail", args=[dataset.slug, 1])), "was merged into can"
    )
