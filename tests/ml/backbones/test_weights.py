"""Where pretrained weights are looked for, and that nothing but the right bytes is ever taken."""

import hashlib
import importlib.util
from pathlib import Path

import pytest
import torch
import torchvision

from ml.backbones.networks import ImageNetwork, lite, resnet
from ml.backbones.registry import REGISTRY
from ml.backbones.weights import WeightsCorruptError, WeightsMissingError, backbone_available, find_weights
from ml.pretrained import PRETRAINED
from ml.specs import BACKBONES, FREEZABLE
from ml.store import Store

RESNETS = [name for name, wanted in PRETRAINED.items() if not wanted.package]


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    """A store without weights on a machine whose cache of torch's is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    store = Store(tmp_path / "store")
    store.weights.mkdir(parents=True)
    return store


def placed(folder: Path, name: str, network: torch.nn.Module) -> Path:
    """The network's tensors in a file whose name promises its hash, as torchvision names its own."""
    aside = folder / "aside"
    torch.save(network.state_dict(), aside)
    digits = hashlib.sha256(aside.read_bytes()).hexdigest()[:8]
    return aside.rename(folder / f"{name}-{digits}.pth")


def test_all_lists_of_backbones_agree():
    assert set(BACKBONES) == set(REGISTRY) == set(PRETRAINED)
    assert tuple(info.name for info in REGISTRY.values() if info.blocks) == FREEZABLE


@pytest.mark.parametrize("name", RESNETS)
def test_the_resnets_files_and_scales_are_torchvisions_own(name):
    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    assert weights.url.endswith(f"/{PRETRAINED[name].file}")
    info, transform = REGISTRY[name], weights.transforms()
    assert (info.mean, info.std) == (tuple(transform.mean), tuple(transform.std))
    assert info.embedding == torchvision.models.get_model(name, weights=None).fc.in_features


@pytest.mark.parametrize("name", RESNETS)
def test_missing_weights_are_told_with_how_to_get_them(store, name):
    with pytest.raises(WeightsMissingError) as told:
        find_weights(store, name)
    for part in (PRETRAINED[name].title, PRETRAINED[name].file, str(store.weights), f"--fetch {name}"):
        assert part in str(told.value)
    assert backbone_available(store, name) == str(told.value)


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
def test_weights_with_a_wrong_hash_are_refused(store, name):
    (store.weights / PRETRAINED[name].file).write_bytes(b"not the weights")
    with pytest.raises(WeightsCorruptError, match="damaged: its sha256 does not begin with"):
        find_weights(store, name)


def test_the_bundled_weights_are_found_in_their_package(store):
    assert find_weights(store, "efficientnet_lite0").path.name == PRETRAINED["efficientnet_lite0"].file


def test_ones_own_file_goes_before_the_package(store):
    own = store.weights / "efficientnet_lite0.pth"
    own.write_bytes(b"own")
    assert find_weights(store, "efficientnet_lite0").path == own


@pytest.mark.parametrize("name", FREEZABLE)
def test_the_packages_weights_fit_timms_network(store, name):
    if importlib.util.find_spec(PRETRAINED[name].package) is None:
        pytest.skip(f"needs the package {PRETRAINED[name].distribution}")
    network = lite(name, find_weights(store, name).path)
    given = torch.load(find_weights(store, name).path, map_location="cpu", weights_only=True)
    assert torch.equal(network.classifier.bias, list(given.values())[-1])


def test_torchs_cache_is_looked_into_and_its_files_are_loaded(store, tmp_path, monkeypatch):
    torch.manual_seed(5)
    original = torchvision.models.resnet18(weights=None)
    hub = tmp_path / "torch" / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    path = placed(hub, "resnet18", original)
    wanted = {**PRETRAINED, "resnet18": type(PRETRAINED["resnet18"])("ResNet-18", path.name)}
    monkeypatch.setattr("ml.pretrained.PRETRAINED", wanted)
    assert find_weights(store, "resnet18").path == path


def test_a_file_with_torchvisions_keys_becomes_the_network(store):
    torch.manual_seed(5)
    original = torchvision.models.resnet18(weights=None).eval()
    path = placed(store.weights, "resnet18", original)
    assert find_weights(store, "resnet18").path == path
    network = ImageNetwork(store, "resnet18", 4, pretrained=True).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(original.fc(network.embed(images)), original(images))
        assert network(images).shape == (2, 4)


def test_the_last_layer_starts_as_the_paper_has_it(store):
    placed(store.weights, "resnet18", torchvision.models.resnet18(weights=None))
    pretrained = ImageNetwork(store, "resnet18", 6, pretrained=True).classifier
    # Glorot and Bengio 2010: uniform within the square root of 6 / (512 + 6).
    bound = (6 / (512 + 6)) ** 0.5
    assert 0.97 * bound < pretrained.weight.abs().max() <= bound
    assert not pretrained.bias.any()
    random = ImageNetwork(store, "resnet18", 6, pretrained=False).classifier
    assert 0.97 * 512**-0.5 < random.weight.abs().max() <= 512**-0.5  # torch's default


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_another_networks_weights_are_refused(store, name):
    other = {"resnet18": "resnet34", "resnet34": "resnet18"}[name]
    path = placed(store.weights, name, torchvision.models.get_model(other, weights=None))
    with pytest.raises(WeightsCorruptError, match=f"another network than {name}"):
        resnet(name, path)


@pytest.mark.parametrize("content", [b"", b"hello", [1, 2], {"a": 1}])
def test_a_file_that_holds_no_weights_is_refused(store, content):
    path = store.weights / "resnet18-00000000.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(
        WeightsCorruptError, match=r"resnet18-00000000\.pth (cannot be read|holds no tensors)"
    ):
        resnet("resnet18", path)


def test_a_file_that_runs_code_is_refused_and_does_not_run_it(store, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"conv1.weight": Trap()}, store.weights / "resnet18-00000000.pth")
    with pytest.raises(WeightsCorruptError):
        resnet("resnet18", store.weights / "resnet18-00000000.pth")
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    tensors = lite("efficientnet_lite0", None).state_dict()
    tensors["conv_head.weight"] = torch.zeros(3, 3)
    torch.save(tensors, path)
    with pytest.raises(WeightsCorruptError, match="conv_head"):
        lite("efficientnet_lite0", path)
