"""ZIPs, good and hostile. Each is written for real."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib

import pytest

from webapp.ingest.archives import ArchiveEntry, ArchiveRefusal, BadArchive, read_archive

LIMITS = {"max_entries": 100, "max_file_bytes": 8 << 20, "max_total_bytes": 32 << 20, "max_ratio": 200}


def read(path, **limits):
    return list(read_archive(path, **(LIMITS | limits)))


def zip_of(tmp_path, files, compression=zipfile.ZIP_STORED):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def raw_zip(path, entries, *, flags=0):
    """A ZIP with names as raw bytes, as Windows in China writes them: `entries` are (name bytes, content)."""
    body, directory = b"", b""
    for name, content in entries:
        fields = struct.pack(
            "<HHHHHIII", 20, flags, 0, 0, 33, zlib.crc32(content), len(content), len(content)
        )
        directory += b"PK\1\2" + struct.pack("<H", 20) + fields
        directory += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, len(body)) + name
        body += b"PK\3\4" + fields + struct.pack("<HH", len(name), 0) + name + content
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\5\6" + end)
    return path


def test_photos_come_with_their_class_folder_and_their_bytes(tmp_path):
    path = zip_of(tmp_path, [("set/glass/1.jpg", b"one"), ("2.jpg", b"two")])
    found = read(path)
    assert [(e.name, e.folder, e.open().read()) for e in found] == [
        ("set/glass/1.jpg", "glass", b"one"),
        ("2.jpg", "", b"two"),
    ]
    assert found[0].open().read() == b"one"  # a second look starts at the beginning again


def test_what_systems_leave_behind_and_folders_are_passed_over_in_silence(tmp_path):
    path = zip_of(
        tmp_path,
        [
            ("a/", b""),
            ("__MACOSX/a/._1.jpg", b"x"),
            ("a/.DS_Store", b"x"),
            ("a/Thumbs.db", b"x"),
            ("a/1.jpg", b"1"),
        ],
    )
    assert [e.name for e in read(path)] == ["a/1.jpg"]


@pytest.mark.parametrize(
    "name",
    ["../evil.jpg", "a/../../evil.jpg", "/etc/evil.jpg", "C:/evil.jpg", "..\\evil.jpg", "\\\\host\\x.jpg"],
)
def test_names_that_lead_out_are_refused_and_the_rest_is_read(tmp_path, name):
    room = tmp_path / "room"
    room.mkdir()
    path = raw_zip(room / "photos.zip", [(name.encode(), b"x"), (b"good.jpg", b"y")])
    refused, good = read(path)
    assert isinstance(refused, ArchiveRefusal)
    assert (refused.verdict, refused.detail) == ("unsafe_name", "path")
    assert isinstance(good, ArchiveEntry)
    assert [p.name for p in room.iterdir()] == ["photos.zip"]


def test_links_are_refused(tmp_path):
    path = tmp_path / "photos.zip"
    info = zipfile.ZipInfo("link.jpg")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert [(r.verdict, r.detail) for r in read(path)] == [("unsafe_name", "link")]


def test_archives_in_archives_text_and_empty_files_are_told_one_by_one(tmp_path):
    path = zip_of(
        tmp_path, [("more.zip", b"x"), ("x.tar.gz", b"x"), ("notes.txt", b"x"), ("hollow.jpg", b"")]
    )
    assert [r.verdict for r in read(path)] == ["nested_archive", "nested_archive", "ignored", "empty"]


def test_a_locked_file_is_told(tmp_path):
    path = raw_zip(tmp_path / "photos.zip", [(b"secret.jpg", b"x")], flags=0x1)
    assert [r.verdict for r in read(path)] == ["encrypted"]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_chinese_names_without_a_mark_are_decided_once_for_the_whole_archive(tmp_path, encoding):
    names = ["可回收物_鼠标/1.jpg", "厨余垃圾_薯条/一张照片.jpg", "plain/2.jpg"]
    path = raw_zip(tmp_path / "photos.zip", [(name.encode(encoding), b"x") for name in names])
    assert [e.name for e in read(path)] == names
    assert [e.folder for e in read(path)] == ["可回收物_鼠标", "厨余垃圾_薯条", "plain"]


def test_all_55_class_names_survive_gbk(tmp_path):
    from webapp.datasets.names import preset55

    names = [f"{p.category_zh}_{p.zh}/1.jpg" for p in preset55()]
    path = raw_zip(tmp_path / "photos.zip", [(name.encode("gb18030"), b"x") for name in names])
    assert [e.name for e in read(path)] == names


@pytest.mark.parametrize(
    ("content", "detail"),
    [(b"", "zero_bytes"), (b"this is no archive", "broken"), (b"PK\5\6" + bytes(8), "broken")],
)
def test_what_is_no_archive_is_told(tmp_path, content, detail):
    path = tmp_path / "photos.zip"
    path.write_bytes(content)
    with pytest.raises(BadArchive) as caught:
        read(path)
    assert caught.value.detail == detail
    assert str(caught.value).endswith(".")


def test_an_archive_cut_short_is_told(tmp_path):
    path = zip_of(tmp_path, [("1.jpg", b"x" * 5000)])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(BadArchive):
        read(path)


def test_a_damaged_file_costs_only_itself(tmp_path):
    path = zip_of(tmp_path, [("1.jpg", b"A" * 500), ("2.jpg", b"B" * 500)])
    path.write_bytes(path.read_bytes().replace(b"A" * 500, b"A" * 250 + b"Z" + b"A" * 249))
    damaged, good = read(path)
    assert (damaged.verdict, damaged.detail) == ("broken", "in_archive")
    assert good.open().read() == b"B" * 500


def test_a_name_marked_as_utf8_that_is_none_breaks_the_archive_with_a_sentence(tmp_path):
    path = raw_zip(tmp_path / "photos.zip", [(b"\xff\xfe.jpg", b"x")], flags=0x800)
    with pytest.raises(BadArchive) as caught:
        read(path)
    assert caught.value.detail == "broken"


def test_too_many_entries_are_refused_before_any_is_read(tmp_path):
    path = zip_of(tmp_path, [(f"{n}.jpg", b"x") for n in range(101)])
    with pytest.raises(BadArchive) as caught:
        read(path)
    assert caught.value.detail == "too_many_entries:100"


def test_a_directory_larger_than_any_honest_one_is_refused_before_it_is_loaded(tmp_path):
    path = tmp_path / "photos.zip"
    path.write_bytes(bytes(100) + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, 2**31, 0, 0))
    with pytest.raises(BadArchive) as caught:
        read(path)
    assert caught.value.detail.startswith("too_many_entries")


def test_a_file_past_the_limit_is_told_and_the_next_is_read(tmp_path):
    path = zip_of(tmp_path, [("big.jpg", bytes(3 << 20)), ("small.jpg", b"x")])
    big, small = read(path, max_file_bytes=2 << 20)
    assert (big.verdict, big.detail) == ("too_large", "max_mb:2")
    assert isinstance(small, ArchiveEntry)


def test_a_bomb_is_stopped_by_what_comes_out(tmp_path):
    path = zip_of(tmp_path, [("good.jpg", b"x"), ("bomb.jpg", bytes(7 << 20))], zipfile.ZIP_DEFLATED)
    reading = read_archive(path, **LIMITS)
    assert next(reading).name == "good.jpg"  # what came before is kept
    with pytest.raises(BadArchive) as caught:
        next(reading)
    assert caught.value.detail == "bomb:200"


def test_many_files_together_stop_at_the_total(tmp_path):
    content = bytes(range(256)) * 4096
    path = zip_of(tmp_path, [(f"{n}.jpg", content) for n in range(5)])
    with pytest.raises(BadArchive) as caught:
        read(path, max_total_bytes=3 << 20)
    assert caught.value.detail == "unpacks_too_large:3"


def test_entries_that_share_their_bytes_stop_at_the_ratio_of_the_whole(tmp_path):
    """Overlapping entries: 60 names for one stored file of 100 kB, each of them harmless."""
    content = bytes(range(256)) * 400
    one = raw_zip(tmp_path / "one.zip", [(b"a.jpg", content)]).read_bytes()
    start = one.index(b"PK\1\2")
    entry = one[start : one.index(b"PK\5\6")]
    end = struct.pack("<HHHHIIH", 0, 0, 60, 60, 60 * len(entry), start, 0)
    path = tmp_path / "photos.zip"
    path.write_bytes(one[:start] + entry * 60 + b"PK\5\6" + end)
    with pytest.raises(BadArchive) as caught:
        read(path, max_ratio=20)
    assert caught.value.detail == "bomb:20"
