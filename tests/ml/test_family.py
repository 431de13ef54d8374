"""A child never outlives the process that started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.site import is_alive, wait_until

ROOT = Path(__file__).resolve().parents[2]
CHILD = "import sys, time; from ml.family import die_with_parent; die_with_parent({}); print('on', flush=True); {}"


def child(parent: str, then: str = "time.sleep(60)") -> list[str]:
    return [sys.executable, "-c", CHILD.format(parent, then)]


def test_it_is_killed_when_its_parent_is_killed():
    code = f"import subprocess; p = subprocess.Popen({child('')!r}); print(p.pid, flush=True); p.wait()"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert parent.stdout.readline() == "on\n"
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_alive(pid), seconds=10, what="the child's end")


def test_it_ends_at_once_where_its_parent_is_another_by_now():
    done = subprocess.run(child("1 << 22"), cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")


def test_it_goes_on_while_its_parent_lives():
    done = subprocess.run(child(str(os.getpid()), "sys.exit(3)"), cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "on\n")
