"""A trainer that is killed, stopped or left alone by its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml.manifest import Manifest
from tests.ml.conftest import TAIL_SETTINGS
from tests.ml.worlds import command, lines, ml, options, read


def arguments(world, out, *more) -> list:
    chosen = [word for setting in (*TAIL_SETTINGS, *more) for word in ("--set", setting)]
    given = ["--manifest", world.manifest_path, "--recipe", "partial_finetune", "--store", world.store.root]
    return ["train", *given, "--out", out, *chosen]


def start(world, out, *more, **kwargs) -> subprocess.Popen:
    words = command(*arguments(world, out), *more)
    return subprocess.Popen(words, **options(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def wait_for(condition, process, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def epochs_done(out) -> int:
    path = out / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_killed_after_the_first_epoch_it_ends_with_the_weights_of_a_straight_run(tail_world, tmp_path):
    out = tmp_path / "run"
    process = start(tail_world, out)
    wait_for(lambda: epochs_done(out) >= 1, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert read(out / "run.json")["state"] == "running"
    assert not (out / "bundle").exists()
    # The newest checkpoint is damaged as well: the run goes on from the one before, or from the start.
    newest = max((out / "checkpoints").glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1])

    ml(*arguments(tail_world, out))
    assert "is damaged" in (out / "log.txt").read_text()
    assert read(out / "run.json")["state"] == "succeeded"
    for name in ("checkpoints/epoch-0003.safetensors", "bundle/model.onnx", "predictions.jsonl"):
        assert (out / name).read_bytes() == (tail_world.run / name).read_bytes(), name
    losses = [[row["train_loss"] for row in lines(run / "metrics.jsonl")] for run in (out, tail_world.run)]
    assert losses[0] == losses[1]
    steps = [
        [(row["step"], row["loss"]) for row in lines(run / "steps.jsonl")] for run in (out, tail_world.run)
    ]
    assert steps[0] == steps[1]


@pytest.mark.parametrize(("cancel", "state"), [(False, "running"), (True, "cancelled")])
def test_sigterm_stops_after_the_step_and_the_run_can_go_on(tail_world, tmp_path, cancel, state):
    out = tmp_path / "run"
    process = start(tail_world, out)
    wait_for(lambda: epochs_done(out) >= 1, process)
    if cancel:
        (out / "cancel").touch()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert read(out / "run.json")["state"] == state
    if cancel:
        ml(*arguments(tail_world, out))
        assert read(out / "run.json")["state"] == "succeeded"
        assert "going on after epoch" in (out / "log.txt").read_text()


def test_a_disk_that_fills_at_a_checkpoint_is_told_and_the_checkpoint_before_is_kept(tail_world, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    # One checkpoint of a tail of one block has some 18 MB.
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=28m none {small} 2>/dev/null") != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        done = ml(*arguments(tail_world, small / "run", "frozen_blocks=6"), check=False)
        assert done.returncode == 1, done.stderr
        sentence = "The disk is full: make room and start the run again; it goes on after its last epoch."
        assert done.stderr.splitlines()[-1] == f"ml train: {sentence}"
        state = read(small / "run" / "run.json")
        assert (state["state"], state["error"]) == ("failed", sentence)
        kept = sorted(path.name for path in (small / "run" / "checkpoints").iterdir())
        assert kept == ["epoch-0001.json", "epoch-0001.safetensors"]  # and nothing half-written
    finally:
        os.system(f"umount {small}")


def test_it_dies_with_its_parent_if_told_to(tail_world, tmp_path):
    out = tmp_path / "run"
    words = command(*arguments(tail_world, out), "--die-with-parent")
    code = f"import subprocess; p = subprocess.Popen({words!r}); print(p.pid, flush=True); p.wait()"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], **options(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    trainer = int(parent.stdout.readline())
    wait_for(lambda: (out / "run.json").exists(), parent)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while _lives(trainer):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert read(out / "run.json")["state"] == "running"


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_runs_data_set_version_lies_in_its_folder(tail_world):
    assert Manifest.read(tail_world.run / "manifest.json") == tail_world.manifest
