import dataclasses
import json

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
    assert again.content["unfamiliar"]["limit"] == first["unfamiliar"]["limit"]
    assert set(again.pairs) == set(read(probe_world.run / "pairs.json"))
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


def test_costs_from_a_file_weigh_the_bins_and_each_call_is_one_more_reading(probe_world, tmp_path, capsys):
    from ml.__main__ import main

    words = ["evaluate", str(probe_world.run), "--store", str(probe_world.store.root)]
    (tmp_path / "costs.json").write_text('{"colours": {"colours": 0.5}}')
    assert main([*words, "--costs", str(tmp_path / "costs.json"), "--out", str(tmp_path / "out")]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["splits"]["test"]["bin_cost"] == 0.5
    assert (tmp_path / "out" / "pairs.json").exists()
    assert main(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["splits"]["test"]["bin_cost"] == 0
    assert again["test_reads"] == first["test_reads"] + 1


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": 3}', '{"a": {"b": -1}}', '{"a": {"b": "much"}}'])
def test_costs_that_are_none_are_refused(probe_world, tmp_path, capsys, content):
    from ml.__main__ import main

    (tmp_path / "costs.json").write_text(content)
    assert main(["evaluate", str(probe_world.run), "--costs", str(tmp_path / "costs.json")]) == 2
    assert "costs.json" in capsys.readouterr().err
