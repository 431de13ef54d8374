"""Publishing, publishing again, going back, and what stands in the way."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from ml.store import Store
from tests.webapp.publishing import world
from webapp.publishing.models import Bundle, PublishedModel
from webapp.publishing.services import PublishError, bundle_record, model_make_current, run_publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def data(data_dir, settings):
    settings.REDIS_URL = ""
    return data_dir


def current() -> list[int]:
    return list(PublishedModel.objects.filter(is_current=True).values_list("bundle__run__number", flat=True))


def test_publishing_a_second_run_leaves_one_current(data, finished_run, curator):
    first = run_publish(run=finished_run(world.make_bundle(data, sharpness=2.0)), published_by=curator)
    assert current() == [1]
    second = run_publish(run=finished_run(world.make_bundle(data, sharpness=3.0)), published_by=curator)
    assert current() == [2]
    first.refresh_from_db()
    assert (first.is_current, second.is_current) == (False, True)
    assert second.published_by == curator


def test_publishing_the_same_run_twice_changes_nothing(data, finished_run, curator):
    run = finished_run(world.make_bundle(data))
    first = run_publish(run=run, published_by=curator)
    again = run_publish(run=run, published_by=None)
    assert again.pk == first.pk
    assert PublishedModel.objects.count() == 1
    assert again.published_at == first.published_at


def test_going_back_is_one_step_and_is_remembered(data, finished_run, curator):
    first = run_publish(run=finished_run(world.make_bundle(data, sharpness=2.0)), published_by=None)
    before = first.published_at
    run_publish(run=finished_run(world.make_bundle(data, sharpness=3.0)), published_by=None)
    model_make_current(model=PublishedModel.objects.get(pk=first.pk), published_by=curator)
    first.refresh_from_db()
    assert current() == [1]
    assert first.published_by == curator
    assert first.published_at > before


def test_the_table_itself_allows_one_current_model_per_data_set(data, finished_run):
    model = run_publish(run=finished_run(world.make_bundle(data)), published_by=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        PublishedModel.objects.create(dataset=model.dataset, bundle=model.bundle, is_current=True)


@pytest.mark.parametrize("state", ["queued", "failed", "cancelled"])
def test_a_run_that_has_not_succeeded_is_not_published(data, finished_run, state):
    run = finished_run(world.make_bundle(data), state=state)
    with pytest.raises(PublishError, match="has finished"):
        run_publish(run=run, published_by=None)
    assert current() == []


def test_a_run_without_a_model_is_not_published(data, finished_run):
    with pytest.raises(PublishError, match="no model"):
        run_publish(run=finished_run(None), published_by=None)


def test_a_model_whose_files_are_gone_is_not_published(data, finished_run):
    with pytest.raises(PublishError, match="gone"):
        run_publish(run=finished_run("e" * 64), published_by=None)


def test_a_living_worker_is_asked_to_load_it_first_and_refuses_damaged_files(house, finished_run):
    good = run_publish(run=finished_run(house.digest), published_by=None)
    digest = world.make_bundle(house.data, sharpness=9.0)
    labels = Store(house.data).bundle_dir(digest) / "labels.json"
    labels.write_text(labels.read_text() + " ")
    with pytest.raises(PublishError, match="damaged"):
        run_publish(run=finished_run(digest), published_by=None)
    good.refresh_from_db()
    assert good.is_current


def test_a_bundle_noted_again_replaces_the_note(data, finished_run):
    run = finished_run("a" * 64)
    bundle_record(run=run, digest="b" * 64, size=5, labels=[])
    noted = Bundle.objects.get(run=run)
    assert (noted.digest, noted.size) == ("b" * 64, 5)
