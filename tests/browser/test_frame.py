"""The studio's frame in a real browser: themes, menus, bins by keys, and nothing cut off at either width."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import DESKTOP, LAYOUT_FAULTS, PHONE

pytestmark = pytest.mark.browser


def make_dataset(page, name):
    page.goto("/studio/new/")
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Make the data set").click()
    page.wait_for_url("**/studio/d/**")
    return page.url


def test_bins_are_chosen_by_keys_and_saved_at_once(studio):
    with studio() as page:
        address = make_dataset(page, "Bins by keys")
        page.goto(f"{address}classes/")
        for name in ("cardboard", "trash", "mystery"):
            page.get_by_label("New class").fill(name)
            page.get_by_role("button", name="Add", exact=True).click()
            expect(page.locator(".classline", has_text=name)).to_be_visible()
        page.goto(f"{address}bins/")
        expect(page.locator("#bin-count")).to_have_text("2 of 3 chosen")
        for key in ("1", "4", "ArrowUp", "2", "3"):
            page.keyboard.press(key)
        expect(page.locator("#bin-count")).to_have_text("3 of 3 chosen")
        expect(page.get_by_role("button", name="Save the bins")).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url(address)
        page.goto(f"{address}classes/")
        there = {"Recyclable": "cardboard", "Kitchen waste": "trash", "Hazardous waste": "mystery"}
        for bin_, name in there.items():
            expect(page.get_by_role("region", name=bin_).locator(".classline")).to_contain_text(name)


def test_a_theme_is_kept_and_stands_before_the_first_paint(studio):
    with studio() as page:
        page.goto("/studio/")
        page.get_by_label("Account of admin").click()
        page.get_by_role("button", name="Dark").click()
        page.goto("/studio/queue/", wait_until="commit")
        page.wait_for_selector("body")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.get_by_label("Account of admin").click()
        page.get_by_role("button", name="Auto").click()
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme ?? 'auto'") == "auto"


def test_a_menu_opens_walks_and_closes_by_keys(studio):
    with studio() as page:
        page.goto("/studio/")
        page.locator(".switch > summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowUp")
        expect(page.get_by_role("link", name="New data set").first).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(".switch")).not_to_have_attribute("open", "")
        expect(page.locator(".switch > summary")).to_be_focused()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_is_cut_off_with_55_classes(studio, viewport):
    with studio(viewport=viewport) as page:
        page.goto("/studio/new/")
        page.get_by_role("textbox", name="Name").fill("生活垃圾分类：一个名字很长的数据集，用来检查页面边缘")
        page.get_by_label("Household waste").check()
        page.get_by_role("button", name="Make the data set").click()
        page.wait_for_url("**/studio/d/**")
        address = page.url
        for path in ("", "classes/", "bins/", "snapshots/", "snapshots/new/"):
            page.goto(f"{address}{path}")
            assert page.evaluate(LAYOUT_FAULTS) == [], path
        for path in ("/studio/", "/studio/queue/", "/studio/account/", "/studio/nothing/"):
            page.goto(path)
            assert page.evaluate(LAYOUT_FAULTS) == [], path
