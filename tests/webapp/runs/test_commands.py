"""`manage.py train` and `manage.py fetch_weights` as scripts use them."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from ml.pretrained import PRETRAINED
from ml.specs import make_spec
from tests.webapp.runs import world
from webapp.core.store import site_store
from webapp.runs.models import Run
from webapp.snapshots.services import labels_fingerprint

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot(dataset):
    snapshot = world.make_snapshot(dataset)
    snapshot.fingerprint = labels_fingerprint(dataset)
    snapshot.save()
    return snapshot


def test_train_takes_a_preset_and_changes_it_further(capsys, dataset, snapshot):
    call_command("train", dataset.slug, "--preset", "best", "--set", "epochs=3")
    assert json.loads(capsys.readouterr().out)["state"] == "queued"
    assert Run.objects.get().spec == make_spec("partial_finetune", {"epochs": "3"}, preset="best").to_json()


def test_without_a_worker_train_says_that_the_run_only_waits(capsys, dataset, snapshot):
    call_command("train", dataset.slug, "--recipe", "linear_probe")
    told = capsys.readouterr()
    assert json.loads(told.out)["state"] == "queued"
    assert told.err == "No worker is running: the run starts with the next “manage.py up”, or with --wait.\n"


def test_train_refuses_a_recipe_whose_weights_are_missing_before_anything_is_frozen(
    dataset, monkeypatch, tmp_path
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(CommandError, match="weights of ResNet-18 are not on this machine") as refused:
        call_command("train", dataset.slug, "--recipe", "finetune", "--wait")
    assert refused.value.returncode == 2
    assert not dataset.snapshots.exists()


def test_train_refuses_an_unknown_preset_in_one_sentence(dataset, snapshot):
    with pytest.raises(CommandError, match="preset: one of fast, best is needed, not 'magic'") as refused:
        call_command("train", dataset.slug, "--preset", "magic")
    assert refused.value.returncode == 2
    assert not Run.objects.exists()


def test_fetch_weights_answers_with_the_file_that_is_here(capsys):
    call_command("fetch_weights", "efficientnet_lite0")
    answer = json.loads(capsys.readouterr().out)
    assert answer["file"].endswith(PRETRAINED["efficientnet_lite0"].file)
    assert answer["sha256"].startswith("57934424")


def test_fetch_weights_without_a_network_ends_with_one_sentence_and_code_2(monkeypatch, capfd, tmp_path):
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        call_command("fetch_weights", "resnet18")
    assert ended.value.code == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert "The weights of ResNet-18 could not be fetched" in told.err.splitlines()[-1]
    assert list(site_store().weights.iterdir()) == []
