"""What a check of labels finds on real photos: one label in twenty of 600 photos of TrashNet is turned wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from webapp.cleaning.models import Suspect, SuspectKind
from webapp.cleaning.selectors_suspects import open_suspects
from webapp.cleaning.suspects import suspect_accept, suspect_keep, suspect_undo
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Image, LabelOrigin
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import look_request
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)

PHOTOS = 600


@pytest.fixture(autouse=True)
def shared_trunk(monkeypatch):
    """The network that embeds is exported once for all tests."""
    monkeypatch.setenv("SORTYARD_CACHE", os.environ["SORTYARD_TEST_CACHE"])


def check(dataset) -> Job:
    job = look_request(kind=JobKind.SUSPICION, dataset=dataset, created_by=None)
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return job


@pytest.fixture
def flipped(imported, dataset, trashnet: Path) -> set[int]:
    """Photos whose label was turned wrong, by id."""
    rng = np.random.default_rng(3)
    paths = sorted(trashnet.glob("*/*.jpg"))
    chosen = [paths[place] for place in rng.permutation(len(paths))[:PHOTOS]]
    imported({f"{path.parent.name}/{path.name}": path.read_bytes() for path in chosen})
    classes = list(dataset.classes.all())
    photos = list(dataset.images.order_by("pk").values_list("pk", "label"))
    turned = set()
    for place in rng.permutation(len(photos))[: len(photos) // 20]:
        pk, label = photos[place]
        others = [one for one in classes if one.pk != label]
        wrong = others[int(rng.integers(len(others)))]
        images_label(dataset=dataset, ids=[pk], label=wrong, actor=None)
        turned.add(pk)
    return turned


def test_wrong_labels_are_found_accepted_kept_and_not_asked_about_again(flipped, dataset, curator):
    check(dataset)
    ranked = list(dataset.images.order_by("-suspicion", "-pk").values_list("pk", flat=True))
    top = set(ranked[: len(ranked) // 10])
    print(
        f"{len(flipped & top)} of {len(flipped)} wrong labels among the first tenth of {len(ranked)} photos"
    )
    assert len(flipped & top) >= 0.8 * len(flipped)

    # The one list a person works through says the same, the worst first, each with another class to take.
    rows = list(open_suspects(dataset, SuspectKind.LABEL))
    assert [one.score for one in rows] == sorted((one.score for one in rows), reverse=True)
    assert {one.image_id for one in rows[: len(flipped)]} & flipped
    assert all(one.suggested_id not in (None, one.given_id) for one in rows)

    wrong, right = rows[0], rows[1]
    suspect_accept(suspect=wrong, seen=wrong.image.version, actor=curator)
    image = Image.objects.get(pk=wrong.image_id)
    assert (image.label_id, image.label_origin, image.suspicion) == (
        wrong.suggested_id,
        LabelOrigin.MODEL,
        0.0,
    )
    suspect_keep(suspect=right, seen=right.image.version, actor=curator)

    check(dataset)
    asked = {one.image_id for one in open_suspects(dataset, SuspectKind.LABEL)}
    assert right.image_id not in asked
    assert Image.objects.get(pk=right.image_id).suspicion == 0.0

    suspect_undo(suspect=Suspect.objects.get(pk=wrong.pk), actor=curator)
    assert Image.objects.get(pk=wrong.image_id).label_id == wrong.given_id
    assert wrong.image_id in {one.image_id for one in open_suspects(dataset, SuspectKind.LABEL)}
