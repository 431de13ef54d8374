"""Merging, deleting, splitting, ordering and editing classes, and taking each back."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.support.rows import add_images as make_images
from tests.support.rows import add_job
from webapp.datasets import operations
from webapp.datasets.class_selectors import operation_rows
from webapp.datasets.class_services import (
    MAX_REFERENCES,
    category_edit,
    class_delete,
    class_edit,
    class_move,
    class_split,
    classes_choose_bins,
    classes_merge,
    images_mark_reference,
)
from webapp.datasets.errors import DatasetError
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Category, Image, ImageState, LabelClass, LabelEvent
from webapp.datasets.operations import class_operation_undo, operations_settle
from webapp.datasets.services import (
    category_create,
    category_for_bin,
    class_create,
    class_get_or_create,
    dataset_create,
    dataset_use_preset55,
)
from webapp.datasets.undoing import operation_undo
from webapp.jobs.models import UNFINISHED, Job, JobKind, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def towel(dataset):
    return class_create(dataset=dataset, name="towel")


@pytest.fixture
def cloth(dataset):
    return class_create(dataset=dataset, name="cloth")


def labels(dataset):
    """Image id → (class key or None, state)."""
    rows = dataset.images.values_list("pk", "label__key", "state")
    return {pk: (key, state) for pk, key, state in rows}


def last(dataset):
    return dataset.class_operations.first()


def undo_last(dataset, actor=None):
    return class_operation_undo(operation=last(dataset), actor=actor)


def open_keys(dataset):
    return set(dataset.classes.filter(is_retired=False).values_list("key", flat=True))


def test_merging_moves_every_photo_whatever_its_state_and_undo_puts_all_back(dataset, towel, cloth, curator):
    make_images(dataset, 2, label=towel)
    make_images(dataset, 1, label=towel, state=ImageState.INBOX)
    make_images(dataset, 1, label=towel, state=ImageState.QUARANTINED)
    make_images(dataset, 2, label=cloth)
    before = labels(dataset)
    made = classes_merge(sources=[towel], into=cloth, actor=curator)
    assert made.photos == 4
    assert {key for key, _state in labels(dataset).values()} == {"cloth"}
    assert [state for _key, state in labels(dataset).values()] == [state for _key, state in before.values()]
    assert open_keys(dataset) == {"cloth"}
    undo_last(dataset, curator)
    assert labels(dataset) == before
    assert open_keys(dataset) == {"towel", "cloth"}


def test_an_undone_merge_can_be_done_again_by_undoing_the_undoing(dataset, towel, cloth, curator):
    make_images(dataset, 3, label=towel)
    classes_merge(sources=[towel], into=cloth, actor=curator)
    merged = labels(dataset)
    undo_last(dataset)
    undo_last(dataset)
    assert labels(dataset) == merged
    assert open_keys(dataset) == {"cloth"}
    towel.refresh_from_db()
    assert towel.merged_into == cloth


def test_who_labelled_a_photo_is_still_known_after_a_merge(dataset, towel, cloth, annotator, curator):
    (image,) = make_images(dataset, 1)
    images_label(dataset=dataset, ids=[image.pk], label=towel, actor=annotator)
    classes_merge(sources=[towel], into=cloth, actor=curator)
    image.refresh_from_db()
    assert (image.label, image.labelled_by) == (cloth, annotator)
    event = image.events.last()
    assert (event.actor, event.old_label, event.new_label) == (curator, towel, cloth)


def test_a_photo_labelled_anew_since_keeps_its_newer_label_when_a_merge_is_undone(
    dataset, towel, cloth, curator
):
    glass = class_create(dataset=dataset, name="glass")
    first, second = make_images(dataset, 2, label=towel)
    made = classes_merge(sources=[towel], into=cloth, actor=curator)
    images_label(dataset=dataset, ids=[first.pk], label=glass, actor=curator)
    class_operation_undo(operation=made, actor=curator)
    assert labels(dataset)[first.pk][0] == "glass"
    assert labels(dataset)[second.pk][0] == "towel"


def test_a_folder_with_the_name_of_a_merged_class_counts_as_the_one_it_was_merged_into(dataset, towel, cloth):
    rag = class_create(dataset=dataset, name="rag")
    classes_merge(sources=[towel], into=cloth, actor=None)
    classes_merge(sources=[cloth], into=rag, actor=None)
    assert class_get_or_create(dataset=dataset, name="towel") == (rag, False)


def test_several_classes_are_merged_in_one_act(dataset, towel, cloth):
    rag = class_create(dataset=dataset, name="rag")
    make_images(dataset, 2, label=towel)
    make_images(dataset, 3, label=cloth)
    made = classes_merge(sources=[towel, cloth, rag], into=rag, actor=None)
    assert (made.photos, open_keys(dataset)) == (5, {"rag"})
    undo_last(dataset)
    assert open_keys(dataset) == {"towel", "cloth", "rag"}


def test_a_class_is_not_merged_into_itself_nor_into_a_closed_or_foreign_one(dataset, towel, cloth, curator):
    foreign = class_create(dataset=dataset_create(name="Other", created_by=curator), name="rag")
    with pytest.raises(DatasetError, match="another one"):
        classes_merge(sources=[towel], into=towel, actor=curator)
    with pytest.raises(DatasetError, match="not here any more"):
        classes_merge(sources=[towel], into=foreign, actor=curator)
    class_delete(label_class=cloth, to=None, actor=curator)
    cloth.refresh_from_db()
    with pytest.raises(DatasetError, match="not here any more"):
        classes_merge(sources=[towel], into=cloth, actor=curator)
    assert open_keys(dataset) == {"towel"}


def test_a_merge_is_not_undone_into_a_ring(dataset, towel, cloth):
    """towel → cloth, undone, then cloth → towel: doing the first again would close both."""
    classes_merge(sources=[towel], into=cloth, actor=None)
    undone, _kept = undo_last(dataset)
    towel.refresh_from_db()
    classes_merge(sources=[cloth], into=towel, actor=None)
    with pytest.raises(DatasetError, match="merged or deleted"):
        class_operation_undo(operation=undone, actor=None)
    assert open_keys(dataset) == {"towel"}


def test_deleting_without_a_destination_sends_the_photos_to_the_inbox_and_undo_fetches_them(dataset, towel):
    make_images(dataset, 2, label=towel)
    (away,) = make_images(dataset, 1, label=towel, state=ImageState.QUARANTINED)
    before = labels(dataset)
    class_delete(label_class=towel, to=None, actor=None)
    after = labels(dataset)
    assert after.pop(away.pk) == (None, ImageState.QUARANTINED)
    assert set(after.values()) == {(None, ImageState.INBOX)}
    undo_last(dataset)
    assert labels(dataset) == before


def test_a_deleted_class_comes_back_when_a_folder_or_a_person_names_it(dataset, towel, cloth):
    class_delete(label_class=towel, to=None, actor=None)
    assert class_get_or_create(dataset=dataset, name="towel") == (towel, True)
    class_delete(label_class=cloth, to=None, actor=None)
    assert class_create(dataset=dataset, name="Cloth") == cloth
    assert open_keys(dataset) == {"towel", "cloth"}


def test_a_label_undone_into_a_class_merged_since_becomes_that_one(dataset, towel, cloth, annotator):
    glass = class_create(dataset=dataset, name="glass")
    (image,) = make_images(dataset, 1, label=towel)
    outcome = images_label(dataset=dataset, ids=[image.pk], label=glass, actor=annotator)
    classes_merge(sources=[towel], into=cloth, actor=None)
    operation_undo(dataset=dataset, operation=outcome.operation, actor=annotator)
    assert labels(dataset)[image.pk][0] == "cloth"


def test_a_label_undone_into_a_deleted_class_is_left_and_said(dataset, towel, cloth, annotator):
    (image,) = make_images(dataset, 1, label=towel)
    outcome = images_label(dataset=dataset, ids=[image.pk], label=cloth, actor=annotator)
    class_delete(label_class=towel, to=None, actor=None)
    undone = operation_undo(dataset=dataset, operation=outcome.operation, actor=annotator)
    assert (undone.changed, undone.stale) == ((), (image.pk,))
    assert labels(dataset)[image.pk][0] == "cloth"


def test_a_class_closed_while_a_person_labels_with_it_takes_no_photo(dataset, towel, annotator):
    """The page still showed it: the row in hand says open, the table says closed."""
    (image,) = make_images(dataset, 1)
    seen = LabelClass.objects.get(pk=towel.pk)
    class_delete(label_class=towel, to=None, actor=None)
    outcome = images_label(dataset=dataset, ids=[image.pk], label=seen, actor=annotator)
    assert (outcome.changed, outcome.stale) == ((), (image.pk,))
    assert labels(dataset)[image.pk] == (None, ImageState.ACCEPTED)


def test_an_act_cut_off_after_its_rows_changed_is_gone_on_with(dataset, towel, cloth, monkeypatch):
    images = make_images(dataset, 5, label=towel)

    def die(**_values):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(operations, "images_move", die)
        with pytest.raises(KeyboardInterrupt):
            classes_merge(sources=[towel], into=cloth, actor=None)
    assert {key for key, _ in labels(dataset).values()} == {"towel"}
    assert operations_settle() == 0, "it may still be running"
    dataset.class_operations.update(created_at=timezone.now() - timedelta(minutes=5))
    assert operations_settle() == 1
    assert {key for key, _ in labels(dataset).values()} == {"cloth"}
    assert last(dataset).photos == len(images)
    assert operations_settle() == 0


def test_photos_split_off_begin_a_class_in_the_category_they_were_in(dataset, towel, curator):
    kitchen = category_for_bin(dataset=dataset, bin="kitchen")
    class_edit(label_class=towel, category=kitchen)
    images = make_images(dataset, 3, label=towel)
    made, outcome = class_split(
        dataset=dataset, ids=[one.pk for one in images[:2]], name="tea towel", actor=curator
    )
    assert (made.key, made.category, len(outcome.changed)) == ("tea towel", kitchen, 2)
    assert [key for key, _ in labels(dataset).values()].count("tea towel") == 2
    undo_last(dataset, curator)
    assert {key for key, _ in labels(dataset).values()} == {"towel"}
    assert open_keys(dataset) == {"towel"}


def test_a_split_off_class_that_others_used_since_stays_when_the_split_is_undone(dataset, towel, curator):
    first, second = make_images(dataset, 2, label=towel)
    made, _outcome = class_split(dataset=dataset, ids=[first.pk], name="tea towel", actor=curator)
    split = last(dataset)
    images_label(dataset=dataset, ids=[second.pk], label=made, actor=curator)
    _undone, kept = class_operation_undo(operation=split, actor=curator)
    assert kept == [made]
    assert (labels(dataset)[first.pk][0], labels(dataset)[second.pk][0]) == ("towel", "tea towel")


@pytest.mark.parametrize("name", ["towel", " ", "TOWEL"])
def test_splitting_needs_a_free_name_and_changes_nothing_without(dataset, towel, name):
    (image,) = make_images(dataset, 1, label=towel)
    with pytest.raises(DatasetError):
        class_split(dataset=dataset, ids=[image.pk], name=name, actor=None)
    assert labels(dataset)[image.pk][0] == "towel"
    assert dataset.classes.count() == 1


def test_editing_records_only_what_changed_and_undo_restores_it(dataset, towel):
    class_edit(
        label_class=towel, name_en="Towel", name_zh="毛巾", advice_en="Dry it first.", colour="#336699"
    )
    assert (towel.name_zh, towel.pinyin, towel.initials) == ("毛巾", "maojin", "mj")
    class_edit(label_class=towel, name_en="Bath towel", name_zh="毛巾")
    assert set(last(dataset).changes[f"class:{towel.pk}"]["after"]) == {"name_en"}
    undo_last(dataset)
    towel.refresh_from_db()
    assert (towel.name_en, towel.name_zh, towel.advice_en, towel.colour) == (
        "Towel",
        "毛巾",
        "Dry it first.",
        "#336699",
    )


def test_saving_without_a_change_is_no_act(dataset, towel):
    before = dataset.class_operations.count()
    class_edit(label_class=towel, name_en=towel.name_en, name_zh=towel.name_zh)
    assert dataset.class_operations.count() == before


def test_an_act_is_not_undone_over_a_later_one(dataset, towel):
    class_edit(label_class=towel, name_en="Bath towel")
    first = last(dataset)
    class_edit(label_class=towel, name_en="Hand towel")
    with pytest.raises(DatasetError, match="changed again"):
        class_operation_undo(operation=first, actor=None)
    towel.refresh_from_db()
    assert towel.name_en == "Hand towel"
    assert not dataset.class_operations.filter(undoes=first.operation).exists()


def test_an_act_is_undone_once(dataset, towel):
    class_edit(label_class=towel, name_en="Bath towel")
    first = last(dataset)
    class_operation_undo(operation=first, actor=None)
    with pytest.raises(DatasetError, match="already"):
        class_operation_undo(operation=first, actor=None)


@pytest.mark.parametrize("colour", ["red", "#12", "url(x)", "#1234567"])
def test_what_is_no_colour_is_refused(dataset, towel, colour):
    with pytest.raises(DatasetError, match="colour"):
        class_edit(label_class=towel, colour=colour)


def test_a_category_is_renamed_and_coloured_but_a_bin_keeps_the_colour_of_the_standard(dataset):
    textiles = category_create(dataset=dataset, name="Textiles")
    category_edit(category=textiles, name_en="Fabric", name_zh="织物", colour="#aa3377")
    assert (textiles.name_en, textiles.name_zh, textiles.colour) == ("Fabric", "织物", "#aa3377")
    kitchen = category_edit(category=category_for_bin(dataset=dataset, bin="kitchen"), colour="#aa3377")
    assert kitchen.colour == ""
    class_operation_undo(operation=dataset.class_operations.last(), actor=None)
    textiles.refresh_from_db()
    assert (textiles.name_en, textiles.colour) == ("Textiles", "")


def test_a_class_moves_among_those_of_its_category_and_stops_at_the_ends(dataset):
    made = [class_create(dataset=dataset, name=name) for name in "abc"]
    assert class_move(label_class=made[0], step=-1, actor=None) is None
    class_move(label_class=made[2], step=-1, actor=None)
    assert list(dataset.classes.values_list("key", flat=True)) == ["a", "c", "b"]
    undo_last(dataset)
    assert list(dataset.classes.values_list("key", flat=True)) == ["a", "b", "c"]


def test_classes_of_equal_positions_can_be_ordered_too(dataset):
    made = [class_create(dataset=dataset, name=name) for name in "abc"]
    dataset.classes.update(position=0)
    class_move(label_class=LabelClass.objects.get(pk=made[0].pk), step=1, actor=None)
    assert list(dataset.classes.values_list("key", flat=True)) == ["b", "a", "c"]


def test_bins_chosen_together_are_taken_back_together(dataset, towel, cloth):
    other = category_for_bin(dataset=dataset, bin="other")
    classes_choose_bins(dataset=dataset, chosen={towel: other, cloth: other}, actor=None)
    assert other.classes.count() == 2
    undo_last(dataset)
    assert other.classes.count() == 0


def test_the_preset_is_added_in_one_act_with_advice_and_taken_back_in_one(dataset, towel):
    made = dataset_use_preset55(dataset=dataset)
    # One of the 55 is called Towel too, and is there already under this key.
    assert dataset.classes.filter(is_retired=False).count() == 55
    assert not dataset.classes.exclude(pk=towel.pk).filter(advice_zh="").exists()
    assert Category.objects.filter(dataset=dataset).count() == 4
    class_operation_undo(operation=made, actor=None)
    assert open_keys(dataset) == {"towel"}


def test_the_preset_keeps_what_is_there_and_fills_only_empty_advice(dataset):
    mouse = class_create(dataset=dataset, name="鼠标")
    class_edit(label_class=mouse, name_en="Computer mouse", advice_en="Ours.", advice_zh="")
    dataset_use_preset55(dataset=dataset)
    mouse.refresh_from_db()
    assert (mouse.name_en, mouse.advice_en) == ("Computer mouse", "Ours.")
    assert mouse.advice_zh
    assert dataset_use_preset55(dataset=dataset) is None


def test_reference_pictures_are_marked_and_unmarked_and_limited(dataset, towel, monkeypatch):
    images = make_images(dataset, 3, label=towel)
    (bare,) = make_images(dataset, 1)
    ids = [one.pk for one in [*images, bare]]
    assert images_mark_reference(dataset=dataset, ids=ids, on=True) == 3
    assert not Image.objects.get(pk=bare.pk).is_reference
    assert images_mark_reference(dataset=dataset, ids=ids[:1], on=False) == 1
    monkeypatch.setattr("webapp.datasets.class_services.MAX_REFERENCES", 2)
    with pytest.raises(DatasetError, match="at most 2"):
        images_mark_reference(dataset=dataset, ids=ids, on=True)
    assert dataset.images.filter(is_reference=True).count() == 2
    assert MAX_REFERENCES == 100


def test_each_act_is_told_in_a_sentence_with_its_photos(dataset, towel, cloth, curator):
    make_images(dataset, 3, label=towel)
    class_edit(label_class=towel, name_en="100% towel")
    class_edit(label_class=towel, name_en="Bath towel", colour="#336699")
    classes_merge(sources=[towel], into=cloth, actor=curator)
    undo_last(dataset)
    told = [row.text for row in operation_rows(dataset, limit=4)]
    assert told == [
        "Undone: “Bath towel” merged into “cloth” (3 photos)",
        "“Bath towel” merged into “cloth” (3 photos)",
        "“Bath towel” changed: name (was “100% towel”), colour",
        "“Bath towel” changed: name (was “towel”)",
    ]
    assert [row.can_undo for row in operation_rows(dataset, limit=2)] == [True, False]


def test_events_of_a_merge_carry_its_operation(dataset, towel, cloth):
    make_images(dataset, 2, label=towel)
    made = classes_merge(sources=[towel], into=cloth, actor=None)
    assert LabelEvent.objects.filter(operation=made.operation).count() == 2
    assert isinstance(made.operation, uuid.UUID)


@pytest.fixture
def looks(dataset):
    """A check of labels and a fit were made here; `looks()` answers what waits since, and ends it."""
    for kind in (JobKind.SUSPICION, JobKind.GUESSES):
        add_job(dataset, kind, JobState.SUCCEEDED)

    def waiting() -> list[str]:
        rows = dataset.jobs.filter(state__in=UNFINISHED)
        kinds = sorted(rows.values_list("kind", flat=True))
        rows.delete()
        return kinds

    return waiting


def test_labels_are_judged_anew_after_a_merge_a_deletion_a_split_and_each_way_back(
    dataset, towel, cloth, curator, looks
):
    both = ["guesses", "suspicion"]
    ids = [one.pk for one in make_images(dataset, 3, label=towel)]
    classes_merge(sources=[towel], into=cloth, actor=curator)
    assert looks() == both
    undo_last(dataset)
    assert looks() == both
    undo_last(dataset)  # the merge is done again
    assert looks() == both
    class_delete(label_class=cloth, to=None, actor=curator)
    assert looks() == both
    class_split(dataset=dataset, ids=ids[:1], name="rag", actor=curator)
    assert looks() == both


def test_several_acts_wait_for_one_look_of_a_kind(dataset, towel, cloth, curator, looks):
    silk = class_create(dataset=dataset, name="silk")
    classes_merge(sources=[towel], into=cloth, actor=curator)
    classes_merge(sources=[cloth], into=silk, actor=curator)
    assert looks() == ["guesses", "suspicion"]


def test_acts_that_change_no_label_ask_for_no_look(dataset, towel, cloth, curator, looks):
    class_edit(label_class=towel, name_en="Bath towel")
    class_move(label_class=cloth, step=-1, actor=curator)
    class_create(dataset=dataset, name="silk")
    assert looks() == []


def test_where_labels_were_never_judged_no_act_on_classes_begins_that(dataset, towel, cloth, curator):
    classes_merge(sources=[towel], into=cloth, actor=curator)
    assert not Job.objects.exists()
