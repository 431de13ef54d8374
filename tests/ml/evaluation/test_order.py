"""The order in which photos are looked at: by hand-made cases, from the command line, and with copies among them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml.__main__ import main
from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
from ml.evaluation import order as module
from ml.evaluation.order import Photos, doubt, farthest_first, probe_doubt, variety
from tests.ml.evaluation.test_guesses import Kept, key


def floats(*rows) -> np.ndarray:
    return np.array(rows, np.float32)


def test_doubt_is_what_the_likeliest_class_leads_by_turned_round():
    shares = floats([0.5, 0.5, 0.0], [0.1, 0.3, 0.6], [0.0, 0.0, 1.0])
    assert doubt(shares).tolist() == pytest.approx([1.0, 0.7, 0.0])


def test_with_one_class_nothing_is_in_doubt():
    assert doubt(floats([1.0], [1.0])).tolist() == [0.0, 0.0]


def test_each_next_point_is_the_farthest_from_all_before_it():
    # On a line at 0, 1, 4, 10 and 11; 0 is known. 11 is farthest; then 4 (4 from 0) before 1 and 10 (1 from theirs).
    points = floats([1], [4], [10], [11])
    order, reach, picked = farthest_first(points, floats([0]), 4)
    assert order.tolist()[:2] == [3, 1]
    assert reach.tolist() == pytest.approx([11, 4, 1, 1])
    assert picked == 4


def test_with_nothing_known_the_point_in_the_middle_begins():
    points = floats([-9], [1], [2], [9])
    order, _reach, _picked = farthest_first(points, floats().reshape(0, 1), 4)
    assert order.tolist() == [1, 0, 3, 2]


def test_those_after_the_picks_follow_by_how_far_they_are_from_all_picked():
    points = floats([10], [3], [9], [5])
    order, reach, picked = farthest_first(points, floats([0]), 1)
    assert order.tolist() == [0, 3, 1, 2]
    assert reach.tolist() == pytest.approx([10, 5, 3, 1])
    assert picked == 1


def test_copies_of_what_was_picked_are_never_picked_themselves():
    points = floats([5, 0], [0, 5], [5, 0], [0, 5], [5, 0])
    order, _reach, picked = farthest_first(points, floats([0, 0]), 5)
    assert sorted(order.tolist()) == [0, 1, 2, 3, 4]
    assert picked == 2
    assert set(map(tuple, points[order[:2]].tolist())) == {(5.0, 0.0), (0.0, 5.0)}


def world(labelled: int, asked: int, kinds: int = 4, seed: int = 0):
    """Photos of `kinds` kinds, the first two of which have labels; one photo in six is of the last kind or fewer."""
    rng = np.random.default_rng(seed)
    centres = 4 * rng.standard_normal((kinds, 24))
    truth = np.r_[np.arange(labelled) % 2, np.arange(asked) % kinds]
    points = (centres[truth] + 0.3 * rng.standard_normal((len(truth), 24))).astype(np.float32)
    photos = [{"sha256": key(n), "label": int(truth[n]) if n < labelled else None} for n in range(len(truth))]
    return Photos.of(photos), truth, Kept({bytes.fromhex(key(n)): one for n, one in enumerate(points)})


def test_the_first_of_a_varied_order_are_of_the_kinds_that_have_no_label_yet(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 7)  # several chunks
    photos, truth, cache = world(20, 80)
    values = variety(photos, cache, slice(None))
    assert values.shape == (80,)
    assert 0 < values.min() < values.max() <= 1
    first = truth[photos.asked[np.argsort(-values)[:2]]]
    assert sorted(first.tolist()) == [2, 3]


def test_values_name_the_order_of_those_picked_and_of_the_rest(monkeypatch):
    monkeypatch.setattr(module, "PICKS", 5)
    photos, _truth, cache = world(20, 80)
    values = variety(photos, cache, slice(None))
    assert np.sum(values > 0.5) == 5
    assert len(np.unique(values)) == 80


def test_a_photo_between_two_classes_is_more_in_doubt_than_one_like_the_others():
    photos, _truth, cache = world(40, 40, kinds=2)
    vectors = np.stack([cache.vectors[one] for one in photos.keys])
    middle = (vectors[0] + vectors[1]) / 2
    cache.vectors[photos.keys[-1]] = middle.astype(np.float32)
    found = probe_doubt(photos, cache, slice(None))
    assert found is not None
    assert int(found.values.argmax()) == 39
    assert found.labels == 40


def test_with_labels_of_one_class_nobody_can_say_what_is_in_doubt():
    photos, _truth, cache = world(1, 10)
    assert probe_doubt(photos, cache, slice(None)) is None


def listing(store, tmp_path, labelled: int, asked: int):
    photos, _truth, cache = world(labelled, asked)
    kept = feature_cache(store, DEFAULT_BACKBONE, DEFAULT_SIZE)
    vectors = np.zeros((len(photos.keys), kept.width), np.float16)
    vectors[:, :24] = np.stack([cache.vectors[one] for one in photos.keys])
    kept.write(photos.keys, vectors)
    path = tmp_path / "photos.jsonl"
    labels = [None if one < 0 else int(one) for one in photos.labels]
    lines = [{"sha256": one.hex(), "label": label} for one, label in zip(photos.keys, labels, strict=True)]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def run(store, path, out, *more: str) -> int:
    return main(["order", "--store", str(store.root), "--list", str(path), "--out", str(out), *more])


def test_the_command_orders_what_has_no_label(store, tmp_path, capsys):
    path, out, progress = (
        listing(store, tmp_path, 20, 10),
        tmp_path / "order.json",
        tmp_path / "progress.json",
    )
    assert run(store, path, out, "--progress", str(progress)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"images": 30, "by": "labels", "labels": 20, "accuracy": 1.0, "classes": 2}
    rows = json.loads(out.read_text())["rows"]
    assert [line for line, _doubt, _variety in rows] == list(range(20, 30))
    assert all(0 <= one <= 1 and 0 < far <= 1 for _line, one, far in rows)
    assert json.loads(progress.read_text())["fraction"] == 1.0


def test_without_labels_the_command_still_knows_what_is_varied(store, tmp_path, capsys):
    path, out = listing(store, tmp_path, 0, 10), tmp_path / "order.json"
    assert run(store, path, out) == 0
    assert json.loads(capsys.readouterr().out)["by"] == "nothing"
    rows = json.loads(out.read_text())["rows"]
    assert {one for _line, one, _variety in rows} == {None}


def test_a_folder_that_is_no_bundle_is_said(store, tmp_path, capsys):
    path = listing(store, tmp_path, 4, 4)
    assert run(store, path, tmp_path / "order.json", "--bundle", str(tmp_path)) == 1
    assert "is no bundle" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["{", "[]", '{"label": 1}', '{"sha256": "ab", "label": 1}'])
def test_a_bad_line_is_named(store, tmp_path, capsys, line):
    path = tmp_path / "photos.jsonl"
    path.write_text(line + "\n")
    assert run(store, path, tmp_path / "o") == 2
    assert "line 1 of" in capsys.readouterr().err
