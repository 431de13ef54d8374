import logging
import random

import pytest
import torch
from torch import nn

from ml.training.averaging import averaged
from ml.training.checkpoint import (
    CheckpointCorruptError,
    CheckpointIncompatibleError,
    Checkpoints,
    Parts,
    restore,
    restore_network,
    seed_everything,
)


@pytest.fixture
def parts() -> Parts:
    seed_everything(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    return Parts(network, optimizer, averaged(network, 0.9), torch.amp.GradScaler("cpu", growth_interval=2))


def step(parts) -> None:
    loss = parts.network(torch.randn(6, 4)).square().mean()
    parts.scaler.scale(loss).backward()
    parts.scaler.step(parts.optimizer)
    parts.scaler.update()
    parts.optimizer.zero_grad()
    parts.average.update_parameters(parts.network)


def weights(parts) -> list[torch.Tensor]:
    both = (*parts.network.state_dict().values(), *parts.average.state_dict().values())
    return [value.clone() for value in both]


def test_going_on_from_a_checkpoint_gives_the_same_weights_as_never_stopping(tmp_path, parts):
    step(parts)
    checkpoints = Checkpoints(tmp_path, "spec", "manifest")
    checkpoints.save(1, parts, {"best_epoch": 1})
    step(parts)
    straight, drawn, scale = weights(parts), random.random(), parts.scaler.get_scale()
    seed_everything(99)
    step(parts)
    restore(checkpoints.load(1), parts)
    step(parts)
    assert all(torch.equal(a, b) for a, b in zip(straight, weights(parts), strict=True))
    assert random.random() == drawn
    assert parts.scaler.get_scale() == scale


def test_the_network_that_is_used_has_the_averaged_weights(tmp_path, parts):
    for _ in range(3):
        step(parts)
    Checkpoints(tmp_path, "spec", "manifest").save(1, parts, {"best_epoch": 1})
    restore_network(Checkpoints(tmp_path, "spec", "manifest").load(1), parts.network)
    used, average = parts.network.state_dict(), parts.average.module.state_dict()
    assert all(torch.equal(used[name], average[name]) for name in average)


def test_the_last_two_and_the_best_are_kept(tmp_path, parts):
    checkpoints = Checkpoints(tmp_path / "kept", "spec", "manifest")
    for epoch, best in ((1, 1), (2, 2), (3, 2), (4, 2), (5, 2)):
        checkpoints.save(epoch, parts, {"best_epoch": best})
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert names == [f"epoch-000{n}.{kind}" for n in (2, 4, 5) for kind in ("json", "safetensors")]


@pytest.mark.parametrize("damage", ["tensors", "note", "cut", "gone"])
def test_a_damaged_checkpoint_is_passed_over_and_the_log_says_so(tmp_path, parts, caplog, damage):
    checkpoints = Checkpoints(tmp_path, "spec", "manifest")
    checkpoints.save(1, parts, {"best_epoch": 1})
    checkpoints.save(2, parts, {"best_epoch": 2})
    tensors, note = tmp_path / "epoch-0002.safetensors", tmp_path / "epoch-0002.json"
    if damage == "tensors":
        data = bytearray(tensors.read_bytes())
        data[-1] ^= 1
        tensors.write_bytes(data)
    elif damage == "cut":
        tensors.write_bytes(tensors.read_bytes()[:100])
    elif damage == "gone":
        tensors.unlink()
    else:
        note.write_text("{")
    with caplog.at_level(logging.WARNING):
        assert checkpoints.latest().epoch == 1
    assert "checkpoint of epoch 2 is damaged" in caplog.text
    with pytest.raises(CheckpointCorruptError):
        checkpoints.load(2)


def test_a_checkpoint_of_another_spec_is_incompatible_not_corrupt(tmp_path, parts):
    Checkpoints(tmp_path, "spec", "manifest").save(1, parts, {"best_epoch": 1})
    with pytest.raises(CheckpointIncompatibleError, match="spec_digest"):
        Checkpoints(tmp_path, "other", "manifest").load(1)


def test_without_checkpoints_there_is_nothing_to_go_on_from(tmp_path):
    assert Checkpoints(tmp_path / "none", "spec", "manifest").latest() is None
