"""The exported network against the torch network it came from."""

import numpy as np
import torch

from ml.backbones.networks import LiteTail, WholeLite, lite
from ml.backbones.weights import find_weights
from ml.bundle.predict import Predictor
from ml.training.checkpoint import Checkpoints, restore_network
from tests.ml.worlds import read


def test_the_bundle_of_a_tail_agrees_with_torch_for_any_batch(tail_world):
    state = read(tail_world.run / "run.json")
    network = lite("efficientnet_lite0", find_weights(tail_world.store, "efficientnet_lite0").path)
    tail = LiteTail(network, state["spec"]["frozen_blocks"], 3)
    checkpoints = Checkpoints(tail_world.run / "checkpoints", state["spec_digest"], state["manifest_digest"])
    restore_network(checkpoints.load(state["best_epoch"]), tail)
    whole = WholeLite(network, state["spec"]["frozen_blocks"], tail).eval()
    predictor = Predictor.load(tail_world.run / "bundle")
    for photos in (1, 4):
        images = np.random.default_rng(photos).uniform(-1, 1, (photos, 3, 96, 96)).astype(np.float32)
        with torch.inference_mode():
            logits, embedding = (output.numpy() for output in whole(torch.from_numpy(images)))
        given_logits, given_embedding = predictor.logits(images)
        assert np.abs(given_logits - logits).max() < 1e-3
        assert np.abs(given_embedding - embedding).max() < 1e-3
        assert given_embedding.shape == (photos, 1280)


def test_the_bundle_of_a_probe_answers_as_the_probe_did(probe_world):
    from ml.evaluation.rerun import evaluate_run

    again = evaluate_run(probe_world.run, probe_world.manifest, probe_world.manifest, probe_world.store)
    first = read(probe_world.run / "evaluation.json")["splits"]["test"]
    assert abs(again.content["splits"]["test"]["loss"] - first["loss"]) < 0.01
