"""The overview says what to do next, and each thing it says leads to where it is done."""

from __future__ import annotations

import io
import shutil

import pytest
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def slug(site, trashnet, tmp_path_factory):
    """Real photos: a thin class, two photos without a class, a copy that is labelled otherwise, wrong labels."""
    folder, bare = tmp_path_factory.mktemp("what"), tmp_path_factory.mktemp("bare")
    for name, n in (("可回收物_glass", 14), ("可回收物_paper", 14), ("trash", 4)):
        (folder / name).mkdir()
        for path in sorted((trashnet / name.rpartition("_")[2]).glob("*.jpg"))[:n]:
            shutil.copy(path, folder / name)
    for wrong in sorted((trashnet / "paper").glob("*.jpg"))[20:22]:
        shutil.copy(wrong, folder / "可回收物_glass")
    with Image.open(next(iter(sorted((folder / "可回收物_paper").glob("*.jpg"))))) as photo:
        buffer = io.BytesIO()
        photo.resize((photo.width * 3 // 4, photo.height * 3 // 4)).save(buffer, "JPEG")
    (folder / "trash" / "copy.jpg").write_bytes(buffer.getvalue())
    for path in sorted((trashnet / "metal").glob("*.jpg"))[:2]:
        shutil.copy(path, bare)
    site.answer("import_images", "What next", str(folder))
    site.answer("import_images", "What next", str(bare))
    for kind in ("duplicates", "suspicion"):
        site.wait_for_job("what-next", kind)
    return "what-next"


def test_the_overview_names_what_waits_and_leads_there_until_nothing_is_left_but_a_stale_snapshot(
    studio, site, slug
):
    with studio() as page:
        steps = page.locator(".steps li")

        def step(words: str):
            return steps.filter(has_text=words)

        page.goto(f"/studio/d/{slug}/")
        leads = {
            "has no bin yet": ("Choose bins", "/bins/"),
            "2 photos in the inbox wait for a look": ("Sort the inbox by looks", "/guesses/"),
            "with different labels": ("Clean", "/clean/"),
            "fewer than 10 photos": (None, None),
            "in doubt": ("Check labels", "/clean/labels/"),
            "One click trains it": ("Train", None),
        }
        for words, (action, path) in leads.items():
            expect(step(words)).to_have_count(1)
            if path:
                expect(step(words).get_by_role("link", name=action)).to_have_attribute(
                    "href", f"/studio/d/{slug}{path}"
                )
        # What stands in the way of a good model comes first.
        assert "urgent" in (steps.first.get_attribute("class") or "")

        # Each is done where it leads, and is gone from the list.
        step("with different labels").get_by_role("link").click()
        expect(page.locator("[data-group]")).to_have_count(1)
        page.wait_for_load_state()  # the keys are there once the modules are
        page.locator("[data-group]").first.focus()
        page.keyboard.press("Delete")
        expect(page.locator("[data-group]")).to_have_count(0)
        page.goto(f"/studio/d/{slug}/inbox/")
        expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(2)
        page.locator("#gallery-grid").focus()
        page.wait_for_load_state("networkidle")  # all are known once the list of photos is read
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        expect(page.locator("[data-state=quarantined] .num")).to_have_text("3")
        page.goto(f"/studio/d/{slug}/")
        expect(step("in the inbox wait")).to_have_count(0)
        expect(step("with different labels")).to_have_count(0)

        # A model is trained; then a label changes, and the snapshot is out of date.
        site.answer("train", slug, "--recipe", "linear_probe", "--wait")
        page.reload()
        expect(step("Nothing changed since the last run")).to_have_count(1)
        page.goto(f"/studio/d/{slug}/images/?class=glass")  # all of them change when the key says paper
        expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
        page.locator("#gallery-grid").focus()
        page.keyboard.press("Home")
        page.keyboard.press("2")
        expect(page.locator(".toast").last).to_contain_text("1 photo labelled")
        page.goto(f"/studio/d/{slug}/")
        expect(step("changed since the last snapshot")).to_have_count(1)
