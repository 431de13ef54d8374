"""The form's preview: what is counted at once, what a finished look adds, and when that no longer holds."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images, add_look, add_snapshot
from webapp.datasets.services import category_for_bin, class_create
from webapp.jobs.models import Job, JobKind, JobState
from webapp.snapshots.models import Snapshot
from webapp.snapshots.plans import PhotoFilter, PlanError, SnapshotPlan

pytestmark = pytest.mark.django_db


def url(dataset, name, *more):
    return reverse(f"snapshots:{name}", args=[dataset.slug, *more])


@pytest.fixture
def trainable(dataset):
    for name, bin_, n in (("glass", "recyclable", 40), ("paper", "recyclable", 20), ("trash", "other", 2)):
        label = class_create(dataset=dataset, name=name, category=category_for_bin(dataset=dataset, bin=bin_))
        add_images(dataset, n, label)
    return dataset


def asked(**changes):
    return {"val": "10", "test": "10", "rule": "grouped", "seed": "0", "cap": "", "note": "", **changes}


def row_of(page, key):
    """The cells of a class's row after its name and bar: has, kept, train, val, test, …, weight."""
    text = page.content.decode()
    row = text[text.index(f'data-class="{key}"') :]
    row = row[: row.index("</tr>")]
    return [cell.split(">", 1)[1].split("<", 1)[0] for cell in row.split('<td class="r num"')[1:]]


def test_a_cap_a_filter_and_copies_change_what_is_kept_and_the_weights(client_of, curator, trainable):
    client = client_of(curator)
    for sha in trainable.images.filter(label__key="glass").values_list("pk", flat=True)[:30]:
        trainable.images.filter(pk=sha).update(width=20)
    plain = client.get(url(trainable, "preview"), asked())
    assert row_of(plain, "glass") == ["40", "40", "32", "4", "4", "0.52"]
    assert row_of(plain, "trash")[:2] == ["2", "2"]
    assertContains(plain, "Too small to stand in every split: trash.")
    assert row_of(client.get(url(trainable, "preview"), asked(cap="10")), "glass")[:5] == [
        "40",
        "10",
        "8",
        "1",
        "1",
    ]
    narrow = client.get(url(trainable, "preview"), asked(min_side="30"))
    assert row_of(narrow, "glass")[:2] == ["40", "10"]
    assert row_of(client.get(url(trainable, "preview"), asked(enhanced="on")), "paper")[:2] == ["20", "60"]
    assertContains(
        client.get(url(trainable, "preview"), asked(source="crawl")), "The filter lets no photo in."
    )


def test_the_papers_rule_cuts_as_the_paper_did(client_of, curator, trainable):
    page = client_of(curator).get(url(trainable, "preview"), asked(rule="paper", test="15"))
    assert row_of(page, "paper")[2:5] == ["15", "2", "3"]


def test_a_form_that_can_t_be_read_asks_for_that_first(client_of, curator, trainable):
    page = client_of(curator).get(url(trainable, "preview"), asked(val="many"))
    assertContains(page, "Put the form right")


def test_the_form_starts_with_its_preview_and_costs_no_more_for_more_photos(
    client_of, curator, trainable, django_assert_max_num_queries
):
    client = client_of(curator)
    assertContains(client.get(url(trainable, "create")), 'data-class="glass"')
    with django_assert_max_num_queries(14):
        client.get(url(trainable, "preview"), asked())


def look(dataset, **changes):
    return add_look(dataset, SnapshotPlan(cap=10), **changes)


def test_a_finished_look_gives_the_form_its_settings_its_exact_figures_and_the_leaks(
    client_of, curator, trainable
):
    page = client_of(curator).get(url(trainable, "create") + f"?preview={look(trainable).pk}")
    assert row_of(page, "glass")[:6] == ["40", "10", "7", "1", "1", "1"]
    for words in ("3 of 7 near-duplicate pairs would cross the split.", "2 of 3 test photos (67 %) are known",
                  "is held out of both", "Freeze this", "Exactly what would be frozen"):  # fmt: skip
        assertContains(page, words)
    assertContains(page, 'name="cap" value="10"')


def test_other_settings_or_other_labels_than_those_of_the_look_are_told(client_of, curator, trainable):
    client = client_of(curator)
    job = look(trainable)
    other = client.get(url(trainable, "preview"), asked(cap="12", preview=str(job.pk)))
    assertContains(other, "The settings changed since the look for leaks.")
    assertNotContains(other, "Freeze this")
    trainable.images.filter(pk=trainable.images.first().pk).update(version=9)
    older = client.get(url(trainable, "preview"), asked(cap="10", preview=str(job.pk)))
    assertContains(older, "Labels changed since this look")
    assertContains(older, "By counting")


def test_a_look_is_queued_with_the_settings_and_its_page_stays(client_of, curator, viewer, trainable):
    client = client_of(curator)
    answer = client.post(url(trainable, "look"), asked(rule="random", cap="20", source="upload"))
    job = Job.objects.get(kind=JobKind.PREVIEW)
    assert answer.url == url(trainable, "create") + f"?preview={job.pk}#preview"
    assert SnapshotPlan.from_json(job.payload["plan"]) == SnapshotPlan(
        rule="random", cap=20, filter=PhotoFilter(sources=("upload",))
    )
    waiting = client.get(answer.url)
    assertContains(waiting, "Looking for leaks")
    assertContains(waiting, "No worker takes this queue now.")
    assert not Snapshot.objects.exists()
    page = client_of(viewer).get(url(trainable, "report", look(trainable).pk))
    assertContains(page, "at most 10 a class")
    assertNotContains(page, "Freeze this")
    failed = look(trainable, state=JobState.FAILED, result={}, error="The disk is full.")
    assertContains(client.get(url(trainable, "report", failed.pk)), "The disk is full.")


def test_a_finished_report_tells_the_form_to_look_again(client_of, curator, trainable):
    client = client_of(curator)
    running = look(trainable, state=JobState.RUNNING, result={})
    answer = client.get(url(trainable, "report", running.pk), HTTP_HX_REQUEST="true")
    assert "HX-Trigger" not in answer.headers
    answer = client.get(url(trainable, "report", look(trainable).pk), HTTP_HX_REQUEST="true")
    assert answer["HX-Trigger"] == "previewDone"


def test_what_is_frozen_with_a_filter_shows_it(client_of, curator, viewer, trainable):
    client = client_of(curator)
    client.post(
        url(trainable, "create"), asked(source="upload", licensed="", min_side="16", min_sharpness="0.5")
    )
    made = Snapshot.objects.get()
    assert made.filter == {"sources": ["upload"], "min_side": 16, "min_sharpness": 0.5}
    page = client_of(viewer).get(url(trainable, "detail", made.number))
    for words in ("only from: Upload", "shorter side at least 16 px", "sharpness at least 0.5"):
        assertContains(page, words)
    add_snapshot(trainable, 2, filter={"licensed": True})
    assertContains(client.get(url(trainable, "list")), "filtered")


@pytest.mark.parametrize("bad", [{"sources": ("moon",)}, {"min_side": 0}, {"min_sharpness": float("nan")}])
def test_a_filter_that_makes_no_sense_is_refused(bad):
    with pytest.raises(PlanError):
        PhotoFilter(**bad)
