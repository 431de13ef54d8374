"""The evaluation page: figures, cells, mistakes, relabelling, who may, and what it costs."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.webapp.runs import world
from webapp.datasets.models import Image, LabelEvent
from webapp.evaluations import selectors
from webapp.evaluations.models import Prediction

pytestmark = pytest.mark.django_db

WRONG = [
    ("test", "bottle", "can", 2),
    ("test", "can", "peel", 1),
    ("val", "peel", "can", 1),
    ("train", "bottle", "can", 1),
]


@pytest.fixture
def run(dataset):
    run = world.make_run(world.make_snapshot(dataset))
    world.make_evaluation(run, WRONG)
    return run


def at(name, run, **query):
    url = reverse(f"evaluations:{name}", args=[run.dataset.slug, run.number])
    return f"{url}?{'&'.join(f'{k}={v}' for k, v in query.items())}" if query else url


@pytest.fixture
def get(client_of, viewer, run):
    client = client_of(viewer)
    return lambda name="matrix", **query: client.get(at(name, run, **query))


def test_a_run_without_evaluation_says_when_there_will_be_one(client_of, viewer, dataset):
    run = world.make_run(world.make_snapshot(dataset), state="running")
    page = client_of(viewer).get(at("matrix", run))
    assert page.status_code == 200
    assert "made when training ends" in page.content.decode()
    assert client_of(viewer).get(at("cell", run)).status_code == 404


def test_the_tiles_count_classes_and_bins_apart(get):
    figures = get().context["figures"]
    assert (figures.n, figures.accuracy) == (12, 0.75)
    # A bottle taken for a can goes into the right bin all the same.
    assert figures.bin_wrong == 1
    assert figures.worst.f1 == pytest.approx(2 / 3)


def test_a_promise_that_cannot_be_made_yet_and_a_calibration_that_did_not_help_are_told_plainly(get, run):
    evaluation = run.evaluations.get()
    page = get().content.decode()
    assert "was 0.080 uncalibrated" in page
    assert "Sure enough to answer alone" in page
    assert "too few photos, or right answers, to promise 97 % right" in page
    evaluation.calibration |= {"ece_before": 0.209, "ece_after": 0.247, "promised": True}
    evaluation.save()
    page = get().content.decode()
    assert "0.209 → 0.247, too few photos to tell" in page
    assert "at 97 % right or better" in page
    assert "not yet" not in page


def test_train_is_counted_from_its_out_of_fold_predictions(get):
    response = get(split="train")
    assert response.context["matrix"].counts == [[3, 1, 0], [0, 4, 0], [0, 0, 4]]
    assert {other.split: other.n for other in response.context["others"]} == {"test": 12, "val": 12}


def test_the_table_behind_the_figure_leads_to_each_filled_cell(get):
    page = get().content.decode()
    assert 'href="?cell=0.1#cell"' in page  # bottles taken for cans
    assert 'href="?cell=2.0#cell"' not in page


def test_a_short_link_opens_the_same_cell_as_the_long_one_in_any_order(get):
    for sort in ("position", "confusion", "name"):
        cell = get(sort=sort, cell="0.1").context["cell"]
        assert (cell["truth"].key, cell["answer"].key) == ("bottle", "can")
    assert get(cell="0.9").context["cell"] is None
    assert get(cell="0.x").context["cell"] is None


def test_at_the_level_of_bins_rows_are_categories(get):
    response = get(level="bin")
    assert response.context["matrix"].counts == [[7, 1], [0, 4]]


def test_an_address_with_nonsense_shows_the_plain_page(get):
    response = get(split="x", level="x", show="x", sort="x", truth="nobody", answer="can")
    assert response.status_code == 200
    assert response.context["cell"] is None


def test_a_deep_link_opens_the_photos_of_its_cell(get):
    response = get(truth="bottle", answer="can")
    assert response.context["cell"]["count"] == 2
    assert [photo.truth.key for photo in response.context["page"].photos] == ["bottle", "bottle"]
    names = [photo.name for photo in response.context["page"].photos]
    assert all(name in response.content.decode() for name in names)


def test_a_cell_shows_training_photos_of_both_its_classes(get):
    training = get("cell", truth="bottle", answer="can").context["training"]
    assert [axis.key for axis, _items in training] == ["bottle", "can"]
    assert all(item.split == "train" for _axis, items in training for item in items)
    assert [len(items) for _axis, items in training] == [4, 4]


def test_the_photos_of_a_cell_of_bins_are_those_of_all_its_classes(get, dataset):
    recyclable, kitchen = (dataset.categories.get(bin=name).key for name in ("recyclable", "kitchen"))
    response = get("cell", level="bin", truth=recyclable, answer=kitchen)
    assert [photo.truth.key for photo in response.context["page"].photos] == ["can"]


def test_pages_of_a_cell_meet_without_a_gap_even_among_equal_probabilities(run, monkeypatch):
    Prediction.objects.filter(split="test", truth=2).update(probability=0.5)
    reading = selectors.Reading(selectors.evaluation_of(run))
    rows = selectors.cell_predictions(reading.evaluation, "test", [0, 1, 2], [0, 1, 2])
    seen, before = [], ""
    while True:
        page = selectors.photo_page(reading, rows, before, 3)
        seen += [photo.prediction.pk for photo in page.photos]
        before = page.next_before
        if not before:
            break
    assert len(seen) == len(set(seen)) == 12
    probabilities = [Prediction.objects.get(pk=pk).probability for pk in seen]
    assert probabilities == sorted(probabilities, reverse=True)


def test_mistakes_come_surest_first_and_in_pages(get, monkeypatch):
    monkeypatch.setattr(selectors, "MISTAKES_PAGE", 2)
    first = get().context["mistakes"]
    second = get("mistakes", before=first.next_before).context["mistakes"]
    shown = [photo.prediction.probability for photo in (*first.photos, *second.photos)]
    assert len(shown) == 3
    assert shown == sorted(shown, reverse=True)
    assert second.next_before == ""


def test_a_split_without_photos_has_figures_of_nothing(get, run):
    evaluation = run.evaluations.get()
    evaluation.splits["test"] = {"n": 0}
    evaluation.save()
    Prediction.objects.filter(split="test").delete()
    response = get()
    assert response.status_code == 200
    assert (response.context["figures"].n, response.context["figures"].accuracy) == (0, None)
    assert [value for value, _title in response.context["splits"]] == ["val", "train"]


def test_a_broken_place_in_a_list_counts_as_its_start(get):
    assert len(get("mistakes", before="x_y").context["mistakes"].photos) == 3


class TestRelabel:
    @pytest.fixture
    def prediction(self, run):
        return Prediction.objects.filter(split="test", truth=0, answer=1).first()

    def post(self, client, run, prediction, *, label="can", version=None, **headers):
        values = {"prediction": prediction.pk, "label": label, "version": version or prediction.image.version}
        return client.post(at("relabel", run), values, headers=headers)

    def test_gives_the_label_with_an_event_and_counts_the_fix(self, client_of, annotator, run, prediction):
        response = self.post(client_of(annotator), run, prediction, **{"HX-Request": "true"})
        page = response.content.decode()
        assert "relabelled since this run" in page
        assert "1 fix since this run" in page
        image = Image.objects.get(pk=prediction.image_id)
        assert (image.label.key, image.labelled_by) == ("can", annotator)
        assert LabelEvent.objects.get(image=image).new_label.key == "can"

    def test_the_present_label_is_chosen_before_anybody_chooses(self, client_of, annotator, run, prediction):
        page = client_of(annotator).get(at("matrix", run, truth="bottle", answer="can")).content.decode()
        assert page.count('<option value="bottle" selected>') == 2
        assert '<option value="can" selected>' not in page

    def test_it_says_what_it_did_and_can_be_taken_back(self, client_of, annotator, run, prediction):
        client = client_of(annotator)
        response = self.post(client, run, prediction, **{"HX-Request": "true"})
        told = json.loads(response["HX-Trigger"])["relabelled"]
        assert "the test set changed" in told["message"]
        values = {"operation": told["operation"], "prediction": told["prediction"]}
        page = client.post(at("relabel_undo", run), values).content.decode()
        assert "relabelled since this run" not in page
        assert "fix since this run" not in page
        assert Image.objects.get(pk=prediction.image_id).label.key == "bottle"

    def test_only_of_a_test_photo_it_says_that_the_test_set_changed(self, client_of, annotator, run):
        prediction = Prediction.objects.get(split="val", truth=2, answer=1)
        response = self.post(client_of(annotator), run, prediction, **{"HX-Request": "true"})
        assert "is labelled can now." in response["HX-Trigger"]
        assert "test set" not in response["HX-Trigger"]

    @pytest.mark.parametrize("operation", ["", "x"])
    def test_taking_back_nonsense_is_not_found(self, client_of, annotator, run, prediction, operation):
        values = {"operation": operation, "prediction": prediction.pk}
        assert client_of(annotator).post(at("relabel_undo", run), values).status_code == 404

    def test_giving_the_old_label_back_leaves_no_fix(self, client_of, annotator, run, prediction):
        client = client_of(annotator)
        self.post(client, run, prediction)
        prediction.image.refresh_from_db()
        self.post(client, run, prediction, label="bottle")
        assert selectors.fixes_since(run.snapshot) == 0

    def test_without_javascript_it_comes_back_to_the_cell(self, client_of, annotator, run, prediction):
        values = {
            "prediction": prediction.pk,
            "label": "can",
            "version": 1,
            "back": "truth=bottle&answer=can",
        }
        response = client_of(annotator).post(at("relabel", run), values)
        assert response["Location"] == at("matrix", run, truth="bottle", answer="can") + "#cell"

    def test_a_photo_changed_by_someone_else_meanwhile_is_left_alone(
        self, client_of, annotator, run, prediction
    ):
        Image.objects.filter(pk=prediction.image_id).update(version=5)
        response = self.post(client_of(annotator), run, prediction, version=1, **{"HX-Request": "true"})
        assert "changed by someone else meanwhile" in response.content.decode()
        assert Image.objects.get(pk=prediction.image_id).label.key == "bottle"

    def test_a_viewer_may_not_and_sees_no_form(self, client_of, viewer, run, prediction):
        client = client_of(viewer)
        assert self.post(client, run, prediction).status_code == 403
        assert (
            at("relabel", run)
            not in client.get(at("matrix", run, truth="bottle", answer="can")).content.decode()
        )

    @pytest.mark.parametrize(
        "values", [{}, {"prediction": "x"}, {"prediction": "999999", "label": "can", "version": "1"}]
    )
    def test_nonsense_is_not_found(self, client_of, annotator, run, values):
        assert client_of(annotator).post(at("relabel", run), values).status_code == 404

    def test_a_class_of_another_data_set_is_not_found(self, client_of, annotator, run, prediction):
        assert self.post(client_of(annotator), run, prediction, label="elsewhere").status_code == 404


def test_a_photo_put_into_quarantine_counts_as_a_fix(run):
    Image.objects.filter(pk=Prediction.objects.first().image_id).update(state="quarantined")
    assert selectors.fixes_since(run.snapshot) == 1


def test_photos_whose_row_is_gone_still_show_their_prediction(get, run):
    Prediction.objects.filter(split="test", truth=0, answer=1).update(image=None)
    photos = get(truth="bottle", answer="can").context["page"].photos
    assert [photo.is_out for photo in photos] == [True, True]
    assert not any(photo.is_relabelled for photo in photos)


def test_every_figure_of_a_drawn_data_set_says_so(get, dataset):
    type(dataset).objects.update(is_drawn=True)
    page = get(truth="bottle", answer="can").content.decode()
    assert page.count("drawn, not photographed") >= 7


@pytest.mark.parametrize(("level", "budget"), [("class", 22), ("bin", 22)])
def test_the_page_costs_the_same_with_few_photos_and_many(client_of, viewer, dataset, level, budget):
    client = client_of(viewer)

    def queries(run, answer):
        url = at("matrix", run, level=level, truth=answer, answer=answer)
        with CaptureQueriesContext(connection) as seen:
            assert client.get(url).status_code == 200
        return len(seen)

    small = world.make_run(world.make_snapshot(dataset, per_split=1))
    world.make_evaluation(small)
    large = world.make_run(world.make_snapshot(dataset, number=2, per_split=20), number=2)
    world.make_evaluation(large, [("test", "bottle", "can", 9)])
    answer = "bottle" if level == "class" else dataset.categories.get(bin="recyclable").key
    queries(small, answer)
    assert queries(small, answer) == queries(large, answer) <= budget
