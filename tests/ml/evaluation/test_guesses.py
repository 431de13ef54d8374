"""The probe that sorts an inbox: it answers from few labels, says how sure it is, and never asks twice in vain."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ml.__main__ import main
from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
from ml.evaluation.guesses import choose_rows, fit_guesser, guess

WIDTH = 24


class Kept:
    """Vectors by key, as the cache gives them."""

    def __init__(self, vectors: dict[bytes, np.ndarray]) -> None:
        self.vectors = vectors

    def missing(self, keys):
        return [place for place, key in enumerate(keys) if key not in self.vectors]

    def read(self, keys, columns):
        return np.stack([self.vectors[key] for key in keys])[:, columns]


def key(n: int) -> str:
    return f"{n:064x}"


def world(labelled: int, asked: int, classes: int = 3, noise: float = 0.5, seed: int = 0):
    """Photos around a centre per class, the first ones labelled; their true classes; the cache."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, WIDTH))
    truth = np.arange(labelled + asked) % classes
    points = (centres[truth] + noise * rng.standard_normal((len(truth), WIDTH))).astype(np.float32)
    photos = [
        {"sha256": key(n), "label": 10 * int(truth[n]) if n < labelled else None, "not": frozenset()}
        for n in range(len(truth))
    ]
    return photos, truth, Kept({bytes.fromhex(key(n)): point for n, point in enumerate(points)})


def sort(photos, cache):
    return guess(photos, cache, slice(None))


def test_photos_are_grouped_by_the_class_they_look_like_the_surest_first():
    photos, truth, cache = world(30, 90)
    found = sort(photos, cache)
    for label, group in found["groups"].items():
        lines, sure = zip(*group["rows"], strict=True)
        assert list(sure) == sorted(sure, reverse=True)
        assert np.mean([10 * truth[line] == int(label) for line in lines]) > 0.9
        assert all(photos[line]["label"] is None for line in lines)
    assert (found["labels"], found["asked"], found["missing"]) == (30, 90, 0)


def test_what_it_promises_is_what_it_keeps():
    """The mean of its probabilities is the share that is right, over worlds that are hard."""
    promised, right = [], []
    for seed in range(20):
        photos, truth, cache = world(30, 240, noise=3, seed=seed)
        for label, group in sort(photos, cache)["groups"].items():
            promised += [sure for _line, sure in group["rows"]]
            right += [10 * truth[line] == int(label) for line, _sure in group["rows"]]
    assert 0.55 < np.mean(right) < 0.9  # hard, but not hopeless
    assert np.mean(promised) == pytest.approx(np.mean(right), abs=0.04)


def test_a_class_that_a_person_turned_down_is_not_offered_again():
    photos, _truth, cache = world(30, 30)
    label, group = next(iter(sort(photos, cache)["groups"].items()))
    line = group["rows"][0][0]
    photos[line]["not"] = frozenset([int(label)])
    again = sort(photos, cache)["groups"]
    assert line not in [one for group in again.values() for one, _sure in group["rows"]]


def test_photos_that_are_not_embedded_yet_are_counted_and_left_out():
    photos, _truth, cache = world(30, 30)
    for line in (3, 40, 41):
        del cache.vectors[bytes.fromhex(photos[line]["sha256"])]
    found = sort(photos, cache)
    assert (found["labels"], found["asked"], found["missing"]) == (29, 28, 2)


@pytest.mark.parametrize(("labelled", "classes"), [(0, 3), (5, 1)])
def test_nothing_is_guessed_with_fewer_than_two_classes(labelled, classes):
    photos, _truth, cache = world(labelled, 12, classes)
    found = sort(photos, cache)
    assert found["groups"] == {}
    assert found["accuracy"] is None


def test_one_photo_a_class_still_gives_guesses_but_no_accuracy():
    photos, _truth, cache = world(3, 12)
    found = sort(photos, cache)
    assert found["accuracy"] is None
    assert math.isnan(fit_guesser(np.eye(3, WIDTH, dtype=np.float32), np.arange(3), 3).accuracy)


def test_with_many_labels_the_last_of_each_class_are_taken():
    labels = np.array([0] * 6000 + [1] * 50 + [0] * 10)
    chosen = choose_rows(labels, 2)
    assert len(chosen) == 4000
    assert set(range(6000, 6060)) <= set(chosen.tolist())  # all of the small class, the last of the large one
    assert chosen.tolist() == sorted(chosen.tolist())
    assert choose_rows(labels[:100], 2).tolist() == list(range(100))


def test_the_command_reads_lines_and_writes_groups(store, tmp_path, capsys):
    cache = feature_cache(store, DEFAULT_BACKBONE, DEFAULT_SIZE)
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((2, cache.width))
    lines = []
    for n in range(30):
        cache.write(
            [bytes.fromhex(key(n))],
            (centres[n % 2] + 0.3 * rng.standard_normal(cache.width))[None].astype(np.float32),
        )
        lines.append(json.dumps({"sha256": key(n), "label": n % 2 if n < 20 else None, "not": []}))
    listing, out = tmp_path / "photos.jsonl", tmp_path / "groups.json"
    listing.write_text("\n".join(lines) + "\n")
    assert main(["guess", "--store", str(store.root), "--list", str(listing), "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out) == {"labels": 20, "asked": 10, "missing": 0, "accuracy": 1.0}
    groups = json.loads(out.read_text())["groups"]
    assert {label: sorted(line for line, _ in group["rows"]) for label, group in groups.items()} == {
        "0": [20, 22, 24, 26, 28], "1": [21, 23, 25, 27, 29],
    }  # fmt: skip


@pytest.mark.parametrize("line", ["{", "[]", '{"label": 1}', '{"sha256": "ab", "label": "glass"}'])
@pytest.mark.parametrize("command", ["guess", "suspects"])
def test_a_bad_line_is_named(store, tmp_path, capsys, line, command):
    listing = tmp_path / "photos.jsonl"
    listing.write_text(line + "\n")
    assert (
        main([command, "--store", str(store.root), "--list", str(listing), "--out", str(tmp_path / "o")]) == 2
    )
    assert "line 1 of" in capsys.readouterr().err
