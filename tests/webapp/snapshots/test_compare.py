"""What changed between two snapshots or since one, and labels given back from one."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images, add_snapshot, freeze
from webapp.datasets.class_services import class_delete, classes_merge
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.operations import class_operation_undo
from webapp.datasets.services import class_create
from webapp.snapshots.diff import diff_of, side_of_dataset, side_of_snapshot
from webapp.snapshots.models import SnapshotItem
from webapp.snapshots.services import snapshot_restore_labels

pytestmark = pytest.mark.django_db


def url(dataset, name, *more):
    return reverse(f"snapshots:{name}", args=[dataset.slug, *more])


@pytest.fixture
def glass(dataset):
    return class_create(dataset=dataset, name="glass")


@pytest.fixture
def metal(dataset):
    return class_create(dataset=dataset, name="metal")


@pytest.fixture
def world(dataset, glass, metal):
    """Six photos of glass and four of metal, frozen."""
    photos = [*add_images(dataset, 6, glass), *add_images(dataset, 4, metal)]
    snapshot = add_snapshot(dataset)
    freeze(snapshot)
    return photos, snapshot


def since(dataset, snapshot):
    return diff_of(side_of_snapshot(snapshot), side_of_dataset(dataset))


def test_nothing_differs_right_after_freezing(dataset, world):
    assert since(dataset, world[1]).is_empty


def test_added_removed_and_relabelled_photos_are_counted_each_once(dataset, world, glass, metal, curator):
    photos, snapshot = world
    add_images(dataset, 3, metal)
    images_label(dataset=dataset, ids=[photos[0].pk, photos[1].pk], label=metal, actor=curator)
    images_set_state(dataset=dataset, ids=[photos[2].pk], state="quarantined", actor=curator)
    found = since(dataset, snapshot)
    assert found.counts == {"added": 3, "removed": 1, "relabelled": 2}
    assert [(was.key, now.key, n) for was, now, n in found.pairs] == [("glass", "metal", 2)]
    by_key = {row.names.key: row for row in found.classes}
    assert (by_key["glass"].old, by_key["glass"].new, by_key["glass"].went, by_key["glass"].removed) == (
        6,
        3,
        2,
        1,
    )
    assert (by_key["metal"].old, by_key["metal"].new, by_key["metal"].came, by_key["metal"].added) == (
        4,
        9,
        2,
        3,
    )
    assert by_key["metal"].difference == 5


def test_a_photo_in_another_split_of_the_second_snapshot_counts_as_moved(dataset, world):
    _photos, first = world
    second = add_snapshot(dataset, number=2)
    freeze(second)
    item = SnapshotItem.objects.filter(snapshot=second, split="train").first()
    SnapshotItem.objects.filter(pk=item.pk).update(split="test")
    found = diff_of(side_of_snapshot(first), side_of_snapshot(second))
    assert found.counts == {"moved": 1}
    assert (found.photos["moved"][0].old_split, found.photos["moved"][0].new_split) == ("train", "test")


def test_the_page_shows_the_photos_of_each_change_and_the_classes_names_of_then(
    client_of, viewer, dataset, world, metal, curator
):
    photos, _snapshot = world
    images_label(dataset=dataset, ids=[photos[0].pk], label=metal, actor=curator)
    page = client_of(viewer).get(url(dataset, "compare", 1))
    assertContains(page, photos[0].sha256)
    assertContains(page, "Snapshot 1 → now")
    assertNotContains(page, url(dataset, "restore", 1))
    assertContains(client_of(curator).get(url(dataset, "compare", 1)), url(dataset, "restore", 1))


def test_two_snapshots_are_compared_by_number_and_unknown_ones_are_not_found(
    client_of, viewer, dataset, world
):
    freeze(add_snapshot(dataset, number=2))
    client = client_of(viewer)
    assertContains(client.get(url(dataset, "compare", 1), {"with": "2"}), "Nothing differs")
    assertContains(client.get(url(dataset, "detail", 1)), url(dataset, "compare", 1))
    assert client.get(url(dataset, "compare", 1), {"with": "9"}).status_code == 404
    add_snapshot(dataset, number=3, state="building", digest="")
    assert client.get(url(dataset, "compare", 1), {"with": "3"}).status_code == 404
    assertContains(client.get(url(dataset, "compare", 1), {"with": ""}), "Nothing differs")


@pytest.mark.parametrize("asked", ["abc", "-1", "9" * 40, "1.0"])
def test_what_is_no_number_of_a_snapshot_is_not_compared_with_now(client_of, viewer, dataset, world, asked):
    assert client_of(viewer).get(url(dataset, "compare", 1), {"with": asked}).status_code == 404


def test_a_comparison_takes_as_many_queries_for_many_photos_as_for_few(
    client_of, viewer, dataset, world, glass, django_assert_num_queries
):
    add_images(dataset, 100, glass)
    client = client_of(viewer)
    client.get(url(dataset, "compare", 1))
    # session, person, data set, snapshot, classes and photos of both sides, others, switcher, queue, rail
    with django_assert_num_queries(12):
        client.get(url(dataset, "compare", 1))


def test_labels_are_restored_and_the_restoring_is_undone_on_the_page_of_changes(
    client_of, curator, dataset, world, metal
):
    photos, _snapshot = world
    added = add_images(dataset, 1, metal)[0]
    images_label(dataset=dataset, ids=[photos[0].pk, photos[1].pk], label=metal, actor=curator)
    client = client_of(curator)
    page = client.post(url(dataset, "restore", 1), follow=True)
    assertContains(page, "2 photos have their labels of then again.")
    assertContains(page, "Labels of an older snapshot restored (2 photos)")
    assert dataset.images.filter(label__key="glass").count() == 6
    assert dataset.images.get(pk=added.pk).label == metal
    undo = reverse("datasets:class_undo", args=[dataset.slug, dataset.class_operations.first().pk])
    assertContains(client.post(undo, follow=True), "Undone; 2 photos put back.")
    assert dataset.images.filter(label__key="glass").count() == 4


def test_restoring_opens_classes_that_were_merged_or_deleted_since(dataset, world, glass, metal, curator):
    _photos, snapshot = world
    classes_merge(sources=[metal], into=glass, actor=curator)
    class_delete(label_class=glass, to=None, actor=curator)
    made = snapshot_restore_labels(snapshot=snapshot, actor=curator)
    assert made.photos == 10
    assert since(dataset, snapshot).is_empty
    class_operation_undo(operation=made, actor=curator)
    assert not dataset.classes.filter(is_retired=False).exists()
    assert dataset.images.filter(label=None, state="inbox").count() == 10


def test_a_photo_put_aside_since_gets_its_label_and_stays_aside(dataset, world, metal, curator):
    photos, snapshot = world
    images_label(dataset=dataset, ids=[photos[0].pk], label=metal, actor=curator)
    images_set_state(
        dataset=dataset, ids=[photos[0].pk], state="quarantined", actor=curator, reason="blurred"
    )
    snapshot_restore_labels(snapshot=snapshot, actor=curator)
    photo = dataset.images.get(pk=photos[0].pk)
    assert (photo.label.key, photo.state, photo.state_reason) == ("glass", "quarantined", "blurred")


def test_a_note_is_written_and_read(client_of, curator, viewer, dataset, world):
    client_of(curator).post(url(dataset, "note", 1), {"note": "  before the second upload "})
    assertContains(client_of(viewer).get(url(dataset, "detail", 1)), "before the second upload")
    assert client_of(viewer).post(url(dataset, "note", 1), {"note": "x"}).status_code == 403
