"""Classes in a real browser: split off from the gallery, coloured and advised, merged, deleted, and all taken back."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def dataset(site, trashnet, tmp_path):
    for name in ("glass", "metal"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for photo in sorted((trashnet / name).glob("*.jpg"))[:5]:
            shutil.copy(photo, tmp_path / "set" / name)
    assert site.answer("import_images", "Classes", str(tmp_path / "set"))["saved"] == 10
    return "/studio/d/classes/"


def test_classes_are_split_off_edited_merged_and_deleted_and_every_act_is_taken_back(studio, dataset):
    with studio() as page:
        photos = page.get_by_role("listbox", name="Photos")
        rows = page.locator(".classline")

        # Three photos begin a class of their own, under the name typed where classes are found.
        page.goto(f"{dataset}images/?class=glass")
        first = photos.get_by_role("option").first
        expect(first).to_contain_text("glass")
        page.keyboard.press("Home")
        page.keyboard.press("Space")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Enter")
        page.locator("#palette-input").fill("green glass")
        expect(page.locator("#palette-list [role=option]").last).to_have_text("New class “green glass”")
        page.keyboard.press("Enter")
        expect(first).to_contain_text("green glass")
        expect(page.locator(".toasts")).to_contain_text("New class “green glass” with 3 photos.")
        page.keyboard.press("Control+z")
        expect(first).not_to_contain_text("green glass")
        page.keyboard.press("Enter")
        page.locator("#palette-input").fill("green glass")
        page.keyboard.press("Enter")
        expect(first).to_contain_text("green glass")

        # A reference picture stands first in the row of its class.
        page.keyboard.press("Home")
        page.keyboard.press("Shift+R")
        expect(page.locator(".toasts")).to_contain_text("1 reference picture added.")

        # The row becomes a form: both names, advice, a colour.
        page.goto(f"{dataset}classes/")
        page.get_by_role("link", name="Change green glass").click()
        page.get_by_label("Chinese name").fill("绿玻璃")
        page.get_by_label("Advice, English").fill("Rinse it.")
        page.get_by_label("of its own").check()
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".classline", has_text="绿玻璃").locator("svg.dot")).to_be_visible()
        expect(page.locator(".latestchange")).to_contain_text("changed: name")

        # Ticked ones are merged; the bar comes with the first tick.
        expect(page.locator(".mergebar")).to_be_hidden()
        page.get_by_role("checkbox", name="Merge green glass").check()
        page.get_by_role("button", name="Merge the ticked ones…").click()
        expect(page.locator(".sources img")).to_have_count(1)
        page.get_by_label("Merge into").select_option(label="metal (5)")
        page.get_by_role("button", name="Merge", exact=True).click()
        expect(page.locator(".toasts")).to_contain_text("Merged into “metal”: 1 photo moved.")
        expect(rows).to_have_count(2)
        page.get_by_role("button", name="Undo").click()
        expect(rows).to_have_count(3)

        # Deleting asks where the photos go; without a place they wait in the inbox.
        page.get_by_role("link", name="Change metal").click()
        page.get_by_role("link", name="Delete…").click()
        page.get_by_role("button", name="Delete the class").click()
        expect(page.locator(".toasts")).to_contain_text("“metal” deleted; 5 photos moved.")
        page.goto(f"{dataset}inbox/")
        expect(photos.get_by_role("option")).to_have_count(5)
        page.goto(f"{dataset}classes/history/")
        page.get_by_role("button", name="Undo: “metal” deleted, 5 photos without a label now").click()
        expect(page.locator(".toasts")).to_contain_text("Undone; 5 photos put back.")
        page.goto(f"{dataset}images/?class=metal")
        expect(photos.get_by_role("option")).to_have_count(5)
