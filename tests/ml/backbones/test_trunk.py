import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
import torch

from ml.backbones import export
from ml.backbones.networks import LiteTrunk, covariances, lite
from ml.backbones.registry import REGISTRY
from ml.backbones.trunk import Trunk, block_model, pooled_model, session, trunk
from ml.backbones.weights import find_weights
from ml.store import Store
from tests.ml.worlds import ROOT


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("weights"))
    return LiteTrunk(lite("efficientnet_lite0", find_weights(store, "efficientnet_lite0").path)).eval()


@pytest.mark.parametrize(("side", "photos"), [(224, 1), (96, 3), (64, 5)])
def test_the_trunk_agrees_with_torch_for_any_side_and_batch(network, store, side, photos):
    images = np.random.default_rng(side).standard_normal((photos, 3, side, side)).astype(np.float32)
    with torch.inference_mode():
        outputs = [output.numpy() for output in network(torch.from_numpy(images))]
    source = trunk(store, "efficientnet_lite0")
    (block,) = session(block_model(source, 4)).run(None, {"image": images})
    assert np.abs(block - outputs[4]).max() < 1e-3
    features, embedding = session(pooled_model(source)).run(["features", "embedding"], {"image": images})
    maps = [outputs[7], *outputs[3:7]]
    expected = np.concatenate([m.mean((2, 3)) for m in maps] + [m.max((2, 3)) for m in maps], 1)
    assert features.shape == (photos, 3968)
    assert np.abs(features - expected).max() < 1e-3
    assert np.array_equal(embedding, features[:, :1280])


@pytest.mark.parametrize("side", [64, 96])
def test_textures_are_the_covariances_of_channels_over_the_positions(network, store, side):
    images = np.random.default_rng(side).standard_normal((3, 3, side, side)).astype(np.float32)
    with torch.inference_mode():
        outputs = [output.numpy() for output in network(torch.from_numpy(images))]
    source = trunk(store, "efficientnet_lite0")
    plain = session(pooled_model(source)).run(["features"], {"image": images})[0]
    found = session(pooled_model(source, textured=True)).run(["features"], {"image": images})[0]
    assert found.shape == (3, source.backbone.textured_width)
    assert np.allclose(found[:, : plain.shape[1]], plain, atol=1e-4)
    place = plain.shape[1]
    for block in source.backbone.textured:
        maps = outputs[block]
        upper = np.triu_indices(maps.shape[1])
        expected = np.stack([np.cov(one.reshape(len(one), -1), bias=True)[upper] for one in maps])
        part = found[:, place : place + len(upper[0])]
        assert np.allclose(part, expected, atol=1e-3 * np.abs(expected).max())
        # The network of a tail that starts from a probe computes them again, in torch.
        in_torch = covariances(torch.from_numpy(maps)).numpy()
        assert np.allclose(in_torch, expected, atol=1e-3 * np.abs(expected).max())
        place += len(upper[0])
    assert place == found.shape[1]


@pytest.mark.parametrize("name", [info.name for info in REGISTRY.values() if info.blocks])
def test_the_registry_has_the_widths_of_the_network_itself(name):
    info, network = REGISTRY[name], lite(name, None).eval()
    with torch.inference_mode():
        outputs = LiteTrunk(network)(torch.zeros(1, 3, 64, 64))
    assert info.blocks == tuple(output.shape[1] for output in outputs[:-1])
    assert info.embedding == outputs[-1].shape[1] == network.num_features
    facts = network.default_cfg
    assert (3, info.side, info.side) == facts["input_size"]
    assert (info.mean, info.std) == (facts["mean"], facts["std"])


def test_a_trunk_of_another_width_agrees_with_torch_at_other_sides_too(tmp_path):
    # Lite2 with random weights: the installed ones are an option, its widths are what is asked here.
    torch.manual_seed(0)
    network = lite("efficientnet_lite2", None)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    words = [
        "--backbone",
        "efficientnet_lite2",
        "--weights",
        tmp_path / "weights.pth",
        "--out",
        tmp_path / "trunk",
    ]
    assert export.main([str(word) for word in words]) == 0
    source = Trunk(REGISTRY["efficientnet_lite2"], tmp_path / "trunk", "")
    images = np.random.default_rng(0).standard_normal((2, 3, 96, 96)).astype(np.float32)
    with torch.inference_mode():
        outputs = [output.numpy() for output in LiteTrunk(network.eval())(torch.from_numpy(images))]
    (block,) = session(block_model(source, 4)).run(None, {"image": images})
    (features,) = session(pooled_model(source)).run(["features"], {"image": images})
    assert block.shape == outputs[4].shape == (2, 120, 6, 6)
    assert np.abs(block - outputs[4]).max() < 1e-4 * np.abs(outputs[4]).max()
    assert features.shape == (2, source.backbone.pooled_width)


def test_the_trunk_is_one_file(store):
    source = trunk(store, "efficientnet_lite0")
    graph = onnx.load(str(source.path), load_external_data=False).graph
    assert not any(tensor.external_data for tensor in graph.initializer)


def test_a_second_process_waits_for_the_export_instead_of_doing_it_again(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ml.store import Store\n"
        "from ml.backbones.trunk import trunk\n"
        "trunk(Store(Path(sys.argv[1])), 'efficientnet_lite0'); print('torch' in sys.modules)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    files = set()
    while any(process.poll() is None for process in processes):
        files |= {path.stat().st_ino for path in (tmp_path / "cache" / "trunks").glob("*.onnx")}
        time.sleep(0.02)
    assert [process.communicate()[0].strip() for process in processes] == ["False", "False"]
    assert len(files) == 1  # a second export would have put a new file in its place


def test_a_damaged_trunk_is_exported_again(store):
    source = trunk(store, "efficientnet_lite0")
    whole = source.path.read_bytes()
    source.path.write_bytes(whole[:-100])
    trunk(store, "efficientnet_lite0")
    assert len(source.path.read_bytes()) == len(whole)
