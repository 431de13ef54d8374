"""The epoch loop on a tiny network: broken off anywhere and gone on with, it ends with the same weights."""

import contextlib
import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from ml.durable import StoreFull
from ml.training import loop as loop_module
from ml.training.devices import Device
from ml.training.errors import StopRequestedError
from ml.training.sampling import steps_per_epoch
from ml.training.schedules import rate_share
from tests.ml.training import tiny
from tests.ml.training.tiny import EPOCHS, LABELS, PHOTOS, VAL, Tiny, spec_with, train
from tests.ml.worlds import lines, read


class Killed(BaseException):
    """Ends the loop as abruptly as an exception can."""


def kill_at(epoch, step):
    def before(now, place):
        if (now, place) == (epoch, step):
            raise Killed

    return before


def assert_same(first, second) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


ALL_AT_ONCE = {
    "schedule": "one_cycle", "early_stopping": "3", "mixup": "0.4", "sampling": "balanced", "ema": "0.9",
    "label_smoothing": "0.1",
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adamw", "weight_decay": "0.01"},
        {"schedule": "cosine"},
        {"schedule": "one_cycle"},
        {"early_stopping": "1", "lr": "1e-7", "head_lr": "1e-7"},
        {"mixup": "0.4"},
        {"sampling": "balanced"},
        {"class_weights": "balanced"},
        {"ema": "0.9"},
        ALL_AT_ONCE,
    ],
    ids=lambda changes: "-".join(changes) or "plain",
)
def test_killed_twice_and_gone_on_with_it_ends_with_the_weights_of_a_straight_run(tmp_path, changes):
    spec = spec_with(**changes)
    straight = train(tmp_path / "straight", spec)
    for epoch, step in ((1, 3), (2, 5)):
        with contextlib.suppress(Killed):
            train(tmp_path / "killed", spec, kill_at(epoch, step))
    resumed = train(tmp_path / "killed", spec)
    assert_same(straight, resumed)
    for name in ("metrics.jsonl", "steps.jsonl"):
        rows = [
            [{**row, "seconds": 0} for row in lines(tmp_path / run / name)] for run in ("straight", "killed")
        ]
        assert rows[0] == rows[1], name


def test_with_a_scaled_loss_it_goes_on_as_well(tmp_path, monkeypatch):
    device = Device(torch.device("cpu"), torch.float16, "for this test")
    monkeypatch.setattr(loop_module, "choose_device", lambda: device)
    straight = train(tmp_path / "straight", spec_with())
    with contextlib.suppress(Killed):
        train(tmp_path / "killed", spec_with(), kill_at(3, 2))
    assert_same(straight, train(tmp_path / "killed", spec_with()))
    assert read(tmp_path / "killed" / "checkpoints" / "epoch-0004.json")["scaler"]["scale"] > 1
    assert read(tmp_path / "killed" / "run.json")["dtype"] == "float16"


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    spec = spec_with(**ALL_AT_ONCE)
    first = train(tmp_path / "first", spec)
    assert_same(first, train(tmp_path / "again", spec))
    other = train(tmp_path / "other", spec_with(seed=1, **ALL_AT_ONCE))
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize(
    "changes",
    [{"schedule": "cosine"}, {"mixup": "0.4"}, {"sampling": "balanced"}, {"class_weights": "balanced"},
     {"ema": "0.9"}, {"label_smoothing": "0.1"}],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_each_setting_makes_a_difference(tmp_path, changes):
    plain, changed = train(tmp_path / "plain", spec_with()), train(tmp_path / "changed", spec_with(**changes))
    assert not torch.equal(plain["head.weight"], changed["head.weight"])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
def test_a_schedule_goes_once_through_the_whole_run_for_body_and_head(tmp_path, schedule):
    train(tmp_path / "run", spec_with(schedule=schedule, lr="0.1", head_lr="0.2"))
    rates = [row["lr"] for row in lines(tmp_path / "run" / "metrics.jsonl")]
    steps = steps_per_epoch(len(LABELS), 8)
    assert rates == [0.1 * rate_share(schedule, epoch * steps - 1, EPOCHS * steps) for epoch in range(1, 5)]
    groups = read(tmp_path / "run" / "checkpoints" / "epoch-0004.json")["optimizer"]
    assert groups[1]["lr"] == pytest.approx(2 * groups[0]["lr"])


def test_it_learns(tmp_path):
    train(tmp_path / "run", spec_with(epochs="12"))
    accuracies = [row["train_accuracy"] for row in lines(tmp_path / "run" / "metrics.jsonl")]
    assert accuracies[-1] > 0.8 > accuracies[0]


def test_sigterm_stops_in_the_middle_of_an_epoch_and_going_on_begins_that_epoch_again(tmp_path):
    straight = train(tmp_path / "straight", spec_with())

    def terminate(epoch, step):
        if (epoch, step) == (2, 4):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StopRequestedError):
        train(tmp_path / "run", spec_with(), terminate)
    assert [row["epoch"] for row in lines(tmp_path / "run" / "metrics.jsonl")] == [1]
    begun = []
    resumed = train(tmp_path / "run", spec_with(), lambda epoch, step: begun.append((epoch, step)))
    assert begun[0] == (2, 0)
    assert_same(straight, resumed)


def test_a_disk_that_is_full_stops_the_run_and_with_room_it_goes_on(tmp_path):
    straight = train(tmp_path / "straight", spec_with())
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=200k none {small} 2>/dev/null") != 0:
        pytest.skip("needs the right to mount a small file system")

    def fill(epoch, step):
        if (epoch, step) == (3, 0):
            with contextlib.suppress(OSError), (small / "ballast").open("wb", buffering=0) as ballast:
                while ballast.write(b"\0" * 4096):
                    pass

    try:
        with pytest.raises((OSError, StoreFull)):
            train(small / "run", spec_with(), fill)
        assert [row["epoch"] for row in lines(small / "run" / "metrics.jsonl")] == [1, 2]
        (small / "ballast").unlink()
        assert_same(straight, train(small / "run", spec_with()))
    finally:
        os.system(f"umount -l {small}")


def test_it_stops_early_where_validation_gets_no_better_and_keeps_the_best_epoch(tmp_path):
    # So low a rate that nothing changes after the first epoch.
    spec = spec_with(early_stopping="2", lr="1e-7", head_lr="1e-7", momentum="0", epochs="9")
    trained = train(tmp_path / "run", spec)
    rows = lines(tmp_path / "run" / "metrics.jsonl")
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))["epoch"]
    assert len(rows) == best + 2 < 9
    stored = load_file(tmp_path / "run" / "checkpoints" / f"epoch-{best:04d}.safetensors")
    assert torch.equal(stored["model.head.weight"], trained["head.weight"])
    assert "stopped early" in (tmp_path / "run" / "log.txt").read_text()
    assert_same(trained, train(tmp_path / "run", spec))  # and once stopped it does not go on


def test_the_average_is_what_validates_and_what_is_kept(tmp_path):
    trained = train(tmp_path / "run", spec_with(ema="0.9", epochs="1"))
    network = Tiny().eval()
    network.load_state_dict(trained)
    with torch.inference_mode():
        logits = network(torch.from_numpy(PHOTOS[VAL]))
    loss = functional.cross_entropy(logits, torch.from_numpy(LABELS[VAL])).item()
    assert lines(tmp_path / "run" / "metrics.jsonl")[0]["val_loss"] == pytest.approx(loss, rel=1e-4)
    plain = train(tmp_path / "plain", spec_with(epochs="1"))
    assert not torch.equal(plain["head.weight"], trained["head.weight"])


def test_a_loss_beyond_all_numbers_ends_the_run_with_advice(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny, "PHOTOS", np.full_like(PHOTOS, np.inf))
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        train(tmp_path / "run", spec_with())
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_there_is_a_line_every_ten_steps_and_at_the_end_of_an_epoch(tmp_path):
    train(tmp_path / "run", spec_with(batch="3", epochs="2"))
    assert [row["step"] for row in lines(tmp_path / "run" / "steps.jsonl")] == [10, 20, 24, 34, 44, 48]
