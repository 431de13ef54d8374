"""Uploads in a real browser: folders, ZIPs, lists of labels, odd and hostile files, and a reload in the middle."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.support.browser import PHONE
from tests.support.photos import gbk_zip, huge_png, jpeg, picture, saved, zip_of

pytestmark = pytest.mark.browser

# Generous: a slow machine that runs other tests meanwhile. Without pauses the work took seconds in one piece.
LONGEST_TASK_MS = 400


@pytest.fixture
def new_set(site, request):
    """`new_set(page)` makes an empty data set and opens its upload page; the slug."""

    def make(page: Page) -> str:
        page.goto("/studio/new/")
        page.get_by_role("textbox", name="Name").fill(f"u{abs(hash(request.node.name)) % 10**9}")
        page.get_by_role("button", name="Make the data set").click()
        page.wait_for_url("**/studio/d/**")
        slug = page.url.rstrip("/").rsplit("/", 1)[1]
        page.goto(f"/studio/d/{slug}/upload/")
        return slug

    return make


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def choose_folder(page: Page, folder: Path) -> None:
    page.locator("#folder").set_input_files(folder)
    expect(page.locator("#send")).to_be_enabled()


def send(page: Page, name: str = "Upload") -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_url(re.compile(r"/upload/\d+/"), timeout=120_000)
    expect(page.locator("#batch-progress[data-poll]")).to_have_count(0, timeout=120_000)


def verdict_of(page: Page, name: str) -> str:
    line = page.locator(
        ".verdict", has=page.locator(".filename", has_text=re.compile(rf"(^|/){re.escape(name)}$"))
    )
    return line.locator(".badge").inner_text()


def rows(site, slug: str, columns: str, table: str = "ingest_uploaditem i") -> list[Any]:
    query = (
        f"SELECT {columns} FROM {table} JOIN ingest_uploadbatch b ON i.batch_id = b.id"
        " JOIN datasets_dataset d ON b.dataset_id = d.id WHERE d.slug = ?"
    )
    return site.rows(query, slug)


def classes(site, slug: str) -> dict[str, str | None]:
    query = (
        "SELECT c.key, g.key FROM datasets_labelclass c JOIN datasets_dataset d ON c.dataset_id = d.id"
        " LEFT JOIN datasets_category g ON c.category_id = g.id WHERE d.slug = ?"
    )
    return dict(site.rows(query, slug))


def wait_on(page: Page, condition: Callable[[], Any], *, what: str, seconds: float = 60) -> None:
    """As `site.wait_until`, but requests that pass through this test are answered meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        page.wait_for_timeout(100)


def come_back(page: Page, slug: str) -> None:
    """Leaves in mid-upload and opens the page anew; only then do requests pass again."""
    page.goto(f"/studio/d/{slug}/upload/")
    page.unroute_all(behavior="ignoreErrors")


class Wire:
    """Counts the files that go over the wire; after `limit` of them requests hang, as on a lost connection."""

    def __init__(self, page: Page, limit: int | None = None) -> None:
        self.names: list[str] = []
        self.offsets: list[int] = []
        self.limit = limit
        page.route("**/files/", self._files)
        page.route("**/parts/", self._parts)

    def _files(self, route: Route) -> None:
        body = (route.request.post_data_buffer or b"").decode("latin-1")
        (paths,) = re.findall(r'name="paths"\r\n\r\n(.*?)\r\n', body)
        names = json.loads(paths.encode("latin-1").decode("utf-8"))
        if self.limit is not None and len(self.names) >= self.limit:
            return  # never answered
        self.names += names
        route.continue_()

    def _parts(self, route: Route) -> None:
        body = (route.request.post_data_buffer or b"")[:4000].decode("latin-1")
        (offset,) = re.findall(r'name="offset"\r\n\r\n(\d+)\r\n', body)
        if self.limit is not None and len(self.offsets) >= self.limit:
            return
        self.offsets.append(int(offset))
        route.continue_()


def test_a_folder_names_categories_and_classes_and_the_preview_says_so_before_anything_is_sent(
    studio, site, new_set, tmp_path
):
    folder = write(
        tmp_path / "photos",
        {
            "可回收物_鼠标/1.jpg": jpeg(1),
            "可回收物_鼠标/2.jpg": jpeg(2),
            "soft_toy/3.jpg": jpeg(3),
            "soft_ball/4.jpg": jpeg(4),
            "loose.jpg": jpeg(5),
            "soft_toy/notes.txt": b"hello",
        },
    )
    with studio() as page:
        slug = new_set(page)
        choose_folder(page, folder)
        preview = page.locator("#preview")
        expect(preview).to_contain_text("鼠标")
        expect(preview).to_contain_text("1 photo has no class folder and goes to the inbox")
        expect(preview).to_contain_text("1 other file is left out")
        expect(preview.locator("tbody")).to_contain_text("soft_toy")
        preview.get_by_label(re.compile("“soft” at the beginning of 2 folders")).check()
        expect(preview.locator("tbody")).not_to_contain_text("soft_toy")
        page.get_by_label("Who took the photos").fill("Li")
        page.get_by_label("Licence or permission").fill("CC0")
        send(page)
        expect(page.locator(".verdictgroup.good .fig")).to_have_text("5")
    assert classes(site, slug) == {"鼠标": "可回收物", "toy": "soft", "ball": "soft"}
    assert set(rows(site, slug, "i.author, i.licence", "datasets_image i")) == {("Li", "CC0")}


def test_a_reload_in_the_middle_goes_on_with_what_is_left_and_sends_nothing_twice(
    studio, site, new_set, tmp_path
):
    names = [f"{kind}/{n:03}.jpg" for kind in ("glass", "paper") for n in range(60)]
    folder = write(tmp_path / "photos", {name: jpeg(n + 1000) for n, name in enumerate(names)})
    other = write(tmp_path / "other", {"metal/x.jpg": jpeg(1)})
    with studio() as page:
        slug = new_set(page)
        first = Wire(page, limit=60)
        choose_folder(page, folder)
        page.get_by_label("Who took the photos").fill("Li")
        page.get_by_label("Use folder names as classes").check()
        page.get_by_role("button", name="Upload", exact=True).click()
        arrived = lambda: len(rows(site, slug, "i.id")) >= 60  # noqa: E731
        wait_on(page, arrived, what="the arrival of the first files")
        page.on("dialog", lambda dialog: dialog.accept())
        come_back(page, slug)
        card = page.locator(".unfinished")
        expect(card).to_contain_text("60 of 120 files have arrived.")
        second = Wire(page)
        card.get_by_role("button", name="Go on").click()
        expect(page.locator("#going-on")).to_contain_text("choose the same folder or files again")
        expect(page.get_by_label("Who took the photos")).to_have_value("Li")
        expect(page.get_by_label("Who took the photos")).to_be_disabled()
        choose_folder(page, other)
        expect(page.locator("#going-on")).to_contain_text("These are other files")
        page.get_by_role("button", name="Start over").click()
        choose_folder(page, folder)
        expect(page.locator("#going-on")).to_contain_text(
            "60 of these files have arrived already; 60 are left to send."
        )
        send(page, "Go on with the upload")
        expect(page.locator(".verdictgroup.good .fig")).to_have_text("120")
    assert sorted(first.names + second.names) == sorted(names)
    assert len(rows(site, slug, "i.id")) == 120
    assert set(rows(site, slug, "i.author", "datasets_image i")) == {("Li",)}
    assert set(classes(site, slug)) == {"glass", "paper"}


def test_files_chosen_again_after_a_reload_go_on_with_their_upload_by_themselves(
    studio, site, new_set, tmp_path
):
    folder = write(tmp_path / "photos", {f"glass/{n}.jpg": jpeg(n + 600) for n in range(60)})
    with studio() as page:
        slug = new_set(page)
        page.on("dialog", lambda dialog: dialog.accept())
        Wire(page, limit=20)
        choose_folder(page, folder)
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.locator("#sending-words")).to_contain_text("20 of 60 files")
        come_back(page, slug)
        second = Wire(page)
        # Nobody pressed "Go on": the folder alone says it, and saying no is one click.
        choose_folder(page, folder)
        note = page.locator("#going-on")
        expect(note).to_contain_text("so it goes on: 20 have arrived already, 40 are left to send.")
        note.get_by_role("button", name="Make a new upload instead").click()
        expect(note).to_be_hidden()
        expect(page.locator("#send")).to_have_text("Upload")
        page.get_by_role("button", name="Start over").click()
        choose_folder(page, folder)
        send(page, "Go on with the upload")
        expect(page.locator(".verdictgroup.good .fig")).to_have_text("60")
    assert len(second.names) == 40
    assert len({pk for (pk,) in rows(site, slug, "b.id")}) == 1


def test_go_on_opens_the_chooser_that_the_upload_came_from(studio, new_set, tmp_path):
    folder = write(tmp_path / "photos", {f"glass/{n}.jpg": jpeg(n + 700) for n in range(60)})
    with studio() as page:
        slug = new_set(page)
        page.on("dialog", lambda dialog: dialog.accept())
        Wire(page, limit=20)
        choose_folder(page, folder)
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.locator("#sending-words")).to_contain_text("20 of 60 files")
        come_back(page, slug)
        with page.expect_file_chooser() as opened:
            page.locator(".unfinished").get_by_role("button", name="Go on").click()
        assert opened.value.element.get_attribute("id") == "folder"
        opened.value.set_files(folder)
        expect(page.locator("#going-on")).to_contain_text("20 of these files have arrived already")
        send(page, "Go on with the upload")
        expect(page.locator(".verdictgroup.good .fig")).to_have_text("60")


def test_what_is_left_out_is_named_and_a_list_alone_says_where_its_rows_are_looked_for(
    studio, new_set, tmp_path
):
    names = [f"notes-{n}.txt" for n in range(7)]
    folder = write(tmp_path / "odd", dict.fromkeys(names, b"x"))
    (tmp_path / "odd" / "labels.csv").write_text("path,label\na.jpg,glass\nb.jpg,glass\n")
    with studio() as page:
        new_set(page)
        page.locator("#files").set_input_files(sorted(folder.iterdir()))
        preview = page.locator("#preview")
        expect(preview).to_contain_text("7 other files are left out, by their names they are no photos:")
        expect(preview).to_contain_text("notes-0.txt, notes-1.txt, notes-2.txt, notes-3.txt, notes-4.txt …")
        expect(preview).to_contain_text("2 rows are looked for in the archives")
        expect(preview).not_to_contain_text("0 of these photos")


def test_a_large_zip_goes_on_at_the_part_it_had_come_to(studio, site, new_set, tmp_path):
    noise = [jpeg(n, size=(3600, 2700), quality=100) for n in (1, 2)]
    files = {f"glass/{n}.jpg": data for n, data in enumerate(noise)}
    # Something in it that does not compress, past two parts of 8 MB.
    (tmp_path / "all.zip").write_bytes(zip_of({**files, "fill.bin": bytes(range(256)) * (72 << 10)}))
    size = (tmp_path / "all.zip").stat().st_size
    with studio() as page:
        slug = new_set(page)
        first = Wire(page, limit=2)
        page.locator("#files").set_input_files(tmp_path / "all.zip")
        page.get_by_role("button", name="Upload", exact=True).click()
        there = lambda: rows(site, slug, "i.received", "ingest_uploadpart i") == [(16 << 20,)]  # noqa: E731
        wait_on(page, there, what="the arrival of two parts")
        page.on("dialog", lambda dialog: dialog.accept())
        come_back(page, slug)
        second = Wire(page)
        page.locator(".unfinished").get_by_role("button", name="Go on").click()
        page.locator("#files").set_input_files(tmp_path / "all.zip")
        send(page, "Go on with the upload")
        expect(page.locator(".verdictgroup.good .fig")).to_have_text("2")
    assert first.offsets == [0, 8 << 20]
    assert second.offsets == list(range(16 << 20, size, 8 << 20))
    assert rows(site, slug, "i.id", "ingest_uploadpart i") == []


def test_an_unfinished_upload_is_finished_with_what_has_arrived_or_discarded(studio, site, new_set, tmp_path):
    folder = write(tmp_path / "photos", {f"glass/{n}.jpg": jpeg(n + 400) for n in range(60)})
    with studio(viewport=PHONE) as page:
        slug = new_set(page)
        page.on("dialog", lambda dialog: dialog.accept())
        for time_ in range(2):
            Wire(page, limit=20)
            choose_folder(page, folder)
            if time_:
                page.get_by_role("button", name="Make a new upload instead").click()
            page.get_by_role("button", name="Upload", exact=True).click()
            expect(page.locator("#sending-words")).to_contain_text("20 of 60 files")
            come_back(page, slug)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        cards = page.locator(".unfinished")
        expect(cards).to_have_count(2)
        cards.first.get_by_role("button", name="Discard").click()
        page.get_by_role("dialog").get_by_role("button", name="Discard").click()
        expect(cards).to_have_count(1)
        cards.first.get_by_role("button", name="Finish with what has arrived").click()
        expect(page.locator(".verdictgroup.good .fig")).to_have_text("20", timeout=60_000)
        page.goto(f"/studio/d/{slug}/upload/")
        expect(cards).to_have_count(0)


def test_a_lost_connection_says_so_and_goes_on_by_itself_when_it_is_back(studio, new_set, tmp_path):
    folder = write(tmp_path / "photos", {f"glass/{n}.jpg": jpeg(n + 500) for n in range(8)})
    with studio() as page:
        new_set(page)
        page.evaluate(
            "() => { window.setTimeoutNow = setTimeout; window.setTimeout = (f) => setTimeoutNow(f, 10); }"
        )
        choose_folder(page, folder)
        page.route("**/files/", lambda route: route.abort())
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.locator("#sending-fault")).to_contain_text("What has arrived is kept", timeout=30_000)
        page.unroute_all(behavior="ignoreErrors")
        page.evaluate("dispatchEvent(new Event('online'))")
        page.wait_for_url(re.compile(r"/upload/\d+/"), timeout=60_000)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
def test_a_list_of_labels_from_a_spreadsheet_names_the_classes(studio, site, new_set, tmp_path, encoding):
    text = "文件名,标签,大类\n一.jpg,鼠标,可回收物\n二.jpg,毛巾,其他垃圾\n没有.jpg,毛巾,\n,鼠标,\n"
    folder = write(
        tmp_path / "photos",
        {"labels.csv": text.encode(encoding), "一.jpg": jpeg(11), "二.jpg": jpeg(12), "三.jpg": jpeg(13)},
    )
    with studio() as page:
        slug = new_set(page)
        page.locator("#files").set_input_files(sorted(folder.iterdir()))
        preview = page.locator("#preview")
        expect(preview.locator("tbody")).to_contain_text("鼠标")
        expect(preview.locator("tbody")).to_contain_text("其他垃圾")
        expect(preview).to_contain_text("Line 5: The row names no file.")
        expect(preview).to_contain_text("1 row names none of these photos")
        expect(preview).to_contain_text("2 of these photos have their labels from the list.")
        send(page)
        expect(page.locator(".verdictgroup.good .fig")).to_have_text("3")
        assert verdict_of(page, "labels.csv") == "List of labels"
        assert page.get_by_text("Neither this upload nor the data set has a photo of this name").count() == 1
    assert classes(site, slug) == {"鼠标": "可回收物", "毛巾": "其他垃圾"}


def test_a_zip_from_chinese_windows_with_class_folders_of_two_levels(studio, site, new_set, tmp_path):
    (tmp_path / "打包.zip").write_bytes(
        gbk_zip({"图片/可回收物_鼠标/一.jpg": jpeg(41), "图片/其他垃圾_毛巾/二.jpg": jpeg(42)})
    )
    with studio() as page:
        slug = new_set(page)
        page.locator("#files").set_input_files(tmp_path / "打包.zip")
        send(page)
        expect(page.locator(".verdictgroup.good .fig")).to_have_text("2")
        expect(page.get_by_text("打包.zip/图片/可回收物_鼠标/一.jpg")).to_be_visible()
    assert classes(site, slug) == {"鼠标": "可回收物", "毛巾": "其他垃圾"}


def test_odd_and_hostile_files_end_in_clear_verdicts_while_the_site_answers(studio, site, new_set, tmp_path):
    pillow_heif.register_heif_opener()
    good = jpeg(71)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("glass/bomb.jpg", b"\0" * (40 << 20))
    locked = bytearray(zip_of({"glass/locked.jpg": jpeg(75)}))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        locked[locked.index(mark) + at] |= 1
    files = {
        "photo.heic": saved(picture(72), "HEIF"),
        "good.jpg": good,
        "again.jpg": good,
        "empty.jpg": b"",
        "cut.jpg": jpeg(73)[:1500],
        "page.jpg": b"<!doctype html><script>alert(1)</script>",
        "vector.jpg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "huge.png": huge_png(),
        "really-a-png.jpg": saved(picture(74), "PNG"),
        "bomb.zip": bomb.getvalue(),
        "locked.zip": bytes(locked),
        "nested.zip": zip_of({"inner.zip": zip_of({"a.jpg": good})}),
        "out.zip": zip_of({"../../evil.jpg": jpeg(76)}),
        "torn.zip": zip_of({"glass/x.jpg": jpeg(77)})[:400],
        "tiny.zip": zip_of({f"t/{n}.jpg": b"x%d" % n for n in range(10_000)}),
        "45mp.jpg": saved(Image.new("RGB", (7745, 5810), (9, 99, 9)), "JPEG"),
    }
    folder = write(tmp_path / "odd", files)
    with studio() as page, studio() as second:
        slug = new_set(page)
        page.locator("#files").set_input_files(sorted(folder.iterdir()))
        page.get_by_role("button", name="Upload", exact=True).click()
        page.wait_for_url(re.compile(r"/upload/\d+/"), timeout=120_000)
        slowest, deadline = 0.0, time.monotonic() + 300
        while page.locator("#batch-progress[data-poll]").count():
            assert time.monotonic() < deadline
            begun = time.monotonic()
            second.goto(f"/studio/d/{slug}/images/")
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.5)
        assert slowest < 5
        verdicts = dict(rows(site, slug, "i.name, i.verdict"))
        assert {name: verdicts[name] for name in files} == {
            "photo.heic": "saved", "good.jpg": "duplicate", "again.jpg": "saved", "empty.jpg": "empty",
            "cut.jpg": "truncated", "page.jpg": "not_an_image", "vector.jpg": "unsupported_format",
            "huge.png": "too_many_pixels", "really-a-png.jpg": "saved", "bomb.zip": "bad_archive",
            "locked.zip": "expanded", "nested.zip": "expanded", "out.zip": "expanded", "torn.zip": "bad_archive",
            "tiny.zip": "expanded", "45mp.jpg": "saved",
        }  # fmt: skip
        assert verdicts["locked.zip/glass/locked.jpg"] == "encrypted"
        assert verdicts["nested.zip/inner.zip"] == "nested_archive"
        assert verdicts["out.zip/../../evil.jpg"] == "unsafe_name"
        assert sum(name.startswith("tiny.zip/") for name in verdicts) == 10_000
        # The finished page replaces the one that counted; a look at its files before that would be interrupted.
        expect(page.get_by_role("region", name="What next")).to_be_visible()
        page.locator(".verdictgroup[href*='verdict=duplicate']").click()
        expect(page.locator(".verdict")).to_contain_text("again.jpg")
        page.locator(".verdict").get_by_role("link", name=re.compile("again.jpg")).click()
        page.wait_for_url(re.compile(rf"/studio/d/{slug}/images/\d+/"))


SYNTHETIC = """async ([count, classes]) => {
  const long = [];
  const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map((one) => one.duration)));
  watch.observe({ type: "longtask" });
  const transfer = new DataTransfer();
  const field = document.getElementById("files");
  const files = Array.from({ length: count }, (_, n) => {
    const file = new File([`photo ${n}`], `${n}.jpg`, { type: "image/jpeg", lastModified: n });
    Object.defineProperty(file, "webkitRelativePath", { value: `set/class ${n % classes}/${n}.jpg` });
    return file;
  });
  Object.defineProperty(field, "files", { value: files, configurable: true });
  await new Promise((resolve) => setTimeout(resolve, 500));
  long.length = 0;
  window.longTasks = long;
  field.dispatchEvent(new Event("change"));
}"""


@pytest.mark.parametrize("classes", [55, 5000])
def test_5000_files_do_not_hold_the_page_up(studio, site, new_set, classes):
    with studio() as page:
        slug = new_set(page)
        page.evaluate(SYNTHETIC, [5000, classes])
        expect(page.locator("#preview")).to_contain_text("5,000", timeout=60_000)
        expect(page.locator("#send")).to_be_enabled()
        preview = page.evaluate("longTasks")
        page.get_by_role("button", name="Upload", exact=True).click()
        wait_on(
            page, lambda: len(rows(site, slug, "i.id")) > 500, seconds=120, what="the arrival of 500 files"
        )
        sending = page.evaluate("longTasks")
        assert max([*preview, *sending, 0]) < LONGEST_TASK_MS
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto("/studio/")
