"""Whole runs on tiny data: what they write, that they repeat, and what they refuse."""

import dataclasses
import json
import os
import shutil

import pytest

from ml.images.folder import manifest_from_folder
from ml.manifest import Manifest, Plan
from ml.specs import make_spec
from ml.training.errors import RunLockedError, RunMismatchError, TrainingProblemError
from ml.training.lock import RunLock
from ml.training.train import RunFailedError, train
from tests.ml.worlds import lines, ml, read, store_with_trunk, tiny_manifest

FILES = {
    "bundle",
    "embeddings.npz",
    "environment.json",
    "evaluation.json",
    "lock",
    "log.txt",
    "manifest.json",
    "metrics.jsonl",
    "pairs.json",
    "predictions.jsonl",
    "progress.json",
    "run.json",
    "steps.jsonl",
    "suspects.jsonl",
}
BUNDLE = {
    "SHA256SUMS", "calibration.json", "card.md", "familiarity.npz", "labels.json", "model.onnx",
    "preprocess.json", "recipe.json", "weights.safetensors",
}  # fmt: skip
PROBE = make_spec("linear_probe", {"size": "96"})


def test_a_probe_writes_exactly_the_files_of_the_contract(probe_world):
    assert {path.name for path in probe_world.run.iterdir()} == FILES
    assert {path.name for path in (probe_world.run / "bundle").iterdir()} == BUNDLE


def test_a_tail_writes_its_checkpoints_beside_them(tail_world):
    assert {path.name for path in tail_world.run.iterdir()} == FILES | {"checkpoints"}
    names = {path.name for path in (tail_world.run / "checkpoints").iterdir()}
    assert {"epoch-0002.json", "epoch-0003.json", "epoch-0002.safetensors", "epoch-0003.safetensors"} <= names


@pytest.mark.parametrize("world", ["probe_world", "tail_world"])
def test_stdout_is_one_json_object_that_agrees_with_the_folder(world, request):
    world = request.getfixturevalue(world)
    answer, state = json.loads(world.stdout), read(world.run / "run.json")
    assert set(answer) == {"run", "state", "recipe", "seed", "seconds", "val", "test", "bundle"}
    assert answer["state"] == state["state"] == "succeeded"
    assert answer["bundle"] == str(world.run / "bundle")
    assert answer["test"] == state["test"]
    assert answer["test"]["n"] == 9
    low, high = answer["test"]["interval"]
    assert low <= answer["test"]["accuracy"] <= high


@pytest.mark.parametrize("world", ["probe_world", "tail_world"])
def test_each_photo_is_answered_once_by_a_model_that_did_not_train_on_it(world, request):
    world = request.getfixturevalue(world)
    rows = lines(world.run / "predictions.jsonl")
    folds = {(row["split"], row["fold"]) for row in rows}
    assert folds == {("train", "out_of_fold"), ("val", "holdout"), ("test", "holdout")}
    assert sorted(row["sha256"] for row in rows) == sorted(item.sha256 for item in world.manifest.items)
    truth = {item.sha256: item.label for item in world.manifest.items}
    for row in rows:
        assert row["truth"] == truth[row["sha256"]]
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("world", ["probe_world", "tail_world"])
def test_the_evaluation_follows_from_the_predictions(world, request):
    world = request.getfixturevalue(world)
    figures = read(world.run / "evaluation.json")
    rows = [row for row in lines(world.run / "predictions.jsonl") if row["split"] == "test"]
    answers = [figures["classes"][max(range(3), key=row["probabilities"].__getitem__)] for row in rows]
    right = sum(answer == row["truth"] for answer, row in zip(answers, rows, strict=True))
    test = figures["splits"]["test"]
    assert test["accuracy"] == pytest.approx(right / len(rows))
    assert sum(sum(row) for row in test["confusion"]) == test["n"] == len(rows)
    assert {row["key"] for row in test["per_category"]} == {"colours"}
    assert test["category_accuracy"] == 1.0
    calibration = figures["calibration"]
    assert calibration["note"]
    assert len(calibration["curve"]) == 100


def test_the_probe_learns_colours_it_can_see(probe_world):
    # Chance is one third.
    assert read(probe_world.run / "run.json")["val"]["accuracy"] > 0.5


def test_the_tail_has_a_metrics_line_and_steps_for_each_epoch(tail_world):
    rows = lines(tail_world.run / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert set(rows[0]) == {
        "epoch", "epochs", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "seconds", "trust"
    }  # fmt: skip
    steps = lines(tail_world.run / "steps.jsonl")
    assert [row["step"] for row in steps] == sorted({row["step"] for row in steps})
    assert {row["epoch"] for row in steps} == {1, 2, 3}


def test_the_folder_says_on_what_the_run_was_made(tail_world):
    environment = read(tail_world.run / "environment.json")
    assert {"numpy", "onnxruntime", "torch"} <= set(environment["versions"])
    assert environment["threads"] >= 1
    assert environment["device_reason"]
    state = read(tail_world.run / "run.json")
    assert state["code_version"].startswith("ml-")
    assert (state["device"], state["dtype"]) == ("cpu", "float32") or state["device"] == "cuda"


def test_the_same_probe_again_gives_the_same_bundle(probe_world, tmp_path):
    # In a process of its own, as the first: another number of BLAS threads adds up in another order.
    words = ["--manifest", probe_world.manifest_path, "--recipe", "linear_probe", "--set", "size=96"]
    ml("train", *words, "--store", probe_world.store.root, "--out", tmp_path / "again")
    for name in sorted(BUNDLE - {"card.md", "SHA256SUMS"}):
        again, first = (run / "bundle" / name for run in (tmp_path / "again", probe_world.run))
        assert again.read_bytes() == first.read_bytes(), name


def test_a_finished_run_is_not_trained_again(probe_world):
    before = (probe_world.run / "run.json").read_bytes()
    result = train(probe_world.manifest, PROBE, probe_world.run, probe_world.store)
    assert result == json.loads(probe_world.stdout)
    assert (probe_world.run / "run.json").read_bytes() == before


def test_other_settings_or_data_are_refused_in_the_same_folder(probe_world, tmp_path):
    with pytest.raises(RunMismatchError, match="other settings"):
        train(probe_world.manifest, make_spec("linear_probe"), probe_world.run, probe_world.store)
    other = tiny_manifest(tmp_path / "photos", per_class=8)
    with pytest.raises(RunMismatchError, match="another data set version"):
        train(other, PROBE, probe_world.run, probe_world.store)


def test_a_folder_with_something_else_in_it_is_refused(tmp_path, probe_world):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingProblemError, match="holds no run"):
        train(probe_world.manifest, PROBE, out, probe_world.store)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_folder_in_which_another_trainer_lives_is_refused(tmp_path, probe_world):
    out = tmp_path / "out"
    out.mkdir()
    lock = RunLock(out)
    lock.acquire()
    with pytest.raises(RunLockedError):
        train(probe_world.manifest, PROBE, out, probe_world.store)
    lock.release()


def without(manifest: Manifest, keep) -> Manifest:
    return dataclasses.replace(manifest, items=tuple(item for item in manifest.items if keep(item)))


@pytest.mark.parametrize(
    ("keep", "sentence"),
    [
        (lambda item: False, "no photos to train with"),
        (lambda item: item.label != "red", "'red' has no photos"),
        (lambda item: item.label != "red" or item.path.endswith("010.jpg"), "'red' has one photo"),
        (
            lambda item: item.label != "red" or item.split != "train",
            "'red' has no photo in the training split",
        ),
    ],
)
def test_a_data_set_that_cannot_be_learned_is_refused_before_anything_begins(
    probe_world, tmp_path, keep, sentence
):
    with pytest.raises(TrainingProblemError, match=sentence):
        train(without(probe_world.manifest, keep), PROBE, tmp_path / "run", probe_world.store)
    assert not (tmp_path / "run").exists()


def test_a_data_set_without_val_and_test_trains_and_says_so(probe_world, tmp_path):
    manifest = without(probe_world.manifest, lambda item: item.split == "train")
    result = train(manifest, PROBE, tmp_path / "run", probe_world.store)
    assert result["test"] == {"accuracy": None, "n": 0, "interval": None}
    assert result["val"] == {"accuracy": None, "n": 0}


def test_a_photo_damaged_since_the_split_fails_the_run_with_its_name(tmp_path, trunks):
    store = store_with_trunk(tmp_path / "store", trunks)
    manifest = tiny_manifest(tmp_path / "photos", per_class=8)
    lost = tmp_path / "photos" / "green" / "007.jpg"
    whole = lost.read_bytes()
    lost.write_bytes(whole[:-1])
    with pytest.raises(RunFailedError, match=r"007\.jpg"):
        train(manifest, PROBE, tmp_path / "run", store)
    state = read(tmp_path / "run" / "run.json")
    assert state["state"] == "failed"
    assert "007.jpg" in state["error"]
    assert "007.jpg" in (tmp_path / "run" / "log.txt").read_text()
    lost.write_bytes(whole)
    assert train(manifest, PROBE, tmp_path / "run", store)["state"] == "succeeded"
    assert read(tmp_path / "run" / "run.json")["error"] == ""


def test_missing_weights_are_told_before_anything_begins(probe_world, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    with pytest.raises(TrainingProblemError, match="weights of ResNet-18 are not on this machine"):
        train(probe_world.manifest, make_spec("finetune"), tmp_path / "run", probe_world.store)
    assert not (tmp_path / "run").exists()


def test_from_scratch_needs_no_weights_and_measures_the_data_sets_colours(probe_world, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    spec = make_spec("scratch", {"size": "64", "epochs": "1", "batch": "16"})
    assert train(probe_world.manifest, spec, tmp_path / "run", probe_world.store)["state"] == "succeeded"
    preprocess = read(tmp_path / "run" / "bundle" / "preprocess.json")
    assert preprocess["size"] == 64
    assert preprocess["mean"] != [0.5, 0.5, 0.5]
    assert all(0 < value < 1 for value in preprocess["mean"] + preprocess["std"])


def test_a_full_disk_ends_the_run_with_that_sentence(probe_world, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=1m none {small} 2>/dev/null") != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        done = ml(
            "train", "--manifest", probe_world.manifest_path, "--recipe", "linear_probe", "--set", "size=96",
            "--store", probe_world.store.root, "--out", small / "run", check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.strip().splitlines()[-1].startswith("ml train: The disk is full")
        state = read(small / "run" / "run.json")
        assert state["state"] == "failed"
        assert "disk is full" in state["error"]
    finally:
        os.system(f"umount {small}")
        shutil.rmtree(small, ignore_errors=True)


def test_a_tail_that_starts_from_a_probe_begins_where_the_probe_stands(trashnet, tmp_path, trunks):
    """Real photos, few and small: after one epoch at a tiny rate the model answers as the probe alone."""
    manifest, _ = manifest_from_folder(trashnet, plan=Plan(val=0.3, cap=20))
    store = store_with_trunk(tmp_path / "store", trunks)
    small = {"size": "96", "framing": "whole"}
    tail = {**small, "epochs": "1", "views": "1", "lr": "1e-7", "head_lr": "1e-7", "start": "probe"}
    probe = train(manifest, make_spec("kernel_probe", small), tmp_path / "probe", store)
    started = train(manifest, make_spec("partial_finetune", tail), tmp_path / "started", store)
    plain = train(
        manifest, make_spec("partial_finetune", {**tail, "start": "plain"}), tmp_path / "plain", store
    )
    assert abs(started["val"]["accuracy"] - probe["val"]["accuracy"]) <= 0.03
    assert plain["val"]["accuracy"] < probe["val"]["accuracy"] - 0.1
