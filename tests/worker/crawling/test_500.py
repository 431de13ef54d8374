"""A crawl as the web is: 500 candidates, a fifth of them noise, a tenth copies, a twentieth errors of every kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.support.providers import Catalogue
from tests.worker.crawling.conftest import verdicts
from webapp.crawls.models import CrawlState
from webapp.datasets.models import ImageState

pytestmark = pytest.mark.django_db(transaction=True)

TROUBLES = ("missing", "html", "slow", "endless", "cut", "huge", "inside", "length", "once", "redirect")
RIGHT, NOISE, COPIES, ERRORS = 325, 100, 50, 25


@pytest.fixture
def web() -> Catalogue:
    right = Catalogue.drawn(RIGHT).pictures
    noise = [replace(one, title=f"no cup {one.id}") for one in Catalogue.drawn(NOISE, start=RIGHT).pictures]
    copies = [replace(one, id=f"copy-{one.id}") for one in right[:COPIES]]
    errors = [
        replace(one, trouble=TROUBLES[number % len(TROUBLES)])
        for number, one in enumerate(Catalogue.drawn(ERRORS, start=RIGHT + NOISE).pictures)
    ]
    # Mixed as search results are, the same way each time; a copy always after what it copies.
    mixed = sorted([*right, *noise, *errors], key=lambda one: one.id[::-1])
    return Catalogue([*mixed, *copies], everything=True)


def of_trouble(web: Catalogue) -> Counter[str]:
    return Counter(one.trouble for one in web.pictures if one.trouble)


def test_a_list_of_500_addresses_ends_with_the_right_verdict_for_each(serve, crawl, dataset, web):
    site = serve(web, pace=1.0)
    lines = [f"{site.url}/pictures/{one.name}" for one in web.pictures]
    done = crawl("urls", queries=lines, per_page=100)
    n = of_trouble(web)
    assert done.state == CrawlState.FINISHED, done.stopped_because
    assert verdicts(done) == {
        "saved": RIGHT + NOISE + n["once"] + n["redirect"],
        "duplicate": COPIES,
        "http_error": n["missing"],
        "not_an_image": n["html"],
        "too_slow": n["slow"],
        "too_large": n["endless"],
        "truncated": n["cut"],
        "too_many_pixels": n["huge"],
        "refused_address": n["inside"],
        "network": n["length"],
    }
    assert dataset.images.filter(state=ImageState.INBOX).count() == verdicts(done)["saved"]
    assert done.job.result["verdicts"] == verdicts(done)


def test_where_a_source_keeps_previews_only_what_opens_badly_is_lost(serve, crawl, dataset, web):
    """Baidu's protocol: ten pages of fifty, enciphered addresses, a preview for each photo."""
    site = serve(web, pace=1.0)
    done = crawl("baidu", total_page=10, per_page=50)
    n = of_trouble(web)
    assert done.state == CrawlState.FINISHED, done.stopped_because
    lost = n["cut"] + n["huge"]
    assert verdicts(done) == {
        "saved": RIGHT + NOISE + ERRORS - lost,
        "duplicate": COPIES,
        "truncated": n["cut"],
        "too_many_pixels": n["huge"],
    }
    assert dataset.images.count() == verdicts(done)["saved"]
    asked = [one.query["pn"] for one in site.seen if one.path.endswith("/acjson")]
    assert asked == [str(50 * page) for page in range(10)]
