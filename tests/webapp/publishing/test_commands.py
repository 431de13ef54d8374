"""`manage.py publish` and `manage.py classify` by their JSON contract."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.webapp.publishing import world
from webapp.publishing.services import run_publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def data(data_dir, settings):
    settings.REDIS_URL = ""
    return data_dir


def answer_of(*arguments: str) -> list[dict]:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_publish_takes_a_run_by_any_of_its_names(data, finished_run, dataset):
    run = finished_run(world.make_bundle(data))
    for name in (f"{dataset.slug}/{run.number}", run.folder, f"some/where/{run.folder}", str(run.pk)):
        [printed] = answer_of("publish", name)
        assert printed["dataset"] == dataset.slug
        assert printed["url"] == f"/m/{dataset.slug}/"
        assert printed["model"]


@pytest.mark.parametrize("name", ["nothing/9", "0" * 32, "99999", "kerbside/x", ""])
def test_publish_says_which_run_it_does_not_know(data, finished_run, name):
    finished_run(None)
    with pytest.raises(CommandError, match="no run") as caught:
        call_command("publish", name)
    assert caught.value.returncode == 2


def test_publish_says_why_not(data, finished_run):
    with pytest.raises(CommandError, match="no model") as caught:
        call_command("publish", str(finished_run(None).pk))
    assert caught.value.returncode == 2


def test_classify_prints_a_line_for_each_image_and_tells_of_a_broken_one(data, finished_run, tmp_path, capfd):
    run_publish(run=finished_run(world.make_bundle(data)), published_by=None)
    paths = []
    green = world.photo(world.GREEN, kind="PNG")
    for name, content in (("red.jpg", world.photo(world.RED)), ("no.jpg", b"text"), ("绿.png", green)):
        (tmp_path / name).write_bytes(content)
        paths.append(str(tmp_path / name))
    out = StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("classify", *paths, stdout=out)
    assert caught.value.code == 2
    first, broken, last = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (first["path"], first["label"], first["name"]) == (paths[0], "tin", "可回收物_tin")
    assert first["top"][0] == ["tin", first["probability"]]
    assert broken["path"] == paths[1]
    assert broken["error"]
    assert (last["path"], last["label"]) == (paths[2], "peel")


def test_classify_names_the_data_set_it_is_asked_for(data, finished_run, dataset, tmp_path):
    run_publish(run=finished_run(world.make_bundle(data)), published_by=None)
    (tmp_path / "blue.webp").write_bytes(world.photo(world.BLUE, kind="WEBP"))
    [line] = answer_of("classify", str(tmp_path / "blue.webp"), "--dataset", dataset.slug)
    assert line["label"] == "glass"
    with pytest.raises(CommandError, match="no data set"):
        call_command("classify", "x.jpg", "--dataset", "other")


def test_classify_without_a_published_model_says_what_to_do(data, dataset):
    with pytest.raises(CommandError, match="publish a finished run first") as caught:
        call_command("classify", "x.jpg")
    assert caught.value.returncode == 2
