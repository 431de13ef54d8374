import os
import signal
import subprocess
import sys
import time

import pytest

from ml.training.errors import RunLockedError
from ml.training.lock import RunLock, start_ticks
from tests.ml.worlds import ROOT

HOLD = (
    "import sys, time; from pathlib import Path; from ml.training.lock import RunLock;"
    "lock = RunLock(Path(sys.argv[1])); lock.acquire(); print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline().strip() == "held"
    yield process
    process.kill()
    process.wait()


def test_a_folder_with_a_living_trainer_is_refused_with_its_number(tmp_path, holder):
    with pytest.raises(RunLockedError, match=f"process {holder.pid}.*--takeover"):
        RunLock(tmp_path).acquire()
    assert holder.poll() is None


def test_the_lock_is_free_once_its_holder_was_killed(tmp_path, holder):
    holder.kill()
    holder.wait()
    RunLock(tmp_path).acquire()


def test_takeover_ends_the_holder_first(tmp_path, holder):
    lock = RunLock(tmp_path)
    lock.acquire(takeover=True)
    assert holder.wait(10) == -signal.SIGTERM
    lock.release()


def test_takeover_ends_a_stopped_holder_too(tmp_path, holder):
    holder.send_signal(signal.SIGSTOP)
    RunLock(tmp_path).acquire(takeover=True)
    assert holder.wait(10) < 0


def test_takeover_never_ends_a_process_that_only_has_the_recorded_number(tmp_path, holder):
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
    )
    note = (
        f'{{"pid": {bystander.pid}, "pgid": {bystander.pid}, "started": 1, "host": "{os.uname().nodename}"}}'
    )
    (tmp_path / "lock").write_text(note)
    with pytest.raises(RunLockedError, match="could not be ended"):
        RunLock(tmp_path).acquire(takeover=True)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_process_is_named_by_its_start(tmp_path):
    mine = start_ticks(os.getpid())
    assert mine is not None
    time.sleep(0.01)
    assert start_ticks(os.getpid()) == mine
    assert start_ticks(2**22 + 1) is None
