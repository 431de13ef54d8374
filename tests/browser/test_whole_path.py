"""The whole path in a real browser: from a folder of photos to a stranger's phone.

With 240 photos in `make test`; with all of TrashNet, and one click on Train, in `make test-full`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ml.specs import DEFAULT_RECIPE, RECIPES
from tests.support.browser import PHONE
from tests.support.site import wait_until

pytestmark = pytest.mark.browser

BIN_KEYS = {"cardboard": "1", "glass": "1", "metal": "1", "paper": "1", "plastic": "1", "trash": "4"}
BIN_NAMES = {"1": "Recyclable", "4": "Other waste"}


def take(trashnet: Path, folder: Path, *, per_class: int | None) -> tuple[Path, Path, int]:
    """(folder to upload, photo kept back for the public page, number of photos), with one wrong label planted."""
    root = folder / "trashnet"
    for name in BIN_KEYS:
        photos = sorted((trashnet / name).glob("*.jpg"))
        (root / name).mkdir(parents=True)
        for photo in photos[:per_class]:
            shutil.copy(photo, root / name / photo.name)
    new = folder / "new.jpg"
    held_back = sorted((root / "glass").glob("*.jpg"))[-1]
    shutil.move(held_back, new)
    wrong = sorted((root / "glass").glob("*.jpg"))[0]
    wrong.rename(root / "cardboard" / "a-glass-in-the-wrong-folder.jpg")
    return root, new, sum(1 for _ in root.rglob("*.jpg"))


def make_dataset(page: Page, name: str) -> str:
    page.goto("/studio/new/")
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Make the data set").click()
    page.wait_for_url("**/studio/d/**")
    return page.url


def upload_folder(page: Page, address: str, folder: Path, count: int) -> None:
    page.goto(f"{address}upload/")
    page.locator("#folder").set_input_files(folder)
    expect(page.locator("#preview")).to_contain_text("cardboard")
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url(re.compile(r"/upload/\d+/"), timeout=180_000)
    # TrashNet itself holds one photo twice.
    saved = page.locator(".verdictgroup.good .fig")
    expect(page.get_by_role("link", name=re.compile("Which bin"))).to_be_visible(timeout=180_000)
    assert int(saved.inner_text().replace(",", "")) in (count, count - 1)


def give_bins(page: Page, address: str) -> None:
    page.get_by_role("link", name=re.compile("Which bin")).click()
    for fieldset in page.locator("fieldset").all():
        name = fieldset.locator("legend").inner_text()
        fieldset.get_by_text(BIN_NAMES[BIN_KEYS[name]]).click()
    page.get_by_role("button", name="Save the bins").click()
    page.wait_for_url(address)


def fix_the_wrong_label(page: Page, address: str) -> None:
    """Finds the planted photo by its name and labels it by key: letters, Enter."""
    page.goto(f"{address}images/?q=wrong-folder")
    tile = page.get_by_role("listbox", name="Photos").get_by_role("option").first
    expect(tile).to_contain_text("cardboard")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("gla", delay=30)
    expect(page.locator("#palette-list")).to_contain_text("glass")
    page.keyboard.press("Enter")
    expect(tile).to_contain_text("glass")
    page.reload()
    expect(tile).to_contain_text("glass")


def points_seen(page: Page) -> int:
    """Points on the validation curve as it is drawn now."""
    return page.evaluate(
        """() => Math.max(0, ...(document.querySelector('[data-figure=accuracy]').data ?? [])
                 .map((trace) => (trace.y ?? []).filter((y) => y !== null).length))"""
    )


def watch_the_curves(page: Page, *, minutes: float) -> set[int]:
    """How many points stood there while the run was still going, until it has ended."""
    seen: set[int] = set()

    def ended() -> bool:
        if (
            page.locator("[data-run][data-unfinished]").count()
            and not page.locator("#run-finished *").count()
        ):
            seen.add(points_seen(page))
            return False
        return True

    wait_until(ended, seconds=minutes * 60, what="the end of the run")
    return seen


def open_a_wrong_photo(page: Page) -> None:
    page.get_by_role("link", name=re.compile("evaluation", re.IGNORECASE)).first.click()
    page.wait_for_url("**/evaluation/**")
    expect(page.locator("[data-heat] .main-svg").first).to_be_visible()
    page.get_by_role("button", name="As a table").click()
    page.locator("td.wrong a").first.click()
    expect(page.locator("#cell img").first).to_be_visible()
    expect(page.locator("#cell")).to_contain_text("taken for")


def publish(page: Page) -> None:
    page.get_by_role("button", name="Publish").first.click()
    page.wait_for_url("**/models/**")
    expect(page.get_by_role("main")).to_contain_text("Current")


def classify_as_a_stranger(visitor, slug: str, photo: Path) -> None:
    with visitor(viewport=PHONE) as page:
        page.goto(f"/m/{slug}/")
        page.locator("[data-file-input]").set_input_files(photo)
        answer = page.locator(".answer .big")
        expect(answer).to_be_visible()
        expect(answer).to_have_text(re.compile("Recyclable|Other waste|Not sure"))
        expect(page.locator(".rows .row")).to_have_count(5)


def test_240_photos_become_a_published_classifier(studio, visitor, trashnet, tmp_path):
    folder, new, count = take(trashnet, tmp_path, per_class=40)
    with studio() as page:
        address = make_dataset(page, "Two hundred and forty")
        upload_folder(page, address, folder, count)
        give_bins(page, address)
        fix_the_wrong_label(page, address)
        page.goto(f"{address}runs/new/")
        card = page.locator("form.recipe.default")
        card.get_by_text("Advanced").click()
        for name, value in (("epochs", "3"), ("size", "96"), ("views", "1")):
            card.locator(f"[name={name}]").fill(value)
        card.get_by_role("button", name="Start").click()
        page.wait_for_url(re.compile(r"/runs/\d+/"))
        watch_the_curves(page, minutes=8)
        assert points_seen(page) == 3
        open_a_wrong_photo(page)
        publish(page)
    classify_as_a_stranger(visitor, "two-hundred-and-forty", new)


@pytest.mark.full
def test_all_of_trashnet_becomes_a_published_classifier_with_one_click_on_train(
    studio, visitor, trashnet, tmp_path
):
    folder, new, count = take(trashnet, tmp_path, per_class=None)
    with studio() as page:
        address = make_dataset(page, "TrashNet")
        upload_folder(page, address, folder, count)
        give_bins(page, address)
        fix_the_wrong_label(page, address)
        page.goto(address)
        page.get_by_role("button", name="Train").first.click()
        page.wait_for_url(re.compile(r"/runs/\d+/"))
        seen = watch_the_curves(page, minutes=30)
        assert len(seen - {0}) >= 3, f"points seen while it ran: {sorted(seen)}"
        assert points_seen(page) == RECIPES[DEFAULT_RECIPE].defaults["epochs"]
        expect(page.get_by_role("main")).to_contain_text("%")
        open_a_wrong_photo(page)
        publish(page)
    classify_as_a_stranger(visitor, "trashnet", new)
