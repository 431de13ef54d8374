"""The map's page: what stands there with and without a map, the points it is drawn of, and the photos of an area."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images, add_job, add_run, add_snapshot
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import Category, Image, ImageState
from webapp.datasets.services import class_create
from webapp.evaluations.models import Evaluation, Prediction
from webapp.jobs.models import Job, JobKind, JobState
from webapp.mapping import selectors
from webapp.mapping.services import map_save

pytestmark = pytest.mark.django_db

LEFT, RIGHT_HALF = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], [[0.51, 0], [1, 0], [1, 1], [0.51, 1]]
TRIANGLE = [[0, 0], [0.5, 0], [0, 1]]


@pytest.fixture
def glass(dataset):
    return class_create(dataset=dataset, name="glass")


@pytest.fixture
def metal(dataset):
    return class_create(dataset=dataset, name="metal")


@pytest.fixture
def photos(dataset, glass, metal):
    """Four of glass on the left of the map, four of metal on the right, two without a label in the middle."""
    images = [
        *add_images(dataset, 4, glass),
        *add_images(dataset, 4, metal),
        *add_images(dataset, 2, state=ImageState.INBOX),
    ]
    places = {one.pk: (0.1 + 0.01 * n, 0.2 * n) for n, one in enumerate(images[:4])}
    places |= {one.pk: (0.9 - 0.01 * n, 0.2 * n) for n, one in enumerate(images[4:8])}
    places |= {one.pk: (0.5, 0.4 + 0.2 * n) for n, one in enumerate(images[8:])}
    map_save(dataset=dataset, places=places)
    return [one.pk for one in images]


def url(dataset, name="page"):
    return reverse(f"mapping:{name}", args=[dataset.slug])


def points(client, dataset, **query):
    return client.get(url(dataset, "points"), query).json()


def within(client, dataset, area, query="", seen=None):
    seen = seen or getattr(selectors.current_map(dataset), "pk", 1)
    answer = client.post(f"{url(dataset, 'within')}?{query}", {"area": area, "map": seen}, "application/json")
    if answer.status_code != 200:
        return answer
    found, pk = answer.json(), 0
    return {**found, "ids": [pk := pk + step for step in found["steps"]]}


def test_without_photos_it_says_to_add_some(client_of, curator, dataset):
    page = client_of(curator).get(url(dataset))
    assertContains(page, "No photos yet")
    assertContains(page, reverse("ingest:upload", args=[dataset.slug]))
    assertNotContains(page, "Draw the map")


def test_without_a_map_it_says_what_one_is_for_and_offers_to_draw_it(client_of, annotator, viewer, dataset):
    add_images(dataset, 3)
    assertContains(client_of(annotator).get(url(dataset)), "Draw the map")
    page = client_of(viewer).get(url(dataset))
    assertContains(page, "Somebody who may label can have it drawn.")
    assertNotContains(page, '<button type="submit" class="btn primary">')


def test_while_it_is_drawn_the_page_follows_and_offers_no_second(client_of, annotator, dataset, photos):
    client = client_of(annotator)
    client.post(url(dataset, "draw"))
    page = client.get(url(dataset))
    assertContains(page, "Drawing the map")
    assertContains(page, "data-poll")
    assertNotContains(page, "Draw again")
    Job.objects.filter(kind=JobKind.PROJECTION).update(state=JobState.SUCCEEDED)
    assertContains(client.get(url(dataset, "work")), "The drawing has ended.")
    assertContains(client.get(url(dataset)), "Draw again")


def test_a_drawing_that_failed_says_why(client_of, annotator, dataset):
    add_images(dataset, 3)
    add_job(dataset, JobKind.PROJECTION, JobState.FAILED, error="The disk is full.")
    page = client_of(annotator).get(url(dataset))
    assertContains(page, "The map could not be drawn. The disk is full.")
    assertContains(page, "Draw the map")


def test_photos_that_came_since_are_counted(client_of, annotator, dataset, photos):
    assertNotContains(client_of(annotator).get(url(dataset)), "not on the map yet")
    add_images(dataset, 37)
    assertContains(client_of(annotator).get(url(dataset)), "37 photos are not on the map yet.")


def test_photos_that_could_not_be_placed_are_told_apart_from_new_ones(client_of, annotator, dataset):
    images = add_images(dataset, 3)
    map_save(dataset=dataset, places={images[0].pk: (0.5, 0.5)}, missing=2, why="They are lost.")
    page = client_of(annotator).get(url(dataset))
    assertContains(page, "2 photos could not be placed. They are lost.")
    assertNotContains(page, "not on the map yet")


def test_points_come_with_what_they_are_coloured_by(client_of, viewer, dataset, photos):
    found = points(client_of(viewer), dataset)
    assert (found["total"], set(found["keys"])) == (10, {"", "glass", "metal"})
    group = {pk: found["keys"][g] for pk, g in zip(found["ids"], found["group"], strict=True)}
    assert [group[pk] for pk in photos] == ["glass"] * 4 + ["metal"] * 4 + ["", ""]
    place = {pk: (x, y) for pk, x, y in zip(found["ids"], found["x"], found["y"], strict=True)}
    assert place[photos[1]] == (11_000, 20_000)


def test_colours_follow_a_label_that_was_given_since(client_of, annotator, dataset, photos, glass):
    images_label(dataset=dataset, ids=photos[8:], label=glass, actor=annotator)
    found = points(client_of(annotator), dataset, colour="state")
    assert found["keys"] == ["accepted"]


def test_photos_in_quarantine_are_marked(client_of, annotator, dataset, photos):
    images_set_state(dataset=dataset, ids=photos[:1], state=ImageState.QUARANTINED, actor=annotator)
    found = points(client_of(annotator), dataset)
    assert [pk for pk, aside in zip(found["ids"], found["aside"], strict=True) if aside] == photos[:1]


def test_bins_colour_the_map_by_the_upper_level(client_of, viewer, dataset, photos, glass):
    glass.category = Category.objects.create(dataset=dataset, key="recyclable", bin="recyclable")
    glass.save(update_fields=["category"])
    assert points(client_of(viewer), dataset, colour="category")["keys"] == ["", "recyclable"]
    assertContains(client_of(viewer).get(url(dataset) + "?colour=category"), 'fill="var(--recyclable)"')


def test_a_part_of_the_map_shows_more_than_its_share_of_a_sample(
    client_of, viewer, dataset, photos, monkeypatch
):
    monkeypatch.setattr(selectors, "MOST_POINTS", 3)
    client = client_of(viewer)
    whole = points(client, dataset)
    assert (len(whole["ids"]), whole["total"]) == (3, 10)
    part = points(client, dataset, x0=0.45, y0=0, x1=0.55, y1=1)
    assert (sorted(part["ids"]), part["total"]) == (photos[8:], 2)


def test_the_filters_of_the_gallery_choose_the_points(client_of, viewer, dataset, photos):
    client = client_of(viewer)
    assert set(points(client, dataset, **{"class": "glass"})["ids"]) == set(photos[:4])
    assert set(points(client, dataset, state="inbox")["ids"]) == set(photos[8:])
    assert len(points(client, dataset, **{"class": "glass", "behind": 1})["ids"]) == 4
    page = client.get(url(dataset) + "?class=glass&colour=state")
    assertContains(page, "?class=glass&amp;colour=state&amp;", count=0)
    assertContains(page, 'href="/studio/d/kerbside/map/?class=glass"')  # back to colours by class


def test_all_photos_of_an_area_are_found_drawn_or_not(client_of, viewer, dataset, photos, monkeypatch):
    monkeypatch.setattr(selectors, "MOST_POINTS", 1)
    found = within(client_of(viewer), dataset, LEFT)
    assert found["ids"] == sorted([*photos[:4], *photos[8:]], reverse=True)
    assert found["labels"] == ["", "", "glass", "glass", "glass", "glass"]
    assert found["versions"] == [1] * 6


def test_a_lasso_takes_what_is_inside_it_and_not_what_is_in_its_bounds(client_of, viewer, dataset, photos):
    assert within(client_of(viewer), dataset, TRIANGLE)["ids"] == photos[:4][::-1]


def test_an_area_keeps_to_the_filter(client_of, viewer, dataset, photos):
    whole = [[0, 0], [1, 0], [1, 1], [0, 1]]
    client = client_of(viewer)
    assert within(client, dataset, whole, "class=metal")["ids"] == photos[4:8][::-1]
    assert within(client, dataset, whole, "unlabelled=1&state=inbox")["ids"] == photos[8:][::-1]


NO_AREAS = (
    "",
    "[]",
    "{}",
    '{"area": [[0, 0], [1, 0], [1, 1]]}',
    '{"area": 7, "map": 1}',
    '{"area": [[0, 0], [1, 1]], "map": 1}',
    '{"area": [[0, 0], [1, 1], ["x", 0]], "map": 1}',
    '{"area": [[0, 0], [1, 1], [NaN, 0]], "map": 1}',
    '{"area": [[0, 0], [1, 1], [1e999, 0]], "map": 1}',
)


@pytest.mark.parametrize("body", NO_AREAS)
def test_what_is_no_area_is_refused_with_a_sentence(client_of, viewer, dataset, photos, body):
    answer = client_of(viewer).post(url(dataset, "within"), body, "application/json")
    assert (answer.status_code, answer.json()["error"]) == (400, "That is no area of the map.")


def test_an_area_of_the_map_before_takes_nothing_of_the_new_one(client_of, viewer, dataset, photos):
    before = selectors.current_map(dataset).pk
    map_save(dataset=dataset, places=dict.fromkeys(photos, (0.1, 0.1)))
    answer = within(client_of(viewer), dataset, LEFT, seen=before)
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        "The map was drawn anew. Load the page again.",
    )
    assert len(within(client_of(viewer), dataset, LEFT)["ids"]) == 10


def test_a_map_that_is_gone_is_told(client_of, viewer, dataset):
    assert within(client_of(viewer), dataset, LEFT).status_code == 409
    assert points(client_of(viewer), dataset)["map"] is None


def test_another_data_sets_photos_are_on_no_map_but_its_own(client_of, curator, dataset, photos):
    from webapp.datasets.services import dataset_create

    other = dataset_create(name="Other", created_by=curator)
    (foreign,) = add_images(other, 1)
    map_save(dataset=other, places={foreign.pk: (0.1, 0.1)})
    assert foreign.pk not in points(client_of(curator), dataset)["ids"]
    assert within(client_of(curator), other, LEFT)["ids"] == [foreign.pk]


def test_what_was_chosen_is_labelled_by_the_gallerys_own_act_and_taken_back(
    client_of, annotator, curator, dataset, photos, metal
):
    client = client_of(annotator)
    found = within(client, dataset, LEFT)
    images_label(dataset=dataset, ids=photos[:1], label=metal, actor=curator)
    versions = dict(zip(found["ids"], found["versions"], strict=True))
    body = {"ids": found["ids"], "label": "metal", "versions": versions}
    answer = client.post(reverse("datasets:label", args=[dataset.slug]), body, "application/json").json()
    assert answer["stale"] == photos[:1]
    assert len(answer["changed"]) == 5
    undo = reverse("datasets:undo", args=[dataset.slug])
    client.post(undo, {"operation": answer["operation"]}, "application/json")
    assert set(Image.objects.filter(pk__in=photos[1:4]).values_list("label__key", flat=True)) == {"glass"}


@pytest.fixture
def evaluated(dataset, photos):
    """Run 1 was asked about the glass and the metal, and took two of the glass for metal."""
    run = add_run(add_snapshot(dataset))
    evaluation = Evaluation.objects.create(
        run=run, snapshot=run.snapshot, classes=["glass", "metal"], splits={}
    )
    for n, image in enumerate(Image.objects.filter(pk__in=photos[:8]).order_by("pk")):
        truth, answer = int(n >= 4), int(n >= 2)
        Prediction.objects.create(
            evaluation=evaluation, image=image, sha256=image.sha256, split="test", truth=truth, answer=answer,
            probability=0.9, truth_probability=0.1, top=[],
        )  # fmt: skip
    return evaluation


def test_mistakes_of_a_run_are_coloured_counted_and_kept_to(client_of, viewer, dataset, photos, evaluated):
    client = client_of(viewer)
    found = points(client, dataset, colour="verdict")
    said = {pk: found["keys"][g] for pk, g in zip(found["ids"], found["group"], strict=True)}
    assert [said[pk] for pk in photos] == ["right"] * 2 + ["wrong"] * 2 + ["right"] * 4 + ["none"] * 2
    assert set(points(client, dataset, verdict="wrong")["ids"]) == set(photos[2:4])
    assert set(points(client, dataset, verdict="none", run=1)["ids"]) == set(photos[8:])
    assert within(client, dataset, LEFT, "verdict=wrong")["ids"] == photos[2:4][::-1]
    page = client.get(url(dataset) + "?colour=verdict&verdict=wrong")
    lines = {line.key: (line.n, line.on) for line in page.context["legend"]}
    assert lines == {"right": (6, False), "wrong": (2, True), "none": (2, False)}


def test_a_photo_that_a_run_was_asked_about_twice_is_one_on_the_map(
    client_of, viewer, dataset, photos, evaluated
):
    for one in list(evaluated.predictions.all()):
        one.pk, one.split = None, "held_out"
        one.save()
    page = client_of(viewer).get(url(dataset) + "?colour=verdict")
    assert [line.n for line in page.context["legend"]] == [6, 2, 2]


def test_figures_are_of_the_photos_on_the_map_and_not_of_those_that_came_since(
    client_of, annotator, dataset, photos, glass, evaluated
):
    add_images(dataset, 5, glass)
    add_images(dataset, 7, state=ImageState.INBOX)
    client = client_of(annotator)

    def figures(query=""):
        return [line.n for line in client.get(url(dataset) + query).context["legend"]]

    assert figures() == [4, 4, 2]
    assert sum(figures("?colour=state")) == 10
    assert figures("?colour=verdict") == [6, 2, 2]
    assert figures("?q=nothing-of-this-name") == [0, 0]
    switches = {link.value: link.count for link in client.get(url(dataset)).context["bar"].states}
    assert switches == {"accepted": 8, "inbox": 2, "quarantined": 0, "any": 10}
    assert client.get(url(dataset, "counts")).json()["states"] == {
        "accepted": 8,
        "inbox": 2,
        "quarantined": 0,
    }


def test_what_lies_around_a_part_is_drawn_but_not_counted_in_it(
    client_of, viewer, dataset, photos, monkeypatch
):
    client = client_of(viewer)
    part = {"x0": 0.05, "y0": 0.1, "x1": 0.7, "y1": 0.5, "beyond": 1}
    found = points(client, dataset, **part)
    area = [[0.05, 0.1], [0.7, 0.1], [0.7, 0.5], [0.05, 0.5]]
    chosen = within(client, dataset, area)["ids"]
    assert len(chosen) < len(found["ids"]) == found["total"]
    assert found["inside"] == found["inside_total"] == len(chosen)
    # A sample too knows how many there are.
    monkeypatch.setattr(selectors, "MOST_POINTS", 2)
    some = points(client, dataset, **part)
    assert some["inside"] <= 2
    assert some["inside_total"] == len(chosen)


def test_who_may_label_sees_which_key_gives_which_class(client_of, viewer, annotator, dataset, photos):
    page = client_of(annotator).get(url(dataset))
    assert [(line.name, line.digit) for line in page.context["legend"]] == [
        ("glass", 1),
        ("metal", 2),
        ("no label", None),
    ]
    assertContains(page, '<kbd aria-hidden="true">2</kbd>')
    assertNotContains(client_of(viewer).get(url(dataset)), '<kbd aria-hidden="true">2</kbd>')


def test_no_label_is_a_cross_and_no_dot_and_draw_again_stands_once(client_of, annotator, dataset, photos):
    add_images(dataset, 3)
    page = client_of(annotator).get(url(dataset))
    assertContains(page, '<span class="dot cross"></span>', count=1)
    assertContains(page, "Draw again", count=1)


def test_a_run_that_was_never_evaluated_has_no_mistakes_to_show(client_of, viewer, dataset, photos):
    client = client_of(viewer)
    assert points(client, dataset, colour="verdict", run=9)["keys"] == ["none"]
    assert points(client, dataset, verdict="wrong")["ids"] == []
    assertNotContains(client.get(url(dataset)), "Mistakes")


def test_fifty_five_classes_have_a_line_and_a_colour_each_that_can_be_searched_in_chinese(
    client_of, viewer, dataset, photos
):
    from webapp.datasets.services import dataset_use_preset55

    dataset_use_preset55(dataset=dataset)
    page = client_of(viewer).get(url(dataset))
    lines = [line for line in page.context["legend"] if line.key]
    assert len(lines) == 57
    assert len({line.colour for line in lines}) == 57
    assertContains(page, "shubiao")  # pinyin of 鼠标


def test_a_class_with_a_colour_of_its_own_keeps_it(client_of, viewer, dataset, photos, glass):
    glass.colour = "#7a4fbf"
    glass.save(update_fields=["colour"])
    assertContains(client_of(viewer).get(url(dataset)), 'fill="#7a4fbf"')


def test_the_page_asks_the_same_number_of_questions_however_many_photos(client_of, viewer, dataset, photos):
    client = client_of(viewer)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(url(dataset))
        return len(asked)

    queries()
    few = queries()
    more = add_images(dataset, 300)
    everything = [*photos, *(one.pk for one in more)]
    map_save(dataset=dataset, places={pk: (0.5, n / 310) for n, pk in enumerate(everything)})
    assert queries() == few <= 22
    with CaptureQueriesContext(connection) as asked:
        points(client, dataset)
    assert len(asked) <= 7


def test_nothing_that_an_address_may_hold_breaks_it(client_of, viewer, dataset, photos):
    client = client_of(viewer)
    for query in (
        "colour=nonsense&run=x&verdict=y",
        "x0=a&y0=0&x1=1&y1=1",
        "x0=nan&y0=0&x1=inf&y1=1",
        "class=none",
        "run=99999999999999999999",
    ):
        assert client.get(f"{url(dataset)}?{query}").status_code == 200
        assert client.get(f"{url(dataset, 'points')}?{query}").status_code == 200


def test_what_stands_in_names_is_data_and_no_markup(client_of, viewer, dataset, photos):
    class_create(dataset=dataset, name="<b>“&'\"")
    page = client_of(viewer).get(url(dataset))
    assertNotContains(page, "<b>“&")
    assert json.loads(
        page.content.decode().split('id="map-data" type="application/json">')[1].split("</script>")[0]
    )["map"]
