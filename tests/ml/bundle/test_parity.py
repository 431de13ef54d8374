"""The exported network against the torch network it came from."""

import shutil

import numpy as np
import pytest
import torch

from ml.backbones.pipeline import batches, read_pixels
from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError, Predictor
from ml.bundle.weights import read_weights
from ml.images.folder import manifest_from_folder
from ml.manifest import Plan
from ml.specs import make_spec
from ml.training.checkpoint import Checkpoints, restore_network
from ml.training.continued import network_from_bundle
from ml.training.data import part_of
from ml.training.train import train
from ml.training.transforms import eval_picture
from ml.training.trust import scale_head
from tests.ml.worlds import lines, read, reseal, store_with_trunk

WITHIN = 1e-4


def both(predictor: Predictor, network, images) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(logits, embedding, probabilities) by torch, and by the bundle."""
    with torch.inference_mode():
        logits, embedding = (output.numpy() for output in network(torch.from_numpy(images)))
    given_logits, given_embedding = predictor.logits(images)
    shares = predictor.probabilities(logits), predictor.probabilities(given_logits)
    return [logits, embedding, shares[0]], [given_logits, given_embedding, shares[1]]


def largest_gap(ones: list[np.ndarray], others: list[np.ndarray]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(ones, others, strict=True))


def test_the_bundle_of_a_tail_agrees_with_torch_for_any_batch(tail_world):
    network, _ = network_from_bundle(tail_world.run / "bundle", tail_world.store)
    predictor = Predictor.load(tail_world.run / "bundle")
    for photos in (1, 4):
        images = np.random.default_rng(photos).uniform(-1, 1, (photos, 3, 96, 96)).astype(np.float32)
        by_torch, by_bundle = both(predictor, network.eval(), images)
        assert largest_gap(by_torch, by_bundle) < WITHIN
        assert by_bundle[1].shape == (photos, 1280)


@pytest.mark.parametrize("features", ["textured", pytest.param("pooled", marks=pytest.mark.full)])
def test_the_bundle_of_a_tail_agrees_with_torch_on_every_test_photo(trashnet, tmp_path, trunks, features):
    """A short run on real photos; the rest of the path is that of any run."""
    manifest, _ = manifest_from_folder(trashnet, plan=Plan(test=0.3, cap=30))
    store = store_with_trunk(tmp_path / "store", trunks)
    spec = make_spec("partial_finetune", {"size": "96", "epochs": "2", "views": "1", "features": features})
    train(manifest, spec, tmp_path / "run", store)
    network, given = network_from_bundle(tmp_path / "run" / "bundle", store)
    assert given.classes == tuple(info.key for info in manifest.classes)
    network.eval()
    predictor = Predictor.load(tmp_path / "run" / "bundle")
    photos = part_of(manifest, "test").photos
    assert len(photos) >= 40
    done = 0
    for _, images in batches(
        photos, lambda photo: eval_picture(read_pixels(store, photo), 96), predictor.preprocess
    ):
        assert largest_gap(*both(predictor, network, images)) < WITHIN
        done += len(images)
    assert done == len(photos)


def test_the_weights_in_the_bundle_are_those_of_the_best_checkpoint(tail_world):
    state = read(tail_world.run / "run.json")
    network, given = network_from_bundle(tail_world.run / "bundle", tail_world.store)
    assert given.spec.to_json() == state["spec"]
    checkpoints = Checkpoints(tail_world.run / "checkpoints", state["spec_digest"], state["manifest_digest"])
    before = {name: value.clone() for name, value in network.tail.state_dict().items()}
    restore_network(checkpoints.load(state["best_epoch"]), network.tail)
    # Its last layer is scaled by what validation showed it to be worth; see `ml.training.trust`.
    trust = lines(tail_world.run / "metrics.jsonl")[state["best_epoch"] - 1]["trust"]
    scale_head(network.tail, trust)
    after = network.tail.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_training_goes_on_from_a_bundle(tail_world):
    network, _ = network_from_bundle(tail_world.run / "bundle", tail_world.store)
    network.train()
    loss = network(torch.zeros(2, 3, 96, 96))[0].sum()
    loss.backward()
    assert network.tail.classifier.weight.grad.abs().sum() > 0


def test_a_probe_has_weights_and_no_network(probe_world):
    bundle = probe_world.run / "bundle"
    tensors = read_weights(bundle).tensors
    assert (tensors["probe_weights"].shape, tensors["probe_bias"].shape) == ((3968, 3), (3,))
    with pytest.raises(BundleIncompatibleError, match="is a probe"):
        network_from_bundle(bundle, probe_world.store)


def test_a_bundle_without_weights_or_with_damaged_ones_says_so(probe_world, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(probe_world.run / "bundle", bundle)
    (bundle / "weights.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(BundleCorruptError, match="damaged"):
        read_weights(bundle)
    reseal(bundle)
    with pytest.raises(BundleCorruptError, match="cannot be read"):
        read_weights(bundle)
    (bundle / "weights.safetensors").unlink()
    reseal(bundle)
    with pytest.raises(BundleIncompatibleError, match="no weights to go on from"):
        read_weights(bundle)


def test_the_bundle_of_a_probe_answers_as_the_probe_did(probe_world):
    from ml.evaluation.rerun import evaluate_run

    again = evaluate_run(probe_world.run, probe_world.manifest, probe_world.manifest, probe_world.store)
    first = read(probe_world.run / "evaluation.json")["splits"]["test"]
    assert abs(again.content["splits"]["test"]["loss"] - first["loss"]) < 0.01
