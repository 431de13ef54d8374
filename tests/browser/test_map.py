"""The map by hand: drawn by its job, a lasso round photos, labels and the way back, a mistake found by its colour."""

from __future__ import annotations

import json
import shutil

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PHONE

pytestmark = pytest.mark.browser

CLASSES = ("cardboard", "glass", "paper")
EACH = 14
MAP = "/studio/d/strewn/map/"
MARGIN = 14  # of static/js/mapping/view.js
LATER = 60_000


@pytest.fixture(scope="module")
def strewn(site, trashnet, tmp_path_factory):
    """42 photos of three classes."""
    folder = tmp_path_factory.mktemp("strewn")
    for name in CLASSES:
        (folder / name).mkdir()
        for path in sorted((trashnet / name).glob("*.jpg"))[:EACH]:
            shutil.copy(path, folder / name)
    site.answer("import_images", "Strewn", str(folder))
    site.wait_for_job("strewn", "suspicion")
    return site


def drawn(page: Page) -> None:
    expect(page.locator("#map[data-drawn]")).to_be_visible(timeout=LATER)


def spots(page: Page, query: str = "") -> dict[int, tuple[float, float]]:
    """Where each photo lies in the window, while the whole map is shown."""
    known = json.loads(page.locator("#map-data").text_content())["map"]
    found = page.request.get(f"{MAP}points.json?{query}").json()
    box = page.locator("#map").bounding_box()
    side = min((box["width"] - 2 * MARGIN) / known["width"], (box["height"] - 2 * MARGIN) / known["height"])

    def at(share: float, start: float, length: float) -> float:
        return start + length / 2 + (share / known["grid"] - 0.5) * side

    return {
        pk: (at(x, box["x"], box["width"]), at(y, box["y"], box["height"]))
        for pk, x, y in zip(found["ids"], found["x"], found["y"], strict=True)
    }


def lasso(page: Page, corners: list[tuple[float, float]]) -> None:
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()


def around(spot: tuple[float, float], reach: float = 6) -> list[tuple[float, float]]:
    x, y = spot
    return [(x - reach, y - reach), (x + reach, y - reach), (x + reach, y + reach), (x - reach, y + reach)]


def test_a_map_is_drawn_a_lasso_labels_what_is_inside_and_ctrl_z_takes_it_back(studio, strewn):
    site = strewn

    def labelled(key: str) -> int:
        return site.count(
            "strewn", "datasets_image", f"label_id = (SELECT id FROM datasets_labelclass WHERE key = '{key}' "
            "AND dataset_id = (SELECT id FROM datasets_dataset WHERE slug = 'strewn'))"
        )  # fmt: skip

    with studio() as page:
        page.goto(MAP)
        page.get_by_role("button", name="Draw the map").click()
        drawn(page)
        expect(page.locator("#map-said")).to_have_text("42 photos")

        # A pointer on a photo shows it, a click opens its details.
        everywhere = spots(page)
        _image, spot = next(iter(spots(page, "class=glass").items()))
        page.mouse.move(spot[0] - 60, spot[1])
        page.mouse.move(*spot)
        expect(page.locator("#map-tip")).to_be_visible()
        page.mouse.click(*spot)
        expect(page.locator("#drawer .history")).to_be_visible()
        page.locator("[data-close-drawer]").click()
        expect(page.locator("#drawer")).to_be_hidden()

        # A lasso takes all photos inside, and they stand below.
        lasso(page, around(spot))
        inside = sum(abs(x - spot[0]) < 6 and abs(y - spot[1]) < 6 for x, y in everywhere.values())
        expect(page.locator("#bulk-count")).to_have_text(f"{inside} selected")
        expect(page.locator("#map-chosen").get_by_role("option")).to_have_count(inside)
        expect(page.locator("#map-summary")).to_contain_text("glass")
        before = labelled("paper")
        page.keyboard.press("Enter")
        page.locator("#palette-input").fill("paper")
        page.keyboard.press("Enter")
        expect(page.locator(".toast").last).to_contain_text("labelled paper")
        assert labelled("paper") == before + inside
        # Colours and figures follow, and the way back is the gallery's.
        expect(page.locator("#map-summary")).to_have_text(f"paper{inside}3")  # 3 is its key
        page.keyboard.press("Control+z")
        expect(page.locator(".toast").last).to_contain_text("Undone")
        assert labelled("paper") == before
        expect(page.locator("#map-summary")).to_contain_text("glass")

        # An act from the map leaves the map in sight; so does the way back, and a key that has nothing to act on.
        page.evaluate("scrollTo(0, 0)")
        lasso(page, around(spot))
        expect(page.locator("#bulk-count")).to_have_text(f"{inside} selected")
        page.keyboard.press("3")
        expect(page.locator("#map-summary")).to_have_text(f"paper{inside}3")
        assert page.evaluate("scrollY") == 0
        page.keyboard.press("2")
        page.keyboard.press("Control+z")
        expect(page.locator("#map-summary")).to_contain_text("glass")
        assert page.evaluate("scrollY") == 0
        assert labelled("paper") == before

        # Without a mouse: what is shown is chosen by keys, one photo is taken out, the rest goes to quarantine.
        page.get_by_role("link", name="cardboard").click()
        drawn(page)
        # The area holds no cardboard, so it is gone.
        expect(page.locator("#map-chosen")).to_be_hidden()
        page.locator("#map").focus()
        page.keyboard.press("Shift+S")
        expect(page.locator("#bulk-count")).to_have_text(f"{EACH} selected")
        page.locator("#gallery-grid").focus()
        page.keyboard.press("Home")
        page.keyboard.press("Space")
        expect(page.locator("#bulk-count")).to_have_text(f"{EACH - 1} selected")
        page.keyboard.press("Delete")
        expect(page.locator(".toast").last).to_contain_text(f"{EACH - 1} photos put into quarantine")
        assert site.count("strewn", "datasets_image", "state = 'quarantined'") == EACH - 1
        page.keyboard.press("Control+z")
        expect(page.locator(".toast").last).to_contain_text("Undone")
        assert site.count("strewn", "datasets_image", "state = 'quarantined'") == 0


def test_zooming_in_shows_fewer_photos_and_whole_map_all_of_them_again(studio, strewn):
    with studio() as page:
        page.goto(MAP)
        drawn(page)
        x, y = next(iter(spots(page).values()))
        page.mouse.move(x, y)
        for _step in range(6):
            page.mouse.wheel(0, -300)
        expect(page.locator("#map-said")).not_to_have_text("42 photos")
        page.reload()  # the same part is shown again
        expect(page.locator("#map-said")).to_contain_text("photo")
        expect(page.locator("#map-said")).not_to_have_text("42 photos")
        page.get_by_role("button", name="Whole map").click()
        expect(page.locator("#map-said")).to_have_text("42 photos")
        # What the caption counts is what is selected, and not what lies just outside.
        with page.expect_response("**/points.json?*beyond=1*"):
            page.get_by_role("button", name="Zoom in").click()
        page.keyboard.press("Shift+S")
        expect(page.locator("#bulk-count")).to_be_visible()
        chosen = page.locator("#bulk-count").text_content().split()[0]
        assert int(chosen) < 42
        expect(page.locator("#map-said")).to_have_text(f"{chosen} photos")


def test_two_people_on_one_map_overwrite_nothing(studio, strewn):
    with studio() as first, studio() as second:
        for page in (first, second):
            page.goto(MAP)
            drawn(page)
            page.keyboard.press("Shift+S")
            expect(page.locator("#bulk-count")).to_have_text("42 selected")
        for page, name in ((first, "glass"), (second, "paper")):
            page.keyboard.press("Enter")
            page.locator("#palette-input").fill(name)
            page.keyboard.press("Enter")
            expect(page.locator(".toast", has_text=f"labelled {name}")).to_be_visible()
        # The second had not seen those that the first has changed.
        expect(second.locator(".toast", has_text="changed by someone else meanwhile")).to_contain_text(
            "28 photos"
        )
        first.keyboard.press("Control+z")
        expect(first.locator(".toast").last).to_contain_text("Undone")


def test_a_phone_moves_draws_a_box_and_sees_the_photos(studio, strewn):
    with studio(viewport=PHONE, has_touch=True, is_mobile=True) as page:
        page.goto(MAP)
        drawn(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect(page.get_by_role("button", name="Move", exact=True)).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Box", exact=True).tap()
        page.locator("#map").scroll_into_view_if_needed()
        box = page.locator("#map").bounding_box()
        # Playwright has no drag by touch; Chromium's own protocol has.
        touch = page.context.new_cdp_session(page)

        def finger(kind: str, x: float, y: float) -> None:
            points = [] if kind == "touchEnd" else [{"x": box["x"] + x, "y": box["y"] + y}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        finger("touchStart", 4, 4)
        for step in range(1, 9):
            finger("touchMove", 4 + (box["width"] - 8) * step / 8, 4 + (box["height"] - 8) * step / 8)
        finger("touchEnd", 0, 0)
        expect(page.locator("#bulk-count")).to_have_text("42 selected")
        expect(page.locator("#map-chosen").get_by_role("option").first).to_be_attached()
