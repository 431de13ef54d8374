"""The page “Clean”: what it shows to whom, in which order, and what its forms do without scripts."""

from __future__ import annotations

import json
import re

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from tests.support.rows import add_images, add_job
from tests.webapp.cleaning.rows import add_group, images, row
from webapp.cleaning import selectors, services
from webapp.cleaning.models import ComparedImage, DuplicateGroup
from webapp.cleaning.selectors import group_page
from webapp.datasets.class_services import class_delete
from webapp.datasets.labelling import images_label
from webapp.datasets.models import Image
from webapp.datasets.overview import overview
from webapp.datasets.services import category_for_bin, class_create
from webapp.jobs.models import Job, JobKind, JobState

pytestmark = pytest.mark.django_db


@pytest.fixture
def glass(dataset):
    category = category_for_bin(dataset=dataset, bin="recyclable")
    return class_create(dataset=dataset, name="glass", category=category)


@pytest.fixture
def paper(dataset):
    return class_create(dataset=dataset, name="paper")


def url(dataset, name="groups", *more):
    return reverse(f"cleaning:{name}", args=[dataset.slug, *more])


def send(client, group, **values):
    return client.post(url(group.dataset, "decide", group.pk), {"seen": row(group).seen, **values})


def shown(page) -> list[int]:
    return [int(pk) for pk in re.findall(r'<article [^>]*id="group-(\d+)"', page.content.decode())]


def test_a_group_shows_its_photos_with_label_size_name_date_and_the_best_first(
    client_of, annotator, dataset, glass
):
    group = add_group(dataset, glass, glass)
    page = client_of(annotator).get(url(dataset))
    best, other = images(group)
    for text in (
        best.original_name,
        other.original_name,
        "640 × 480",
        "1000",
        "glass",
        "98 % alike",
        "best copy",
    ):
        assertContains(page, text.replace("1000", "1000\xa0bytes"))
    assertContains(page, 'class="dot bin-recyclable"')
    text = page.content.decode()
    assert text.index(f'alt="{best.original_name}"') < text.index(f'alt="{other.original_name}"')


def test_label_conflicts_come_first_and_then_the_newest(client_of, viewer, dataset, glass, paper):
    plain, conflict, newest = (
        add_group(dataset, glass, glass), add_group(dataset, glass, paper), add_group(dataset, paper, None),
    )  # fmt: skip
    page = client_of(viewer).get(url(dataset))
    assert shown(page) == [conflict.pk, newest.pk, plain.pk]
    assertContains(page, "different labels", 2)  # its badge, and the count in the head
    assert shown(client_of(viewer).get(url(dataset) + "?show=conflicts")) == [conflict.pk]


def test_a_conflict_that_the_gallery_solved_is_none_any_more(dataset, glass, paper):
    group = add_group(dataset, glass, paper)
    images_label(dataset=dataset, ids=[images(group)[1].pk], label=glass, actor=None)
    assert selectors.group_counts(dataset).conflicts == 0
    assert group_page(dataset, show="conflicts").rows == []


def test_pages_follow_each_other_without_gaps_across_the_conflicts(dataset, glass, paper):
    pks = [add_group(dataset, glass, paper if place % 3 == 0 else glass).pk for place in range(11)]
    after, seen = "", []
    while True:
        page = group_page(dataset, show="all", after=after, size=3)
        seen += [one.group.pk for one in page.rows]
        after = page.next_after
        if not after:
            break
    conflicts = pks[::3]
    assert seen == sorted(conflicts, reverse=True) + sorted(set(pks) - set(conflicts), reverse=True)


def test_decided_groups_stand_in_the_order_of_their_decisions(dataset, glass, annotator):
    groups = [add_group(dataset, glass, glass) for _ in range(5)]
    order = [groups[place] for place in (2, 0, 4, 1, 3)]
    for group in order:
        services.group_keep_all(group=group, seen=row(group).seen, actor=annotator)
    first = group_page(dataset, show="decided", size=3)
    second = group_page(dataset, show="decided", after=first.next_after, size=3)
    assert [one.group for one in (*first.rows, *second.rows)] == order[::-1]
    assert second.next_after == ""


@pytest.mark.parametrize("after", ["x", "2-5", "1-", "-", "1-99999999999999999999", "٣", "9" * 40])
@pytest.mark.parametrize("show", ["all", "decided", "nonsense"])
def test_a_cursor_that_makes_no_sense_begins_at_the_top(client_of, viewer, dataset, glass, after, show):
    group = add_group(dataset, glass, glass)
    page = client_of(viewer).get(url(dataset), {"after": after, "show": show})
    assert page.status_code == 200
    assert shown(page) == ([] if show == "decided" else [group.pk])


def test_the_page_reads_as_often_for_two_groups_as_for_twenty(
    client_of, annotator, dataset, glass, paper, django_assert_num_queries
):
    client = client_of(annotator)

    def counted() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(url(dataset)).status_code == 200
        return len(queries)

    for _ in range(2):
        add_group(dataset, glass, paper, glass)
    few = counted()
    for _ in range(18):
        add_group(dataset, glass, glass, glass)
    assert counted() == few
    # groups, their rows, members; the keys of the page and the counts read the photos' labels
    with django_assert_num_queries(3):
        group_page(dataset, show="all")


def test_a_viewer_sees_all_and_can_decide_nothing(client_of, viewer, dataset, glass):
    group = add_group(dataset, glass, glass)
    page = client_of(viewer).get(url(dataset))
    assertContains(page, images(group)[0].original_name)
    assertNotContains(page, 'name="act"')
    assertNotContains(page, "Look again")
    assert send(client_of(viewer), group, act="keep_all").status_code == 403


def test_keeping_the_best_without_scripts_leads_back_with_an_undo(client_of, annotator, dataset, glass):
    group = add_group(dataset, glass, glass)
    client = client_of(annotator)
    answer = send(client, group, act="keep_best", back="show=all")
    group.refresh_from_db()
    assertRedirects(
        answer,
        f"{url(dataset)}?show=all&act={group.last_act}#group-{group.pk}",
        fetch_redirect_response=False,
    )
    page = client.get(answer["Location"])
    assertContains(page, "1 group decided: the best copy stays, the others are in quarantine.")
    client.post(url(dataset, "undo"), {"act": str(group.last_act)})
    assert shown(client.get(url(dataset))) == [group.pk]
    assertNotContains(client.get(answer["Location"]), "1 group decided")


def test_the_second_of_two_deciders_is_told_on_the_page(client_of, annotator, curator, dataset, glass):
    group = add_group(dataset, glass, glass)
    seen = row(group).seen
    services.group_keep_all(group=group, seen=seen, actor=curator)
    client = client_of(annotator)
    answer = client.post(url(dataset, "decide", group.pk), {"seen": seen, "act": "keep_best"}, follow=True)
    assertContains(answer, "curator has decided about this group meanwhile; nothing was changed.")
    assert not Image.objects.filter(state="quarantined").exists()


def test_htmx_gets_the_group_alone_and_what_to_say_of_it(client_of, annotator, dataset, glass, paper):
    group = add_group(dataset, glass, paper)
    client = client_of(annotator)
    hx = {"HTTP_HX_REQUEST": "true"}
    address = url(dataset, "decide", group.pk)
    answer = client.post(address, {"seen": row(group).seen, "act": "label", "label": "paper"}, **hx)
    told = json.loads(answer["HX-Trigger-After-Settle"])["cleaned"]
    assert told["message"] == "All photos of the group have one label now."
    assertContains(answer, f'id="group-{group.pk}"')
    assertNotContains(answer, "<html")
    answer = client.post(address, {"seen": row(group).seen, "act": "keep_best"}, **hx)
    assertContains(answer, "stays, 1 in quarantine")
    act = json.loads(answer["HX-Trigger-After-Settle"])["cleaned"]["act"]
    answer = client.post(url(dataset, "undo"), {"act": act, "group": group.pk}, **hx)
    assertContains(answer, "Keep the best, quarantine 1")
    answer = client.post(address, {"seen": "0.0", "act": "keep_best"}, **hx)
    assertContains(answer, "Someone else changed this group meanwhile")
    assert "HX-Trigger-After-Settle" not in answer


def test_another_best_is_chosen_by_its_button(client_of, annotator, dataset, glass):
    group = add_group(dataset, glass, glass)
    second = images(group)[1]
    send(client_of(annotator), group, best=str(second.pk))
    assert images(group)[0] == second


def test_all_shown_without_conflict_are_decided_at_once(client_of, annotator, dataset, glass, paper):
    plain = [add_group(dataset, glass, glass) for _ in range(3)]
    conflict = add_group(dataset, glass, paper)
    client = client_of(annotator)
    assertContains(client.get(url(dataset)), "Keep the best of all 3 groups shown whose labels agree")
    given = [f"{group.pk}:{row(group).seen}" for group in (*plain, conflict)]
    answer = client.post(url(dataset, "keep_best_of_all"), {"group": [*given, "x:1", "5"]}, follow=True)
    assertContains(answer, "3 groups decided: the best copies stay, the others are in quarantine.")
    assert shown(answer) == [conflict.pk]
    act = DuplicateGroup.objects.get(pk=plain[0].pk).last_act
    answer = client.post(url(dataset, "undo"), {"act": str(act)}, follow=True)
    assertContains(answer, "Undone: 3 groups ask again.")
    assert len(shown(answer)) == 4


def test_a_class_that_was_deleted_since_the_page_was_loaded_is_named_and_changes_nothing(
    client_of, annotator, dataset, glass, paper, curator
):
    group = add_group(dataset, glass, paper)
    class_delete(label_class=paper, to=glass, actor=curator)
    values = {"act": "label", "label": "paper", "seen": row(group).seen}
    where = url(dataset, "decide", group.pk)
    answer = client_of(annotator).post(where, values, headers={"HX-Request": "true"})
    assertContains(answer, "There is no class “paper” here. Load the page again.")
    assertNotContains(answer, 'value="paper"')


@pytest.mark.parametrize("values", [{"act": "burn"}, {}])
def test_a_request_that_makes_no_sense_is_refused(client_of, annotator, dataset, glass, values):
    group = add_group(dataset, glass, glass)
    assert send(client_of(annotator), group, **values).status_code == 404


def test_a_group_of_another_data_set_is_not_found(client_of, annotator, dataset, glass):
    from webapp.datasets.services import dataset_create

    group = add_group(dataset, glass, glass)
    other = dataset_create(name="Other")
    answer = client_of(annotator).post(url(other, "decide", group.pk), {"seen": "", "act": "keep_all"})
    assert answer.status_code == 404


def test_no_address_outside_the_page_is_led_back_to(client_of, annotator, dataset, glass):
    group = add_group(dataset, glass, glass)
    answer = send(client_of(annotator), group, act="keep_all", back="show=decided&next=https://evil.example")
    assert answer["Location"].startswith(f"{url(dataset)}?show=decided&act=")


def test_look_again_queues_one_job_and_the_page_shows_it_at_work(client_of, annotator, dataset, glass):
    add_images(dataset, 3, glass)
    client = client_of(annotator)
    assertContains(client.get(url(dataset)), "Not looked yet")
    for _ in range(2):
        client.post(url(dataset, "look"))
    assert Job.objects.filter(kind=JobKind.DUPLICATES).count() == 1
    page = client.get(url(dataset))
    assertContains(page, "A look is under way")
    assertContains(page, f'hx-get="{url(dataset, "work")}"')
    assertNotContains(page, "Not looked yet")
    Job.objects.update(state=JobState.SUCCEEDED)
    assertContains(client.get(url(dataset, "work")), "Show the groups")


def test_an_empty_page_says_why_and_what_to_do(client_of, curator, dataset, glass):
    client = client_of(curator)
    assertContains(client.get(url(dataset)), "No photos yet")
    assertContains(client.get(url(dataset) + "?show=decided"), "Nothing decided yet")
    add_images(dataset, 2, glass)
    add_job(dataset, JobKind.DUPLICATES, JobState.SUCCEEDED)
    assertContains(client.get(url(dataset)), "No near-duplicates wait for you")
    assertContains(client.get(url(dataset)), "There are photos that were not compared yet: look again.")
    ComparedImage.objects.bulk_create(
        ComparedImage(image=one, dataset=dataset) for one in Image.objects.all()
    )
    assertNotContains(client.get(url(dataset)), "not compared yet")
    add_group(dataset, glass, glass)
    assertContains(client.get(url(dataset) + "?show=conflicts"), "No group with different labels")


def test_a_look_that_failed_says_so_with_its_reason(client_of, viewer, dataset, glass):
    add_images(dataset, 2, glass)
    add_job(dataset, JobKind.DUPLICATES, JobState.FAILED, error="The disk is full.")
    assertContains(client_of(viewer).get(url(dataset)), "The last look failed. The disk is full.")


def test_the_rail_and_the_overview_lead_there(client_of, viewer, dataset, glass, paper):
    add_group(dataset, glass, paper)
    add_group(dataset, glass, glass)
    page = client_of(viewer).get(reverse("datasets:overview", args=[dataset.slug]))
    assertContains(page, f'<a href="{url(dataset)}">', 1)
    (step,) = [step for step in overview(dataset).steps if step.url == url(dataset)]
    assert step.text == "2 groups of near-duplicates, 1 with different labels."
    assert step.urgent


def test_the_whole_page_reads_in_chinese(client_of, annotator, dataset, glass, paper):
    group = add_group(dataset, glass, paper)
    client = client_of(annotator)
    chinese = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
    page = client.get(url(dataset), **chinese)
    assertContains(page, "近似重复")
    assertNotContains(page, "Keep the best")
    answer = send(client, group, act="keep_best")
    other = images(group)[1]
    drawer = client.get(reverse("datasets:image", args=[dataset.slug, other.pk]), **chinese)
    assertNotContains(drawer, "near-duplicate of")
    assert answer.status_code == 302
