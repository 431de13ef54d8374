"""The gallery by keyboard: label, undo, put aside, open; and what happens when no answer comes."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.sync_api import expect

from tests.support.site import wait_until

pytestmark = pytest.mark.browser


def test_photos_are_labelled_undone_and_put_aside_by_key_and_nothing_is_lost_without_the_server(
    site, studio, trashnet, tmp_path
):
    for name in ("glass", "metal"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for photo in sorted((trashnet / name).glob("*.jpg"))[:6]:
            shutil.copy(photo, tmp_path / "set" / name)
    imported = site.answer("import_images", "By key", str(tmp_path / "set"))
    assert imported["saved"] == 12

    with studio() as page:
        page.goto("/studio/d/by-key/images/")
        photos = page.get_by_role("listbox", name="Photos")
        first, second, third = (photos.get_by_role("option").nth(n) for n in range(3))
        expect(first).to_contain_text("metal")

        # An address that names no photo that could be asks the server for none.
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"/studio/d/by-key/images/?image={'9' * 24}")
        expect(first).to_contain_text("metal")
        page.wait_for_load_state("networkidle")
        assert not [address for address in asked if "e+" in address]
        page.goto("/studio/d/by-key/images/")
        expect(first).to_contain_text("metal")

        # The first arrow shows the cursor on the first photo; a digit labels it and the cursor moves on.
        page.keyboard.press("ArrowRight")
        expect(first).to_have_class(re.compile(r"\bat\b"))
        page.keyboard.press("1")
        expect(first).to_contain_text("glass")
        expect(second).to_have_class(re.compile(r"\bat\b"))
        expect(page.locator("[data-class=glass] .num").first).to_have_text("7")
        page.keyboard.press("Control+z")
        expect(first).to_contain_text("metal")

        # A selection is labelled as a whole, by the beginning of a name.
        page.keyboard.press("Home")
        page.keyboard.press("Space")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        expect(page.locator("#bulk-count")).to_have_text("3 selected")
        page.keyboard.press("g")
        page.keyboard.press("Enter")
        expect(third).to_contain_text("glass")
        page.keyboard.press("Control+z")
        expect(third).to_contain_text("metal")

        # Delete puts aside; the photo stays where it was, marked.
        page.keyboard.press("Home")
        page.keyboard.press("Delete")
        expect(first).to_contain_text("quarantined")
        expect(page.locator("[data-state=quarantined] .num")).to_have_text("1")

        # The details have an address of their own, and Back closes them.
        page.keyboard.press("Shift+O")
        expect(page.locator("#drawer")).to_contain_text("Where it comes from")
        assert "image=" in page.url
        page.go_back()
        expect(page.locator("#drawer")).to_be_hidden()

        # Without an answer from the server the old label comes back, with a word about it.
        page.context.set_offline(True)
        page.keyboard.press("1")
        expect(page.get_by_role("alert")).to_contain_text("Nothing was lost")
        expect(second).to_contain_text("metal")
    assert site.count("by-key", "datasets_image", "state = 'quarantined'") == 1


def test_photos_are_chosen_by_shift_box_and_all_at_once_and_labelled_by_chinese_pinyin_or_initials(
    site, studio, trashnet, tmp_path
):
    for name, source in (("可回收物_鼠标", "glass"), ("厨余垃圾_薯条", "paper")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for photo in sorted((trashnet / source).glob("*.jpg"))[:7]:
            shutil.copy(photo, tmp_path / "set" / name)
    site.answer("import_images", "By mouse", str(tmp_path / "set"))

    def labelled(name: str) -> int:
        return site.count(
            "by-mouse",
            "datasets_image",
            f"label_id IN (SELECT id FROM datasets_labelclass WHERE key = '{name}')",
        )

    with studio() as page:
        page.goto("/studio/d/by-mouse/images/")
        photos = page.get_by_role("listbox", name="Photos").get_by_role("option")
        expect(photos).to_have_count(14)
        first, third = (photos.nth(n).bounding_box() for n in (0, 2))
        count = page.locator("#bulk-count")

        def middle(box):
            return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        page.mouse.click(*middle(first))
        page.keyboard.down("Shift")
        page.mouse.click(*middle(third))
        page.keyboard.up("Shift")
        expect(count).to_have_text("3 selected")
        # A box drawn from the middle of the first to the middle of the third takes the same three.
        page.keyboard.press("Escape")
        page.mouse.move(*middle(first))
        page.mouse.down()
        page.mouse.move(*middle(third), steps=5)
        page.mouse.up()
        expect(count).to_have_text("3 selected")

        # By pinyin, by initials, in Chinese and in English: the class is the one that was meant.
        shown = {"鼠标": "Computer mouse", "薯条": "French fries"}
        for typed, key in (
            ("shut", "薯条"), ("shub", "鼠标"), ("st", "薯条"), ("sb", "鼠标"),
            ("French", "薯条"), ("mouse", "鼠标"), ("薯", "薯条"),
        ):  # fmt: skip
            page.keyboard.press("Enter")
            page.locator("#palette-input").fill(typed)
            page.keyboard.press("Enter")
            expect(photos.first).to_contain_text(shown[key])
            page.keyboard.press("Home")
        wait_until(lambda: labelled("薯条") == 10, seconds=10, what="the last label")

        # All that the filter lets pass, seen or not.
        page.goto("/studio/d/by-mouse/images/?class=薯条")
        expect(photos.first).to_be_visible()
        page.locator("#gallery-grid").focus()
        page.wait_for_load_state("networkidle")  # all are known once the list of photos is read
        page.keyboard.press("Control+a")
        n = labelled("薯条")
        expect(count).to_have_text(f"{n} selected")
        page.keyboard.press("Enter")
        page.locator("#palette-input").fill("鼠标")
        page.keyboard.press("Enter")
        expect(page.locator(".toast").last).to_contain_text(f"{n} photos labelled")
        assert labelled("鼠标") == 14
        page.keyboard.press("Control+z")
        expect(page.locator(".toast").last).to_contain_text("Undone")
        assert labelled("薯条") == n
