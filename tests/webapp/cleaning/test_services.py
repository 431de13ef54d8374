"""What a decision does, what it refuses, and the way back."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction

from tests.support.rows import add_job
from tests.webapp.cleaning.rows import add_group, found, images, photos, row
from webapp.cleaning import services
from webapp.cleaning.arranging import groups_arrange
from webapp.cleaning.models import ComparedImage, Decision, DuplicateGroup, DuplicateMember, GroupState
from webapp.cleaning.selectors import group_counts
from webapp.cleaning.services import GroupTaken, act_undo
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import ImageState, LabelEvent
from webapp.datasets.services import class_create
from webapp.jobs.models import Job, JobKind, JobState
from webapp.jobs.services import job_claim, job_end_cancelled, job_requeue, look_request

pytestmark = pytest.mark.django_db


@pytest.fixture
def glass(dataset):
    return class_create(dataset=dataset, name="glass")


@pytest.fixture
def paper(dataset):
    return class_create(dataset=dataset, name="paper")


def states(group):
    members = DuplicateMember.objects.filter(group=group).order_by("image_id")
    return list(members.values_list("image__state", flat=True))


def keep_best(group, actor, **more):
    return services.group_keep_best(group=group, seen=row(group).seen, actor=actor, **more)


def test_keeping_the_best_quarantines_the_others_with_the_reason_and_leaves_an_audit(
    dataset, glass, annotator
):
    group = add_group(dataset, glass, glass, glass)
    best, *others = images(group)
    done = keep_best(group, annotator)
    group.refresh_from_db()
    assert (group.state, group.decision, group.decided_by) == (
        GroupState.DECIDED,
        Decision.KEPT_BEST,
        annotator,
    )
    assert states(group) == ["accepted", "quarantined", "quarantined"]
    assert done.photos == 2
    others[0].refresh_from_db()
    assert others[0].state_reason == f"near-duplicate of {best.original_name}"
    assert LabelEvent.objects.filter(image__in=others, actor=annotator, new_state="quarantined").count() == 2
    assert group_counts(dataset).open == 0


def test_undo_brings_photos_and_question_back(dataset, glass, annotator):
    group = add_group(dataset, glass, glass)
    done = keep_best(group, annotator)
    assert act_undo(dataset=dataset, act=done.act, actor=annotator).photos == 1
    group.refresh_from_db()
    assert (group.state, group.decision, group.decided_at) == (GroupState.OPEN, "", None)
    assert states(group) == ["accepted", "accepted"]
    assert act_undo(dataset=dataset, act=done.act, actor=annotator).groups == 0
    keep_best(group, annotator)


def test_keeping_all_changes_no_photo_and_is_undone_alike(dataset, glass, annotator):
    group = add_group(dataset, glass, glass)
    done = services.group_keep_all(group=group, seen=row(group).seen, actor=annotator)
    assert states(group) == ["accepted", "accepted"]
    assert group_counts(dataset).open == 0
    act_undo(dataset=dataset, act=done.act, actor=annotator)
    assert group_counts(dataset).open == 1


def test_of_two_people_the_second_is_told_and_changes_nothing(dataset, glass, annotator, curator):
    group = add_group(dataset, glass, glass)
    seen = row(group).seen
    mine, theirs = (DuplicateGroup.objects.get(pk=group.pk) for _ in range(2))
    services.group_keep_all(group=mine, seen=seen, actor=curator)
    with pytest.raises(GroupTaken, match="curator has decided about this group meanwhile"):
        services.group_keep_best(group=theirs, seen=seen, actor=annotator)
    assert states(group) == ["accepted", "accepted"]
    group.refresh_from_db()
    assert group.decided_by == curator


@pytest.mark.parametrize("act", ["label", "state"])
def test_a_photo_that_changed_since_it_was_shown_stops_the_decision(dataset, glass, paper, annotator, act):
    group = add_group(dataset, glass, glass, glass)
    seen, ids = row(group).seen, [images(group)[1].pk]
    if act == "label":
        images_label(dataset=dataset, ids=ids, label=paper, actor=None)
    else:
        images_set_state(dataset=dataset, ids=ids, state=ImageState.QUARANTINED, actor=None)
    with pytest.raises(GroupTaken, match="meanwhile"):
        services.group_keep_best(group=group, seen=seen, actor=annotator)
    group.refresh_from_db()
    assert group.state == GroupState.OPEN


def test_another_best_is_kept_instead_and_the_likeness_is_said_beside_it(dataset, glass, annotator):
    group = add_group(dataset, glass, glass, glass)
    first, second, _third = images(group)
    done = services.group_choose_best(group=group, seen=row(group).seen, image=second.pk)
    assert images(group)[0] == second
    by_image = dict(DuplicateMember.objects.filter(group=group).values_list("image", "similarity"))
    assert by_image[second.pk] is None
    assert by_image[first.pk] == 0.98
    act_undo(dataset=dataset, act=done.act, actor=annotator)
    assert images(group)[0] == first
    services.group_choose_best(group=group, seen=row(group).seen, image=second.pk)
    keep_best(group, annotator)
    second.refresh_from_db()
    assert second.state == ImageState.ACCEPTED
    assert sorted(states(group)) == ["accepted", "quarantined", "quarantined"]


def test_a_photo_of_another_group_cannot_be_its_best(dataset, glass):
    group, other = add_group(dataset, glass, glass), add_group(dataset, glass, glass)
    with pytest.raises(GroupTaken):
        services.group_choose_best(group=group, seen=row(group).seen, image=images(other)[0].pk)


def test_one_label_for_all_ends_the_conflict_and_can_be_undone(dataset, glass, paper, annotator):
    group = add_group(dataset, glass, paper, None)
    assert group_counts(dataset).conflicts == 1
    done = services.group_label_all(group=group, seen=row(group).seen, label=paper, actor=annotator)
    assert done.photos == 2
    assert {image.label for image in images(group)} == {paper}
    counts = group_counts(dataset)
    assert (counts.open, counts.conflicts) == (1, 0)
    act_undo(dataset=dataset, act=done.act, actor=annotator)
    assert [image.label for image in images(group)] == [glass, paper, None]


def test_acts_are_undone_one_after_the_other(dataset, glass, paper, annotator):
    group = add_group(dataset, glass, paper)
    labelled = services.group_label_all(group=group, seen=row(group).seen, label=paper, actor=annotator)
    group.refresh_from_db()
    kept = keep_best(group, annotator)
    assert act_undo(dataset=dataset, act=labelled.act, actor=annotator).groups == 0
    assert act_undo(dataset=dataset, act=kept.act, actor=annotator).groups == 1
    assert act_undo(dataset=dataset, act=labelled.act, actor=annotator).groups == 1
    assert group_counts(dataset).conflicts == 1


def test_all_at_once_leaves_conflicts_and_what_others_changed_and_is_one_undo(
    dataset, glass, paper, annotator
):
    plain = [add_group(dataset, glass, glass), add_group(dataset, paper, None)]
    conflict, taken = add_group(dataset, glass, paper), add_group(dataset, glass, glass)
    shown = [(group, row(group).seen) for group in (*plain, conflict, taken)]
    services.group_keep_all(group=taken, seen=row(taken).seen, actor=annotator)
    done = services.groups_keep_best(groups=shown, actor=annotator)
    assert (done.groups, done.photos, done.stale) == (2, 2, 1)
    assert states(conflict) == ["accepted", "accepted"]
    undone = act_undo(dataset=dataset, act=done.act, actor=annotator)
    assert (undone.groups, undone.photos) == (2, 2)
    assert group_counts(dataset).open == 3


def test_the_best_is_the_next_one_where_the_proposed_one_is_in_quarantine(dataset, glass, annotator):
    group = add_group(dataset, glass, glass, glass)
    best, second, third = images(group)
    images_set_state(dataset=dataset, ids=[best.pk], state=ImageState.QUARANTINED, actor=None)
    keep_best(group, annotator)
    for image in (second, third):
        image.refresh_from_db()
    assert (second.state, third.state) == ("accepted", "quarantined")


def test_a_group_of_which_one_photo_is_left_asks_nothing(dataset, glass):
    group = add_group(dataset, glass, glass)
    images_set_state(dataset=dataset, ids=[images(group)[1].pk], state=ImageState.QUARANTINED, actor=None)
    assert group_counts(dataset).open == 0


def test_the_best_copy_has_most_pixels_then_is_the_sharpest_then_the_largest_then_the_oldest(dataset, glass):
    group = add_group(dataset, *[glass] * 5)
    oldest, newer, large, sharp, wide = images(group)
    for image, values in (
        (oldest, {}), (newer, {}), (large, {"size": 2000}), (sharp, {"sharpness": 9.0}), (wide, {"width": 700}),
    ):  # fmt: skip
        type(image).objects.filter(pk=image.pk).update(
            **{"width": 600, "height": 400, "sharpness": 1.0, **values}
        )
    members = services.active_members(group)
    assert [one.image for one in members] == [wide, sharp, large, oldest, newer]


def test_an_image_stands_in_one_open_group(dataset, glass):
    group = add_group(dataset, glass, glass)
    other = DuplicateGroup.objects.create(dataset=dataset, best=images(group)[0])
    with pytest.raises(IntegrityError), transaction.atomic():
        DuplicateMember.objects.create(group=other, image=images(group)[0], bits=0)


@pytest.mark.parametrize(
    "values", [{"state": "decided"}, {"decision": "kept_all"}, {"state": "decided", "decision": "perhaps"}]
)
def test_a_group_is_open_or_decided_and_nothing_between(dataset, glass, values):
    group = add_group(dataset, glass, glass)
    with pytest.raises(IntegrityError), transaction.atomic():
        DuplicateGroup.objects.filter(pk=group.pk).update(**values)


def test_reopening_takes_a_group_apart_that_one_of_its_photos_came_into_since(dataset, glass, annotator):
    group = add_group(dataset, glass, glass)
    best = images(group)[0]
    done = keep_best(group, annotator)
    newcomer = photos(dataset, glass)
    later = groups_arrange(dataset=dataset, found=[found([best, *newcomer])], replaced={})
    assert later.written == 1
    ComparedImage.objects.create(image=newcomer[0], dataset=dataset)
    act_undo(dataset=dataset, act=done.act, actor=annotator)
    assert group_counts(dataset).open == 1
    assert not ComparedImage.objects.filter(image=newcomer[0]).exists()
    assert Job.objects.filter(dataset=dataset, kind=JobKind.DUPLICATES, state=JobState.QUEUED).count() == 1


def test_an_unknown_act_undoes_nothing(dataset, annotator):
    assert act_undo(dataset=dataset, act=uuid.uuid4(), actor=annotator).groups == 0


def test_a_data_set_has_one_waiting_look(dataset):
    first = look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None)
    assert look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None) == first
    with pytest.raises(IntegrityError), transaction.atomic():
        add_job(dataset, JobKind.DUPLICATES)


def test_a_look_waits_for_the_one_that_runs_and_starts_however_that_ends(dataset):
    running = job_claim(
        job_id=look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None).pk, owner="me/1/1"
    )
    assert running is not None
    waiting = look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None)
    assert waiting.pk != running.pk
    assert job_claim(job_id=waiting.pk, owner="you/2/2") is None
    assert job_end_cancelled(job_id=running.pk, attempt=running.attempt)
    assert job_claim(job_id=waiting.pk, owner="you/2/2") is not None


def test_two_looks_never_run_at_once_even_where_nothing_says_that_one_waits_for_the_other(dataset):
    running = job_claim(
        job_id=look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None).pk, owner="me/1/1"
    )
    assert running is not None
    other = look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None)
    Job.objects.filter(pk=other.pk).update(after=None)
    assert job_claim(job_id=other.pk, owner="you/2/2") is None
    other.refresh_from_db()
    assert other.state == JobState.QUEUED


def test_a_lost_look_goes_back_to_the_queue_though_another_waits(dataset):
    running = job_claim(
        job_id=look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None).pk, owner="me/1/1"
    )
    assert running is not None
    look_request(kind=JobKind.DUPLICATES, dataset=dataset, created_by=None)
    assert job_requeue(job_id=running.pk, attempt=running.attempt, lost=True)
