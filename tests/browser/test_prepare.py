"""The seed's data preparation from start to end, by hand on the pages, on real photos."""

from __future__ import annotations

import re
import zipfile

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.site import wait_until

pytestmark = pytest.mark.browser

CLASSES = {"glass": 30, "metal": 24, "paper": 36, "trash": 12}
SMALL, STRIPS = 6, 3
PREPARE = "/studio/d/waste/prepare/"
ENDED = 60_000


@pytest.fixture(scope="module")
def waste(site, trashnet, tmp_path_factory):
    """102 photos of TrashNet: most as they are, some made small, some cut to strips, one blurred beyond use."""
    folder = tmp_path_factory.mktemp("waste")
    for name, n in CLASSES.items():
        (folder / name).mkdir()
        for place, path in enumerate(sorted((trashnet / name).glob("*.jpg"))[:n]):
            target = folder / name / path.name
            with Image.open(path) as photo:
                if name == "paper" and place < SMALL:
                    photo.resize((72, 96)).save(target, quality=90)
                elif name == "metal" and place < STRIPS:
                    photo.crop((0, 0, photo.width, photo.width // 4)).resize((800, 200)).save(
                        target, quality=90
                    )
                else:
                    target.write_bytes(path.read_bytes())
    answer = site.answer("import_images", "Waste", str(folder))
    assert answer["saved"] == sum(CLASSES.values())
    return "waste"


def run_step(page: Page, step: str) -> str:
    """Starts a step from its card and waits for its result; the address of the run."""
    page.goto(PREPARE)
    page.locator(f"#step-{step}").get_by_role("button").click()
    return ended(page)


def ended(page: Page) -> str:
    page.wait_for_url(re.compile(r"/prepare/\d+/$"))
    expect(page.get_by_role("heading", name="Log")).to_be_visible(timeout=ENDED)
    expect(page.locator("pre.log")).to_contain_text("done in", timeout=ENDED)
    expect(page.locator("#prepare-live")).to_have_count(0, timeout=ENDED)
    return page.url


def in_gallery(page: Page) -> int:
    """How many photos the open gallery lists."""
    page.wait_for_url("**/images/?*")
    listing = page.get_by_role("listbox")
    expect(listing.get_by_role("option").first).to_be_visible()
    return int(listing.get_by_role("option").first.get_attribute("aria-setsize") or 0)


def drag_over(page: Page, x: tuple[float, float], y: tuple[float, float]) -> None:
    """A box over the scatter, in pixels of photos."""
    figure = page.locator("[data-figure=sizes-figure]")
    expect(figure.locator(".main-svg").first).to_be_attached()
    figure.scroll_into_view_if_needed()
    corners = figure.evaluate(
        """(element, [xs, ys]) => {
          const box = element.getBoundingClientRect();
          const { xaxis, yaxis } = element._fullLayout;
          const across = xs.map((x) => box.left + xaxis._offset + xaxis.d2p(x));
          return [across, ys.map((y) => box.top + yaxis._offset + yaxis.d2p(y))];
        }""",
        [list(x), list(y)],
    )
    page.mouse.move(corners[0][0], corners[1][0])
    page.mouse.down()
    page.mouse.move(corners[0][1], corners[1][1], steps=8)
    page.mouse.up()


def test_from_sizes_to_the_zip_as_the_paper_did_it(studio, site, waste, tmp_path):
    with studio() as page:
        page.goto(PREPARE)
        expect(page.locator("#step-sizes")).to_contain_text("Comes next")
        # Sizes: a box opens the photos of these sizes.
        sizes = run_step(page, "sizes")
        drag_over(page, (20, 120), (40, 150))
        within = page.locator("#within")
        expect(within).to_contain_text(f"{SMALL} photos of these sizes")
        expect(within.locator("img")).to_have_count(SMALL)
        within.get_by_role("link", name="Open them in the gallery").click()
        assert in_gallery(page) == SMALL
        # A bar opens its class.
        page.goto(sizes)
        bar = page.locator("[data-figure=classes-figure] .point path").first
        bar.scroll_into_view_if_needed()
        box = bar.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 9)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 12)
        assert in_gallery(page) == CLASSES["glass"]
        assert page.url.endswith("?class=glass")
        # Rules: counts follow what is typed; what is sent to quarantine comes back, and goes again.
        page.goto(PREPARE + "rules/")
        counts = page.locator("#rule-counts")
        expect(counts.locator("[data-rule=short_side]")).to_have_text(str(SMALL))
        expect(counts.locator("[data-rule=aspect]")).to_have_text(str(STRIPS))
        page.locator("[name=short_side]").fill("60")
        expect(counts.locator("[data-rule=short_side]")).to_have_text("0")
        page.locator("[name=short_side]").fill("100")
        expect(counts).to_contain_text(f"{SMALL + STRIPS} of 102 photos break a rule")
        caught = counts.locator(".samples > div").filter(
            has=page.get_by_role("heading", name="A side too short")
        )
        expect(caught.locator("img")).to_have_count(SMALL)
        counts.get_by_role("button", name="Send 9 photos to quarantine").click()
        rules = ended(page)
        expect(page.get_by_role("heading", name="9 of 102 photos went to quarantine")).to_be_visible()
        page.get_by_role("button", name="Take it back").click()
        expect(page.locator(".toast")).to_contain_text("9 photos are back where they were.")
        assert site.count(waste, "datasets_image", "state = 'accepted'") == 102
        page.goto(PREPARE + "rules/")
        page.get_by_role("button", name="Send 9 photos to quarantine").click()
        ended(page)
        # Flips: real mirrored pictures beside the photos, three bars' worth for one.
        run_step(page, "flips")
        expect(page.get_by_role("heading", name="93 photos, 279 with their copies")).to_be_visible()
        flipped = page.locator("img[alt=Mirrored]").first
        assert flipped.evaluate("(one) => one.decode().then(() => one.naturalWidth)") > 0
        # Balance: the cap, and what it leaves out.
        page.goto(PREPARE)
        page.locator("#step-balance [name=cap]").fill("60")
        page.locator("#step-balance").get_by_role("button").click()
        balance = ended(page)
        expect(page.get_by_role("row", name="glass").get_by_role("cell")).to_have_text(["90", "60", "30"])
        page.get_by_role("row", name="glass").get_by_role("link").click()
        expect(page.locator("#left-out .tile")).to_have_count(30)
        # Mean and deviation, with the paper's beside.
        run_step(page, "statistics")
        expect(page.locator(".estimates")).to_contain_text("0.6392")
        # The snapshot, flips then cap then split, from the balance's own link.
        page.goto(balance)
        page.get_by_role("link", name="Make a snapshot with this cap").click()
        expect(page.locator("[name=cap]")).to_have_value("60")
        page.get_by_role("button", name="Make the snapshot").click()
        expect(page.get_by_role("link", name="Photos and copies")).to_be_visible(timeout=180_000)
        page.get_by_role("link", name="Photos and copies").click()
        page.get_by_role("button", name="Make the copies and the ZIP").click()
        ended(page)
        page.get_by_role("link", name="Browse them").click()
        copies = page.locator("#copies img")
        expect(copies).to_have_count(60)
        assert (
            copies.evaluate_all(
                "(all) => Promise.all(all.map((one) => one.decode().then(() => 1))).then((n) => n.length)"
            )
            == 60
        )
        page.get_by_role("link", name=re.compile("^Mirrored")).click()
        expect(page.locator("#copies figure[data-transform=original]")).to_have_count(0)
        names = []
        for _time in range(2):
            with page.expect_download() as got:
                page.get_by_role("link", name="Download the ZIP").click()
            assert got.value.suggested_filename == "waste-snapshot-1-enhanced.zip"
            got.value.save_as(tmp_path / "photos.zip")
            with zipfile.ZipFile(tmp_path / "photos.zip") as archive:
                assert archive.testzip() is None
                names.append(archive.namelist())
        assert names[0] == names[1]
        frozen = site.rows(
            "SELECT count(*) FROM snapshots_snapshotitem i JOIN snapshots_snapshot s ON s.id = i.snapshot_id "
            "JOIN datasets_dataset d ON d.id = s.dataset_id WHERE d.slug = ?", waste,
        )[0][0]  # fmt: skip
        assert len(names[0]) == frozen == 60 + 60 + 60 + 36
        assert all(
            re.fullmatch(r"(train|val|test)/(\w+)/img_\2_\d+_(original|horizontal|vertical)\.jpg", one)
            for one in names[0]
        )
        train = sum(1 for one in names[0] if one.startswith("train/"))
        assert 0.88 <= train / len(names[0]) <= 0.92
        assert site.count(waste, "preparing_preparation", "step = 'enhance'") == 1
        # All of it is there to be opened again.
        page.goto(PREPARE)
        for address in (sizes, rules, balance):
            expect(page.locator(f'a[href="{address.removeprefix(site.url)}"]').first).to_be_visible()
        page.goto(rules)
        expect(page.get_by_text("Taken back on")).to_be_visible()
        expect(page.locator("pre.log")).to_contain_text("a side is shorter than 100 px: 6 photos")


def test_without_scripts_sizes_are_bounded_by_typing(browser, site, signed_in, waste):
    wait_until(
        lambda: site.rows("SELECT 1 FROM preparing_preparation WHERE step = 'sizes'"), what="the first look"
    )
    (pk,) = site.rows("SELECT min(id) FROM preparing_preparation WHERE step = 'sizes'")[0]
    context = browser.new_context(storage_state=str(signed_in), base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{PREPARE}{pk}/")
    page.locator("[name=max_width]").fill("120")
    page.get_by_role("button", name="Open in the gallery").click()
    assert "max_width=120" in page.url
    assert page.content().count("…–120 × …–… px") == 1
    context.close()
