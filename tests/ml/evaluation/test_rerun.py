import dataclasses

import pytest

from ml.evaluation.rerun import ClassesDifferError, evaluate_run
from tests.ml.worlds import lines, read


def test_a_run_scored_again_gives_the_figures_it_was_finished_with(probe_world):
    again = evaluate_run(probe_world.run, probe_world.manifest, probe_world.manifest, probe_world.store)
    first = read(probe_world.run / "evaluation.json")
    assert again.content["excluded"] == 0
    for split in ("val", "test"):
        assert again.content["splits"][split]["accuracy"] == first["splits"][split]["accuracy"]
        assert again.content["splits"][split]["confusion"] == first["splits"][split]["confusion"]
    before = {row["sha256"]: row["probabilities"] for row in lines(probe_world.run / "predictions.jsonl")}
    for row in again.rows:
        # The run answered from features cached as float16.
        assert row["probabilities"] == pytest.approx(before[row["sha256"]], abs=0.02)


def test_photos_the_run_was_trained_on_judge_nothing(probe_world):
    own = probe_world.manifest
    turned = {"train": "test", "test": "train", "val": "val"}
    items = tuple(dataclasses.replace(item, split=turned[item.split]) for item in own.items)
    swapped = dataclasses.replace(own, items=items)
    again = evaluate_run(probe_world.run, swapped, own, probe_world.store)
    assert again.content["excluded"] == len(own.items_of("train"))
    assert again.content["splits"]["test"] == {"n": 0}


def test_a_class_the_model_does_not_know_is_named(probe_world):
    own = probe_world.manifest
    extra = dataclasses.replace(own.classes[0], key="violet")
    other = dataclasses.replace(own, classes=(*own.classes, extra))
    with pytest.raises(ClassesDifferError, match="'violet'"):
        evaluate_run(probe_world.run, other, own, probe_world.store)
