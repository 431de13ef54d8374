from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ml.drawn.classes import CLASSES
from ml.drawn.dataset import OutputNotEmptyError, Planted, draw_dataset
from ml.images.decode import decode_image
from ml.images.errors import DecodeError
from ml.images.hashes import grey_of, hamming, pack_hashes, perceptual_hashes

NEAR = 8  # bits, the edge of the near-duplicate groups
TAXONOMY = Path(__file__).resolve().parents[3] / "webapp" / "datasets" / "presets" / "taxonomy55.csv"


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def hashes_of(path: Path) -> tuple[str, str]:
    return perceptual_hashes(grey_of(decode_image(path.read_bytes()).pixels))


def bits_apart(first: Path, second: Path) -> int:
    """Differing bits of the perceptual hashes, the better of straight and mirrored."""
    straight = hashes_of(first)[0]
    return int(hamming(pack_hashes([straight]), pack_hashes(hashes_of(second))).min())


def test_the_same_seed_draws_the_same_bytes(tmp_path: Path) -> None:
    draw_dataset(tmp_path / "one", per_class=4, seed=5, size=96)
    draw_dataset(tmp_path / "two", per_class=4, seed=5, size=96)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_seed_draws_other_photos(tmp_path: Path) -> None:
    drawn: list[set[str]] = []
    for seed in (5, 6):
        folder = tmp_path / str(seed)
        planted = draw_dataset(folder, per_class=4, seed=seed, size=96)
        same_in_both = {b.path for b in planted.broken}  # a text is the same text whatever the seed
        drawn.append({digest for path, digest in contents(folder).items() if path not in same_in_both})
    assert not drawn[0] & drawn[1]


def test_there_is_a_folder_for_every_class_of_every_bin(drawn: tuple[Path, Planted]) -> None:
    folder, _planted = drawn
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {c.folder for c in CLASSES}
    assert len({c.category for c in CLASSES}) == 4


def test_every_class_is_named_as_in_the_taxonomy() -> None:
    with TAXONOMY.open(encoding="utf-8", newline="") as file:
        known = {(r["category_zh"], r["class_zh"], r["class_en"]) for r in csv.DictReader(file)}
    assert {(c.category, c.name, c.english) for c in CLASSES} <= known


def test_planted_json_says_what_was_returned_and_counts_every_file(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    written = json.loads((folder / "planted.json").read_text(encoding="utf-8"))
    assert written == json.loads(planted.to_json())
    assert written["files"] == len(list(folder.rglob("*.jpg")))
    copies = written["near_duplicates"] + written["exact_duplicates"]
    assert written["files"] == 12 * 12 + len(copies) + len(written["broken"])


def test_about_four_in_a_hundred_photos_lie_under_a_wrong_label(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    assert len(planted.wrong_labels) == round(0.04 * 144)
    for wrong in planted.wrong_labels:
        assert (folder / wrong.path).is_file()
        assert wrong.path.split("/")[0] != wrong.truth
        assert wrong.truth in {c.folder for c in CLASSES}


def test_a_wrongly_filed_photo_is_the_one_that_its_class_lacks(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    filed = Counter(path.parent.name for path in folder.rglob("*.jpg"))
    for extra in [*planted.near_duplicates, *planted.exact_duplicates, *planted.broken]:
        filed[extra.path.split("/")[0]] -= 1
    for wrong in planted.wrong_labels:
        filed[wrong.path.split("/")[0]] -= 1
        filed[wrong.truth] += 1
    assert set(filed.values()) == {12}


def test_near_duplicates_of_each_kind_are_found_again_by_their_hash(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    assert {copy.how for copy in planted.near_duplicates} == {"resized", "recompressed", "mirrored"}
    for copy in planted.near_duplicates:
        assert bits_apart(folder / copy.path, folder / copy.of) <= NEAR, copy
        assert (folder / copy.path).read_bytes() != (folder / copy.of).read_bytes()


def test_exact_duplicates_have_the_same_bytes_under_another_name(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    digests = contents(folder)
    assert len(planted.exact_duplicates) >= 2
    for copy in planted.exact_duplicates:
        assert copy.path != copy.of
        assert digests[copy.path] == digests[copy.of]


def test_no_other_two_files_have_the_same_bytes(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    rest = {p: d for p, d in contents(folder).items() if p not in {c.path for c in planted.exact_duplicates}}
    assert len(set(rest.values())) == len(rest)


def test_photos_that_are_no_copies_are_mostly_far_apart(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    aside = {one.path for one in [*planted.near_duplicates, *planted.exact_duplicates, *planted.broken]}
    paths = [p for p in sorted(folder.rglob("*.jpg")) if p.relative_to(folder).as_posix() not in aside]
    packed = pack_hashes([hashes_of(path)[0] for path in paths])
    apart = hamming(packed[:, None], packed[None, :])[np.triu_indices(len(paths), 1)]
    assert (apart <= NEAR).mean() < 0.001


@pytest.mark.parametrize(
    ("how", "code"),
    [("empty", "empty"), ("truncated", "truncated"), ("text", "not_an_image"), ("page", "not_an_image")],
)
def test_broken_files_are_refused_with_their_reason(drawn: tuple[Path, Planted], how: str, code: str) -> None:
    folder, planted = drawn
    broken = next(b for b in planted.broken if b.how == how)
    with pytest.raises(DecodeError) as refused:
        decode_image((folder / broken.path).read_bytes())
    assert refused.value.code == code


def test_every_other_file_is_a_jpeg_of_the_size_asked_for(drawn: tuple[Path, Planted]) -> None:
    folder, planted = drawn
    aside = {b.path for b in planted.broken} | {c.path for c in planted.near_duplicates if c.how == "resized"}
    for path in folder.rglob("*.jpg"):
        if path.relative_to(folder).as_posix() not in aside:
            decoded = decode_image(path.read_bytes())
            assert decoded.format == "JPEG"
            assert max(decoded.width, decoded.height) == 160


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("keep me")
    with pytest.raises(OutputNotEmptyError):
        draw_dataset(taken, per_class=4, size=96)
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("wrong", [{"per_class": 3}, {"size": 20}, {"size": 5000}])
def test_numbers_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("_", "-")):
        draw_dataset(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()
