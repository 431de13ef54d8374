import numpy as np
import pytest

from ml.evaluation.pairs import Evidence, confused_pairs, mean_looks
from ml.evaluation.suspects import Suspect

KEYS = ["ant", "bee", "cat", "dog", "elk"]  # ten pairs, as few as percentiles are told of
N = 40


def histogram(place: int, width: int = 30) -> np.ndarray:
    """Half of it in one place, the rest everywhere."""
    out = np.full(width, 0.5 / width)
    out[place] += 0.5
    return out


@pytest.fixture
def evidence() -> dict:
    """Five classes of 40 photos, each far from the others in every way, all answered rightly."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), N)
    centres = np.eye(5, 16) * 10
    looks = [histogram(5 * label) for label in range(5)]
    return {
        "keys": KEYS,
        "answers": np.eye(5, dtype=np.float32)[labels],
        "truth": labels,
        "labels": labels,
        "groups": np.arange(5 * N),
        "held_labels": np.zeros(0, np.int64),
        "held_groups": np.zeros(0, np.int64),
        "sample_labels": labels,
        "sample_groups": np.arange(5 * N),
        "embeddings": (centres[labels] + rng.standard_normal((5 * N, 16))).astype(np.float32),
        "colours": looks,
        "textures": looks,
        "suspects": [],
    }


def mistake(evidence: dict, true: int, answer: int, times: int) -> None:
    rows = np.flatnonzero(evidence["truth"] == true)[:times]
    evidence["answers"][rows] = np.eye(5, dtype=np.float32)[answer]


def result(evidence: dict) -> dict:
    return confused_pairs(Evidence(**evidence))


def test_without_mistakes_there_is_no_pair(evidence):
    assert result(evidence)["pairs"] == []


def test_pairs_are_ranked_by_their_rate_in_both_directions(evidence):
    mistake(evidence, 0, 1, 3)
    mistake(evidence, 1, 0, 1)
    mistake(evidence, 2, 4, 6)
    first, second = result(evidence)["pairs"]
    assert (first["a"], first["b"], first["rate"], first["a_as_b"], first["b_as_a"]) == (
        "cat",
        "elk",
        0.075,
        6,
        0,
    )
    assert (second["a"], second["b"], second["rate"]) == ("ant", "bee", 0.05)
    assert (second["a_as_b"], second["b_as_a"]) == (3, 1)


def test_where_nothing_is_unusual_no_cause_is_found(evidence):
    mistake(evidence, 0, 1, 3)
    (pair,) = result(evidence)["pairs"]
    assert pair["causes"] == []
    assert pair["sentence"] == "ant and bee: no cause found."


@pytest.mark.parametrize(
    ("field", "code", "word"),
    [("colours", "similar_colour", "colours"), ("textures", "similar_texture", "textures")],
)
def test_looks_more_alike_than_those_of_nine_pairs_in_ten_are_named(evidence, field, code, word):
    mistake(evidence, 0, 1, 3)
    evidence[field] = [histogram(0), (histogram(0) + histogram(1)) / 2, *evidence[field][2:]]
    (pair,) = result(evidence)["pairs"]
    assert pair["causes"] == [code]
    assert f"their {word} are more alike than those of 100 % of the other pairs" in pair["sentence"]


def test_classes_whose_embeddings_lie_among_each_other_are_named(evidence):
    mistake(evidence, 0, 1, 3)
    ants = evidence["embeddings"][evidence["labels"] == 0]
    bees = evidence["labels"] == 1
    evidence["embeddings"][bees] = ants[::-1] + 0.1
    (pair,) = result(evidence)["pairs"]
    assert pair["causes"] == ["overlapping_embeddings"]
    assert 0.3 < pair["overlap"]["value"] < 0.7


def test_near_duplicates_are_no_neighbours_of_each_other(evidence):
    mistake(evidence, 0, 1, 3)
    ants, bees = (np.flatnonzero(evidence["labels"] == label) for label in (0, 1))
    evidence["embeddings"][bees[:3]] = evidence["embeddings"][ants[:3]]
    evidence["sample_groups"][bees[:3]] = evidence["sample_groups"][ants[:3]]
    (pair,) = result(evidence)["pairs"]
    alone = pair["overlap"]["value"]
    evidence["sample_groups"] = np.arange(5 * N)
    (pair,) = result(evidence)["pairs"]
    assert alone < pair["overlap"]["value"]


def test_a_class_of_half_as_many_photos_as_usual_is_named(evidence):
    mistake(evidence, 0, 1, 3)
    keep = (evidence["labels"] != 1) | (np.arange(5 * N) % N < N // 2)
    evidence["labels"], evidence["groups"] = evidence["labels"][keep], evidence["groups"][keep]
    (pair,) = result(evidence)["pairs"]
    assert pair["causes"] == ["few_photos"]
    assert pair["sentence"] == "ant and bee: bee has 20 photos to train with, at most half of the usual 40."
    assert pair["photos"] == {"ant": 40, "bee": 20}


def test_suspect_labels_between_the_two_are_named_and_others_are_not(evidence):
    mistake(evidence, 0, 1, 3)
    evidence["suspects"] = [Suspect(row, 0, 1, 0.1) for row in range(2)]
    assert result(evidence)["pairs"][0]["causes"] == ["suspect_labels"]
    evidence["suspects"] = [Suspect(0, 0, 1, 0.1), *(Suspect(row, 0, 2, 0.1) for row in range(9))]
    assert result(evidence)["pairs"][0]["causes"] == []
    evidence["suspects"] = None
    assert result(evidence)["pairs"][0]["suspects"] == {"value": None, "percentile": None}


def test_near_duplicates_with_both_labels_or_on_both_sides_of_the_split_are_named(evidence):
    mistake(evidence, 0, 1, 3)
    evidence["groups"][N : N + 2] = evidence["groups"][:2]
    assert result(evidence)["pairs"][0]["causes"] == ["labels_of_twins_differ"]
    evidence["groups"] = np.arange(5 * N)
    evidence["held_labels"], evidence["held_groups"] = np.array([0, 0, 3]), np.array([5, 6, 7])
    pair = result(evidence)["pairs"][0]
    assert pair["causes"] == ["twins_across_split"]
    assert pair["twins"] == {"differ": 0, "across_split": 2}


def test_with_few_classes_likeness_is_measured_and_named_as_no_cause(evidence):
    three = evidence["labels"] < 3
    for name in ("answers", "truth", "labels", "groups", "sample_labels", "sample_groups", "embeddings"):
        evidence[name] = evidence[name][three]
    evidence["answers"] = evidence["answers"][:, :3]
    evidence["keys"] = KEYS[:3]
    evidence["answers"][:3] = [0, 1, 0]
    evidence["colours"] = evidence["textures"] = [histogram(0), histogram(0), histogram(9)]
    (pair,) = result(evidence)["pairs"]
    assert pair["colour"] == {"value": 0.0, "percentile": 100.0}
    assert pair["causes"] == []


def test_a_class_without_a_photo_to_look_at_has_no_likeness(evidence):
    mistake(evidence, 0, 1, 3)
    looks = mean_looks(np.array([0, 0, 2]), 5, [histogram(0), histogram(2), histogram(4)])
    assert [one is None for one in looks] == [False, True, False, True, True]
    assert looks[0] == pytest.approx((histogram(0) + histogram(2)) / 2)
    evidence["colours"] = looks
    assert result(evidence)["pairs"][0]["colour"] == {"value": None, "percentile": None}


def test_the_bounds_stand_in_the_file(evidence):
    assert result(evidence)["bounds"] == {
        "alike_percentile": 90.0,
        "fewest_pairs": 10,
        "suspect_share": 0.02,
        "fewest_twins": 2,
        "few_photos_of_median": 0.5,
    }
