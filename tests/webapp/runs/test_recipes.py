"""Recipe cards: what they offer, how wrong settings are told, and what a start writes."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import translation

from ml.pretrained import PRETRAINED
from ml.specs import DEFAULT_RECIPE, RECIPES, SETTINGS, make_spec
from tests.webapp.runs import world
from webapp.core.store import site_store
from webapp.datasets.models import Image
from webapp.runs.forms import cannot_run
from webapp.runs.models import Run
from webapp.runs.words import WORDS
from webapp.snapshots.services import labels_fingerprint

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(dataset):
    return reverse("runs:new", args=[dataset.slug])


@pytest.fixture
def snapshot(dataset):
    return world.make_snapshot(dataset)


def test_every_recipe_has_a_card_and_the_default_is_marked(client_of, curator, snapshot, page):
    cards = client_of(curator).get(page).context["cards"]
    assert [card.recipe.name for card in cards] == list(RECIPES)
    assert [card.recipe.name for card in cards if card.is_default] == [DEFAULT_RECIPE]


def test_a_recipe_without_its_weights_says_so_until_they_lie_there(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    here, file = site_store(), PRETRAINED["resnet18"].file
    with translation.override("en"):  # whatever the page that was asked for last spoke
        sentence = cannot_run("finetune", here)
    assert f"run “manage.py fetch_weights resnet18”, or put {file} into {here.weights}, or" in sentence
    assert cannot_run("scratch", here) is None
    assert "ResNet-50" in cannot_run("finetune", here, "resnet50")
    assert cannot_run("finetune", here, "efficientnet_lite0") is None
    here.weights.mkdir(parents=True)
    (here.weights / file).write_bytes(b"weights")
    assert cannot_run("finetune", here) is None


def test_a_disabled_recipe_cannot_be_started_by_hand_either(
    client_of, curator, snapshot, page, monkeypatch, tmp_path
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    response = client_of(curator).post(page, {"recipe": "finetune", "snapshot": "1"})
    assert response.status_code == 422
    assert not Run.objects.exists()


def test_a_recipe_without_its_weights_starts_with_a_network_that_is_here(
    client_of, curator, snapshot, page, monkeypatch, tmp_path
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    client_of(curator).post(page, {"recipe": "finetune", "snapshot": "1", "backbone": "efficientnet_lite0"})
    assert Run.objects.get().spec["backbone"] == "efficientnet_lite0"


@pytest.mark.parametrize(
    ("recipe", "preset"), [(info.name, preset) for info in RECIPES.values() for preset in info.presets]
)
def test_a_preset_fills_its_recipes_card_so_that_it_can_be_started(
    client_of, curator, snapshot, page, monkeypatch, tmp_path, recipe, preset
):
    monkeypatch.setattr("webapp.runs.forms.cannot_run", lambda *_: None)
    visitor = client_of(curator)
    answer = visitor.get(page, {"recipe": recipe, "preset": preset})
    card = next(card for card in answer.context["cards"] if card.recipe.name == recipe)
    changed = {field.name: field.value for field in card.fields if field.is_changed}
    assert changed.keys() == RECIPES[recipe].presets[preset].values.keys()
    assert [one.is_open for one in answer.context["cards"]] == [
        one is card for one in answer.context["cards"]
    ]
    assert answer.content.decode().count('aria-current="true"') >= 1
    typed = {field.name: field.value for field in card.fields}
    visitor.post(page, {"recipe": recipe, "snapshot": "1", **typed})
    assert Run.objects.get().spec == make_spec(recipe, preset=preset).to_json()


@pytest.mark.parametrize(
    "query", [{"recipe": "magic", "preset": "best"}, {"recipe": "finetune", "preset": "best"}]
)
def test_a_preset_that_does_not_exist_shows_the_usual_cards(client_of, curator, snapshot, page, query):
    cards = client_of(curator).get(page, query).context["cards"]
    assert not any(card.is_open for card in cards)


def test_a_start_with_changed_settings_queues_that_run(client_of, curator, dataset, snapshot, page):
    typed = {
        "recipe": "partial_finetune",
        "snapshot": "1",
        "seed": "7",
        "epochs": "3",
        "lr": "0.0005",
        "batch": " 16 ",
    }
    response = client_of(curator).post(page, typed)
    run = Run.objects.get()
    assert response["Location"] == reverse("runs:detail", args=[dataset.slug, run.number])
    assert (run.spec["epochs"], run.spec["batch"], run.seed, run.snapshot) == (3, 16, 7, snapshot)
    assert (run.created_by, run.job.state) == (curator, "queued")


def test_without_a_chosen_snapshot_the_data_set_is_frozen_as_it_is(client_of, curator, snapshot, page):
    client_of(curator).post(page, {"recipe": "linear_probe", "snapshot": ""})
    run = Run.objects.get()
    assert run.snapshot.number == 2  # the first one's fingerprint is not that of the labels now
    assert run.job.after == run.snapshot.job


def test_all_wrong_settings_are_told_at_their_fields_and_what_was_typed_stays(
    client_of, curator, snapshot, page
):
    typed = {"recipe": "partial_finetune", "epochs": "many", "lr": "-1", "seed": "x", "snapshot": "1"}
    response = client_of(curator).post(page, typed)
    assert response.status_code == 422
    card = next(card for card in response.context["cards"] if card.recipe.name == "partial_finetune")
    errors = {field.name: field.error for field in card.fields if field.error}
    assert set(errors) == {"epochs", "lr"}
    assert "whole number" in errors["epochs"]
    assert card.seed_error
    assert card.is_open
    assert {field.name: field.value for field in card.fields}["epochs"] == "many"
    assert not Run.objects.exists()


@pytest.mark.parametrize("number", ["99", "x", "-1"])
def test_a_snapshot_that_does_not_exist_is_refused(client_of, curator, snapshot, page, number):
    response = client_of(curator).post(page, {"recipe": "linear_probe", "snapshot": number})
    assert response.status_code == 422
    assert "no such snapshot" in response.content.decode()


def test_an_unknown_recipe_is_refused(client_of, curator, snapshot, page):
    assert client_of(curator).post(page, {"recipe": "magic"}).status_code == 422


def test_a_data_set_that_cannot_be_trained_on_says_why(client_of, curator, page):
    response = client_of(curator).get(page)
    assert "no labelled photos yet" in response.content.decode()
    assert client_of(curator).post(page, {"recipe": "linear_probe"}).status_code == 422


def test_a_run_can_be_taken_as_the_pattern_of_the_next(client_of, curator, snapshot, page):
    world.make_run(snapshot, overrides={"epochs": "3"}, seed=9)
    cards = client_of(curator).get(page, {"like": "1"}).context["cards"]
    card = next(card for card in cards if card.recipe.name == "partial_finetune")
    assert ({field.name: field.value for field in card.fields}["epochs"], card.seed) == ("3", "9")
    assert [one.is_open for one in cards] == [one is card for one in cards]


def test_the_pattern_brings_its_old_snapshot_only_while_the_labels_are_still_the_same(
    client_of, curator, dataset, snapshot, page
):
    snapshot.fingerprint = labels_fingerprint(dataset)
    snapshot.save()
    world.make_run(snapshot)
    chosen = '<option value="1" selected>Snapshot 1'

    def offered():
        return client_of(curator).get(page, {"like": "1"}).content.decode()

    assert chosen in offered()
    Image.objects.filter(label__key="can").update(label=dataset.classes.get(key="peel"))
    changed = offered()
    assert chosen not in changed
    assert "as run 1</option>" in changed


@pytest.mark.parametrize("role", ["viewer", "annotator"])
def test_only_curators_may_start_runs(client_of, request, role, snapshot, page):
    client = client_of(request.getfixturevalue(role))
    assert client.get(page).status_code == 403
    assert client.post(page, {"recipe": "linear_probe"}).status_code == 403


def test_translators_find_every_word_of_the_recipes():
    titles = {text for one in RECIPES.values() for text in (one.title, one.description, one.expected_time)}
    presets = [preset for one in RECIPES.values() for preset in one.presets.values()]
    titles |= {text for preset in presets for text in (preset.title, preset.description)}
    assert titles | {setting.help for setting in SETTINGS.values()} == WORDS
