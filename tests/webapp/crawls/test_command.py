"""`manage.py crawl`: what it refuses, how it names things, and what Ctrl-C leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from tests.support.crawl_rows import add_crawl
from tests.support.rows import add_worker
from webapp.core.commands import progress_line
from webapp.crawls.management.commands import crawl as command
from webapp.datasets.services import class_create
from webapp.jobs import waiting
from webapp.jobs.models import Job, JobKind, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def glass(dataset):
    """A class whose key is its name, beside one with other names."""
    bottle = class_create(dataset=dataset, name="bottle")
    bottle.name_en, bottle.name_zh = "Bottle", "瓶子"
    bottle.save()
    return class_create(dataset=dataset, name="glass")


def refused(dataset, *arguments: str, label: str = "glass") -> str:
    """The sentence; nothing was started."""
    with pytest.raises(CommandError) as ended:
        call_command("crawl", dataset.slug, label, *arguments)
    assert ended.value.returncode == 2
    assert not Job.objects.exists()
    return str(ended.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--min-side", "-5"], "“Shorter side at least, px” is a whole number from 0 to 20,000."),
        (["--min-side", "99999999999999999999"], "“Shorter side at least, px” is a whole number"),
        (["--target", "0"], "“Stop at so many saved” is a whole number from 1 to 100,000."),
        (["--target", "-1"], "“Stop at so many saved” is"),
        (["--per-page", "0"], "“Per page” is a whole number from 1 to 100,000."),
        (["--start-page", "0"], "“Start page” is"),
        (["--start-page", "99999999999999999999"], "“Start page” is"),
        (["--total-page", "99999999999999999999"], "“Total pages” is"),
        (["--query", "glass" * 600], "A search has at most 200 characters; this one has 3,000"),
        (["--list", "list.txt"], "--list goes with --provider urls."),
        (["--provider", "urls"], "--provider urls needs --list FILE"),
        (
            ["--provider", "urls", "--list", "-", "--query", "cup"],
            "--query goes with a source that is searched",
        ),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_exit_code_2(dataset, glass, arguments, sentence):
    assert sentence in refused(dataset, *arguments)


def test_an_unknown_class_is_answered_with_the_known_ones_each_once(dataset, glass):
    assert refused(dataset, label="xyz").endswith("Known: bottle (Bottle, 瓶子), glass.")
    assert refused(dataset, label="botle").endswith("Known: bottle (Bottle, 瓶子).")


def test_ctrl_c_says_that_the_crawl_goes_on_and_where_to_watch_and_cancel_it(dataset, glass, monkeypatch):
    def interrupted(job, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "wait_for", interrupted)
    with pytest.raises(CommandError) as ended:
        call_command("crawl", dataset.slug, "glass")
    assert ended.value.returncode == 130
    page = f"/studio/d/{dataset.slug}/crawls/1/"
    assert str(ended.value) == (
        f"Crawl {dataset.slug}/1 waits in the queue for the next “manage.py up”. "
        f"Watch it, or cancel it, on its page {page}."
    )
    add_worker("crawl")
    with pytest.raises(CommandError, match=f"^Crawl {dataset.slug}/2 goes on. Watch it, or cancel it,"):
        call_command("crawl", dataset.slug, "glass")
    assert Job.objects.filter(kind=JobKind.CRAWL, state=JobState.QUEUED).count() == 2


def test_ctrl_c_in_a_terminal_reaches_the_command_and_not_the_process_that_does_its_job(
    dataset, glass, monkeypatch
):
    groups: list[int] = []

    class Interrupted(subprocess.Popen):
        def __init__(self, _command, **options):
            super().__init__([sys.executable, "-c", "import time; time.sleep(60)"], **options)
            groups.append(os.getpgid(self.pid))

        def poll(self):
            if not groups[1:]:
                groups.append(0)
                raise KeyboardInterrupt
            return super().poll()

    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(waiting.subprocess, "Popen", Interrupted)
    with pytest.raises(CommandError) as ended:
        call_command("crawl", dataset.slug, "glass")
    assert ended.value.returncode == 130
    assert groups[0] != os.getpgid(0)


def test_progress_and_answer_name_the_crawl_as_the_site_does(dataset, glass, monkeypatch, capsys):
    add_crawl(glass)  # so that the crawl's number and its job's differ
    Job.objects.create(kind=JobKind.DUPLICATES, dataset=dataset, state=JobState.CANCELLED)

    def ended(job, *, on_progress):
        Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, finished_at=timezone.now())
        job.refresh_from_db()
        on_progress(job)
        return job

    monkeypatch.setattr(command, "wait_for", ended)
    call_command("crawl", dataset.slug, "glass")
    printed = capsys.readouterr()
    assert f"Crawl {dataset.slug}/2: " in printed.err
    assert json.loads(printed.out)["crawl"] == f"{dataset.slug}/2"


def test_progress_of_other_jobs_is_named_by_the_job(dataset, capsys):
    job = Job.objects.create(kind=JobKind.DUPLICATES, dataset=dataset)
    progress_line()(job)
    assert f" {job.pk}: " in capsys.readouterr().err
