"""`python -m ml fit` tells bad input in a sentence; what it finds is tested with the job that runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"sha256": "ab" * 32, "phash": "0" * 16, "phash_mirror": "f" * 16, "role": "candidate"}


def run(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    listing = tmp_path / "photos.jsonl"
    listing.write_text(text)
    command = [
        sys.executable, "-m", "ml", "fit", "--store", str(tmp_path / "store"), "--list", str(listing),
        "--out", str(tmp_path / "fit.json"),
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"role": "judge"}, "a role is candidate, reference or other, not 'judge'"),
        ({"sha256": "ab"}, "a sha256 has 64 digits"),
        ({"phash": "xyz"}, "line 2"),
        ({"phash": "00"}, "a perceptual hash has 16 digits"),
        ({"phash_mirror": None}, "line 2"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(tmp_path, change, words):
    done = run(tmp_path, f"{json.dumps(GOOD)}\n{json.dumps({**GOOD, **change})}\n")
    assert done.returncode == 2
    assert "line 2 of" in done.stderr
    assert words in done.stderr
    assert not (tmp_path / "fit.json").exists()


def test_an_empty_list_has_no_fit(tmp_path):
    done = run(tmp_path, "")
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "fit.json").read_text())
    assert (content["fit"], content["method"], content["missing"]) == ([], "none", 0)
