"""Real photos, few and small: each recipe with and without its last fit on train and val."""

import dataclasses

import numpy as np
import pytest

from ml.backbones.pipeline import Photo, read_pixels
from ml.bundle.predict import Predictor
from ml.evaluation.rerun import evaluate_run
from ml.images.folder import manifest_from_folder
from ml.manifest import Plan
from ml.specs import make_spec
from ml.training.refit import without_refit
from ml.training.train import train
from tests.ml.worlds import lines, read, store_with_trunk

SMALL = {
    "kernel_probe": {"size": "96", "views": "2"},
    "partial_finetune": {"size": "96", "epochs": "2", "views": "1", "mixup": "0"},
}


@dataclasses.dataclass
class Pair:
    """The same run without and with the refit."""

    store: object
    manifest: object
    without: object
    refitted: object


@pytest.fixture(scope="module", params=SMALL)
def pair(request, trashnet, trunks, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    manifest, _ = manifest_from_folder(trashnet, plan=Plan(val=0.3, cap=20))
    store = store_with_trunk(root / "store", trunks)
    for choice in ("none", "train_val"):
        spec = make_spec(request.param, {**SMALL[request.param], "refit": choice})
        train(manifest, spec, root / choice, store)
    return Pair(store, manifest, root / "none", root / "train_val")


def answers(run, split):
    rows = [row for row in lines(run / "predictions.jsonl") if row["split"] == split]
    return np.array([row["probabilities"] for row in rows]), [row["truth"] for row in rows]


def bundle_accuracy(pair, run, split):
    """Of the bundle asked anew, whatever it was fitted on."""
    predictor = Predictor.load(run / "bundle")
    keys = [label.key for label in predictor.labels]
    right = []
    for item in pair.manifest.items_of(split):
        picture = predictor.preprocess.picture(read_pixels(pair.store, Photo(item.sha256, item.path)))
        logits = predictor.logits(predictor.preprocess.batch([picture]))[0][0]
        right.append(keys[logits.argmax()] == item.label)
    return np.mean(right)


def test_validation_is_answered_by_the_model_that_had_not_seen_it(pair):
    before, _ = answers(pair.without, "val")
    after, _ = answers(pair.refitted, "val")
    assert np.allclose(after, before, atol=2e-3)
    first, second = (read(run / "evaluation.json") for run in (pair.without, pair.refitted))
    assert second["splits"]["val"]["accuracy"] == first["splits"]["val"]["accuracy"]
    told = read(pair.refitted / "run.json")["val"]["accuracy"]
    assert bundle_accuracy(pair, pair.refitted, "val") > told + 0.1


def test_what_the_model_promises_is_promised_by_the_model_before(pair):
    first, second = (read(run / "evaluation.json") for run in (pair.without, pair.refitted))
    for name in ("temperature", "threshold", "coverage"):
        assert second["calibration"][name] == pytest.approx(first["calibration"][name], abs=0.01)
    assert second["unfamiliar"] == first["unfamiliar"]


def test_the_figures_while_training_are_those_at_the_end(pair):
    """A tail's trust is in both, and neither knows of the refit."""
    for run in (pair.without, pair.refitted):
        state = read(run / "run.json")
        told = lines(run / "metrics.jsonl")[state["best_epoch"] - 1]["val_accuracy"]
        assert state["val"]["accuracy"] == pytest.approx(told, abs=0.02)


def test_the_test_is_answered_by_the_model_that_is_served(pair):
    before, _ = answers(pair.without, "test")
    after, truth = answers(pair.refitted, "test")
    assert np.abs(after - before).max() > 0.01
    keys = [info.key for info in pair.manifest.classes]
    told = np.mean([keys[place] == right for place, right in zip(after.argmax(1), truth, strict=True)])
    assert bundle_accuracy(pair, pair.refitted, "test") == pytest.approx(told, abs=0.02)


def test_the_run_and_its_card_say_what_it_was_fitted_on(pair):
    assert read(pair.without / "evaluation.json")["fitted_on"] == ["train"]
    assert read(pair.refitted / "evaluation.json")["fitted_on"] == ["train", "val"]
    sentence = "the validation photos joined the classifier's last fit"
    assert sentence in (pair.refitted / "bundle" / "card.md").read_text()
    assert sentence not in (pair.without / "bundle" / "card.md").read_text()


def test_scored_again_it_leaves_out_what_it_was_fitted_on(pair):
    own = pair.manifest
    again = evaluate_run(pair.refitted, own, own, pair.store)
    assert again.content["excluded"] == len(own.items_of("val"))
    assert again.content["splits"]["val"] == {"n": 0}
    assert again.content["splits"]["test"]["n"] == len(own.items_of("test"))
    # As test photos of a later version of the data set they judge nothing either.
    turned = {"train": "train", "test": "val", "val": "test"}
    later = dataclasses.replace(
        own, items=tuple(dataclasses.replace(item, split=turned[item.split]) for item in own.items)
    )
    moved = evaluate_run(pair.refitted, later, own, pair.store)
    assert moved.content["splits"]["test"] == {"n": 0}
    assert moved.content["splits"]["val"]["n"] == len(own.items_of("test"))


def test_the_probability_of_one_answer_may_have_vanished():
    before = np.array([[0.0, -3.0, 0.5]], np.float32)
    found = without_refit(np.array([[1.0, 0.0, 1e-30]], np.float32), before)
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(1)
