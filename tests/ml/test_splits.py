"""Splits: no group crosses, classes are shared out fairly, and what was given once is kept."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.splits import SplitItem, assign_splits, cap_per_class, item_key, plan_splits, with_flips

PARTS = {"train", "val", "test"}


@st.composite
def worlds(draw) -> list[SplitItem]:
    """Photos of up to 4 classes in groups of any size; a group may hold two labels."""
    n = draw(st.integers(1, 120))
    groups = draw(st.lists(st.integers(0, draw(st.integers(0, 60))), min_size=n, max_size=n))
    labels = draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n))
    # Mostly a group has one class; now and then photos disagree.
    return [
        SplitItem(f"id{place}", labels[group % n] if place % 9 else labels[place], group)
        for place, group in enumerate(groups)
    ]


def singles(label: str, n: int, start: int = 0) -> list[SplitItem]:
    return [SplitItem(f"{label}{place}", label, start + place) for place in range(n)]


def parts_of_groups(items, assignments) -> dict[int, set[str]]:
    found = defaultdict(set)
    for item in items:
        if assignments[item.id] != "held_out":
            found[item.group].add(assignments[item.id])
    return found


@settings(deadline=None)
@given(worlds(), st.integers(0, 5))
def test_no_group_ever_crosses(items, seed):
    assignments = assign_splits(items, val=0.1, test=0.2, seed=seed)
    assert assignments.keys() == {item.id for item in items}
    assert all(len(parts) == 1 for parts in parts_of_groups(items, assignments).values())


@settings(deadline=None)
@given(worlds(), st.randoms(use_true_random=False), st.sampled_from(["grouped", "random", "paper"]))
def test_the_order_and_the_numbering_of_the_input_do_not_matter(items, shuffler, rule):
    shuffled = [SplitItem(item.id, item.label, 1000 - item.group) for item in items]
    shuffler.shuffle(shuffled)
    asked = {"val": 0.1, "test": 0.1, "seed": 1, "rule": rule}
    assert assign_splits(shuffled, **asked) == assign_splits(items, **asked)


@settings(deadline=None)
@given(worlds(), st.randoms(use_true_random=False), st.sampled_from(["grouped", "random", "paper"]))
def test_what_was_given_once_never_changes(items, chooser, rule):
    choices = sorted(PARTS | {"held_out"})
    earlier = {item.id: chooser.choice(choices) for item in items if chooser.random() < 0.5}
    assignments = assign_splits(items, val=0.1, test=0.1, seed=2, rule=rule, kept=earlier)
    assert {name: assignments[name] for name in earlier} == earlier


@settings(deadline=None)
@given(worlds(), st.integers(0, 119))
def test_a_later_snapshot_keeps_the_first_and_still_no_group_crosses(items, cut):
    first = assign_splits(items[:cut], val=0.2, test=0.2, seed=0)
    second = assign_splits(items, val=0.2, test=0.2, seed=0, kept=first)
    assert all(second[name] == part for name, part in first.items())
    assert all(len(parts) == 1 for parts in parts_of_groups(items, second).values())


@settings(deadline=None)
@given(st.integers(30, 300), st.floats(0.05, 0.3), st.floats(0.05, 0.3), st.integers(0, 9))
def test_fractions_of_single_photos_are_met_within_one_photo(n, val, test, seed):
    counts = Counter(assign_splits(singles("a", n), val=val, test=test, seed=seed).values())
    assert abs(counts["val"] - val * n) <= 1
    assert abs(counts["test"] - test * n) <= 1


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=60, max_size=120), st.integers(0, 9))
def test_fractions_of_small_groups_are_nearly_met(sizes, seed):
    items = [SplitItem(f"{group}-{k}", "a", group) for group, size in enumerate(sizes) for k in range(size)]
    counts = Counter(assign_splits(items, val=0.1, test=0.1, seed=seed).values())
    for part in ("val", "test"):
        assert abs(counts[part] - 0.1 * len(items)) <= 4


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=3, max_size=8), st.integers(0, 9))
def test_a_class_of_three_groups_or_more_is_in_every_part(sizes, seed):
    items = [SplitItem(f"{group}-{k}", "a", group) for group, size in enumerate(sizes) for k in range(size)]
    assert set(assign_splits(items, val=0.1, test=0.1, seed=seed).values()) == PARTS


def test_a_class_that_is_too_small_trains_and_is_reported():
    items = singles("many", 50) + singles("few", 2, start=100)
    result = plan_splits(items, val=0.1, test=0.1, seed=0)
    assert {result.assignments["few0"], result.assignments["few1"]} == {"train"}
    assert result.report.too_small == {"few": 2}


def test_without_a_validation_share_two_groups_are_enough():
    result = plan_splits(singles("a", 2), val=0.0, test=0.5, seed=0)
    assert sorted(result.assignments.values()) == ["test", "train"]
    assert not result.report.too_small


def test_another_seed_is_another_split():
    items = singles("a", 100)
    splits = [assign_splits(items, val=0.1, test=0.1, seed=seed) for seed in (0, 1)]
    assert splits[0] != splits[1]


def test_a_new_photo_near_a_test_photo_joins_it():
    kept = {"old": "test"}
    items = [SplitItem("old", "a", 7), SplitItem("new", "a", 7), *singles("a", 20, start=50)]
    assert assign_splits(items, val=0.1, test=0.1, seed=0, kept=kept)["new"] == "test"


def test_a_new_photo_that_bridges_train_and_test_is_held_out_alone():
    kept = {"left": "train", "right": "test"}
    items = [SplitItem(name, "a", 7) for name in ("left", "right", "bridge")] + singles("a", 20, start=50)
    result = plan_splits(items, val=0.1, test=0.1, seed=0, kept=kept)
    assert result.report.held_out == ("bridge",)
    assert result.assignments["left"] == "train"
    assert result.assignments["right"] == "test"


def test_photos_that_a_model_chose_only_train():
    chosen = [SplitItem(f"chosen{n}", "a", 100 + n, train_only=True) for n in range(30)]
    items = [*singles("a", 30), *chosen]
    for rule in ("grouped", "random", "paper"):
        assignments = assign_splits(items, val=0.1, test=0.1, seed=0, rule=rule)
        assert {assignments[item.id] for item in chosen} == {"train"}
        assert set(assignments.values()) == PARTS


def test_a_chosen_photo_near_a_test_photo_is_held_out():
    items = [
        SplitItem("old", "a", 1),
        SplitItem("chosen", "a", 1, train_only=True),
        *singles("a", 9, start=5),
    ]
    assignments = assign_splits(items, val=0.1, test=0.1, seed=0, kept={"old": "test"})
    assert assignments["chosen"] == "held_out"


def test_kept_parts_that_leave_one_empty_are_reported():
    items = singles("a", 5)
    result = plan_splits(items, val=0.1, test=0.1, seed=0, kept={item.id: "train" for item in items})
    assert result.report.missing == {"a": ("test", "val")}


def test_the_random_rule_lets_groups_cross():
    items = [SplitItem(str(n), "a", 0) for n in range(100)]
    assert set(assign_splits(items, val=0.1, test=0.1, seed=0, rule="random").values()) == PARTS


@pytest.mark.parametrize(("n", "tests"), [(10, 1), (15, 2), (19, 2), (20, 2), (300, 30)])
def test_the_papers_cut_is_nine_tenths_of_each_class_rounded_down(n, tests):
    items = singles("a", n) + singles("b", n)
    assignments = assign_splits(items, val=0.0, test=0.1, seed=0, rule="paper")
    assert Counter(assignments[item.id] for item in items if item.label == "b")["test"] == tests
    assert set(assignments.values()) == {"train", "test"}


def test_the_papers_test_photos_do_not_depend_on_the_validation_share():
    items = singles("a", 100)
    without = assign_splits(items, val=0.0, test=0.1, seed=0, rule="paper")
    with_val = assign_splits(items, val=0.1, test=0.1, seed=0, rule="paper")
    tests = [{name for name, part in one.items() if part == "test"} for one in (without, with_val)]
    assert tests[0] == tests[1]
    assert Counter(with_val.values()) == {"train": 80, "val": 10, "test": 10}


@pytest.mark.parametrize(
    "change",
    [{"val": 1.0}, {"test": -0.1}, {"val": 0.5, "test": 0.5}, {"rule": "magic"}, {"kept": {"a0": "dev"}}],
)
def test_bad_requests_are_refused(change):
    with pytest.raises(ValueError):
        assign_splits(singles("a", 5), **({"val": 0.1, "test": 0.1, "seed": 0} | change))


def test_an_id_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="more than once"):
        assign_splits(singles("a", 2) * 2, val=0.1, test=0.1, seed=0)


def test_a_cap_draws_the_same_photos_in_any_order():
    items = singles("a", 50) + singles("b", 3, start=60)
    shuffled = random.Random(0).sample(items, len(items))
    drawn = cap_per_class(items, 10, seed=4)
    assert Counter(item.label for item in drawn) == {"a": 10, "b": 3}
    assert {item.id for item in drawn} == {item.id for item in cap_per_class(shuffled, 10, seed=4)}
    assert drawn == [item for item in items if item in drawn]
    assert {item.id for item in drawn} != {item.id for item in cap_per_class(items, 10, seed=5)}


def test_flips_follow_their_photo_in_order():
    items = with_flips(singles("a", 2))
    assert [item.key for item in items] == ["a0", "a0/hflip", "a0/vflip", "a1", "a1/hflip", "a1/vflip"]
    assert {item.group for item in items[:3]} == {0}


@settings(deadline=None)
@given(worlds(), st.integers(0, 3), st.sampled_from(["grouped", "random"]))
def test_copies_lie_where_their_photo_lies_without_copies(items, seed, rule):
    asked = {"val": 0.1, "test": 0.2, "seed": seed, "rule": rule}
    plain, enhanced = assign_splits(items, **asked), assign_splits(with_flips(items), **asked)
    assert enhanced == {item.key: plain[item.id] for item in with_flips(items)}


def test_a_copy_whose_photo_was_capped_away_still_lies_where_its_photo_was_once():
    copies = [item for item in with_flips(singles("a", 20)) if item.transform == "vflip"]
    kept = {"a3": "test", "a4": "val"}
    assignments = assign_splits(copies, val=0.1, test=0.1, seed=0, kept=kept)
    assert (assignments["a3/vflip"], assignments["a4/vflip"]) == ("test", "val")


def test_copies_of_photos_that_a_bridge_joined_later_stay_with_their_photo():
    kept = {"left": "train", "right": "test"}
    group = [SplitItem(name, "a", 7) for name in ("left", "right", "bridge")]
    items = with_flips([*group, *singles("a", 20, start=50)])
    assignments = assign_splits(items, val=0.1, test=0.1, seed=0, kept=kept)
    for flip in ("hflip", "vflip"):
        found = [assignments[item_key(name, flip)] for name in ("left", "right", "bridge")]
        assert found == ["train", "test", "held_out"]


def test_the_papers_order_puts_twins_of_most_test_photos_into_train():
    items = with_flips(singles("a", 200))
    assignments = assign_splits(items, val=0.0, test=0.1, seed=0, rule="paper")
    assert Counter(assignments.values()) == {"train": 540, "test": 60}
    tested = [f"a{n}" for n in range(200) if assignments[f"a{n}"] == "test"]
    twins = [assignments[item_key(name, flip)] for name in tested for flip in ("hflip", "vflip")]
    assert 0.7 < twins.count("train") / len(twins) < 1.0


def test_a_cap_counts_copies_like_photos():
    drawn = cap_per_class(with_flips(singles("a", 50) + singles("b", 3, start=60)), 30, seed=1)
    assert Counter(item.label for item in drawn) == {"a": 30, "b": 9}
    assert {item.transform for item in drawn if item.label == "a"} == {"original", "hflip", "vflip"}
