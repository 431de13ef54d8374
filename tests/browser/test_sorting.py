"""The inbox that sorts itself and the labels in doubt, on real photos with the real jobs behind them."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.sync_api import expect

from tests.support.browser import PHONE

pytestmark = pytest.mark.browser

CLASSES = ("cardboard", "glass", "paper")
LABELLED, BARE = 10, 22


@pytest.fixture(scope="module")
def slug(site, trashnet, tmp_path_factory):
    """Ten labelled photos a class, two of them in the wrong folder, and 66 in the inbox."""
    labelled, bare = tmp_path_factory.mktemp("labelled"), tmp_path_factory.mktemp("bare")
    for name in CLASSES:
        (labelled / name).mkdir()
        for place, path in enumerate(sorted((trashnet / name).glob("*.jpg"))[: LABELLED + BARE]):
            shutil.copy(path, labelled / name if place < LABELLED else bare)
    for name in ("cardboard1.jpg", "cardboard10.jpg"):
        shutil.move(labelled / "cardboard" / name, labelled / "glass" / name)
    site.answer("import_images", "Pile", str(labelled))
    site.answer("import_images", "Pile", str(bare))
    for kind in ("duplicates", "suspicion"):
        site.wait_for_job("pile", kind)
    return "pile"


def accept(page) -> None:
    page.keyboard.press("Enter")
    expect(page.locator(".toast").last).to_contain_text("accepted as")


def test_the_inbox_is_sorted_into_groups_that_one_key_accepts_and_a_click_thins_out(studio, slug, site):
    with studio() as page:
        page.goto(f"/studio/d/{slug}/inbox/")
        page.get_by_role("link", name="Sort the inbox by looks").click()
        heading = page.locator(".guesshead h2")
        expect(heading).to_contain_text("look like")
        tiles = page.locator(".ghost")
        n = tiles.count()
        # A click takes a photo out, by mouse and by key.
        tiles.nth(0).click()
        expect(page.locator("#guess-accept")).to_contain_text(f"Accept {n - 1} photo")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        expect(page.locator("#guess-accept")).to_contain_text(f"Accept {n - 2} photo")
        name = re.search(r"look like (\w+)", heading.inner_text()).group(1)
        page.locator("h1").click()
        accept(page)
        guessed = "label_origin = 'model'"
        assert site.count(slug, "datasets_image", guessed) == n - 2
        # The next group stands there at once, and newer guesses take its place without being asked for.
        expect(page.locator(".guesses .chip.on")).not_to_contain_text(name)
        expect(page.locator("#guess-work")).to_contain_text(f"Learnt from {3 * LABELLED + n - 2} labels")
        page.keyboard.press("Control+z")
        expect(page.locator(".toast").last).to_contain_text("back in the inbox")
        assert site.count(slug, "datasets_image", guessed) == 0


def test_two_people_who_accept_the_same_group_lose_nothing(studio, slug, site):
    with studio() as first, studio() as second:
        for page in (first, second):
            page.goto(f"/studio/d/{slug}/guesses/")
            expect(page.locator("#guess-form")).to_be_visible()
            # Whatever fit is under way has ended.
            expect(page.locator("#guess-work[data-poll]")).to_have_count(0)
        key = first.locator("#guess-form [name=class]").input_value()
        second.goto(f"/studio/d/{slug}/guesses/?class={key}")
        taken = second.locator(".ghost").count()
        first.goto(f"/studio/d/{slug}/guesses/?class={key}")
        accept(first)
        accept(second)
        expect(second.locator(".toast").last).to_contain_text(
            f"{taken} were changed by someone else meanwhile."
        )
        events = "SELECT COUNT(*) FROM datasets_labelevent WHERE origin = 'model' AND undoes IS NULL"
        before = site.rows(events)[0][0]
        assert before >= taken
        doubled = """
            SELECT image_id FROM datasets_labelevent WHERE origin = 'model' AND undoes IS NULL
            GROUP BY image_id, new_label_id HAVING COUNT(*) > 2
        """
        assert site.rows(doubled) == []


def test_two_browsers_label_the_same_inbox_and_the_later_one_is_told(studio, slug, site):
    with studio() as first, studio() as second:
        for page in (first, second):
            page.goto(f"/studio/d/{slug}/inbox/?sort=oldest")
            expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
            page.locator("#gallery-grid").focus()
            page.keyboard.press("Home")
        first.keyboard.press("1")
        expect(first.locator(".toast").last).to_contain_text("1 photo labelled")
        second.keyboard.press("2")
        expect(second.locator(".toast").last).to_contain_text("changed by someone else meanwhile")
        # The first label stands, and the second browser shows it.
        kept = """
            SELECT k.key FROM datasets_labelevent e JOIN datasets_labelclass k ON k.id = e.new_label_id
            WHERE e.origin = 'person' ORDER BY e.id DESC LIMIT 1
        """
        assert site.rows(kept) == [("cardboard",)]


def test_labels_in_doubt_are_taken_kept_and_put_back_by_key(studio, slug, site):
    with studio() as page:
        page.goto(f"/studio/d/{slug}/")
        page.get_by_role("link", name="Check labels").click()
        doubts = page.locator("[data-group]")
        first = doubts.first
        expect(first).to_contain_text("glass, or cardboard?")
        n = doubts.count()
        page.wait_for_load_state()  # the keys are there once the modules are
        first.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".toast").last).to_contain_text("The photo has its new class.")
        expect(page.locator(".dup.done")).to_contain_text("glass → cardboard")
        expect(doubts).to_have_count(n - 1)
        expect(doubts.first).to_be_focused()
        page.keyboard.press("Control+z")
        expect(doubts).to_have_count(n)
        expect(doubts.first).to_be_focused()
        page.keyboard.press("Space")
        expect(page.locator(".toast").last).to_contain_text("Confirmed")
        page.goto(f"/studio/d/{slug}/clean/labels/?show=decided")
        expect(page.locator(".dup.done")).to_contain_text("glass, confirmed")


def test_the_gallery_is_filtered_by_doubt_and_day_sorted_by_size_and_by_likeness(studio, slug):
    with studio() as page:
        page.goto(f"/studio/d/{slug}/images/?doubt=label&sort=suspicion")
        options = page.get_by_role("listbox").get_by_role("option")
        expect(options.first).to_be_visible()
        page.get_by_role("link", name="Label in doubt").click()  # its chip takes the filter off
        expect(page).to_have_url(re.compile(r"images/\?sort=suspicion$"))
        page.goto(f"/studio/d/{slug}/images/?since=2099-01-01")
        expect(page.get_by_role("heading", name="No photo passes these filters")).to_be_visible()
        page.goto(f"/studio/d/{slug}/images/?sort=largest")
        options.first.dblclick()
        page.locator("#drawer").get_by_role("button", name="Look for photos like it").click()
        expect(page.locator("#alike[data-found]")).to_contain_text("the most alike first")
        expect(options.first).to_be_visible()
        assert options.count() > 20


def test_the_sorted_inbox_fits_a_phone(studio, slug):
    with studio(viewport=PHONE) as page:
        page.goto(f"/studio/d/{slug}/guesses/")
        expect(page.locator("#guess-form")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
