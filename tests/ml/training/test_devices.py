"""Device choice and batches made ahead. What only a GPU does is tried by telling torch's questions' answers."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from ml.training.devices import Device, ahead, choose_device

CPU = torch.device("cpu")


def device(dtype=torch.float32) -> Device:
    return Device(CPU, dtype, "for a test")


def test_without_a_gpu_the_processor_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    chosen = choose_device()
    assert (chosen.device, chosen.dtype) == (CPU, torch.float32)
    assert chosen.reason.startswith("no GPU is present")


@pytest.mark.parametrize(
    ("has_bfloat16", "dtype", "reason"),
    [(True, torch.bfloat16, "supports bfloat16"), (False, torch.float16, "scaled loss")],
)
def test_a_gpu_computes_in_bfloat16_or_else_in_float16(monkeypatch, has_bfloat16, dtype, reason):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old Faithful")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
    chosen = choose_device()
    assert (chosen.device, chosen.dtype) == (torch.device("cuda", 1), dtype)
    assert chosen.reason.startswith("Old Faithful is present")
    assert reason in chosen.reason


@pytest.mark.parametrize(
    ("dtype", "scales"), [(torch.float32, False), (torch.bfloat16, False), (torch.float16, True)]
)
def test_products_are_in_the_format_and_only_float16_scales_its_loss(dtype, scales):
    network, x = nn.Linear(4, 2), torch.randn(3, 4)
    with device(dtype).cast():
        assert network(x).dtype == dtype
    assert device(dtype).scaler().is_enabled() == scales


def test_maps_and_filters_are_in_the_layout_of_convolutions_and_keep_their_values():
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    sent = device().send(device().staged(x))
    assert sent.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(sent.numpy(), x)
    assert device().place(nn.Conv2d(3, 8, 3)).weight.is_contiguous(memory_format=torch.channels_last)


def test_vectors_and_labels_are_sent_as_they_are():
    for x in (np.arange(6, dtype=np.int64), np.ones((3, 5), np.float32)):
        assert np.array_equal(device().send(device().staged(x)).numpy(), x)


def test_batches_made_ahead_come_in_order_and_all():
    assert list(ahead(iter(range(50)), lambda number: number * 2)) == list(range(0, 100, 2))
    assert list(ahead(iter([]), abs)) == []


def test_no_more_is_made_ahead_than_asked_for():
    made = []
    batches = ahead(iter(range(10)), made.append, depth=2)
    next(batches)
    batches.close()
    assert len(made) <= 4  # the one that was taken, two ahead, and one that was begun


def test_an_error_in_the_thread_is_raised_in_its_turn():
    def source():
        yield 1
        yield 2
        raise ValueError("the third photo is broken")

    batches = ahead(source(), abs)
    assert [next(batches), next(batches)] == [1, 2]
    with pytest.raises(ValueError, match="third photo"):
        next(batches)


def test_leaving_early_ends_the_thread():
    batches = ahead(iter(range(1000)), abs)
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
