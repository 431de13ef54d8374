"""`manage.py snapshot` with a filter."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from tests.support.rows import add_images
from webapp.datasets.services import class_create
from webapp.snapshots.management.commands import snapshot as command
from webapp.snapshots.models import Snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def trainable(dataset):
    for name in ("glass", "paper"):
        add_images(dataset, 5, class_create(dataset=dataset, name=name))
    return dataset


def test_a_filter_is_asked_for_by_options(trainable, monkeypatch):
    monkeypatch.setattr(command, "wait_for", lambda job, **_: job)  # nobody works here: it stays queued
    with pytest.raises(CommandError):
        call_command(
            "snapshot",
            trainable.slug,
            "--source",
            "upload",
            "--source",
            "crawl",
            "--min-side",
            "10",
            "--min-sharpness",
            "0.5",
        )
    assert Snapshot.objects.get().filter == {
        "sources": ["crawl", "upload"], "min_side": 10, "min_sharpness": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--licensed"], "lets no photo in"),
        (["--min-side", "0"], "from 1 to"),
        (["--min-sharpness", "nan"], "0 or more"),
    ],
)
def test_a_filter_that_leaves_nothing_or_makes_no_sense_ends_with_a_sentence(trainable, options, words):
    with pytest.raises(CommandError, match=words) as refused:
        call_command("snapshot", trainable.slug, *options)
    assert refused.value.returncode == 2
    assert not Snapshot.objects.exists()
