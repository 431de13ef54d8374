"""`python -m ml fit` tells bad input in a sentence, and each photo what belongs to it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
from tests.support.photos import jpeg

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


@pytest.fixture
def world(store, tmp_path):
    """A function that runs the command in this process on photos with drawn features, some of them not embedded."""
    cache = feature_cache(store, DEFAULT_BACKBONE, DEFAULT_SIZE)
    rng = np.random.default_rng(0)
    centres = rng.random((2, cache.width))

    def make(roles: list[tuple[str, int | None]]) -> dict:
        lines = []
        for n, (role, kind) in enumerate(roles):
            sha256 = f"{n:064x}"
            if kind is not None:
                features = np.maximum(0, centres[kind] + rng.normal(0, 0.5, cache.width))
                cache.write([bytes.fromhex(sha256)], features[None].astype(np.float32))
            phash, mirror = (f"{int(one):016x}" for one in rng.integers(0, 2**63, 2))
            lines.append(json.dumps({"sha256": sha256, "phash": phash, "phash_mirror": mirror, "role": role}))
        listing, out = tmp_path / "photos.jsonl", tmp_path / "fit.json"
        listing.write_text("\n".join(lines))
        assert main(["fit", "--store", str(store.root), "--list", str(listing), "--out", str(out)]) == 0
        return json.loads(out.read_text())

    return make


def test_each_line_gets_what_belongs_to_it(world, capsys):
    roles = [("other", 1), ("candidate", 0), ("reference", 0), ("candidate", 1), ("candidate", 0)]
    content = world([*roles, *[("reference", 0), ("other", 1)] * 20])
    fit = content["fit"]
    assert [one is None for one in fit[:5]] == [True, False, True, False, False]
    assert all(one is None for one in fit[5:])
    assert min(fit[1], fit[4]) > fit[3]
    assert (content["method"], content["references"], content["missing"]) == ("references", 21, 0)
    assert json.loads(capsys.readouterr().out) == {
        "candidates": 3, "method": "references", "references": 21, "missing": 0, "copies": 0,
    }  # fmt: skip


def test_photos_that_cannot_be_read_are_left_out_and_named_and_the_others_ranked(world, capsys):
    """Neither candidate 1 nor reference 5 is in the store: the pass over all ends at the first of them."""
    roles = [("candidate", 0), ("candidate", None), ("candidate", 1), ("candidate", 0), ("reference", 0)]
    content = world([*roles, ("reference", None), *[("reference", 0)] * 5])
    assert [one is None for one in content["fit"][:4]] == [False, True, False, False]
    assert (content["method"], content["references"], content["missing"]) == ("references", 6, 1)
    told = capsys.readouterr().err
    assert f"{1:064x}" in told
    assert f"{5:064x}" in told


def test_one_lost_photo_does_not_keep_the_others_from_being_embedded(store, tmp_path):
    photos = {hashlib.sha256(data).hexdigest(): data for data in (jpeg(seed) for seed in range(4))}
    lines = [json.dumps({**GOOD, "sha256": "00" * 32})]
    for sha256, data in photos.items():
        path = store.blob_path(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        lines.append(json.dumps({**GOOD, "sha256": sha256}))
    listing, out = tmp_path / "photos.jsonl", tmp_path / "fit.json"
    listing.write_text("\n".join(lines))
    assert main(["fit", "--store", str(store.root), "--list", str(listing), "--out", str(out)]) == 0
    content = json.loads(out.read_text())
    assert (content["method"], content["missing"]) == ("agreement", 1)
    assert [one is None for one in content["fit"]] == [True, False, False, False, False]
    assert content["group"] == [0] * 5  # one hash for all


def test_candidates_none_of_which_is_embedded_have_no_fit(world):
    content = world([("candidate", None), ("candidate", None), ("reference", 0)])
    assert (content["fit"], content["method"], content["missing"]) == ([None] * 3, "none", 2)
