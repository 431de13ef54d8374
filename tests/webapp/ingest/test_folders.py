"""Class names from folders."""

from __future__ import annotations

import unicodedata

import pytest

from webapp.ingest.folders import class_folder, split_category


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("1.jpg", ""),
        ("glass/1.jpg", "glass"),
        ("set/glass/1.jpg", "glass"),
        ("set\\glass\\1.jpg", "glass"),
        ("./../1.jpg", ""),
        ("a\nb\t c/1.jpg", "a b c"),
        ("a\u202eb/1.jpg", "a b"),
        ("  /1.jpg", ""),
        ("x" * 500 + "/1.jpg", "x" * 120),
        ("", ""),
    ],
)
def test_the_last_folder_above_the_file_names_the_class(path, folder):
    assert class_folder(path) == folder


def test_a_folder_from_macos_and_one_from_windows_name_the_same_class():
    assert class_folder(unicodedata.normalize("NFD", "Büchse") + "/1.jpg") == unicodedata.normalize(
        "NFC", "Büchse"
    )


@pytest.mark.parametrize(
    ("folder", "answer"),
    [
        ("可回收物_鼠标", ("可回收物", "鼠标")),
        ("plastic_bottle", (None, "plastic_bottle")),
        ("recyclable waste_tin_can", ("Recyclable waste", "tin_can")),
        ("Recyclable waste", (None, "Recyclable waste")),
        ("Recyclable waste_", (None, "Recyclable waste_")),
        ("_glass", (None, "_glass")),
        ("soft_plastic_bag", ("soft_plastic", "bag")),
        ("", (None, "")),
    ],
)
def test_a_folder_splits_only_at_a_known_category(folder, answer):
    assert split_category(folder, ["可回收物", "Recyclable waste", "soft", "soft_plastic", ""]) == answer
