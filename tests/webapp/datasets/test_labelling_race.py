"""Several people label the same photos at the same moment, each on a connection of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tests.webapp.datasets.rows import make_images
from webapp.datasets.labelling import images_label
from webapp.datasets.models import LabelEvent
from webapp.datasets.services import class_create

WRITERS = 4


@pytest.mark.django_db(transaction=True)
def test_of_four_writers_who_saw_the_same_version_one_wins_each_photo_and_the_others_are_told(
    dataset, annotator
):
    ids = [image.pk for image in make_images(dataset, 500)]
    classes = [class_create(dataset=dataset, name=f"class {n}") for n in range(WRITERS)]

    def write(label):
        try:
            return images_label(
                dataset=dataset, ids=ids, label=label, actor=annotator, versions=dict.fromkeys(ids, 1)
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(write, classes))

    won = [pk for outcome in outcomes for pk in outcome.changed]
    assert sorted(won) == sorted(ids)  # each once, none lost
    for outcome in outcomes:
        assert set(outcome.changed) | set(outcome.stale) == set(ids)
        assert not set(outcome.changed) & set(outcome.stale)
    for outcome, label in zip(outcomes, classes, strict=True):
        rows = dataset.images.filter(pk__in=outcome.changed).values_list("label_id", "version")
        assert set(rows) <= {(label.pk, 2)}
    assert LabelEvent.objects.count() == len(ids)
