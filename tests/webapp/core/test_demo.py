"""The demo, made for real in a data folder of its own: small photos, few of a class, no site running."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.site import ROOT, Site, wait_until

SMALL = ("--per-class", "10", "--size", "128")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, str]:
    """A data folder in which the demo was made, and what the command said."""
    site = Site(tmp_path_factory.mktemp("demo"))
    site.manage("migrate", "-v0")
    return site, site.manage("demo", *SMALL).stdout


def planted(site: Site) -> dict[str, list[dict[str, str]]]:
    return json.loads((site.data / "demo-planted.json").read_text(encoding="utf-8"))


def test_there_is_one_data_set_that_says_it_is_drawn(made: tuple[Site, str]) -> None:
    site, _said = made
    assert site.rows("select name, is_drawn from datasets_dataset") == [("Demo: drawn household waste", 1)]


def test_every_photo_is_noted_as_drawn_and_accepted(made: tuple[Site, str]) -> None:
    site, _said = made
    assert site.rows("select distinct source, state from datasets_image") == [("drawn", "accepted")]


def test_classes_have_names_in_both_languages_and_a_bin(made: tuple[Site, str]) -> None:
    site, _said = made
    classes = site.rows(
        "select c.key, c.name_en, c.name_zh, k.bin from datasets_labelclass c "
        "join datasets_category k on k.id = c.category_id"
    )
    assert len(classes) == 12
    assert ("毛巾", "Towel", "毛巾", "other") in classes
    assert {bin_ for *_names, bin_ in classes} == {"recyclable", "kitchen", "hazardous", "other"}
    assert all(english for _key, english, _zh, _bin in classes)


def test_copies_and_broken_files_are_told_apart_on_import(made: tuple[Site, str]) -> None:
    site, _said = made
    verdicts = dict(site.rows("select verdict, count(*) from ingest_uploaditem group by verdict"))
    assert verdicts["duplicate"] == len(planted(site)["exact_duplicates"])
    refused = {name for name in verdicts if name not in ("saved", "duplicate")}
    assert refused == {"empty", "truncated", "not_an_image"}
    assert sum(verdicts[name] for name in refused) == len(planted(site)["broken"])


def test_a_model_of_a_finished_run_is_published(made: tuple[Site, str]) -> None:
    site, said = made
    published = site.rows(
        "select r.recipe, j.state, b.digest from publishing_publishedmodel m "
        "join publishing_bundle b on b.id = m.bundle_id join runs_run r on r.id = b.run_id "
        "join jobs_job j on j.id = r.job_id where m.is_current"
    )
    assert [row[:2] for row in published] == [("linear_probe", "succeeded")]
    assert (site.data / "bundles" / published[0][2] / "model.onnx").is_file()
    assert "Published it: /m/" in said


def test_it_knows_far_more_than_chance(made: tuple[Site, str]) -> None:
    site, said = made
    [(accuracy,)] = site.rows("select test_accuracy from runs_run")
    assert accuracy > 0.4
    assert f"names {accuracy:.0%} of" in said


def test_a_second_start_changes_nothing(made: tuple[Site, str]) -> None:
    site, _said = made
    tables = ("datasets_dataset", "datasets_image", "ingest_uploadbatch", "runs_run", "publishing_bundle")
    before = [site.rows(f"select count(*) from {table}") for table in tables]
    said = site.manage("demo", *SMALL).stdout
    assert [site.rows(f"select count(*) from {table}") for table in tables] == before
    assert "are there already" in said
    assert "published already" in said


def test_two_at_once_do_not_make_it_twice(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.manage("migrate", "-v0")
    with (site.data / "demo.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = site.manage("demo", *SMALL).stdout
    assert "by another process" in said
    assert site.rows("select count(*) from datasets_dataset") == [(0,)]


def test_a_number_that_cannot_be_drawn_is_refused_with_a_sentence(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.manage("migrate", "-v0")
    refused = site.manage("demo", "--per-class", "1", check=False)
    assert refused.returncode == 2
    assert "per-class must be at least 4" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.faults
def test_a_start_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.manage("migrate", "-v0")
    killed = subprocess.Popen(
        [sys.executable, "manage.py", "demo", *SMALL],
        cwd=ROOT,
        env=site.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: site.rows("select 1 from runs_run"), seconds=120, what="the first run")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert site.rows("select count(*) from publishing_publishedmodel") == [(0,)]

    said = site.manage("demo", *SMALL).stdout
    assert "Drawing" not in said
    assert site.rows("select count(*) from datasets_dataset") == [(1,)]
    assert site.rows("select count(*) from ingest_uploadbatch") == [(1,)]
    assert site.rows("select r.number, j.state from runs_run r join jobs_job j on j.id = r.job_id") == [
        (1, "succeeded")
    ]
    assert site.rows("select count(*) from publishing_publishedmodel where is_current") == [(1,)]
