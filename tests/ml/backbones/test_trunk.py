import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
import torch

from ml.backbones.networks import LiteTrunk, lite0
from ml.backbones.trunk import block_model, pooled_model, session, trunk
from ml.backbones.weights import WeightsCorruptError, WeightsMissingError, backbone_available, find_weights
from ml.store import Store
from tests.ml.worlds import ROOT


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("weights"))
    return LiteTrunk(lite0(find_weights(store, "efficientnet_lite0").path)).eval()


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


def test_missing_weights_are_told_with_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    store = Store(tmp_path / "store")
    with pytest.raises(WeightsMissingError, match=r"resnet18-f37072fd\.pth"):
        find_weights(store, "resnet18")
    assert "ResNet-18" in backbone_available(store, "resnet18")
    assert backbone_available(store, "efficientnet_lite0") is None


def test_weights_with_a_wrong_hash_are_refused(tmp_path):
    store = Store(tmp_path / "store")
    store.weights.mkdir(parents=True)
    (store.weights / "resnet18-f37072fd.pth").write_bytes(b"not the weights")
    with pytest.raises(WeightsCorruptError, match="damaged"):
        find_weights(store, "resnet18")


def test_weights_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    tensors = lite0(None).state_dict()
    tensors["conv_head.weight"] = torch.zeros(3, 3)
    torch.save(tensors, path)
    with pytest.raises(WeightsCorruptError, match="conv_head"):
        lite0(path)
