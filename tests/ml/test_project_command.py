"""`python -m ml project` tells bad input in a sentence, and gives every photo its place that can have one."""

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
from webapp.core.spoken import PROGRESS

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"sha256": "ab" * 32, "label": 3}


def project(store, tmp_path: Path, lines: list[dict], code: int = 0, *more: str) -> dict:
    listing, out = tmp_path / "photos.jsonl", tmp_path / "places.json"
    listing.write_text("".join(json.dumps(one) + "\n" for one in lines))
    words = ["project", "--store", str(store.root), "--list", str(listing), "--out", str(out), *more]
    assert main(words) == code
    return json.loads(out.read_text()) if out.exists() else {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha256": "ab"}, "a sha256 has 64 digits"),
        ({"label": -1}, "a label is a number from 0"),
        ({"label": "glass"}, "line 2 of"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(store, tmp_path, capsys, change, words):
    assert project(store, tmp_path, [GOOD, {**GOOD, **change}], 2) == {}
    assert words in capsys.readouterr().err


def test_an_empty_list_has_an_empty_map(store, tmp_path):
    assert project(store, tmp_path, []) == {"places": [], "missing": 0, "why": ""}


@pytest.fixture
def embedded(store):
    """40 photos of two kinds whose embeddings are kept: their lines."""
    cache = feature_cache(store, DEFAULT_BACKBONE, DEFAULT_SIZE)
    rng = np.random.default_rng(0)
    centres = rng.random((2, cache.width))
    keys = [bytes.fromhex(f"{n:064x}") for n in range(40)]
    cache.write(keys, centres[np.arange(40) % 2] + 0.1 * rng.standard_normal((40, cache.width)))
    return [{"sha256": key.hex(), "label": n % 2 if n else None} for n, key in enumerate(keys)]


def test_each_photo_has_a_place_near_its_kind_and_progress_is_told(store, tmp_path, embedded, capsys):
    progress = tmp_path / "progress.json"
    content = project(store, tmp_path, embedded, 0, "--progress", str(progress))
    places = np.array(content["places"])
    assert places.shape == (40, 2)
    assert ((places >= 0) & (places <= 1)).all()
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(40)
    assert (distances.argmin(1) % 2 == np.arange(40) % 2).all()
    told = json.loads(progress.read_text())
    assert (told["phase"], told["fraction"]) == ("map", pytest.approx(0.8))
    assert json.loads(capsys.readouterr().out) == {"images": 40, "placed": 40, "missing": 0}
    assert project(store, tmp_path, embedded)["places"] == content["places"]
    assert project(store, tmp_path, embedded, 0, "--seed", "1")["places"] != content["places"]


def test_a_photo_that_is_lost_costs_no_other_its_place(store, tmp_path, embedded, capsys):
    data = jpeg(1)
    there = hashlib.sha256(data).hexdigest()
    path = store.blob_path(there)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    lost = {"sha256": "00" * 31 + "ff", "label": None}
    content = project(store, tmp_path, [lost, {"sha256": there, "label": None}, *embedded])
    assert content["places"][0] is None
    assert None not in content["places"][1:]
    assert (content["missing"], lost["sha256"] in content["why"]) == (1, True)
    assert content["why"] in capsys.readouterr().err


def test_photos_none_of_which_can_be_read_have_no_map(store, tmp_path, capsys):
    assert project(store, tmp_path, [GOOD], 1) == {}
    assert GOOD["sha256"] in capsys.readouterr().err.splitlines()[-1]


def test_only_this_command_pays_for_umap():
    code = """
import sys, ml.__main__
try: ml.__main__.main(["--help"])
except SystemExit: pass
print("umap" in sys.modules, "numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"


def test_what_is_compiled_is_kept_in_the_cache_where_the_package_may_not_be_written(store, monkeypatch):
    from ml.cli import project as command

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    command.keep_compiled(store)
    assert "NUMBA_CACHE_DIR" not in command.os.environ
    monkeypatch.setattr(command.os, "access", lambda path, mode: False)
    command.keep_compiled(store)
    assert command.os.environ.pop("NUMBA_CACHE_DIR") == str(store.cache / "numba")


def test_what_it_says_on_the_way_is_translated():
    from ml.cli.project import MapProgress

    assert {message for message, _start, _stop in MapProgress.STEPS.values()} <= set(PROGRESS)
