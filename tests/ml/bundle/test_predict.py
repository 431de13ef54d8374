import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.bundle.familiarity import Familiarity
from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError, Predictor
from ml.images.errors import DecodeError
from tests.ml.worlds import ROOT, read, reseal
from tests.support.photos import jpeg


@pytest.fixture
def bundle(probe_world, tmp_path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(probe_world.run / "bundle", tmp_path / "bundle"))


def test_it_answers_with_the_manifests_names(probe_world):
    predictor = Predictor.load(probe_world.run / "bundle")
    answer = predictor.predict_array(np.full((50, 80, 3), 200, np.uint8)).to_json("x.jpg")
    assert set(answer) == {
        "path", "name", "label", "category", "probability", "abstained", "reason", "unfamiliarity", "top"
    }  # fmt: skip
    assert answer["name"] == f"colours_{answer['label']}"
    assert answer["category"] == "colours"
    assert answer["top"][0][0] == answer["label"]
    assert sum(share for _, share in answer["top"]) == pytest.approx(1, abs=1e-5)
    shares = [share for _, share in answer["top"]]
    assert shares == sorted(shares, reverse=True)


def test_it_names_at_most_as_many_classes_as_asked_for(probe_world):
    predictor = Predictor.load(probe_world.run / "bundle")
    assert len(predictor.predict_bytes(jpeg(1), top=2).top) == 2


def test_it_abstains_below_the_bundles_threshold(bundle):
    content = read(bundle / "calibration.json")
    for threshold, abstained in ((0.0, False), (1.01, True)):
        (bundle / "calibration.json").write_text(json.dumps({**content, "threshold": threshold}))
        reseal(bundle)
        assert Predictor.load(bundle).predict_bytes(jpeg(1)).abstained is abstained


def test_beyond_the_limit_it_calls_a_photo_unfamiliar_whatever_it_is_sure_of(bundle):
    content = read(bundle / "calibration.json")
    for limit, reason in ((1e-6, "unfamiliar"), (1e6, ""), (None, "")):
        content.update(threshold=0.0, unfamiliar={**content["unfamiliar"], "limit": limit})
        (bundle / "calibration.json").write_text(json.dumps(content))
        reseal(bundle)
        answer = Predictor.load(bundle).predict_bytes(jpeg(1))
        assert answer.reason == reason
        assert answer.abstained is bool(reason)
        assert answer.unfamiliarity is None if limit is None else (answer.unfamiliarity > 1) is bool(reason)


def test_a_bundle_of_version_1_answers_without_unfamiliarity(bundle):
    for name in ("familiarity.npz", "recipe.json", "weights.safetensors"):
        (bundle / name).unlink()
    labels, calibration = read(bundle / "labels.json"), read(bundle / "calibration.json")
    del calibration["unfamiliar"]
    (bundle / "labels.json").write_text(json.dumps({**labels, "version": 1}))
    (bundle / "calibration.json").write_text(json.dumps({**calibration, "version": 1, "threshold": 0.0}))
    reseal(bundle)
    answer = Predictor.load(bundle).predict_bytes(jpeg(1))
    assert (answer.reason, answer.unfamiliarity) == ("", None)


@pytest.mark.parametrize("line", ["../secret", "/etc/passwd", ""])
def test_sums_that_name_a_file_elsewhere_are_corrupt(bundle, line):
    with (bundle / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  {line}\n")
    with pytest.raises(BundleCorruptError, match="names no file"):
        Predictor.load(bundle)


@pytest.mark.parametrize("content", [b"not a zip", None])
def test_a_familiarity_of_another_kind_is_incompatible(bundle, content):
    if content is None:  # made for embeddings of another length
        other = Familiarity(np.ones((3, 8)), np.eye(8)[:2], np.ones(2), 1.0)
        content = other.to_bytes()
    (bundle / "familiarity.npz").write_bytes(content)
    reseal(bundle)
    with pytest.raises(BundleIncompatibleError, match="familiarity"):
        Predictor.load(bundle)


def test_its_digest_is_that_of_its_sums(bundle, probe_world):
    expected = hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()
    assert Predictor.load(bundle).digest == expected
    assert read(probe_world.run / "run.json")["bundle_digest"] == expected


FILES = (
    "model.onnx", "labels.json", "preprocess.json", "calibration.json", "card.md", "familiarity.npz",
    "recipe.json", "weights.safetensors",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_any_damaged_or_missing_file_is_corrupt(bundle, name, damage):
    if damage == "gone":
        (bundle / name).unlink()
    else:
        (bundle / name).write_bytes((bundle / name).read_bytes() + b" ")
    with pytest.raises(BundleCorruptError, match=name):
        Predictor.load(bundle)


def test_a_folder_that_is_no_bundle_is_corrupt(tmp_path):
    with pytest.raises(BundleCorruptError, match="is no bundle"):
        Predictor.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("labels.json", {"version": 3}),
        ("calibration.json", {"version": 0}),
        ("preprocess.json", {"resize": "letterbox"}),
        ("preprocess.json", {"version": 9}),
        ("preprocess.json", {"size": 224}),
        ("labels.json", {"classes": []}),
    ],
)
def test_a_whole_bundle_of_another_version_is_incompatible(bundle, name, change):
    (bundle / name).write_text(json.dumps({**read(bundle / name), **change}))
    reseal(bundle)
    with pytest.raises(BundleIncompatibleError):
        Predictor.load(bundle)


def test_a_model_that_onnxruntime_cannot_load_is_incompatible(bundle):
    (bundle / "model.onnx").write_bytes(b"not a graph")
    reseal(bundle)
    with pytest.raises(BundleIncompatibleError, match="onnxruntime"):
        Predictor.load(bundle)


def test_a_broken_photo_raises_what_decoding_raises(probe_world, tmp_path):
    predictor = Predictor.load(probe_world.run / "bundle")
    (tmp_path / "cut.jpg").write_bytes(jpeg(1)[:300])
    with pytest.raises(DecodeError):
        predictor.predict_file(tmp_path / "cut.jpg")
    with pytest.raises(FileNotFoundError):
        predictor.predict_file(tmp_path / "none.jpg")


@pytest.mark.parametrize("world", ["probe_world", "tail_world"])
def test_it_works_where_torch_timm_onnx_and_django_cannot_be_imported(world, request, tmp_path):
    world = request.getfixturevalue(world)
    (tmp_path / "photo.jpg").write_bytes(jpeg(3))
    code = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'timm', 'onnx', 'django', 'scipy', 'sklearn'):\n"
        "    sys.modules[name] = None\n"
        "from ml.bundle.predict import Predictor\n"
        "print(Predictor.load(sys.argv[1]).predict_file(sys.argv[2]).top[0][0].key)\n"
    )
    words = [sys.executable, "-c", code, world.run / "bundle", tmp_path / "photo.jpg"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"red", "green", "blue"}


def test_the_card_tells_data_recipe_figures_and_limits(probe_world):
    card = (probe_world.run / "bundle" / "card.md").read_text()
    for part in (
        "## Data", "## Figures", "## Doubt", "## Recipe", "## Limits", "| red | colours |", "linear_probe",
        "96 × 96 pixels", "readings of this test set that the store knows of: 0",
    ):  # fmt: skip
        assert part in card
