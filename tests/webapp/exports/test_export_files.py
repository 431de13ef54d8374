"""The files of an export: safe names, standard formats, nothing half-written."""

from __future__ import annotations

import csv
import errno
import io
import json
import zipfile
from io import BytesIO

import pytest

from ml.durable import StoreFull
from tests.support.photos import jpeg, picture, saved
from tests.support.rows import image_row
from webapp.core.store import site_store
from webapp.datasets.services import category_for_bin, class_create
from webapp.exports import targets
from webapp.exports.content import Content
from webapp.exports.errors import ExportError
from webapp.exports.layout import COLUMNS, CRAWL_COLUMNS
from webapp.exports.names import Names, safe_part
from webapp.exports.writing import write_export

pytestmark = pytest.mark.django_db


def add(dataset, seed, name, *, data=None, format="JPEG", **fields):
    blob = site_store().put_blob(BytesIO(data or jpeg(seed)))
    size = {"width": 160, "height": 120, "size": blob.size, "format": format}
    row = image_row(dataset, seed, **{"sha256": blob.sha256, "original_name": name, **size, **fields})
    row.save()
    return row


def written(dataset, path, format="imagefolder", **options):
    return write_export(
        content=Content(dataset, None), format=format, path=path, store=site_store(), **options
    )


@pytest.fixture
def world(dataset):
    mouse = class_create(
        dataset=dataset, name="鼠标", category=category_for_bin(dataset=dataset, bin="recyclable")
    )
    odd = class_create(dataset=dataset, name="../a\\b")
    for seed, name in enumerate(["x/1.jpg", "y/1.JPG", "../../1.jpg"]):
        add(dataset, seed, name, label=mouse, state="accepted", licence="CC0")
    add(dataset, 7, "photo.bmp", data=saved(picture(7), "PNG"), format="PNG", label=odd, state="accepted")
    add(dataset, 8, "loose", state="inbox")
    return dataset


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b\\c:d", "a∕b∖c꞉d"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        (".DS_Store", "_DS_Store"),
        ("__MACOSX", "___MACOSX"),
        ("e\u0301", "é"),
        (".hidden", "_hidden"),
        ("ends. ", "ends"),
        ("x\u202ey\n", "x y"),
    ],
)
def test_a_part_of_a_path_is_safe_everywhere(name, safe):
    assert safe_part(name) == safe


def test_a_long_chinese_name_fits_into_a_file_system():
    assert len((safe_part("鼠" * 400) + " (10000).jpeg").encode()) < 255


def test_doubled_names_get_a_number_whatever_their_case():
    names = Names()
    assert [names.free("a/", stem, ".jpg") for stem in ("1", "1", "1 (2)", "É", "é")] == [
        "a/1.jpg", "a/1 (2).jpg", "a/1 (2) (2).jpg", "a/É.jpg", "a/é (2).jpg",
    ]  # fmt: skip


def test_the_zip_holds_the_original_bytes_in_folders_that_the_importer_knows(world, tmp_path):
    told = written(world, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        infos = {info.filename: info for info in archive.infolist()}
        assert sorted(infos) == [
            "..∕a∖b/photo.bmp.png".replace("..", "_"), "labels.csv", "loose.jpg", "sortyard.json",
            "可回收物_鼠标/1 (2).JPG", "可回收物_鼠标/1 (3).jpg", "可回收物_鼠标/1.jpg",
        ]  # fmt: skip
        assert archive.read("可回收物_鼠标/1.jpg") == jpeg(0)
        assert all(info.flag_bits & 0x800 for name, info in infos.items() if not name.isascii())
        assert {info.compress_type for info in infos.values()} == {zipfile.ZIP_STORED}
    assert (told.images, told.size) == (5, (tmp_path / "out.zip").stat().st_size)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_same_data_set_gives_the_same_bytes_again(world, tmp_path):
    written(world, tmp_path / "a.zip")
    written(world, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_table_opens_in_excel_and_holds_no_formula(world, tmp_path):
    world.images.filter(original_name="loose").update(author="=HYPERLINK(1)")
    written(world, tmp_path / "out", "csv")
    data = (tmp_path / "out" / "labels.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfpath,label,category,")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert tuple(rows[0]) == (*COLUMNS, *CRAWL_COLUMNS)
    assert {row["label"] for row in rows} == {"鼠标", "../a\\b", ""}
    assert "'=HYPERLINK(1)" in {row["author"] for row in rows}
    assert all((tmp_path / "out" / row["path"]).is_file() for row in rows)
    assert {row["path"].split("/")[0] for row in rows} == {"photos"}


def test_coco_has_a_photo_an_annotation_and_a_category_for_each(world, tmp_path):
    written(world, tmp_path / "out", "coco")
    coco = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [one["name"] for one in coco["categories"]] == ["鼠标", "../a\\b"]
    assert coco["categories"][0]["supercategory"] == "可回收物"
    assert (len(coco["images"]), len(coco["annotations"])) == (5, 4)
    images = {one["id"]: one for one in coco["images"]}
    for one in coco["annotations"]:
        image = images[one["image_id"]]
        assert one["bbox"] == [0, 0, image["width"], image["height"]]
        assert (tmp_path / "out" / image["file_name"]).is_file()
    assert coco["licenses"] == [{"id": 1, "name": "CC0", "url": ""}]


def test_croissant_has_what_the_vocabulary_asks_for_and_names_what_is_there(world, tmp_path):
    written(world, tmp_path / "out", "croissant")
    about = json.loads((tmp_path / "out" / "croissant.json").read_text())
    wanted = {"@context", "@type", "conformsTo", "name", "description", "license", "url", "datePublished",
              "distribution", "recordSet"}  # fmt: skip
    assert wanted <= set(about)
    assert (about["@type"], about["conformsTo"]) == ("sc:Dataset", "http://mlcommons.org/croissant/1.0")
    ids = {one["@id"] for one in about["distribution"]}
    table = next(one for one in about["distribution"] if one["@type"] == "cr:FileObject")
    assert {"name", "contentUrl", "encodingFormat", "sha256"} <= set(table)
    assert table["sha256"] == targets.file_digest(tmp_path / "out" / table["contentUrl"])
    header = (
        (tmp_path / "out" / "labels.csv").read_text(encoding="utf-8-sig").split("\n")[0].strip().split(",")
    )
    for record in about["recordSet"]:
        for field in record["field"]:
            assert {"@type", "@id", "name", "dataType", "source"} <= set(field)
            source = field["source"]
            assert (source.get("fileObject") or source.get("fileSet"))["@id"] in ids
            assert source["extract"].get("column", "label") in header


def test_a_full_disk_is_said_plainly_and_leaves_no_half_file(world, tmp_path, monkeypatch):
    old = tmp_path / "out.zip"
    old.write_bytes(b"the export before")

    def full(source, target, step):
        target.write(source.read(10))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(targets.shutil, "copyfileobj", full)
    for name in ("out.zip", "out"):
        with pytest.raises(StoreFull, match="free some space"):
            written(world, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == ["out.zip"]
    assert old.read_bytes() == b"the export before"


def test_too_little_room_is_told_before_anything_is_written(world, tmp_path):
    world.images.update(size=2**60)
    with pytest.raises(StoreFull):
        written(world, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_a_damaged_or_missing_photo_ends_the_export_with_its_name(world, tmp_path):
    one = world.images.get(original_name="x/1.jpg")
    site_store().blob_path(one.sha256).write_bytes(b"rotten")
    with pytest.raises(ExportError, match=r"“可回收物_鼠标/1\.jpg” .* are damaged"):
        written(world, tmp_path / "out.zip")
    site_store().blob_path(one.sha256).unlink()
    with pytest.raises(ExportError, match="not in the store"):
        written(world, tmp_path / "out")
    assert not (tmp_path / "out.zip").exists()
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(world, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="is there already"):
        written(world, tmp_path / "mine")
    with pytest.raises(ExportError, match="goes with the format csv"):
        written(world, tmp_path / "x.csv", "coco")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_what_stops_the_writing_leaves_nothing(world, tmp_path):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(world, tmp_path / "out.zip", progress=stop)
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == []


def test_rows_come_in_pages_and_no_photo_is_read_whole(world, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr("webapp.exports.content.ROWS_A_READ", 2)
    content = Content(world, None)
    with django_assert_num_queries(4):
        assert len(list(content.records())) == 5
