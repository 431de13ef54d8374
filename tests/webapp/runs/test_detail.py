"""A run's page in each of its states, its live figures, its log, cancelling and starting again."""

from __future__ import annotations

import io

import pytest
from django.urls import reverse

from tests.webapp.runs import world
from webapp.core.store import site_store
from webapp.jobs.models import Job
from webapp.publishing.models import Bundle, PublishedModel
from webapp.runs import selectors
from webapp.runs.charts import STEPS_AT_MOST, step_rows, steps_per_epoch
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot(dataset):
    return world.make_snapshot(dataset)


def at(name, run):
    return reverse(f"runs:{name}", args=[run.dataset.slug, run.number])


def test_a_running_run_shows_phase_progress_and_time_left(client_of, viewer, snapshot):
    job = {"phase": "train", "message": "Epoch 3 of 8", "progress": 0.37, "eta_seconds": 200}
    run = world.make_run(snapshot, state="running", epochs=2, job=job)
    page = client_of(viewer).get(at("detail", run)).content.decode()
    for words in ("Training", "Epoch 3 of 8", "37 %", "about 3 min left", 'value="0.37"', "data-unfinished"):
        assert words in page


def test_a_waiting_run_says_what_it_waits_for_and_how_far_that_is(client_of, viewer, dataset):
    snapshot = world.make_snapshot(dataset, state="building")
    run = world.make_run(snapshot, state="queued", job={"after": snapshot.job})
    page = client_of(viewer).get(at("detail", run)).content.decode()
    assert "Waits for the snapshot to finish." in page
    assert 'value="0.25"' in page


def test_a_failed_run_says_why_and_can_be_started_again_with_the_same_settings(client_of, curator, snapshot):
    run = world.make_run(
        snapshot,
        state="failed",
        overrides={"lr": "2"},
        seed=4,
        job={"error": "Loss is NaN.", "log_tail": "boom"},
    )
    client = client_of(curator)
    page = client.get(at("detail", run)).content.decode()
    assert "Loss is NaN." in page
    assert "boom" in page
    assert client.post(at("again", run)).status_code == 302
    again = Run.objects.get(number=2)
    assert (again.spec, again.seed, again.snapshot, again.job.state) == (run.spec, 4, snapshot, "queued")


def test_again_after_a_failed_snapshot_makes_a_new_snapshot(client_of, curator, dataset, snapshot):
    failed = world.make_snapshot(dataset, number=2, state="failed")
    run = world.make_run(failed, state="failed")
    client_of(curator).post(at("again", run))
    assert Run.objects.get(number=2).snapshot.number == 3


def test_a_finished_run_leads_on_to_evaluation_trial_and_publishing(client_of, curator, snapshot):
    run = world.make_run(
        snapshot, epochs=2, best_epoch=2, test_accuracy=0.9, test_n=12, test_low=0.6, test_high=0.98
    )
    Bundle.objects.create(run=run, digest="a" * 64, size=1, labels={})
    page = client_of(curator).get(at("detail", run)).content.decode()
    for name in ("evaluations:matrix", "evaluations:try", "publishing:publish"):
        assert reverse(name, args=[run.dataset.slug, run.number]) in page
    assert "60.0 – 98.0 %" in page


def published(run):
    bundle = Bundle.objects.create(run=run, digest=f"{run.number:064}", size=1, labels={})
    return PublishedModel.objects.create(dataset=run.dataset, bundle=bundle)


def test_the_published_run_says_so_and_leads_to_the_public_page(client_of, curator, snapshot):
    run = world.make_run(snapshot, test_accuracy=0.9, test_n=12)
    world.make_evaluation(run)
    published(run)
    for address in (at("detail", run), reverse("evaluations:matrix", args=[run.dataset.slug, run.number])):
        page = client_of(curator).get(address).content.decode()
        assert f'href="{reverse("publishing:model", args=[run.dataset.slug])}"' in page
        assert reverse("publishing:publish", args=[run.dataset.slug, run.number]) not in page


@pytest.mark.parametrize(("accuracy", "asks"), [(0.75, True), (0.95, False)])
def test_publishing_a_weaker_run_is_asked_about_with_both_figures(
    client_of, curator, snapshot, accuracy, asks
):
    published(world.make_run(snapshot, test_accuracy=0.9, test_n=12))
    run = world.make_run(snapshot, number=2, test_accuracy=accuracy, test_n=12)
    Bundle.objects.create(run=run, digest="a" * 64, size=1, labels={})
    page = client_of(curator).get(at("detail", run)).content.decode()
    assert reverse("publishing:publish", args=[run.dataset.slug, 2]) in page
    assert ('data-confirm="publish-worse"' in page) is asks
    told = "Run 2 is right on 75.0 % of its test photos. Run 1, which is published now, on 90.0 %."
    assert (told in page) is asks


def test_a_viewer_may_not_cancel_repeat_or_publish_and_is_not_asked_to(client_of, viewer, snapshot):
    run = world.make_run(snapshot, state="running")
    client = client_of(viewer)
    page = client.get(at("detail", run)).content.decode()
    assert at("cancel", run) not in page
    assert client.post(at("cancel", run)).status_code == 403
    assert client.post(at("again", run)).status_code == 403
    assert not Job.objects.get(pk=run.job_id).cancel_requested


def test_cancelling_asks_the_running_job_to_stop(client_of, curator, snapshot):
    run = world.make_run(snapshot, state="running")
    client_of(curator).post(at("cancel", run))
    assert Job.objects.get(pk=run.job_id).cancel_requested


def test_cancelling_is_no_get(client_of, curator, snapshot):
    run = world.make_run(snapshot, state="running")
    assert client_of(curator).get(at("cancel", run)).status_code == 405


def test_the_live_answer_brings_epochs_steps_and_state(client_of, viewer, snapshot):
    job = {
        "phase": "train",
        "message": "Epoch 3 of 8",
        "progress": 0.4,
        "eta_seconds": 70,
        "log_tail": "a line",
    }
    run = world.make_run(snapshot, state="running", epochs=2, steps=[[1, 10, 1.5], [1, 20, 1.2]], job=job)
    answer = client_of(viewer).get(at("live", run)).json()
    assert [row["epoch"] for row in answer["epochs"]] == [1, 2]
    assert answer["epochs"][1]["val_accuracy"] == pytest.approx(0.82)
    assert answer["steps"] == [[1, 10, 1.5], [1, 20, 1.2]]
    assert (answer["state"], answer["unfinished"], answer["progress"]) == ("running", True, 0.4)
    assert (answer["phase"], answer["eta_seconds"], answer["log_tail"]) == ("train", 70, "a line")
    assert answer["finished_html"] == ""


def test_the_live_answer_of_an_ended_run_brings_what_the_page_shows_then(client_of, viewer, snapshot):
    run = world.make_run(snapshot, state="failed", job={"error": "No space left."})
    answer = client_of(viewer).get(at("live", run)).json()
    assert not answer["unfinished"]
    assert answer["error"] == "No space left."
    assert "Nothing in the data set has changed" in answer["finished_html"]


def test_a_live_answer_costs_five_queries_however_long_the_run(
    client_of, viewer, snapshot, django_assert_num_queries
):
    client = client_of(viewer)
    run = world.make_run(snapshot, state="running", epochs=8)
    client.get(at("live", run))
    with django_assert_num_queries(5):  # session, user, data set, run, epochs
        client.get(at("live", run))


def test_batch_losses_are_thinned_evenly_and_keep_the_last():
    steps = [[1 + i // 500, i, 1.0] for i in range(2001)]
    thinned = step_rows(steps)
    assert len(thinned) <= STEPS_AT_MOST + 1
    assert thinned[0] == steps[0]
    assert thinned[-1] == steps[-1]
    assert step_rows([]) == []


def test_an_epoch_takes_as_many_steps_as_there_are_whole_batches(snapshot):
    run = world.make_run(snapshot)
    run.snapshot.n_train, run.spec = 2000, {**run.spec, "batch": 32}
    assert steps_per_epoch(run) == 62


def test_the_page_lists_the_recipe_and_what_changed_since_the_run_before(client_of, viewer, snapshot):
    world.make_run(snapshot, number=1)
    run = world.make_run(snapshot, number=2, overrides={"epochs": "12"})
    response = client_of(viewer).get(at("detail", run))
    assert [(row.name, row.values) for row in response.context["differences"]] == [("Epochs", ("4", "12"))]
    line = next(line for line in response.context["spec"] if line.name == "Epochs")
    assert (line.value, line.usual) == ("12", "4")


def test_figures_of_a_drawn_data_set_say_so(client_of, viewer, dataset, snapshot):
    type(dataset).objects.update(is_drawn=True)
    page = client_of(viewer).get(at("detail", world.make_run(snapshot))).content.decode()
    assert page.count("drawn, not photographed") >= 3  # the page and both figures


@pytest.mark.parametrize("name", ["detail", "live", "log"])
def test_a_run_that_does_not_exist_is_not_found(client_of, viewer, dataset, name):
    assert client_of(viewer).get(reverse(f"runs:{name}", args=[dataset.slug, 9])).status_code == 404


class TestLog:
    def stored(self, snapshot, text: bytes):
        blob = site_store().put_blob(io.BytesIO(text))
        return world.make_run(snapshot, log_sha256=blob.sha256, job={"log_tail": "only the tail"})

    def test_shows_the_stored_log_whole_with_line_numbers(self, client_of, viewer, snapshot):
        response = client_of(viewer).get(at("log", self.stored(snapshot, b"one\ntwo\nthree\n")))
        assert [line.number for line in response.context["lines"]] == [1, 2, 3]
        assert "only the tail" not in response.content.decode()

    def test_shows_the_tail_while_nothing_is_stored(self, client_of, viewer, snapshot):
        run = world.make_run(snapshot, state="running", job={"log_tail": "so far"})
        assert "so far" in client_of(viewer).get(at("log", run)).content.decode()

    def test_finds_words_in_any_case_and_marks_them(self, client_of, viewer, snapshot):
        run = self.stored(snapshot, b"Epoch 1\nstep <b>\nepoch 2 (epoch)\n")
        response = client_of(viewer).get(at("log", run), {"q": "EPOCH"})
        assert [line.number for line in response.context["lines"]] == [1, 3]
        assert response.content.decode().count("<mark>") == 3

    def test_a_search_is_for_the_text_itself_and_output_is_escaped(self, client_of, viewer, snapshot):
        run = self.stored(snapshot, b"a.b\naxb\n<script>a.b\n")
        page = client_of(viewer).get(at("log", run), {"q": "a.b"})
        assert [line.number for line in page.context["lines"]] == [1, 3]
        assert "<script>a" not in page.content.decode()

    def test_a_long_log_shows_its_end_and_is_whole_as_a_download(
        self, client_of, viewer, snapshot, monkeypatch
    ):
        monkeypatch.setattr(selectors, "LOG_BYTES_SHOWN", 40)
        text = "".join(f"line {n:03}\n" for n in range(20)).encode()
        run = self.stored(snapshot, text)
        client = client_of(viewer)
        shown = client.get(at("log", run)).content.decode()
        assert "line 019" in shown
        assert "line 001" not in shown
        assert client.get(at("log", run), {"download": ""}).content == text

    def test_a_log_whose_blob_is_gone_falls_back_to_the_tail(self, client_of, viewer, snapshot):
        run = self.stored(snapshot, b"gone")
        site_store().blob_path(run.log_sha256).unlink()
        assert "only the tail" in client_of(viewer).get(at("log", run)).content.decode()


def test_a_run_from_before_a_setting_existed_shows_what_it_did_then(client_of, viewer, snapshot):
    # Its defaults are what version 1 did.
    old, new = (world.make_run(snapshot, number=number, recipe="finetune") for number in (1, 2))
    added = (
        "schedule",
        "early_stopping",
        "mixup",
        "sampling",
        "ema",
        "framing",
        "start",
        "features",
        "refit",
    )
    old.spec = {name: value for name, value in old.spec.items() if name not in added} | {"version": 1}
    old.save()
    assert client_of(viewer).get(at("detail", old)).status_code == 200
    assert selectors.overrides_of(old) == {}
    assert selectors.spec_lines(old) == selectors.spec_lines(new)
    assert [row.name for row in selectors.differences([old, new])] == []
