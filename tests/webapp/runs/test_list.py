"""The list of runs: what it shows, filters, pages, comparison, and that it costs the same with many runs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.webapp.runs import world
from webapp.runs import selectors

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot(dataset):
    return world.make_snapshot(dataset)


def get(client, dataset, **query):
    return client.get(reverse("runs:list", args=[dataset.slug]), query)


def test_a_data_set_without_runs_says_what_to_do(client_of, curator, dataset):
    page = get(client_of(curator), dataset).content.decode()
    assert "No runs yet" in page
    assert reverse("runs:new", args=[dataset.slug]) in page


def test_a_viewer_is_not_offered_to_start_a_run(client_of, viewer, dataset):
    assert reverse("runs:new", args=[dataset.slug]) not in get(client_of(viewer), dataset).content.decode()


def test_a_finished_run_shows_its_accuracy_with_the_interval(client_of, viewer, dataset, snapshot):
    world.make_run(
        snapshot, val_accuracy=0.9, val_n=100, test_accuracy=0.873, test_n=200, test_low=0.82, test_high=0.91
    )
    page = get(client_of(viewer), dataset).content.decode()
    assert "87.3 %" in page
    # Without an evaluation both are Wilson's.
    assert "82.6 – 94.5 %" in page
    assert "82.0 – 91.2 %" in page


def test_the_same_count_has_the_same_kind_of_interval_on_validation_and_test(
    client_of, viewer, dataset, snapshot
):
    run = world.make_run(
        snapshot,
        val_accuracy=17 / 24,
        val_n=24,
        test_accuracy=17 / 24,
        test_n=24,
        test_low=0.5,
        test_high=0.9,
    )
    evaluation = world.make_evaluation(run)
    evaluation.splits["val"]["interval"] = [0.5, 0.9]
    evaluation.save()
    client = client_of(viewer)
    for name, more in (("list", []), ("detail", [run.number])):
        page = client.get(reverse(f"runs:{name}", args=[dataset.slug, *more])).content.decode()
        assert page.count("50.0 – 90.0 %") == 2


def test_it_asks_again_only_while_a_run_is_unfinished(client_of, viewer, dataset, snapshot):
    run = world.make_run(snapshot, state="running")
    client = client_of(viewer)
    # On the very element that each answer replaces.
    assert '<div id="run-rows" hx-get="' in get(client, dataset).content.decode()
    assert 'hx-trigger="every 3s"' in get(client, dataset).content.decode()
    type(run.job).objects.update(state="succeeded")
    assert 'hx-trigger="every 3s"' not in get(client, dataset).content.decode()


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [3, 2, 1]),
        ({"state": "unfinished"}, [2]),
        ({"state": "failed"}, [3]),
        ({"recipe": "linear_probe"}, [1]),
        ({"before": "3"}, [2, 1]),
        ({"state": "nonsense", "recipe": "nonsense", "before": "x"}, [3, 2, 1]),
    ],
)
def test_filters_stand_in_the_address(client_of, viewer, dataset, snapshot, query, numbers):
    world.make_run(snapshot, number=1, recipe="linear_probe")
    world.make_run(snapshot, number=2, state="running")
    world.make_run(snapshot, number=3, state="failed")
    page = get(client_of(viewer), dataset, **query).context["page"]
    assert [run.number for run in page.rows] == numbers


def test_long_lists_come_in_pages_that_meet_without_a_gap(dataset, snapshot, monkeypatch):
    monkeypatch.setattr(selectors, "PAGE_SIZE", 2)
    for number in range(1, 6):
        world.make_run(snapshot, number=number)
    seen, before = [], None
    while True:
        page = selectors.run_page(dataset, selectors.RunFilter(before=before))
        seen += [run.number for run in page.rows]
        before = page.next_before
        if before is None:
            break
    assert seen == [5, 4, 3, 2, 1]


def test_compared_runs_bring_their_curves_in_the_order_asked(client_of, viewer, dataset, snapshot):
    for number in (1, 2, 3):
        world.make_run(snapshot, number=number, epochs=2)
    response = get(client_of(viewer), dataset, compare="3,1,77")
    assert [one["number"] for one in response.context["curves"]] == [3, 1]
    assert [len(one["epochs"]) for one in response.context["curves"]] == [2, 2]


def test_the_form_of_the_list_may_name_runs_one_by_one(client_of, viewer, dataset, snapshot):
    for number in (1, 2):
        world.make_run(snapshot, number=number)
    response = get(client_of(viewer), dataset, compare=["1", "2"])
    assert [run.number for run in response.context["compared"]] == [1, 2]


def test_a_comparison_lists_all_that_differs_and_names_no_cause(client_of, viewer, dataset, snapshot):
    one = world.make_run(snapshot, number=1, overrides={"lr": "0.001"})
    two = world.make_run(snapshot, number=2, seed=5)
    rows = {row.name: row.values for row in selectors.differences([one, two])}
    assert rows == {"Seed": ("0", "5"), "Learning rate": ("0.001", "0.0004")}
    page = get(client_of(viewer), dataset, compare="1,2").content.decode()
    assert "2 things differ between these runs" in page


def test_a_setting_that_a_recipe_does_not_use_is_a_dash(snapshot):
    probe = world.make_run(snapshot, number=1, recipe="linear_probe")
    tuned = world.make_run(snapshot, number=2)
    rows = {row.name: row.values for row in selectors.differences([probe, tuned])}
    assert rows["Epochs"] == ("–", "4")
    assert rows["Regularisation"] == ("0", "–")
    assert "Network" not in rows
    assert "Momentum" not in rows


def test_the_list_costs_the_same_with_one_run_and_with_many(client_of, viewer, dataset, snapshot):
    client = client_of(viewer)
    world.make_run(snapshot, number=1, created_by=viewer)
    with CaptureQueriesContext(
        connection,
    ) as few:
        get(client, dataset, compare="1")
    for number in range(2, 12):
        world.make_run(snapshot, number=number, epochs=2, created_by=viewer)
    with CaptureQueriesContext(connection) as many:
        get(client, dataset, compare="1,2,3,4")
    assert len(many) == len(few)


def test_a_number_larger_than_any_run_s_is_left_out_of_a_comparison(client_of, viewer, dataset, snapshot):
    response = get(client_of(viewer), dataset, compare="9" * 40)
    assert response.status_code == 200
    assert not response.context["compared"]
