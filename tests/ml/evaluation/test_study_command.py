import json
from pathlib import Path

import pytest

from ml.manifest import Manifest
from tests.ml.worlds import ml, read, tiny_manifest, written


@pytest.fixture
def manifest_path(tmp_path: Path) -> Path:
    return written(tiny_manifest(tmp_path / "photos", per_class=20), tmp_path / "m.json")


def test_both_studies_print_one_object_and_write_the_same_to_a_file(store, manifest_path, tmp_path):
    words = ["--manifest", manifest_path, "--seeds", 2, "--size", 64, "--store", store.root]
    done = ml("study", "calibration", *words, "--out", tmp_path / "study.json")
    said = json.loads(done.stdout)
    assert read(tmp_path / "study.json") == said
    assert (said["study"], said["photos"], said["classes"], said["seeds"]) == ("calibration", 60, 3, 2)
    assert set(said["summary"]) == {"out_of_fold", "validation"}
    assert "features" in done.stderr
    folder = Path(Manifest.read(manifest_path).items[0].path).parents[1]
    plain = ["--data", folder, "--seeds", 1, "--size", 64, "--store", store.root]
    unknown = json.loads(ml("study", "unknown", *plain).stdout)
    assert {row["class"] for row in unknown["left_out"]} == {"red", "green", "blue"}
    assert {"uniform_noise", "gaussian_noise", "screenshots"} <= set(unknown["rows"][0])


def test_finished_runs_are_studied_by_what_they_wrote(probe_world):
    said = json.loads(ml("study", "calibration", "--runs", probe_world.run).stdout)
    assert said["rows"][0]["run"] == probe_world.run.name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["calibration", "--data", "nowhere"], "There is no folder nowhere"),
        (["calibration", "--manifest", "nowhere.json"], "cannot be read"),
        (["unknown", "--data", ".", "--seeds", "0"], "--seeds must be at least 1"),
        (["calibration", "--runs", "nowhere"], "--runs needs finished runs"),
        (["unknown", "--runs", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_ends_with_2_and_one_sentence(words, said):
    done = ml("study", *words, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
