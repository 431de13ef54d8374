"""A thin class is filled from the web: trial, crawl, review by key, snapshot; the sources are servers on loopback."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PHONE, open_page
from tests.support.crawl_site import crawling_site, photos_of
from tests.support.providers import Catalogue, ProviderSite
from tests.support.site import Site, wait_until

pytestmark = pytest.mark.browser

OWN = 6
"""Photos of the class that are there already; the sources know others."""


@pytest.fixture(scope="module")
def sources(trashnet) -> Iterator[ProviderSite]:
    """“glass” finds 60 pictures of glass and 26 that show something else, as a keyword does."""
    pictures = []
    for label, first, n in (("glass", OWN, 60), ("cardboard", 40, 13), ("paper", 40, 13)):
        of_class = [one for one in Catalogue.of_folder(trashnet).pictures if one.words[0] == label]
        pictures += [replace(one, words=("glass", "玻璃")) for one in of_class[first : first + n]]
    pictures.sort(key=lambda one: one.id[::-1])
    with ProviderSite(Catalogue(pictures).troubled(20, ["missing", "html"])) as sources:
        yield sources


@pytest.fixture(scope="module")
def crawl_site(sources, tmp_path_factory) -> Iterator[Site]:
    site = crawling_site(tmp_path_factory.mktemp("crawls"), sources).start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def admin(crawl_site, browser: Browser, tmp_path_factory) -> Path:
    state = tmp_path_factory.mktemp("admin") / "state.json"
    with open_page(browser) as page:
        page.goto(crawl_site.link)
        page.get_by_role("main").get_by_role("button").first.click()
        page.wait_for_url("**/studio/**")
        page.context.storage_state(path=str(state))
    return state


@pytest.fixture
def crawl_studio(
    browser: Browser, crawl_site: Site, admin: Path
) -> Callable[..., AbstractContextManager[Page]]:
    return partial(open_page, browser, state=admin, base_url=crawl_site.url)


@pytest.fixture(scope="module")
def slug(crawl_site, trashnet, tmp_path_factory) -> str:
    """Two classes, one of them thin."""
    folder = tmp_path_factory.mktemp("kerbside")
    for name, n in (("可回收物_glass", OWN), ("可回收物_paper", 14)):
        (folder / name).mkdir()
        label = name.rpartition("_")[2]
        paths = sorted((trashnet / label).glob("*.jpg"), key=lambda one: (len(one.stem), one.stem))
        for path in paths[:n]:
            shutil.copy(path, folder / name)
    return str(crawl_site.answer("import_images", "Kerbside", str(folder))["dataset"])


def test_a_thin_class_is_filled_by_trial_crawl_and_review_and_frozen(crawl_studio, crawl_site, slug, sources):
    site = crawl_site
    with crawl_studio() as page:
        # From the thin class to the form, which knows what to ask.
        page.goto(f"/studio/d/{slug}/classes/")
        page.get_by_role("link", name=re.compile(r"Find photos.*glass|glass.*Find photos")).click()
        expect(page.get_by_role("heading", name="Find photos: glass")).to_be_visible()
        expect(page.get_by_label("Openverse")).to_be_checked()
        page.get_by_role("button", name="Try 50 first").click()

        # The list of candidates comes by itself, and stands there whole at the end.
        expect(page.locator("#items .found").first).to_be_visible(timeout=60_000)

        # The trial: a contact sheet, what fits best first.
        expect(page.locator("#fetch-rest")).to_be_visible(timeout=60_000)
        sheet = page.locator(".sheet .tile")
        expect(sheet.first).to_be_visible()
        expect(page.locator("#items .badge", has_text="In the trial")).to_have_count(sheet.count())
        expect(page.locator(".sheet .fitnum").first).to_be_visible(timeout=60_000)
        fits = [int(text.strip(" %")) for text in page.locator(".sheet .fitnum").all_inner_texts()]
        assert fits == sorted(fits, reverse=True)
        assert photos_of(site, slug) == []

        # The whole crawl, watched: it grows without a reload.
        page.locator("#fetch-rest").click()
        expect(page.locator(".foundstrip img").first).to_be_visible(timeout=60_000)
        expect(page.get_by_role("link", name=re.compile(r"Review \d+ photos"))).to_be_visible(timeout=90_000)
        site.wait_for_job(slug, "crawl")
        site.wait_for_job(slug, "rank")
        found = photos_of(site, slug)
        assert len(found) > 60
        assert {row[4] for row in found} == {"inbox"}
        fetched = [
            one.path for one in sources.seen if one.path.startswith("/pictures/") and "thumb" not in one.path
        ]
        assert len(fetched) == len(set(fetched)), "what the trial fetched is not fetched again"

        # The review, by key: the first ones fit; two are marked as wrong.
        page.goto(f"/studio/d/{slug}/crawls/")
        page.get_by_role("link", name=re.compile(r"glass")).first.click()
        tiles = page.locator("#review-grid .foundtile")
        expect(tiles.first).to_be_visible()
        page.wait_for_load_state()  # the keys are there once the modules are
        n = tiles.count()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        tiles.nth(3).click()
        expect(page.locator("#review-take")).to_contain_text(f"Take {n - 2}, refuse 2")
        # A look at another page, and back: the button still says what is crossed out.
        page.goto(f"/studio/d/{slug}/crawls/")
        page.go_back()
        expect(tiles.nth(3).get_by_role("checkbox")).to_be_checked()
        expect(page.locator("#review-take")).to_contain_text(f"Take {n - 2}, refuse 2")
        page.wait_for_load_state()
        page.locator("h1").click()
        page.keyboard.press("Enter")
        expect(page.locator(".toast").last).to_be_visible()
        accepted = "source = 'crawl' AND state = 'accepted'"
        refused = "source = 'crawl' AND state = 'quarantined'"
        assert site.count(slug, "datasets_image", accepted) == n - 2
        assert site.count(slug, "datasets_image", refused) >= 2

        # Taken back, then decided again.
        page.keyboard.press("Control+z")
        expect(page.locator(".toast").last).to_contain_text("wait")
        assert site.count(slug, "datasets_image", accepted) == 0
        expect(tiles).to_have_count(n)
        page.locator("h1").click()
        page.keyboard.press("Enter")
        expect(page.locator(".toast").last).to_contain_text(str(n))
        assert site.count(slug, "datasets_image", accepted) == n
        # What is left after that is noise: one key refuses all that is shown.
        # Other looks at the new photos may stand before the ranking in its queue.
        expect(page.locator("#review-work[data-poll]")).to_have_count(0, timeout=180_000)
        if shown := tiles.count():
            before = site.count(slug, "datasets_image", refused)
            page.locator("h1").click()
            page.keyboard.press("Delete")
            wait_until(
                lambda: site.count(slug, "datasets_image", refused) >= before + shown,
                seconds=20,
                what="the refusal of all that was shown",
            )

        # Every photo taken has its author and licence among the credits.
        page.goto(f"/studio/d/{slug}/crawls/credits/")
        expect(page.locator("main")).to_contain_text("CC BY")

        # Frozen: the found photos are in the snapshot.
        page.goto(f"/studio/d/{slug}/snapshots/new/")
        page.get_by_role("button", name=re.compile("Make the snapshot")).click()
        site.wait_for_job(slug, "snapshot")
        query = """
            SELECT count(*) FROM snapshots_snapshotitem i JOIN datasets_image p ON p.id = i.image_id
            WHERE p.source = 'crawl'
        """
        assert site.rows(query) == [(n,)]


def test_baidu_is_turned_on_with_one_confirmation_about_licences_and_checked(crawl_studio, slug):
    with crawl_studio() as page:
        page.goto(f"/studio/d/{slug}/crawls/sources/")
        baidu = page.locator("#source-baidu")
        expect(baidu.locator(".badge").first).to_have_text("Off")
        baidu.get_by_role("button", name=re.compile("Turn on")).click()
        dialog = page.locator("dialog[open]")
        expect(dialog).to_contain_text("licence")
        dialog.get_by_role("button", name="I decide so: turn it on").click()
        expect(page.locator("#source-baidu .badge").first).to_have_text("On")
        baidu.get_by_label("Words to ask for").fill("玻璃")
        baidu.get_by_role("button", name=re.compile("Check")).click()
        expect(baidu).to_contain_text(re.compile(r"\d+ of"), timeout=60_000)


def test_a_source_that_finds_nothing_for_one_long_word_says_so_within_its_card(crawl_studio, slug):
    with crawl_studio(viewport=PHONE) as page:
        page.goto(f"/studio/d/{slug}/crawls/sources/")
        card = page.locator("#source-openverse")
        card.get_by_label("Words to ask for").fill("glass" * 40)
        card.get_by_role("button", name=re.compile("Check")).click()
        expect(card).to_contain_text("It answers, but found nothing for", timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_thin_class_is_filled_at_once(crawl_studio, crawl_site, slug):
    with crawl_studio() as page:
        page.goto(f"/studio/d/{slug}/crawls/fill/?enough=40")
        expect(page.locator("main")).to_contain_text("paper")
        page.get_by_role("button", name=re.compile("Start")).click()
        expect(page.locator(".crawlrow").first).to_be_visible()
        crawl_site.wait_for_job(slug, "crawl")


def test_the_review_fits_a_phone(crawl_studio, slug, crawl_site):
    ((label,),) = crawl_site.rows("SELECT id FROM datasets_labelclass WHERE key = 'glass'")
    with crawl_studio(viewport=PHONE) as page:
        for path in ("crawls/", f"crawls/review/{label}/", "crawls/sources/", "crawls/1/"):
            page.goto(f"/studio/d/{slug}/{path}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
