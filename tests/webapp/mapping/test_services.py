"""Maps are asked for once, written in parts, and replaced as a whole."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tests.support.rows import add_images, add_job
from webapp.datasets.models import Image
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import job_claim
from webapp.mapping.models import ImageMap, MapPoint
from webapp.mapping.selectors import current_map
from webapp.mapping.services import map_request, map_save

pytestmark = pytest.mark.django_db


def places(images, shift=0.0):
    return {one.pk: ((n % 20) / 20 + shift, (n // 20) / 40 + 0.25) for n, one in enumerate(images)}


def test_every_photo_has_its_place_and_the_map_knows_how_much_of_the_square_it_takes(dataset):
    images = add_images(dataset, 30)
    drawn = map_save(dataset=dataset, places=places(images), missing=2, why="lost")
    assert current_map(dataset) == drawn
    found = {pk: (x, y) for pk, x, y in drawn.points.values_list("image", "x", "y")}
    assert found == places(images)
    assert (drawn.width, drawn.height, drawn.missing, drawn.why) == (1.0, 0.5, 2, "lost")


def test_the_first_so_many_points_are_an_even_sample_and_not_the_first_photos(dataset):
    images = add_images(dataset, 400)
    drawn = map_save(dataset=dataset, places=places(images))
    first = list(drawn.points.order_by("pk").values_list("image", flat=True)[:100])
    middle = images[200].pk
    assert 30 < sum(pk < middle for pk in first) < 70


def test_a_new_map_takes_the_place_of_the_one_before(dataset):
    images = add_images(dataset, 10)
    map_save(dataset=dataset, places=places(images))
    second = map_save(dataset=dataset, places=places(images[:6], shift=0.01))
    assert list(dataset.maps.all()) == [second]
    assert MapPoint.objects.count() == 6


def test_until_all_of_it_is_written_the_old_map_stays(dataset):
    images = add_images(dataset, 450)
    old = map_save(dataset=dataset, places=places(images[:10]))

    def killed(share):
        if share > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_save(dataset=dataset, places=places(images), check=killed)
    assert current_map(dataset) == old
    assert dataset.maps.count() == 2
    again = map_save(dataset=dataset, places=places(images))
    assert list(dataset.maps.all()) == [again]
    assert MapPoint.objects.count() == 450


def test_a_photo_that_is_gone_meanwhile_is_left_out_and_one_of_another_data_set_too(dataset, curator):
    from webapp.datasets.services import dataset_create

    images = add_images(dataset, 5)
    foreign = add_images(dataset_create(name="Other", created_by=curator), 1)
    known = places([*images, *foreign])
    Image.objects.filter(pk=images[0].pk).delete()
    drawn = map_save(dataset=dataset, places=known)
    assert set(drawn.points.values_list("image", flat=True)) == {one.pk for one in images[1:]}
    Image.objects.filter(pk=images[1].pk).delete()
    assert drawn.points.count() == 3


def test_a_data_set_shows_one_map_whatever_happens(dataset):
    ImageMap.objects.create(dataset=dataset, is_current=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        ImageMap.objects.create(dataset=dataset, is_current=True)


def test_however_often_it_is_asked_for_one_map_is_drawn(dataset, annotator):
    first = map_request(dataset=dataset, created_by=annotator)
    assert map_request(dataset=dataset, created_by=annotator) == first
    assert job_claim(job_id=first.pk, owner="laptop/1/1") is not None
    assert map_request(dataset=dataset, created_by=None) == first
    assert Job.objects.filter(kind=JobKind.PROJECTION).count() == 1


def test_the_table_lets_no_two_maps_of_a_data_set_be_drawn_at_once(dataset):
    add_job(dataset, JobKind.PROJECTION, JobState.RUNNING)
    with pytest.raises(IntegrityError), transaction.atomic():
        add_job(dataset, JobKind.PROJECTION, JobState.RUNNING)
