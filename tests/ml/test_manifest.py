"""The manifest: checked with the field's name, one digest for one content, nothing lost on disk."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ml.manifest import (
    ClassInfo,
    CorruptManifest,
    IncompatibleManifest,
    Item,
    Manifest,
    ManifestError,
    Plan,
)


def sha(n: int) -> str:
    return f"{n:064x}"


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        name="waste",
        plan=Plan(rule="grouped", val=0.1, test=0.2, seed=3, cap=300),
        classes=(
            ClassInfo("鼠标", "mouse", "鼠标", "可回收物", "Recyclable", "可回收物", "recyclable", "#1565c0"),
            ClassInfo("glass"),
        ),
        items=(
            Item(sha(1), "鼠标", "train", 0),
            Item(sha(1), "鼠标", "train", 0, transform="hflip"),
            Item(sha(2), "glass", "test", 1, path="/photos/glass/caf\u00e9\n\udcff.jpg"),
            Item(sha(3), "glass", "held_out", 2),
        ),
    )


def test_a_manifest_survives_the_disk(manifest, tmp_path):
    manifest.write(tmp_path / "m.json")
    again = Manifest.read(tmp_path / "m.json")
    assert again == manifest
    assert again.digest == manifest.digest


def test_the_name_is_no_part_of_the_digest(manifest):
    assert replace(manifest, name="other").digest == manifest.digest


def test_anything_else_changes_the_digest(manifest):
    others = [
        replace(manifest, plan=replace(manifest.plan, seed=4)),
        replace(manifest, classes=manifest.classes[::-1]),
        replace(manifest, items=manifest.items[:-1]),
        replace(manifest, items=(*manifest.items[:-1], replace(manifest.items[-1], split="val"))),
    ]
    digests = {manifest.digest} | {other.digest for other in others}
    assert len(digests) == 5


def test_zero_and_zero_point_zero_are_one_plan(manifest):
    whole = replace(manifest, plan=Plan(val=0, test=0))
    assert whole.digest == replace(manifest, plan=Plan(val=0.0, test=0.0)).digest


def test_a_manifest_from_before_enhanced_was_known_keeps_its_digest(manifest):
    assert "enhanced" not in manifest.to_json()
    enhanced = replace(manifest, plan=replace(manifest.plan, enhanced=True))
    assert enhanced.digest != manifest.digest
    assert Manifest.from_json(enhanced.to_json()) == enhanced


def test_mirrored_copies_judge_under_the_papers_rule_only(manifest):
    photo, copy = manifest.items[:2]
    papers = replace(manifest, plan=Plan(rule="paper"))
    assert [replace(manifest, plan=Plan()).judges(item) for item in (photo, copy)] == [True, False]
    assert [papers.judges(item) for item in (photo, copy)] == [True, True]


def test_a_class_is_named_in_the_data_sets_own_way(manifest):
    assert [info.name for info in manifest.classes] == ["可回收物_鼠标", "glass"]


def test_class_index_and_items_follow_the_manifests_order(manifest):
    assert manifest.class_index == {"鼠标": 0, "glass": 1}
    assert [item.transform for item in manifest.items_of("train")] == ["original", "hflip"]
    assert manifest.counts()["held_out"] == {"鼠标": 0, "glass": 1}


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("class.key", lambda: ClassInfo(" ")),
        ("class.key", lambda: ClassInfo("cafe\u0301")),
        ("class.bin", lambda: ClassInfo("a", bin="compost")),
        ("class.colour", lambda: ClassInfo("a", colour="blue")),
        ("class.name_en", lambda: ClassInfo("a", name_en=None)),
        ("item.sha256", lambda: Item("abc", "a", "train", 0)),
        ("item.split", lambda: Item(sha(1), "a", "dev", 0)),
        ("item.group", lambda: Item(sha(1), "a", "train", -1)),
        ("item.group", lambda: Item(sha(1), "a", "train", True)),
        ("item.transform", lambda: Item(sha(1), "a", "train", 0, "rot90")),
        ("plan.rule", lambda: Plan(rule="magic")),
        ("plan.val", lambda: Plan(val=1.0)),
        ("plan.val", lambda: Plan(val=float("nan"))),
        ("plan.test", lambda: Plan(val=0.5, test=0.5)),
        ("plan.seed", lambda: Plan(seed=0.5)),
        ("plan.seed", lambda: Plan(seed=-5)),
        ("plan.cap", lambda: Plan(cap=0)),
        ("plan.enhanced", lambda: Plan(enhanced=1)),
        ("item.label", lambda: Manifest("m", Plan(), (ClassInfo("a"),), (Item(sha(1), "b", "train", 0),))),
        ("classes", lambda: Manifest("m", Plan(), (ClassInfo("a"), ClassInfo("a")), ())),
        ("items", lambda: Manifest("m", Plan(), (ClassInfo("a"),), (Item(sha(1), "a", "train", 0),) * 2)),
    ],
)
def test_a_broken_rule_names_its_field(field, make):
    with pytest.raises(ManifestError) as caught:
        make()
    assert caught.value.field == field


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "coco"}', b"\xff\xfe\x00"])
def test_another_file_is_called_corrupt(text):
    with pytest.raises(CorruptManifest):
        Manifest.from_json(text)


def test_a_later_version_is_called_incompatible(manifest):
    content = json.loads(manifest.to_json())
    content["version"] = 2
    with pytest.raises(IncompatibleManifest, match="version 1"):
        Manifest.from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("plan"), "plan"),
        (lambda c: c.update(extra=1), "extra"),
        (lambda c: c["items"][0].pop("label"), "label"),
        (lambda c: c["items"][0].update(colour="red"), "item.colour"),
        (lambda c: c.update(items={}), "items"),
        (lambda c: c["classes"].append("glass"), "class"),
        (lambda c: c["items"][0].update(split=["train"]), "item.split"),
    ],
)
def test_a_damaged_file_says_where(manifest, change, said):
    content = json.loads(manifest.to_json())
    change(content)
    with pytest.raises(ManifestError, match=said):
        Manifest.from_json(json.dumps(content))
