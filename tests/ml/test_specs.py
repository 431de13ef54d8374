import json
import subprocess
import sys

import pytest

from ml.specs import DEFAULT_RECIPE, RECIPES, SETTINGS, SpecError, TrainSpec, make_spec
from tests.ml.worlds import ROOT


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_has_valid_defaults_and_says_what_it_is(recipe):
    info = RECIPES[recipe]
    spec = make_spec(recipe)
    assert spec.recipe == recipe
    assert info.title
    assert info.description.endswith(".")
    assert info.expected_time
    assert {setting.name for setting in info.settings} <= set(SETTINGS)
    assert all(setting.help for setting in info.settings)


def test_the_papers_two_runs_have_the_papers_settings():
    scratch, finetune = make_spec("scratch"), make_spec("finetune")
    assert (scratch.optimizer, scratch.lr, scratch.batch, scratch.momentum) == ("sgd", 1e-3, 128, 0.0)
    assert (finetune.optimizer, finetune.batch, finetune.epochs) == ("adam", 32, 10)
    assert finetune.head_lr == pytest.approx(10 * finetune.lr)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_spec_survives_json_with_the_same_digest(recipe):
    spec = make_spec(recipe, seed=7)
    again = TrainSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert again.digest() == spec.digest()


def test_the_digest_changes_with_any_setting_and_with_the_seed():
    digests = {
        make_spec(DEFAULT_RECIPE).digest(),
        make_spec(DEFAULT_RECIPE, {"lr": "1e-3"}).digest(),
        make_spec(DEFAULT_RECIPE, seed=1).digest(),
    }
    assert len(digests) == 3


def test_equal_values_written_differently_are_one_spec():
    assert make_spec("finetune", {"lr": "1e-3"}).digest() == make_spec("finetune", {"lr": "0.001"}).digest()
    assert make_spec("scratch", {"lr": "1"}).digest() == make_spec("scratch", {"lr": "1.0"}).digest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "100"),
        ("size", "0"),
        ("epochs", "1.5"),
        ("epochs", "1_0"),
        ("epochs", ""),
        ("lr", "nan"),
        ("lr", "inf"),
        ("lr", "0"),
        ("lr", "0x1"),
        ("batch", "-4"),
        ("optimizer", "magic"),
        ("frozen_blocks", "7"),
        ("no_such_setting", "1"),
        ("momentum", "0.9"),
    ],
)
def test_a_bad_setting_is_refused_by_name(name, value):
    with pytest.raises(SpecError) as caught:
        make_spec("partial_finetune", {name: value})
    assert caught.value.field == name
    assert caught.value.message


def test_a_whole_network_may_see_112_pixels_and_a_trunk_only_multiples_of_32():
    assert make_spec("scratch", {"size": "112"}).size == make_spec("finetune", {"size": "112"}).size == 112
    for recipe in ("linear_probe", "partial_finetune"):
        with pytest.raises(SpecError, match="size: a multiple of 32"):
            make_spec(recipe, {"size": "112"})


def test_an_unknown_recipe_or_seed_is_refused_by_name():
    with pytest.raises(SpecError, match="recipe: one of linear_probe"):
        make_spec("magic")
    with pytest.raises(SpecError, match="seed"):
        make_spec("scratch", seed=-1)


@pytest.mark.parametrize(
    "change", [{"format": "x"}, {"version": 2}, {"extra": 1}, {"lr": "0.1"}, {"size": True}]
)
def test_json_that_is_no_spec_is_refused(change):
    with pytest.raises(SpecError):
        TrainSpec.from_json({**make_spec("scratch").to_json(), **change})


def test_json_with_a_missing_field_names_it():
    content = make_spec("scratch").to_json()
    del content["batch"]
    with pytest.raises(SpecError, match="batch: missing"):
        TrainSpec.from_json(content)


def test_importing_specs_loads_the_standard_library_only():
    code = "import sys, ml.specs; print([m for m in ('numpy', 'torch', 'cv2', 'django') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
