"""The gallery by keyboard: label, undo, put aside, open; and what happens when no answer comes."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.sync_api import expect

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
