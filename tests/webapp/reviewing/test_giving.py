"""Photos are given to people: each to one only, evenly, in order; and can be taken back or handed over."""

from __future__ import annotations

import pytest

from tests.support.rows import add_images
from webapp.accounts.models import Role, User
from webapp.datasets.filters import ImageFilter
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import Dataset, Image, ImageState
from webapp.datasets.selectors import rail_counts
from webapp.datasets.selectors_gallery import image_ids
from webapp.datasets.services import dataset_create
from webapp.datasets.undoing import operation_undo
from webapp.reviewing import services
from webapp.reviewing.models import Share
from webapp.reviewing.selectors import board, free_photos, queue_progress
from webapp.reviewing.services import photos_give, photos_hand_over, photos_take_back
from webapp.snapshots.contents import content_now
from webapp.snapshots.plans import PhotoFilter

pytestmark = pytest.mark.django_db


def queue_of(dataset: Dataset, person: User) -> list[int]:
    """What stands in a person's queue, in its order."""
    image_filter = ImageFilter(state="inbox", assigned=person.username, sort="queue")
    return image_ids(dataset, image_filter)[0]


def free(dataset: Dataset) -> list[int]:
    return list(free_photos(dataset, ImageFilter(sort="oldest")).values_list("pk", flat=True))


def test_photos_are_dealt_one_to_each_in_turn_and_keep_the_order_they_were_given_in(
    dataset, inbox, mei, jun, curator
):
    ids = [inbox[n] for n in (7, 2, 9, 4, 0)]
    given = photos_give(dataset=dataset, ids=ids, people=[jun, mei], given_by=curator, sort="uncertain")
    assert (given.n, dict(given.by_person), given.left_out) == (5, {jun: 3, mei: 2}, 0)
    assert queue_of(dataset, jun) == [inbox[n] for n in (7, 9, 0)]
    assert queue_of(dataset, mei) == [inbox[n] for n in (2, 4)]
    assert free(dataset) == [inbox[n] for n in (1, 3, 5, 6, 8)]


def test_what_is_given_later_stands_behind_what_was_given_before(dataset, inbox, mei, curator):
    photos_give(dataset=dataset, ids=inbox[5:7], people=[mei], given_by=curator)
    photos_give(dataset=dataset, ids=inbox[:2], people=[mei], given_by=curator)
    assert queue_of(dataset, mei) == [*inbox[5:7], *inbox[:2]]


def test_what_one_person_has_is_not_given_to_another(dataset, inbox, mei, jun, curator):
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator)
    again = photos_give(dataset=dataset, ids=inbox[2:6], people=[jun], given_by=curator)
    assert (again.n, again.left_out) == (2, 2)
    assert queue_of(dataset, mei) == inbox[:4]
    assert queue_of(dataset, jun) == inbox[4:6]


def test_of_two_curators_who_give_the_same_photos_at_the_same_moment_each_gives_some_and_none_twice(
    dataset, inbox, mei, jun, curator, admin, monkeypatch
):
    """The second one's act falls between two parts of the first one's."""
    monkeypatch.setattr(services, "CHUNK", 2)
    rivals = []

    def rival_acts(_seconds: float) -> None:
        if not rivals:
            rivals.append(None)
            rivals[0] = photos_give(dataset=dataset, ids=inbox, people=[jun], given_by=admin)

    monkeypatch.setattr(services.time, "sleep", rival_acts)
    given = photos_give(dataset=dataset, ids=inbox, people=[mei], given_by=curator)
    assert (given.n, given.left_out) == (2, 8)
    assert (rivals[0].n, rivals[0].left_out) == (8, 2)
    assert queue_of(dataset, mei) == inbox[:2]
    assert queue_of(dataset, jun) == inbox[2:]


@pytest.mark.parametrize("act", ["label", "quarantine", "accept"])
def test_a_photo_leaves_the_queue_once_anybody_has_decided_about_it_and_counts_as_done(
    dataset, inbox, mei, jun, curator, glass, act
):
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator)
    if act == "label":
        outcome = images_label(dataset=dataset, ids=inbox[:1], label=glass, actor=jun)
    else:
        state = ImageState.QUARANTINED if act == "quarantine" else ImageState.ACCEPTED
        outcome = images_set_state(dataset=dataset, ids=inbox[:1], state=state, actor=jun)
    assert queue_of(dataset, mei) == inbox[1:4]
    progress = queue_progress(dataset, "mei")
    assert (progress.done, progress.total, progress.waiting) == (1, 4, 3)
    operation_undo(dataset=dataset, operation=outcome.operation, actor=jun)
    assert queue_of(dataset, mei) == inbox[:4]


def test_only_photos_of_the_inbox_of_this_data_set_are_given(dataset, inbox, mei, curator, glass):
    (accepted,) = add_images(dataset, 1, glass)
    other = dataset_create(name="Other", created_by=curator)
    (foreign,) = add_images(other, 1, state=ImageState.INBOX)
    ids = [accepted.pk, foreign.pk, inbox[0], 10**9]
    given = photos_give(dataset=dataset, ids=ids, people=[mei], given_by=curator)
    assert (given.n, given.left_out) == (1, 3)
    assert queue_of(dataset, mei) == inbox[:1]


def test_what_is_left_is_taken_back_and_what_has_a_label_stays_counted(
    dataset, inbox, mei, jun, curator, glass
):
    photos_give(dataset=dataset, ids=inbox[:6], people=[jun, mei], given_by=curator)
    images_label(dataset=dataset, ids=inbox[1:2], label=glass, actor=mei)
    assert photos_take_back(dataset=dataset, person=mei) == 2
    assert queue_of(dataset, mei) == []
    assert queue_of(dataset, jun) == [inbox[n] for n in (0, 2, 4)]
    assert Image.objects.get(pk=inbox[1]).share.annotator == mei
    assert free(dataset) == [inbox[n] for n in (3, 5, 6, 7, 8, 9)]


def test_an_act_is_taken_back_as_a_whole_and_the_one_before_it_stays(dataset, inbox, mei, jun, curator):
    photos_give(dataset=dataset, ids=inbox[:2], people=[mei], given_by=curator)
    second = photos_give(dataset=dataset, ids=inbox[2:6], people=[mei, jun], given_by=curator)
    assert photos_take_back(dataset=dataset, operation=second.operation) == 4
    assert queue_of(dataset, mei) == inbox[:2]
    assert queue_of(dataset, jun) == []
    assert [(one.total, one.waiting) for one in board(dataset).acts] == [(2, 2)]


def test_what_is_left_of_one_person_is_handed_over_in_its_order(dataset, inbox, mei, jun, curator, glass):
    photos_give(dataset=dataset, ids=inbox[::-1], people=[mei], given_by=curator)
    images_label(dataset=dataset, ids=inbox[8:], label=glass, actor=mei)
    given = photos_hand_over(dataset=dataset, person=mei, to=[jun], given_by=curator)
    assert (given.n, given.left_out) == (8, 0)
    assert queue_of(dataset, jun) == inbox[7::-1]
    assert queue_of(dataset, mei) == []
    back = photos_hand_over(dataset=dataset, person=jun, to=[mei], given_by=curator)
    assert back.n == 8
    assert queue_of(dataset, mei) == inbox[7::-1]


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": Role.VIEWER}])
def test_what_somebody_who_may_not_label_any_more_held_is_free_and_theirs_again_if_nobody_took_it(
    dataset, inbox, mei, jun, curator, change
):
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator)
    User.objects.filter(pk=mei.pk).update(**change)
    assert queue_of(dataset, mei) == []
    assert free(dataset) == inbox
    assert board(dataset).waiting == 0
    assert [one.is_gone for one in board(dataset).holders] == [True]
    given = photos_give(dataset=dataset, ids=inbox[:1], people=[jun], given_by=curator)
    assert given.n == 1
    User.objects.filter(pk=mei.pk).update(is_active=True, role=Role.ANNOTATOR)
    assert queue_of(dataset, mei) == inbox[1:4]
    assert queue_of(dataset, jun) == inbox[:1]


def test_a_person_who_is_deleted_holds_nothing(dataset, inbox, mei, curator):
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator)
    mei.delete()
    assert free(dataset) == inbox
    assert not Share.objects.exists()


def test_the_rail_counts_what_waits_for_the_reader(dataset, inbox, mei, jun, curator, glass):
    photos_give(dataset=dataset, ids=inbox[:5], people=[jun, mei], given_by=curator)
    images_label(dataset=dataset, ids=inbox[:1], label=glass, actor=jun)
    assert [rail_counts(dataset, None, one)["mine"] for one in (mei, jun, curator)] == [2, 2, 0]
    assert rail_counts(dataset)["mine"] == 0


def test_the_board_reads_as_often_for_many_shares_as_for_one(
    dataset, inbox, mei, jun, curator, django_assert_num_queries
):
    for n, people in enumerate(([mei], [mei, jun], [jun])):
        photos_give(dataset=dataset, ids=inbox[3 * n : 3 * n + 3], people=people, given_by=curator)
    with django_assert_num_queries(2):
        found = board(dataset)
        assert [(one.person, one.progress.waiting) for one in found.holders] == [(jun, 4), (mei, 5)]
        assert [one.people for one in found.acts] == [["jun"], ["mei", "jun"], ["mei"]]


def test_progress_is_of_what_is_not_finished(dataset, inbox, mei, curator, glass):
    photos_give(dataset=dataset, ids=inbox[:2], people=[mei], given_by=curator)
    images_label(dataset=dataset, ids=inbox[:2], label=glass, actor=mei)
    assert queue_progress(dataset, "mei").total == 0
    photos_give(dataset=dataset, ids=inbox[2:6], people=[mei], given_by=curator)
    progress = queue_progress(dataset, "mei")
    assert (progress.done, progress.total) == (0, 4)


@pytest.mark.parametrize(
    ("sort", "of_more", "train_only"),
    [("uncertain", True, True), ("varied", True, True), ("uncertain", False, False), ("newest", True, False)],
)
def test_what_a_model_picked_out_of_more_trains_but_does_not_test(
    dataset, inbox, mei, jun, curator, glass, sort, of_more, train_only
):
    """Neither does it once it was handed over. Where all were given nothing was picked."""
    photos_give(dataset=dataset, ids=inbox[:4], people=[mei], given_by=curator, sort=sort, of_more=of_more)
    images_label(dataset=dataset, ids=inbox[:2], label=glass, actor=mei)
    photos_hand_over(dataset=dataset, person=mei, to=[jun], given_by=curator)
    images_label(dataset=dataset, ids=inbox[2:6], label=glass, actor=jun)
    told = content_now(dataset, PhotoFilter()).photos
    assert [told[pk].train_only for pk in inbox[:6]] == [train_only] * 4 + [False] * 2
