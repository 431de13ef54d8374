"""The recipe from photos to a bundle, at 96 px."""

import subprocess
import sys

import numpy as np
import pytest

from ml.backbones.pipeline import Photo, read_pixels
from ml.bundle.predict import Predictor
from tests.ml.conftest import make_world
from tests.ml.worlds import lines, ml, options, read


@pytest.fixture(scope="module")
def world(tmp_path_factory, trunks):
    return make_world(tmp_path_factory.mktemp("kernel"), trunks, "kernel_probe", ("size=96",))


def test_a_line_of_metrics_stands_for_every_view(world):
    rows = lines(world.run / "metrics.jsonl")
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["val_accuracy"] == read(world.run / "run.json")["val"]["accuracy"]


def test_it_learns_the_colours(world):
    assert read(world.run / "run.json")["test"]["accuracy"] == 1.0


def test_the_bundle_answers_as_the_run_did(world):
    """The run asks NumPy about cached features, the bundle is one ONNX graph from the picture on."""
    predictor = Predictor.load(world.run / "bundle")
    assert predictor.preprocess.framing == "whole"
    rows = {row["sha256"]: row for row in lines(world.run / "predictions.jsonl") if row["split"] == "test"}
    for item in world.manifest.items_of("test"):
        pixels = read_pixels(world.store, Photo(item.sha256, item.path))
        logits = predictor.logits(predictor.preprocess.batch([predictor.preprocess.picture(pixels)]))[0][0]
        exponent = np.exp(logits - logits.max())
        assert np.allclose(exponent / exponent.sum(), rows[item.sha256]["probabilities"], atol=5e-3)


def test_the_same_photos_and_seed_give_the_same_bundle(world, tmp_path):
    words = ["--manifest", world.manifest_path, "--recipe", "kernel_probe", "--store", world.store.root]
    ml("train", *words, "--set", "size=96", "--out", tmp_path / "again")
    first, again = (folder / "bundle" / "model.onnx" for folder in (world.run, tmp_path / "again"))
    assert first.read_bytes() == again.read_bytes()


def test_torch_is_not_loaded(world, tmp_path):
    words = ["train", "--manifest", str(world.manifest_path), "--recipe", "kernel_probe", "--set", "size=96"]
    words += ["--set", "views=1", "--store", str(world.store.root), "--out", str(tmp_path / "run")]
    code = f"import sys; from ml.__main__ import main; main({words!r}); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], **options(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "run" / "run.json")["state"] == "succeeded"
