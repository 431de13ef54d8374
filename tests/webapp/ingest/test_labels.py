"""Lists of labels as spreadsheets write them."""

from __future__ import annotations

import pytest

from webapp.ingest.labels import ListError, Names, NoList, is_label_list, read_labels

TEXT = "path,label,category\nglass/1.jpg,鼠标,可回收物\n二.jpg,毛巾,\n"
ROWS = [("glass/1.jpg", "鼠标", "可回收物"), ("二.jpg", "毛巾", "")]


def rows(data):
    return [(row.path, row.label, row.category) for row in read_labels(data)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_every_encoding_that_spreadsheets_write_is_read(encoding):
    assert rows(TEXT.encode(encoding)) == ROWS


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "，"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_commas_semicolons_and_tabs_divide_and_lines_end_in_every_way(delimiter, end):
    assert rows(TEXT.replace(",", delimiter).replace("\n", end).encode()) == ROWS


@pytest.mark.parametrize(
    "headings",
    [
        "Path,Label,Category",
        "文件名,标签,大类",
        "图片,类别,大类",
        "file_name,class,bin",
        "File Name,CLASS,category",
    ],
)
def test_headings_are_known_in_both_languages(headings):
    assert rows(f"{headings}\nglass/1.jpg,鼠标,可回收物".encode()) == ROWS[:1]


def test_other_columns_and_another_order_do_no_harm():
    assert rows(b'id,label,note,path\n7,glass,"a, b",1.jpg\n') == [("1.jpg", "glass", "")]


def test_a_row_without_file_or_label_is_told_with_its_line_and_the_others_are_read():
    found = read_labels(b"path,label\n,glass\n\n1.jpg,\n2.jpg,glass\n3.jpg\n")
    assert [(row.line, row.fault) for row in found] == [
        (2, "row_no_file"),
        (4, "row_no_label"),
        (5, ""),
        (6, "row_no_label"),
    ]


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"", NoList, "list_columns"),
        (b"name,price\na,1\n", NoList, "list_columns"),
        (b"path,label\n", ListError, "list_no_rows"),
        ("path,label\ncafé.jpg,glass\n".encode("latin-1"), ListError, "list_encoding"),
        (b"\xff\xfe\x00", ListError, "list_encoding"),
        (b'path,label\n"' + b"x" * 200_000, ListError, "list_broken"),
    ],
)
def test_what_is_no_list_of_labels_is_told_apart_from_a_broken_one(data, kind, code):
    with pytest.raises(kind) as told:
        read_labels(data)
    assert told.value.code == code


def test_a_list_past_the_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr("webapp.ingest.labels.MAX_LIST_BYTES", 2**20)
    with pytest.raises(ListError, match="list_max_mb:1"):
        read_labels(b"path,label\n" + b"x" * 2**20)


def test_a_category_and_a_label_name_a_folder_of_two_levels():
    one, two = read_labels(TEXT.encode())
    assert (one.folder, two.folder) == ("可回收物_鼠标", "毛巾")


@pytest.mark.parametrize(
    ("path", "folder", "found"),
    [
        ("glass/1.jpg", "", [1]),
        ("1.jpg", "glass", [1]),
        ("1.jpg", "", [1, 2]),
        ("2.jpg", "", [3]),
        ("set/glass/1.jpg", "", [1]),
        ("metal/2.jpg", "", []),
        ("9.jpg", "", []),
        ("cafe\u0301.jpg", "", [4]),
    ],
)
def test_a_row_finds_its_file_by_as_much_of_the_path_as_it_names(path, folder, found):
    from webapp.ingest.labels import plain_path

    names = Names([(1, "glass/1.jpg"), (2, "paper/1.jpg"), (3, "paper\\2.jpg"), (4, "x/caf\u00e9.jpg")])
    assert names.find(plain_path(path), folder) == found


def test_lists_are_known_by_their_names():
    assert [is_label_list(name) for name in ("a.csv", "b/A.TSV", "a.csv.jpg", "csv")] == [
        True,
        True,
        False,
        False,
    ]
