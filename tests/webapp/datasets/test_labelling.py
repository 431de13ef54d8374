"""Labels, states and their way back."""

from __future__ import annotations

import uuid

import pytest
from django.db.models import F

from tests.webapp.datasets.rows import make_images
from webapp.datasets import acts
from webapp.datasets.labelling import LabelError, images_label, images_set_state
from webapp.datasets.models import Image, ImageState, LabelEvent
from webapp.datasets.services import class_create, dataset_create
from webapp.datasets.undoing import operation_undo

pytestmark = pytest.mark.django_db


@pytest.fixture
def glass(dataset):
    return class_create(dataset=dataset, name="glass")


@pytest.fixture
def metal(dataset):
    return class_create(dataset=dataset, name="metal")


def label(dataset, images, label_class, actor, **more):
    return images_label(dataset=dataset, ids=[i.pk for i in images], label=label_class, actor=actor, **more)


def test_a_label_is_written_with_who_gave_it_and_an_event_tells_what_was_before(
    dataset, glass, metal, annotator
):
    (image,) = make_images(dataset, 1, label=glass)
    outcome = label(dataset, [image], metal, annotator)
    assert outcome.changed == (image.pk,)
    image.refresh_from_db()
    assert (image.label, image.label_origin, image.labelled_by) == (metal, "person", annotator)
    assert image.labelled_at is not None
    assert image.version == 2
    event = LabelEvent.objects.get(operation=outcome.operation)
    assert (event.actor, event.old_label, event.new_label) == (annotator, glass, metal)
    assert (event.old_state, event.new_state) == ("accepted", "accepted")


def test_labelling_an_inbox_image_accepts_it_and_a_quarantined_one_stays_where_it_is(
    dataset, glass, annotator
):
    (waiting,) = make_images(dataset, 1, state=ImageState.INBOX)
    (aside,) = make_images(dataset, 1, state=ImageState.QUARANTINED, start=1)
    label(dataset, [waiting, aside], glass, annotator)
    waiting.refresh_from_db()
    aside.refresh_from_db()
    assert (waiting.state, aside.state) == ("accepted", "quarantined")
    assert aside.label == glass


def test_taking_a_label_away_does_not_accept_an_inbox_image(dataset, glass, annotator):
    (image,) = make_images(dataset, 1, label=glass, state=ImageState.INBOX)
    label(dataset, [image], None, annotator)
    image.refresh_from_db()
    assert (image.label, image.label_origin, image.labelled_by, image.state) == (None, "", None, "inbox")


def test_an_image_that_is_as_asked_already_is_neither_changed_nor_stale(dataset, glass, annotator):
    (image,) = make_images(dataset, 1, label=glass)
    outcome = label(dataset, [image], glass, annotator)
    assert (outcome.changed, outcome.stale) == ((), ())
    image.refresh_from_db()
    assert image.version == 1
    assert not LabelEvent.objects.exists()


def test_a_row_changed_since_it_was_seen_is_left_alone_and_told(dataset, glass, metal, annotator, curator):
    first, second = make_images(dataset, 2)
    seen = {first.pk: 1, second.pk: 1}
    label(dataset, [first], glass, curator)
    outcome = label(dataset, [first, second], metal, annotator, versions=seen)
    assert outcome.changed == (second.pk,)
    assert outcome.stale == (first.pk,)
    first.refresh_from_db()
    assert first.label == glass


def test_a_writer_between_reading_and_writing_is_never_overwritten(
    dataset, glass, metal, annotator, monkeypatch
):
    (image,) = make_images(dataset, 1)
    read = acts.Act._read
    between = iter([True])

    def read_then_lose_the_race(self, ids):
        found = read(self, ids)
        if next(between, False):
            Image.objects.filter(pk=image.pk).update(label=glass, version=F("version") + 1)
        return found

    monkeypatch.setattr(acts.Act, "_read", read_then_lose_the_race)
    outcome = label(dataset, [image], metal, annotator, versions={image.pk: 1})
    assert (outcome.changed, outcome.stale) == ((), (image.pk,))
    image.refresh_from_db()
    assert image.label == glass
    assert not LabelEvent.objects.exists()


def test_a_race_without_named_versions_is_tried_again_on_the_new_state(
    dataset, glass, metal, annotator, monkeypatch
):
    (image,) = make_images(dataset, 1)
    read = acts.Act._read
    between = iter([True])

    def read_then_lose_the_race(self, ids):
        found = read(self, ids)
        if next(between, False):
            Image.objects.filter(pk=image.pk).update(label=glass, version=F("version") + 1)
        return found

    monkeypatch.setattr(acts.Act, "_read", read_then_lose_the_race)
    outcome = label(dataset, [image], metal, annotator)
    event = LabelEvent.objects.get(operation=outcome.operation)
    assert (event.old_label, event.new_label) == (glass, metal)


def test_images_of_another_data_set_are_out_of_reach(dataset, glass, annotator, curator):
    other = dataset_create(name="Other", created_by=curator)
    (foreign,) = make_images(other, 1)
    outcome = label(dataset, [foreign], glass, annotator)
    assert (outcome.changed, outcome.stale) == ((), (foreign.pk,))
    foreign.refresh_from_db()
    assert foreign.label is None


def test_a_class_of_another_data_set_or_a_merged_one_is_refused(dataset, glass, metal, annotator, curator):
    other = dataset_create(name="Other", created_by=curator)
    foreign = class_create(dataset=other, name="glass")
    (image,) = make_images(dataset, 1)
    with pytest.raises(LabelError, match="There is no class"):
        label(dataset, [image], foreign, annotator)
    metal.merged_into, metal.is_retired = glass, True
    metal.save(update_fields=["merged_into", "is_retired"])
    with pytest.raises(LabelError):
        label(dataset, [image], metal, annotator)


def test_quarantine_keeps_label_and_reason_and_restoring_clears_the_reason(dataset, glass, annotator):
    (image,) = make_images(dataset, 1, label=glass)
    images_set_state(dataset=dataset, ids=[image.pk], state="quarantined", actor=annotator, reason="blurred")
    image.refresh_from_db()
    assert (image.state, image.state_reason, image.label) == ("quarantined", "blurred", glass)
    images_set_state(dataset=dataset, ids=[image.pk], state="accepted", actor=annotator)
    image.refresh_from_db()
    assert (image.state, image.state_reason, image.label) == ("accepted", "", glass)
    assert [e.reason for e in image.events.all()] == ["blurred", ""]


def test_an_unknown_state_is_refused(dataset, annotator):
    with pytest.raises(LabelError, match="is not a state"):
        images_set_state(dataset=dataset, ids=[1], state="deleted", actor=annotator)


def test_undo_puts_label_state_and_origin_back_and_is_itself_an_operation(
    dataset, glass, metal, annotator, curator
):
    (image,) = make_images(dataset, 1, label=glass, state=ImageState.INBOX)
    first = label(dataset, [image], metal, annotator)
    undone = operation_undo(dataset=dataset, operation=first.operation, actor=curator)
    image.refresh_from_db()
    assert (image.label, image.label_origin, image.state, image.labelled_by) == (
        glass,
        "folder",
        "inbox",
        None,
    )
    assert LabelEvent.objects.get(operation=undone.operation).undoes == first.operation
    again = operation_undo(dataset=dataset, operation=undone.operation, actor=curator)
    image.refresh_from_db()
    assert again.changed == (image.pk,)
    assert (image.label, image.state, image.label_origin, image.labelled_by) == (
        metal,
        "accepted",
        "person",
        annotator,
    )


def test_undo_gives_back_the_reason_of_a_quarantine(dataset, annotator):
    (image,) = make_images(dataset, 1)
    images_set_state(
        dataset=dataset, ids=[image.pk], state="quarantined", actor=annotator, reason="two objects"
    )
    restored = images_set_state(dataset=dataset, ids=[image.pk], state="accepted", actor=annotator)
    operation_undo(dataset=dataset, operation=restored.operation, actor=annotator)
    image.refresh_from_db()
    assert (image.state, image.state_reason) == ("quarantined", "two objects")


def test_undo_leaves_alone_what_was_changed_since_and_tells_it(dataset, glass, metal, annotator, curator):
    first, second = make_images(dataset, 2)
    act = label(dataset, [first, second], glass, annotator)
    label(dataset, [second], metal, curator)
    outcome = operation_undo(dataset=dataset, operation=act.operation, actor=annotator)
    assert (outcome.changed, outcome.stale) == ((first.pk,), (second.pk,))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.label, second.label) == (None, metal)


def test_an_import_has_no_state_before_it_and_can_not_be_undone(dataset, glass, annotator):
    (image,) = make_images(dataset, 1, label=glass)
    operation = uuid.uuid4()
    LabelEvent.objects.create(
        image=image, operation=operation, origin="folder", new_label=glass, old_state="", new_state="accepted"
    )
    outcome = operation_undo(dataset=dataset, operation=operation, actor=annotator)
    assert (outcome.changed, outcome.stale) == ((), (image.pk,))


def test_an_operation_of_another_data_set_or_an_unknown_one_undoes_nothing(
    dataset, glass, annotator, curator
):
    (image,) = make_images(dataset, 1)
    act = label(dataset, [image], glass, annotator)
    other = dataset_create(name="Other", created_by=curator)
    assert operation_undo(dataset=other, operation=act.operation, actor=annotator).changed == ()
    assert operation_undo(dataset=dataset, operation=uuid.uuid4(), actor=annotator).changed == ()
    image.refresh_from_db()
    assert image.label == glass


def test_a_thousand_images_are_one_operation_in_short_transactions(
    dataset, glass, annotator, django_assert_max_num_queries
):
    images = make_images(dataset, 1000)
    with django_assert_max_num_queries(1000 // 25):  # SQLite takes some 90 events at a time
        outcome = label(dataset, images, glass, annotator)
    assert len(outcome.changed) == 1000
    assert LabelEvent.objects.filter(operation=outcome.operation).count() == 1000
    assert (
        operation_undo(dataset=dataset, operation=outcome.operation, actor=annotator).changed
        == outcome.changed
    )
    assert not dataset.images.exclude(label=None).exists()


def test_acts_on_one_photo_are_undone_one_after_the_other_and_none_of_them_twice(
    dataset, glass, metal, annotator
):
    (image,) = make_images(dataset, 1, label=glass)
    first = label(dataset, [image], metal, annotator)
    second = images_set_state(dataset=dataset, ids=[image.pk], state="quarantined", actor=annotator)
    for done in (second, first):
        undone = operation_undo(dataset=dataset, operation=done.operation, actor=annotator)
        assert (undone.changed, undone.stale) == ((image.pk,), ())
    image.refresh_from_db()
    assert (image.label, image.state) == (glass, "accepted")
    again = operation_undo(dataset=dataset, operation=first.operation, actor=annotator)
    assert (again.changed, again.stale) == ((), (image.pk,))


def test_an_undo_that_was_taken_back_leaves_the_act_to_be_undone_again(dataset, glass, metal, annotator):
    (image,) = make_images(dataset, 1, label=glass)
    act = label(dataset, [image], metal, annotator)
    for _way in ("back", "forth"):
        undone = operation_undo(dataset=dataset, operation=act.operation, actor=annotator)
        assert undone.changed == (image.pk,)
        operation_undo(dataset=dataset, operation=undone.operation, actor=annotator)
    image.refresh_from_db()
    assert image.label == metal
