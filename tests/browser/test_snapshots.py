"""Previewing, freezing, comparing, restoring and exporting snapshots of real photos."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.site import wait_until

pytestmark = pytest.mark.browser

CLASSES = {"glass": 30, "metal": 30, "paper": 30}
COPIES = 8


@pytest.fixture(scope="module")
def slug(site, trashnet: Path, tmp_path_factory) -> str:
    """90 photos, and 24 smaller copies of some."""
    folder = tmp_path_factory.mktemp("real")
    for name, count in CLASSES.items():
        (folder / name).mkdir()
        for number, photo in enumerate(sorted((trashnet / name).glob("*.jpg"))[:count]):
            (folder / name / photo.name).write_bytes(photo.read_bytes())
            if number < COPIES:
                with Image.open(photo) as picture:
                    picture.resize((240, 180)).save(folder / name / f"copy-{photo.name}", quality=85)
    answer = site.answer("import_images", "Previewed", str(folder))
    assert answer["saved"] == 114
    # It embeds the photos and, the first time, makes the network ready, which may take minutes on a busy machine.
    site.wait_for_job("previewed", "duplicates")
    return "previewed"


def new(page: Page, slug: str) -> None:
    page.goto(f"/studio/d/{slug}/snapshots/new/")


def choose(page: Page, rule: str) -> None:
    page.locator(f"input[name=rule][value={rule}]").check()


def kept(page: Page, name: str):
    return page.locator(f"#preview [data-class='{name}'] [data-kept]")


def look(page: Page) -> str:
    """Runs the look and answers the text of its report."""
    page.get_by_role("button", name="Look for leaks first").click()
    expect(page.get_by_role("heading", name="Leak report")).to_be_visible(timeout=180_000)
    expect(page.locator("#preview")).to_contain_text("Exactly what would be frozen")
    return page.locator("#leak-report").inner_text()


def counts(page: Page, place: str) -> list[int]:
    """Train, validation and test as the legend of the bar or the tiles say."""
    text = page.locator(place).first.inner_text()
    return [
        int(re.search(rf"{word}\D*?([\d,]+)", text)[1].replace(",", ""))
        for word in ("Train", "Validation", "Test")
    ]


def frozen(page: Page) -> list[int]:
    expect(page.get_by_role("link", name="Manifest")).to_be_visible(timeout=180_000)
    return counts(page, ".tiles")


def test_the_preview_follows_the_cap_the_filter_and_the_rule(studio, slug):
    with studio() as page:
        new(page, slug)
        expect(kept(page, "glass")).to_have_text("38")
        page.get_by_label("Photos per class at most").fill("20")
        expect(kept(page, "glass")).to_have_text("20")
        assert counts(page, "#preview .legend") == [48, 6, 6]
        choose(page, "paper")
        page.get_by_label("Test, %").fill("17")
        expect(page.locator("#preview .legend")).to_contain_text("Test 12")
        page.get_by_label("Photos per class at most").fill("")
        page.get_by_text("Let in only some photos").click()
        # The copies are smaller than the photos.
        page.get_by_label("Shorter side, px at least").fill("200")
        expect(kept(page, "glass")).to_have_text("30")
        page.get_by_label("Crawl").check()
        expect(page.locator("#preview")).to_contain_text("The filter lets no photo in.")


def test_the_papers_rule_leaks_and_the_report_says_how_much_and_freezing_gives_its_figures(
    studio, site, slug
):
    with studio() as page:
        new(page, slug)
        choose(page, "paper")
        page.get_by_label("Test, %").fill("20")
        report = look(page)
        crossing, pairs = map(
            int, re.search(r"(\d+) of (\d+) near-duplicate pairs would cross", report).groups()
        )
        assert pairs >= 3 * COPIES
        assert 0 < crossing < pairs
        expected = counts(page, "#preview .legend")
        page.get_by_role("button", name="Freeze this").click()
        assert frozen(page) == expected
        rows = dict(site.rows(
            "SELECT image.original_name, item.split FROM snapshots_snapshotitem item "
            "JOIN datasets_image image ON image.id = item.image_id "
            "JOIN snapshots_snapshot frozen ON frozen.id = item.snapshot_id WHERE frozen.rule = 'paper'"
        ))  # fmt: skip
        split = sum(rows[name] != rows[name.replace("copy-", "")] for name in rows if "copy-" in name)
        assert 0 < split <= crossing, "the copies that we made and that stand apart are among them"


def test_with_near_duplicates_kept_together_nothing_crosses(studio, slug):
    with studio() as page:
        new(page, slug)
        assert re.search(r"\b0 of \d+ near-duplicate pairs would cross", look(page))
        expect(page.locator("#leak-report")).to_contain_text("No test photo is known from training.")
        page.get_by_label("Seed").fill("5")
        expect(page.locator("#leak-report")).to_contain_text("The settings changed since the look for leaks.")
        page.get_by_label("Seed").fill("0")
        expected = counts(page, "#preview .legend")
        page.get_by_role("button", name="Freeze this").click()
        assert frozen(page) == expected


def relabelled(site, slug) -> int:
    return site.rows(
        "SELECT COUNT(*) FROM datasets_image image JOIN datasets_labelclass label ON label.id = image.label_id "
        "JOIN datasets_dataset one ON one.id = image.dataset_id "
        "WHERE one.slug = ? AND image.original_name LIKE 'glass/%' AND label.key <> 'glass'", slug,
    )[0][0]  # fmt: skip


def test_a_note_a_comparison_of_two_and_labels_given_back(studio, site, slug):
    with studio() as page:
        new(page, slug)
        page.get_by_label("Note").fill("before")
        page.get_by_role("button", name="Make the snapshot").click()
        frozen(page)
        before = int(re.search(r"/snapshots/(\d+)/", page.url)[1])
        page.get_by_label("Note").fill("before the mistake")
        page.get_by_role("button", name="Save the note").click()
        page.goto(f"/studio/d/{slug}/snapshots/")
        expect(page.locator(f"#snapshot-{before}")).to_contain_text("before the mistake")
        # A mistake: glass goes to metal.
        page.goto(f"/studio/d/{slug}/classes/")
        keys = dict(site.rows(
            "SELECT label.key, label.id FROM datasets_labelclass label JOIN datasets_dataset one "
            "ON one.id = label.dataset_id WHERE one.slug = ?", slug,
        ))  # fmt: skip
        page.goto(f"/studio/d/{slug}/classes/{keys['glass']}/delete/")
        page.locator("select[name=into]").select_option(str(keys["metal"]))
        page.get_by_role("main").get_by_role("button").last.click()
        wait_until(lambda: relabelled(site, slug) == 38, what="the change of labels")
        new(page, slug)
        page.get_by_role("button", name="Make the snapshot").click()
        frozen(page)
        after = int(re.search(r"/snapshots/(\d+)/", page.url)[1])
        page.goto(f"/studio/d/{slug}/snapshots/{before}/compare/?with={after}")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Snapshot {before} → snapshot {after}")
        expect(page.locator("a[href='#relabelled']")).to_contain_text("38")
        page.goto(f"/studio/d/{slug}/snapshots/{before}/compare/")
        page.get_by_role("button", name="Restore these labels").click()
        expect(page.get_by_text("38 photos have their labels of then again.")).to_be_visible()
        assert relabelled(site, slug) == 0


def test_a_snapshot_is_exported_and_opened_by_its_splits(studio, site, slug, tmp_path):
    with studio() as page:
        page.goto(f"/studio/d/{slug}/snapshots/")
        page.locator(".snap .title").last.click()
        tiles = frozen(page)
        number = re.search(r"/snapshots/(\d+)/", page.url)[1]
        page.get_by_role("link", name="Export").click()
        expect(page.get_by_label("What", exact=True)).to_have_value(number)
        page.get_by_role("button", name="Make the ZIP").click()
        expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=60_000)
        with page.expect_download() as caught:
            page.get_by_role("link", name="Download").click()
        assert caught.value.suggested_filename == f"previewed-snapshot-{number}-imagefolder.zip"
        path = tmp_path / "out.zip"
        caught.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if "/" in name]
        rows = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode("utf-8-sig"))))
    assert [
        sum(name.startswith(f"{split}/") for name in names) for split in ("train", "val", "test")
    ] == tiles
    assert {name.split("/")[1] for name in names} == set(CLASSES)
    frozen_rows = dict(site.rows(
        "SELECT item.sha256, item.split FROM snapshots_snapshotitem item JOIN snapshots_snapshot frozen "
        "ON frozen.id = item.snapshot_id JOIN datasets_dataset one ON one.id = frozen.dataset_id "
        "WHERE one.slug = ? AND frozen.number = ?", slug, number,
    ))  # fmt: skip
    assert {row["sha256"]: row["path"].split("/")[0] for row in rows} == frozen_rows
