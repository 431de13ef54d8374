"""Training on enhanced snapshots through the site: what is scored, what the evaluation page shows."""

import os

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains

from tests.support.photos import jpeg
from webapp.evaluations.models import Evaluation
from webapp.jobs.models import JobState
from webapp.runs.models import Run
from webapp.runs.services import run_start
from webapp.snapshots.models import Snapshot
from webapp.snapshots.services import snapshot_request
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


def trained(dataset, **plan) -> Evaluation:
    """The evaluation of a quick probe on an enhanced snapshot of the data set, both made by their real jobs."""
    snapshot = snapshot_request(dataset=dataset, created_by=None, val=0.2, test=0.2, enhanced=True, **plan)
    assert run_job(snapshot.job_id)
    run = run_start(
        dataset=dataset,
        recipe="linear_probe",
        overrides={"size": "64"},
        seed=0,
        snapshot=Snapshot.objects.get(pk=snapshot.pk),
        created_by=None,
    )
    assert run_job(run.job_id)
    run = Run.objects.select_related("job").get(pk=run.pk)
    assert run.job.state == JobState.SUCCEEDED, run.job.error
    return run.evaluations.get()


def photos(n: int) -> dict[str, bytes]:
    return {
        f"{name}/{i}.jpg": jpeg(1000 * hue + i, hue=hue)
        for hue, name in enumerate(("glass", "paper"))
        for i in range(n)
    }


def rows(evaluation: Evaluation, split: str) -> list[tuple[str, str]]:
    return list(evaluation.predictions.filter(split=split).values_list("sha256", "transform"))


def test_with_groups_kept_together_only_photos_are_scored(imported, dataset, client_of, viewer):
    imported(photos(15))
    evaluation = trained(dataset)
    assert evaluation.run.test_n == evaluation.splits["test"]["n"] == 6
    assert {transform for _, transform in rows(evaluation, "test")} == {"original"}
    assert len(rows(evaluation, "train")) == 3 * 18
    assert "(24 photos)" in evaluation.calibration["note"], (
        "three answers to one photo prove no more than one"
    )
    page = client_of(viewer).get(reverse("evaluations:matrix", args=[dataset.slug, evaluation.run.number]))
    assertContains(page, "Confusion")


def test_the_papers_rule_scores_copies_and_shows_them_as_they_were_asked(
    imported, dataset, client_of, viewer
):
    imported(photos(15))
    evaluation = trained(dataset, rule="paper")
    assert evaluation.run.test_n == evaluation.splits["test"]["n"] == 18
    assert {transform for _, transform in rows(evaluation, "test")} > {"original"}
    assert not evaluation.predictions.filter(image=None).exists()
    mirrored = evaluation.predictions.filter(split="test", transform="hflip").first()
    url = reverse("evaluations:cell", args=[dataset.slug, evaluation.run.number])
    cell = {
        "split": "test",
        "truth": evaluation.classes[mirrored.truth],
        "answer": evaluation.classes[mirrored.answer],
    }
    page = client_of(viewer).get(url, cell)
    assertContains(page, 'class="hflip"')
    assertContains(page, "Mirrored")
