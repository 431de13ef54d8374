"""Recipes `finetune` and `scratch` from photos to a bundle, on a weights file made on the spot."""

import hashlib
import json

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import load_file

from ml.backbones.pipeline import read_pixels
from ml.bundle.predict import Predictor
from ml.pretrained import PRETRAINED
from ml.specs import make_spec
from ml.training.context import Context
from ml.training.data import load_data
from ml.training.errors import TrainingProblemError
from ml.training.kept import KeptPictures
from ml.training.loop import Batch
from ml.training.progress import Progress
from ml.training.runfolder import RunFolder
from ml.training.train import train
from ml.training.transforms import Preprocess, eval_picture, flip
from ml.training.whole_network import _kept_picture, _training_batches, plan, train_whole
from tests.ml.worlds import lines, ml, read, store_with_trunk, tiny_manifest, written

SMALL = {"size": "64", "epochs": "2", "batch": "8"}


@pytest.fixture(scope="module")
def world(tmp_path_factory, trunks):
    """A store with weights of ResNet-18 under a name that promises their hash, and a manifest of 24 photos."""
    root = tmp_path_factory.mktemp("whole")
    store = store_with_trunk(root / "store", trunks)
    store.weights.mkdir()
    torch.manual_seed(1)
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), store.weights / "aside")
    digits = hashlib.sha256((store.weights / "aside").read_bytes()).hexdigest()[:10]
    (store.weights / "aside").rename(store.weights / f"resnet18-{digits}.pth")
    return store, tiny_manifest(root / "photos", per_class=12)


def trained(store, manifest, spec, out):
    """Train without export and evaluation; the tensors after the last epoch."""
    data = load_data(manifest)
    with RunFolder(out, spec, manifest.digest) as folder:
        train_whole(Context(folder, spec, data, store, Progress(out / "progress.json", plan(data, spec))))
    return load_file(out / "checkpoints" / f"epoch-{spec.epochs:04d}.safetensors")


def test_finetune_goes_from_a_weights_file_with_torchvisions_keys_to_a_bundle(world, tmp_path):
    store, manifest = world
    words = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    done = ml(
        "train", "--manifest", written(manifest, tmp_path / "manifest.json"), "--recipe", "finetune", *words,
        "--store", store.root, "--out", tmp_path / "run", TORCH_HOME=str(tmp_path),
    )  # fmt: skip
    assert json.loads(done.stdout)["state"] == "succeeded"
    assert len(lines(tmp_path / "run" / "metrics.jsonl")) == 2
    preprocess = read(tmp_path / "run" / "bundle" / "preprocess.json")
    assert (preprocess["mean"], preprocess["std"]) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    logits, embedding = Predictor.load(tmp_path / "run" / "bundle").logits(
        np.zeros((2, 3, 64, 64), np.float32)
    )
    assert (logits.shape, embedding.shape) == ((2, 3), (2, 512))


def test_finetune_starts_from_the_files_weights_and_scratch_does_not(world, tmp_path):
    store, manifest = world
    given = torch.load(next(store.weights.glob("*.pth")), weights_only=True)["conv1.weight"]
    slow = {"lr": "1e-7", "head_lr": "1e-7", **SMALL, "epochs": "1"}
    near, far = (
        trained(store, manifest, make_spec(recipe, slow), tmp_path / recipe)["model.body.conv1.weight"]
        for recipe in ("finetune", "scratch")
    )
    assert torch.allclose(near, given, atol=1e-5)
    assert not torch.allclose(far, given, atol=1e-3)


@pytest.mark.parametrize("recipe", ["finetune", "scratch"])
def test_the_same_photos_spec_and_seed_give_the_same_weights(world, tmp_path, recipe):
    store, manifest = world
    spec = make_spec(recipe, {**SMALL, "epochs": "1"}, seed=3)
    first, again = (trained(store, manifest, spec, tmp_path / name) for name in ("first", "again"))
    assert [name for name in first if not torch.equal(first[name], again[name])] == []


@pytest.mark.parametrize("backbone", ["resnet34", "resnet50"])
def test_a_backbone_without_weights_is_refused_before_anything_begins(world, tmp_path, monkeypatch, backbone):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    store, manifest = world
    with pytest.raises(TrainingProblemError, match=f"weights of {PRETRAINED[backbone].title} are not on"):
        train(manifest, make_spec("finetune", {"backbone": backbone}), tmp_path / "run", store)
    assert not (tmp_path / "run").exists()


def drawn(world, tmp_path, name, **changes) -> list[Batch]:
    store, manifest = world
    spec = make_spec("finetune", {**SMALL, **changes})
    data = load_data(manifest)
    with RunFolder(tmp_path / name, spec, manifest.digest) as folder:
        context = Context(folder, spec, data, store, Progress(tmp_path / "progress.json", plan(data, spec)))
        preprocess = Preprocess(64, (0.5,) * 3, (0.5,) * 3)
        kept = KeptPictures(tmp_path / "kept", lambda photo: _kept_picture(context, photo))
        first, again = (list(_training_batches(context, preprocess, kept, epoch=1)) for _ in range(2))
    assert all(np.array_equal(x, other) for (x, *_), (other, *_) in zip(first, again, strict=True))
    return first


def test_a_photo_that_is_drawn_twice_in_an_epoch_is_changed_in_two_ways(world, tmp_path):
    balanced = drawn(world, tmp_path, "balanced", sampling="balanced", augment="crops_flips")
    pictures = [picture.tobytes() for x, *_ in balanced for picture in x]
    plain = drawn(world, tmp_path, "plain", sampling="balanced", augment="none")
    originals = [picture.tobytes() for x, *_ in plain for picture in x]
    assert len(set(originals)) < len(originals)  # some photo was drawn twice
    assert len(set(pictures)) == len(pictures)
    assert all(np.array_equal(y, other) for (_, y, _), (_, other, _) in zip(balanced, plain, strict=True))


def test_flipped_pictures_are_those_of_the_evaluation(world, tmp_path):
    store, manifest = world
    batches = drawn(world, tmp_path, "flips", augment="flips")
    preprocess = Preprocess(64, (0.5,) * 3, (0.5,) * 3)
    whole = [eval_picture(read_pixels(store, photo), 64) for photo in load_data(manifest).train.photos]
    known = {
        preprocess.batch([flip(picture, *sides)]).tobytes()
        for picture in whole
        for sides in ((False, False), (False, True), (True, False), (True, True))
    }
    assert all(np.ascontiguousarray(picture).tobytes() in known for x, *_ in batches for picture in x)
