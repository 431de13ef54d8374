"""Near-duplicates decided by key, with the real look behind them."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.photos import jpeg

pytestmark = pytest.mark.browser


def smaller(data: bytes, side: int) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((side, side * 3 // 4)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def slug(site, tmp_path_factory):
    """Three photos with a copy each, one of them in another class's folder."""
    folder = tmp_path_factory.mktemp("copies")
    for name in ("glass", "paper"):
        (folder / name).mkdir()
    for seed in range(9):
        (folder / "glass" / f"{seed}.jpg").write_bytes(jpeg(900 + seed))
    for seed, target in ((1, "glass"), (2, "glass"), (3, "paper")):
        (folder / target / f"{seed}-copy.jpg").write_bytes(smaller(jpeg(900 + seed), 120))
    site.answer("import_images", "Copies", str(folder))
    site.wait_for_job("copies", "duplicates")
    return "copies"


def test_ctrl_z_takes_back_act_after_act_and_says_when_there_is_none_left(studio, slug):
    with studio() as page:
        page.goto(f"/studio/d/{slug}/clean/")
        groups, toast = page.locator("[data-group]"), page.locator(".toast").last
        expect(groups).to_have_count(3)
        page.keyboard.press("ArrowDown")
        for key, said, left in (
            ("Shift+L", "All photos of the group have one label now.", 3),
            ("Delete", "1 group decided", 2),
            ("Shift+A", "These are no duplicates", 1),
        ):
            page.keyboard.press(key)
            expect(toast).to_contain_text(said)
            expect(groups).to_have_count(left)
        for left in (2, 3, 3):
            page.keyboard.press("Control+z")
            expect(toast).to_contain_text("Undone: 1 group asks again.")
            expect(groups).to_have_count(left)
        expect(groups.first).to_contain_text("different labels")
        page.keyboard.press("Control+z")
        expect(toast).to_contain_text("There is nothing to undo.")


def test_groups_are_decided_by_key_one_after_the_other_and_taken_back(studio, slug):
    with studio() as page:
        page.goto(f"/studio/d/{slug}/clean/")
        groups = page.locator("[data-group]")
        expect(groups).to_have_count(3)
        page.wait_for_load_state()  # the keys are there once the modules are
        expect(groups.first).to_contain_text("different labels")
        page.keyboard.press("ArrowDown")
        expect(groups.first).to_be_focused()
        page.keyboard.press("Shift+L")
        expect(page.locator(".toast")).to_contain_text("All photos of the group have one label now.")
        expect(groups.first).not_to_contain_text("different labels")
        expect(groups.first).to_be_focused()
        page.keyboard.press("2")
        expect(page.locator(".toast")).to_contain_text("Another photo is the best copy now.")
        page.keyboard.press("Delete")
        expect(groups).to_have_count(2)
        expect(groups.first).to_be_focused()
        page.keyboard.press("Shift+A")
        expect(groups).to_have_count(1)
        page.keyboard.press("Control+z")
        expect(groups).to_have_count(2)
        expect(page.locator(".dup.done")).to_contain_text("stays, 1 in quarantine")
        page.get_by_role("button", name="Keep the best of").click()
        expect(page.locator("#dup-undo")).to_contain_text("2 groups decided")
        expect(page.get_by_role("heading", name="No near-duplicates wait for you")).to_be_visible()
        page.keyboard.press("Control+z")
        expect(groups).to_have_count(2)


def test_without_scripts_each_act_is_a_button(browser, site, signed_in, slug):
    context = browser.new_context(storage_state=str(signed_in), base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/studio/d/{slug}/clean/?show=decided")
    page.get_by_role("button", name="Undo").first.click()
    page.goto(f"/studio/d/{slug}/clean/")
    before = page.locator("[data-group]").count()
    page.get_by_role("button", name="Not duplicates, keep all").first.click()
    assert page.locator("[data-group]").count() == before - 1
    page.locator("#dup-undo").get_by_role("button", name="Undo").click()
    assert page.locator("[data-group]").count() == before
    context.close()
