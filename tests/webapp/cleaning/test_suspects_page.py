"""“Labels in doubt”: what the page shows to whom, one decision a photo, two people, and the way back."""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images, add_job
from webapp.cleaning.models import Suspect, SuspectKind, Verdict
from webapp.cleaning.selectors_suspects import open_suspects, suspect_counts, suspect_page
from webapp.cleaning.suspects import (
    Doubt,
    SuspectTaken,
    check_save,
    suspect_accept,
    suspect_keep,
    suspect_undo,
)
from webapp.datasets.class_services import class_delete, classes_merge
from webapp.datasets.labelling import images_label
from webapp.datasets.models import ClassOperation, Image, ImageState, LabelEvent, LabelOrigin
from webapp.datasets.operations import class_operation_undo
from webapp.datasets.overview import overview
from webapp.datasets.services import class_create
from webapp.datasets.undoing import operation_undo
from webapp.jobs.models import Job, JobKind, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def glass(dataset):
    return class_create(dataset=dataset, name="glass")


@pytest.fixture
def metal(dataset):
    return class_create(dataset=dataset, name="metal")


@pytest.fixture
def doubted(dataset, glass, metal):
    """Three photos labelled glass that look like metal, the strongest doubt last."""
    images = add_images(dataset, 3, glass)
    doubts = [
        Doubt(image.pk, SuspectKind.LABEL, 0.7 + n / 10, glass.pk, metal.pk) for n, image in enumerate(images)
    ]
    check_save(dataset=dataset, suspicion={one.image: one.score for one in doubts}, doubts=doubts)
    return [Suspect.objects.get(image=image) for image in images]


def url(dataset, name="suspects", *more):
    return reverse(f"cleaning:{name}", args=[dataset.slug, *more])


def send(client, suspect, act, **values):
    where = url(suspect.dataset, "suspect_decide", suspect.pk)
    return client.post(where, {"act": act, "seen": Image.objects.get(pk=suspect.image_id).version, **values})


def shown(page) -> list[int]:
    return [int(pk) for pk in re.findall(r'<article [^>]*id="group-(\d+)"', page.content.decode())]


def test_the_strongest_doubt_comes_first_with_both_classes_and_keys(client_of, annotator, dataset, doubted):
    page = client_of(annotator).get(url(dataset))
    assert shown(page) == [one.pk for one in reversed(doubted)]
    for text in ("glass, or metal?", "It is metal", "Keep glass", "90 % speak against glass"):
        assertContains(page, text)


def test_a_viewer_sees_doubts_and_no_buttons(client_of, viewer, dataset, doubted):
    page = client_of(viewer).get(url(dataset))
    assert len(shown(page)) == 3
    assertNotContains(page, "It is metal")
    assertNotContains(page, "Check again")


def test_taking_the_suggested_class_is_marked_as_a_models_guess(
    client_of, annotator, dataset, doubted, metal
):
    suspect = doubted[0]
    assert send(client_of(annotator), suspect, "accept").status_code == 302
    image = Image.objects.get(pk=suspect.image_id)
    assert (image.label, image.label_origin, image.labelled_by) == (metal, LabelOrigin.MODEL, annotator)
    assert image.suspicion == 0.0
    assert suspect_counts(dataset).label == 2
    assert shown(client_of(annotator).get(url(dataset) + "?show=decided")) == [suspect.pk]


def test_another_class_that_a_person_chose_is_a_persons_label(client_of, annotator, dataset, doubted):
    paper = class_create(dataset=dataset, name="paper")
    send(client_of(annotator), doubted[0], "label", label="paper")
    image = Image.objects.get(pk=doubted[0].image_id)
    assert (image.label, image.label_origin) == (paper, LabelOrigin.PERSON)


def test_a_confirmed_label_is_not_asked_about_again_by_the_next_check(
    client_of, annotator, dataset, doubted, glass, metal
):
    send(client_of(annotator), doubted[0], "keep")
    again = [Doubt(one.image_id, SuspectKind.LABEL, 0.95, glass.pk, metal.pk) for one in doubted]
    check_save(dataset=dataset, suspicion={one.image: one.score for one in again}, doubts=again)
    assert {one.pk for one in open_suspects(dataset, "label")} == {one.pk for one in doubted[1:]}
    assert Image.objects.get(pk=doubted[0].image_id).suspicion == 0.0
    assert not LabelEvent.objects.filter(image=doubted[0].image_id).exists()


def test_a_new_label_on_a_confirmed_photo_may_be_doubted_again(dataset, doubted, glass, metal, curator):
    suspect_keep(suspect=doubted[0], seen=doubted[0].image.version, actor=curator)
    doubt = Doubt(doubted[0].image_id, SuspectKind.LABEL, 0.9, metal.pk, glass.pk)
    images_label(dataset=dataset, ids=[doubt.image], label=metal, actor=curator)
    check_save(dataset=dataset, suspicion={}, doubts=[doubt])
    assert [one.image_id for one in open_suspects(dataset, "label")] == [doubt.image]


def test_what_a_check_finds_no_more_goes_and_decisions_stay(dataset, doubted, curator):
    suspect_keep(suspect=doubted[0], seen=doubted[0].image.version, actor=curator)
    check_save(dataset=dataset, suspicion={}, doubts=[])
    assert list(Suspect.objects.values_list("pk", "verdict")) == [(doubted[0].pk, Verdict.KEPT)]
    assert set(dataset.images.values_list("suspicion", flat=True)) == {0.0}


def test_quarantine_names_the_doubt_as_its_reason_and_undo_brings_all_back(
    client_of, annotator, dataset, doubted
):
    client = client_of(annotator)
    send(client, doubted[2], "out")
    image = Image.objects.get(pk=doubted[2].image_id)
    assert (image.state, image.state_reason) == (ImageState.QUARANTINED, "label in doubt")
    client.post(url(dataset, "suspect_undo", doubted[2].pk))
    image.refresh_from_db()
    assert (image.state, image.suspicion) == (ImageState.ACCEPTED, 0.9)
    assert suspect_counts(dataset).label == 3


def test_the_second_of_two_people_is_told_and_changes_nothing(
    client_of, annotator, curator, dataset, doubted
):
    suspect = doubted[0]
    seen = suspect.image.version
    suspect_accept(suspect=suspect, seen=seen, actor=curator)
    page = client_of(annotator).post(
        url(dataset, "suspect_decide", suspect.pk),
        {"act": "keep", "seen": seen},
        headers={"HX-Request": "true"},
    )
    assertContains(page, "Somebody changed this photo meanwhile")
    assert Suspect.objects.get(pk=suspect.pk).decided_by == curator


def test_a_photo_relabelled_in_the_gallery_asks_nothing_any_more(dataset, doubted, metal, annotator):
    images_label(dataset=dataset, ids=[doubted[0].image_id], label=metal, actor=annotator)
    assert suspect_counts(dataset).label == 2
    with pytest.raises(SuspectTaken):
        suspect_keep(suspect=doubted[0], seen=1, actor=annotator)
    assert Suspect.objects.get(pk=doubted[0].pk).verdict == ""


def test_undoing_twice_is_refused(dataset, doubted, curator):
    suspect_accept(suspect=doubted[0], seen=doubted[0].image.version, actor=curator)
    decided = Suspect.objects.get(pk=doubted[0].pk)
    suspect_undo(suspect=decided, actor=curator)
    with pytest.raises(SuspectTaken):
        suspect_undo(suspect=decided, actor=curator)


def test_an_act_that_the_gallery_undid_leaves_the_doubt_open_to_be_undone(dataset, doubted, curator, glass):
    suspect_accept(suspect=doubted[0], seen=doubted[0].image.version, actor=curator)
    decided = Suspect.objects.get(pk=doubted[0].pk)
    operation_undo(dataset=dataset, operation=decided.operation, actor=curator)
    suspect_undo(suspect=decided, actor=curator)
    assert Image.objects.get(pk=doubted[0].image_id).label == glass


def test_pages_follow_each_other_without_gaps_among_equal_scores(dataset, glass, metal):
    images = add_images(dataset, 9, glass)
    doubts = [
        Doubt(one.pk, SuspectKind.LABEL, (n % 3) / 3, glass.pk, metal.pk) for n, one in enumerate(images)
    ]
    check_save(dataset=dataset, suspicion={}, doubts=doubts)
    found, after = [], ""
    for _page in range(6):
        page = suspect_page(dataset, kind="label", decided=False, after=after, size=2)
        found += [(one.score, one.pk) for one in page.rows]
        after = page.next_after
        if not after:
            break
    assert found == sorted(found, reverse=True)
    assert len(found) == 9


@pytest.mark.parametrize("after", ["x", "-1", "9" * 40])
@pytest.mark.parametrize("show", ["label", "odd", "decided", "nonsense"])
def test_an_address_that_makes_no_sense_shows_the_first_page(
    client_of, viewer, dataset, doubted, after, show
):
    page = client_of(viewer).get(url(dataset), {"after": after, "show": show})
    assert page.status_code == 200
    assert len(shown(page)) == (3 if show in ("label", "nonsense") else 0)


def test_the_page_reads_as_often_for_one_doubt_as_for_twenty(client_of, annotator, dataset, glass, metal):
    client = client_of(annotator)

    def counted(n: int) -> int:
        images = add_images(dataset, n, glass)
        doubts = [Doubt(one.pk, SuspectKind.LABEL, 0.9, glass.pk, metal.pk) for one in images]
        check_save(dataset=dataset, suspicion={}, doubts=doubts)
        with CaptureQueriesContext(connection) as queries:
            assert len(shown(client.get(url(dataset)))) == n
        return len(queries)

    assert counted(1) == counted(20)


def test_check_queues_one_job_and_the_page_shows_it_at_work(client_of, annotator, dataset):
    client = client_of(annotator)
    client.post(url(dataset, "check"))
    client.post(url(dataset, "check"))
    job = Job.objects.get(kind=JobKind.SUSPICION)
    assertContains(client.get(url(dataset)), "Checking the labels")
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    assertContains(client.get(url(dataset, "suspects_work")), "The check has ended.")


def test_each_empty_page_says_why_and_what_to_do(client_of, annotator, dataset):
    client = client_of(annotator)
    assertContains(client.get(url(dataset)), "Not checked yet")
    add_job(dataset, JobKind.SUSPICION, JobState.SUCCEEDED, result={"classes": 1})
    assertContains(client.get(url(dataset)), "two classes")
    add_job(dataset, JobKind.SUSPICION, JobState.SUCCEEDED, result={"classes": 2})
    assertContains(client.get(url(dataset)), "No label is in doubt")
    assertContains(client.get(url(dataset) + "?show=odd"), "No photo stands out")
    add_job(dataset, JobKind.SUSPICION, JobState.FAILED, error="The disk is full.")
    assertContains(client.get(url(dataset)), "The last check failed.")


def test_htmx_gets_the_photos_part_and_what_to_say_and_to_undo(client_of, annotator, dataset, doubted):
    suspect = doubted[1]
    answer = client_of(annotator).post(
        url(dataset, "suspect_decide", suspect.pk),
        {"act": "accept", "seen": suspect.image.version},
        headers={"HX-Request": "true"},
    )
    told = json.loads(answer["HX-Trigger-After-Settle"])["cleaned"]
    assert told["undo"] == url(dataset, "suspect_undo", suspect.pk)
    assertContains(answer, "glass → metal")


HTMX = {"HX-Request": "true"}


def doubts_said(dataset) -> list[str]:
    return [step.text for step in overview(dataset).steps if "in doubt" in step.text]


def test_a_doubt_whose_suggested_class_was_deleted_drops_out_of_list_counts_and_overview(
    client_of, annotator, dataset, doubted, metal, curator
):
    class_delete(label_class=metal, to=None, actor=curator)
    page = client_of(annotator).get(url(dataset))
    assert shown(page) == []
    assert suspect_counts(dataset).label == 0
    assert doubts_said(dataset) == []


def test_a_doubt_follows_its_suggested_class_through_merges_and_back(
    client_of, annotator, dataset, doubted, metal, curator
):
    steel, scrap = (class_create(dataset=dataset, name=name) for name in ("steel", "scrap"))
    classes_merge(sources=[metal], into=steel, actor=curator)
    classes_merge(sources=[steel], into=scrap, actor=curator)
    client = client_of(annotator)
    assertContains(client.get(url(dataset)), "glass, or scrap?", count=3)
    assert suspect_counts(dataset).label == 3
    send(client, doubted[0], "accept")
    assert Image.objects.get(pk=doubted[0].image_id).label == scrap
    for act in ClassOperation.objects.filter(kind="merge").order_by("-pk"):
        class_operation_undo(operation=act, actor=curator)
    assertContains(client.get(url(dataset)), "glass, or metal?", count=2)


def test_a_doubt_whose_suggested_class_was_merged_into_the_photos_own_asks_nothing(
    client_of, annotator, dataset, doubted, glass, metal, curator
):
    classes_merge(sources=[metal], into=glass, actor=curator)
    assert shown(client_of(annotator).get(url(dataset))) == []
    assert suspect_counts(dataset).label == 0
    with pytest.raises(SuspectTaken, match="no suggested class any more"):
        suspect_accept(suspect=Suspect.objects.get(pk=doubted[0].pk), seen=1, actor=annotator)


def test_accepting_on_a_page_from_before_the_deletion_says_to_choose_a_class(
    client_of, annotator, dataset, doubted, metal, curator
):
    class_delete(label_class=metal, to=None, actor=curator)
    answer = client_of(annotator).post(
        url(dataset, "suspect_decide", doubted[0].pk), {"act": "accept", "seen": 1}, headers=HTMX
    )
    assertContains(answer, "There is no suggested class any more. Choose one.")
    assertContains(answer, "glass, or another class?")
    assertNotContains(answer, 'value="accept"')


def test_another_class_that_was_deleted_meanwhile_is_named_and_the_card_offers_those_that_are_left(
    client_of, annotator, dataset, doubted, curator
):
    paper = class_create(dataset=dataset, name="paper")
    class_delete(label_class=paper, to=None, actor=curator)
    answer = client_of(annotator).post(
        url(dataset, "suspect_decide", doubted[0].pk),
        {"act": "label", "label": "paper", "seen": 1},
        headers=HTMX,
    )
    assertContains(answer, "There is no class “paper” here. Load the page again.")
    assertNotContains(answer, 'value="paper"')
    assert Suspect.objects.get(pk=doubted[0].pk).verdict == ""


def test_a_class_closed_between_the_look_and_the_label_is_said_and_nothing_is_decided(
    client_of, annotator, dataset, doubted, metal, monkeypatch
):
    def closed_first(**asked):
        metal.is_retired = True
        metal.save(update_fields=["is_retired"])
        return images_label(**{**asked, "label": metal})

    monkeypatch.setattr("webapp.cleaning.suspects.images_label", closed_first)
    answer = client_of(annotator).post(
        url(dataset, "suspect_decide", doubted[0].pk), {"act": "accept", "seen": 1}, headers=HTMX
    )
    assertContains(answer, "There is no class “metal” here. Load the page again.")
    assert Suspect.objects.get(pk=doubted[0].pk).verdict == ""


def test_undo_tells_the_page_which_act_is_taken_back_and_says_so(client_of, annotator, dataset, doubted):
    client = client_of(annotator)
    send(client, doubted[0], "keep")
    where = url(dataset, "suspect_undo", doubted[0].pk)
    for said in ("Undone: the photo asks again.", ""):
        told = json.loads(client.post(where, headers=HTMX)["HX-Trigger-After-Settle"])["uncleaned"]
        assert told == {"group": doubted[0].pk, "message": said}
