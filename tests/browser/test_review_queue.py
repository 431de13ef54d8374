"""Photos of the inbox are given out, and somebody works through their queue by the keys of the gallery."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.photos import jpeg

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def slug(site, tmp_path_factory):
    """Six photos in the inbox, one in a class, and an annotator."""
    folder = tmp_path_factory.mktemp("queue")
    for seed in range(6):
        (folder / f"{seed}.jpg").write_bytes(jpeg(8_700_000 + seed))
    (folder / "glass").mkdir()
    (folder / "glass" / "a.jpg").write_bytes(jpeg(8_700_100))
    site.answer("import_images", "Shared", str(folder))
    make = "from webapp.accounts.models import User; User.objects.create_user('mei', role='annotator')"
    site.manage("shell", "-v", "0", "-c", make)
    return "shared"


def tiles(page):
    return page.get_by_role("listbox", name="Photos").get_by_role("option")


def queue_of(site, name: str) -> int:
    query = """
        SELECT COUNT(*) FROM datasets_image i JOIN reviewing_share s ON s.id = i.share_id
        JOIN accounts_user u ON u.id = s.annotator_id WHERE u.username = ? AND i.state = 'inbox'
    """
    return site.rows(query, name)[0][0]


def test_a_curator_gives_photos_and_the_annotator_works_through_them_by_key(studio, visitor, slug, site):
    with studio() as page:
        page.goto(f"/studio/d/{slug}/inbox/")
        expect(tiles(page).first).to_be_visible()
        page.keyboard.press("Home")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+G")
        page.locator("#give").get_by_label("mei").check()
        page.locator("#give").get_by_role("button", name="Give", exact=True).click()
        toast = page.locator(".toast").last
        expect(toast).to_contain_text("2 photos given: mei 2.")
        assert queue_of(site, "mei") == 2
        toast.get_by_role("button", name="Undo").click()
        expect(page.locator(".toast").last).to_contain_text("2 photos taken back.")
        assert queue_of(site, "mei") == 0

        page.get_by_role("link", name="Give out").click()
        page.get_by_label("How many in all").fill("4")
        page.locator("#give-form").get_by_label("mei").check()
        page.locator("#give-form").get_by_label("admin").check()
        page.locator("#give-form").get_by_role("button", name="Give out").click()
        expect(page.locator(".toast")).to_contain_text("4 photos given: admin 2, mei 2.")
        expect(page.locator(".givewhich")).to_contain_text("6 photos in the inbox, 2 free to give")

    link = site.manage("sign_in_link", "mei").stdout.split()[-1]
    with visitor() as page:
        page.goto(link)
        page.get_by_role("main").get_by_role("button").first.click()
        page.goto(f"/studio/d/{slug}/")
        page.get_by_role("link", name="My queue 2").click()
        expect(page.get_by_role("heading", name="My queue")).to_be_visible()
        expect(tiles(page)).to_have_count(2)
        page.keyboard.press("Home")
        page.keyboard.press("1")
        expect(page.locator("#queue-line")).to_contain_text("1 of 2 done")
        expect(page.locator("#queue-line [data-gone]")).to_be_hidden()
        page.reload()
        expect(tiles(page)).to_have_count(1)
        page.keyboard.press("Home")
        page.keyboard.press("Delete")
        expect(page.locator("#queue-line")).to_contain_text("All done")
        expect(page.locator("#queue-line [data-gone]")).to_be_hidden()
        page.reload()
        expect(page.get_by_text("Your queue is empty")).to_be_visible()
