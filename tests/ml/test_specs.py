import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ml.specs import DEFAULT_RECIPE, FREEZABLE, RECIPES, SETTINGS, Preset, SpecError, TrainSpec, make_spec
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


# The table of the two runs that repeat the paper; how the last layer starts is tested with the networks.
PAPER = {
    "scratch": {"backbone": "resnet18", "optimizer": "sgd", "lr": 1e-3, "head_lr": 1e-3, "momentum": 0.0,
                "weight_decay": 0.0, "batch": 128, "epochs": 10, "size": 224, "normalisation": "dataset"},
    "finetune": {"backbone": "resnet18", "optimizer": "adam", "lr": 1e-4, "head_lr": 1e-3, "momentum": 0.0,
                 "weight_decay": 0.0, "batch": 32, "epochs": 10, "size": 224, "normalisation": "weights"},
}  # fmt: skip
# Flips, plain cross-entropy and a plain loop, in both.
PLAIN = {"augment": "flips", "label_smoothing": 0.0, "class_weights": "none", "sampling": "shuffled", "mixup": 0.0,
         "schedule": "constant", "early_stopping": 0, "ema": 0.0}  # fmt: skip


@pytest.mark.parametrize(
    ("recipe", "name", "value"),
    [(recipe, name, value) for recipe in PAPER for name, value in {**PAPER[recipe], **PLAIN}.items()],
)
def test_the_papers_two_runs_have_the_papers_settings(recipe, name, value):
    assert getattr(make_spec(recipe), name) == value


def test_the_default_recipe_goes_through_one_cycle_of_rates():
    assert make_spec("partial_finetune").schedule == "one_cycle"


@pytest.mark.parametrize(
    ("recipe", "preset"), [(info.name, preset) for info in RECIPES.values() for preset in info.presets]
)
def test_a_preset_is_a_valid_spec_that_overrides_change_further(recipe, preset):
    chosen = RECIPES[recipe].presets[preset]
    assert (chosen.name, bool(chosen.title), chosen.description[-1]) == (preset, True, ".")
    spec = make_spec(recipe, preset=preset)
    assert all(getattr(spec, name) == value for name, value in chosen.values.items())
    assert spec.digest() != make_spec(recipe).digest()
    typed = {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in chosen.values.items()
    }
    assert make_spec(recipe, typed).digest() == spec.digest()  # its name counts for nothing
    assert make_spec(recipe, {"size": "96"}, preset=preset).size == 96


def test_an_unknown_preset_is_refused_by_name():
    with pytest.raises(SpecError, match="preset: one of fast, best is needed, not 'magic'"):
        make_spec("partial_finetune", preset="magic")


def test_a_preset_with_a_setting_that_the_recipe_lacks_cannot_be_made():
    info = RECIPES["linear_probe"]
    with pytest.raises(SpecError, match="momentum: linear_probe has no such setting"):
        replace(info, presets={"odd": Preset("odd", "Odd", "Odd.", {"momentum": 0.5})})


# Written by version 1, with the digests that its runs and checkpoints are known by.
VERSION_1 = json.loads((Path(__file__).parent / "specs_version_1.json").read_text())


@pytest.mark.parametrize("content", VERSION_1, ids=lambda content: content["spec"]["recipe"])
def test_a_spec_of_version_1_is_read_as_what_it_was_and_keeps_its_digest(content):
    spec = TrainSpec.from_json(content["spec"])
    assert spec.digest() == content["digest"]
    assert spec.schedule == ("one_cycle" if spec.recipe == "partial_finetune" else "constant")
    assert (spec.early_stopping, spec.mixup, spec.sampling, spec.ema) == (0, 0.0, "shuffled", 0.0)
    again = TrainSpec.from_json(spec.to_json())
    assert (again, again.digest()) == (spec, content["digest"])


# Written by version 2, as above; `start` and what else it added are in most of them.
VERSION_2 = json.loads((Path(__file__).parent / "specs_version_2.json").read_text())


@pytest.mark.parametrize("content", VERSION_2, ids=lambda content: content["spec"]["recipe"])
def test_a_spec_of_version_2_is_read_as_what_it_was_and_keeps_its_digest(content):
    spec = TrainSpec.from_json(content["spec"])
    assert spec.digest() == content["digest"]
    assert (spec.features, spec.refit) == ("pooled", "none")


def test_a_refit_has_a_digest_of_its_own():
    assert make_spec("kernel_probe", {"refit": "train_val"}).digest() != make_spec("kernel_probe").digest()


def test_a_refit_needs_a_probe():
    with pytest.raises(SpecError, match="refit: train_val goes with a probe"):
        make_spec("partial_finetune", {"start": "plain", "refit": "train_val"})
    # What a probe would read of the network is no matter without one.
    assert make_spec("partial_finetune", {"start": "plain"}).features == "textured"
    with pytest.raises(SpecError, match="refit: finetune has no such setting"):
        make_spec("finetune", {"refit": "train_val"})


@pytest.mark.parametrize(
    "changed", [{"schedule": "cosine"}, {"early_stopping": "3"}, {"mixup": "0.2"}, {"sampling": "balanced"},
                {"ema": "0.99"}],
)  # fmt: skip
def test_what_version_1_could_not_say_has_a_digest_of_its_own(changed):
    assert make_spec("finetune", changed).digest() != make_spec("finetune").digest()


def test_the_classes_are_evened_out_once():
    with pytest.raises(SpecError, match=r"sampling: .* twice"):
        make_spec("finetune", {"sampling": "balanced", "class_weights": "balanced"})


@pytest.mark.parametrize("recipe", ["linear_probe", "partial_finetune"])
def test_recipes_on_a_frozen_part_offer_the_networks_that_have_one(recipe):
    info = RECIPES[recipe]
    assert info.setting("backbone").choices == FREEZABLE
    with pytest.raises(SpecError, match=r"backbone: one of efficientnet_lite0, .* is needed, not 'resnet18'"):
        make_spec(recipe, {"backbone": "resnet18"})
    with pytest.raises(SpecError, match="backbone"):
        replace(make_spec(recipe), backbone="resnet18")


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
    "change", [{"format": "x"}, {"version": 4}, {"version": "1"}, {"extra": 1}, {"lr": "0.1"}, {"size": True}]
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


@pytest.mark.parametrize("recipe", ["partial_finetune", "finetune", "scratch"])
def test_a_recipe_offers_only_optimizers_that_it_accepts(recipe):
    choices = RECIPES[recipe].setting("optimizer").choices
    assert set(choices) == {make_spec(recipe, {"optimizer": one}).optimizer for one in choices}
    with pytest.raises(SpecError, match="is needed, not 'closed_form'"):
        make_spec(recipe, {"optimizer": "closed_form"})
