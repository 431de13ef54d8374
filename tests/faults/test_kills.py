"""SIGKILL in the middle of a run: the run finishes anyway, from where it was, with the weights of an unbroken one."""

import json
import shutil

import pytest

from tests.support.killer import PATIENCE_SECONDS, Kill, Killer
from tests.support.photos import class_folders
from tests.support.site import Site, wait_until

pytestmark = pytest.mark.faults

BATCH = 4
# Both with an optimizer that remembers: one that came back without its memory would end elsewhere.
TINY = {
    "scratch": {"size": 64, "batch": BATCH, "lr": 0.01, "momentum": 0.9},
    "partial_finetune": {"size": 96, "batch": BATCH, "views": 2},
}
# A dead owner is noticed at once; the lease only has to outlive a moment in which a busy machine stands still.
PERIODS = {"SORTYARD_LEASE_SECONDS": "10", "SORTYARD_REAPER_SECONDS": "0.5"}

THREE = [Kill(1, "step", "group"), Kill(2, "checkpoint", "worker"), Kill(3, "validation", "trainer")]
# Never three without a checkpoint in between: that many losses in one place end a run for good.
TWENTY = [
    Kill(1, "step", "trainer"), Kill(1, "checkpoint", "group"),
    Kill(2, "validation", "group"), Kill(2, "checkpoint", "trainer"),
    Kill(3, "checkpoint", "worker"), Kill(3, "step", "everything"),
    Kill(4, "validation", "trainer"), Kill(4, "validation", "worker"),
    Kill(5, "checkpoint", "trainer"), Kill(5, "step", "group"),
    Kill(6, "validation", "group"), Kill(6, "checkpoint", "everything"),
    Kill(7, "checkpoint", "group"), Kill(7, "checkpoint", "trainer"),
    Kill(8, "step", "worker"), Kill(8, "validation", "trainer"),
    Kill(9, "validation", "worker"), Kill(9, "checkpoint", "group"),
    Kill(9, "export", "group"), Kill(9, "evaluate", "trainer"),
]  # fmt: skip


@pytest.fixture
def site(tmp_path):
    """A site with a snapshot of 120 drawn photos, a third of them to validate with: that takes a while."""
    site = Site(tmp_path, **PERIODS).start()
    photos = class_folders(tmp_path / "photos", {"glass": 60, "paper": 60})
    site.answer("import_images", "kerbside", str(photos))
    yield site
    site.stop()


def queue(site, recipe: str, epochs: int) -> int:
    """A run in the queue; its number."""
    settings = {**TINY[recipe], "epochs": epochs}
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    answer = site.answer("train", "kerbside", "--recipe", recipe, *words, "--snapshot", "1")
    return int(answer["run"].rpartition("/")[2])


def job(site, number: int) -> dict:
    columns = ("state", "attempt", "losses", "error", "folder")
    query = (
        "select j.state, j.attempt, j.losses, j.error, r.folder from jobs_job j join runs_run r on r.job_id = j.id"
        " where r.number = ?"
    )
    return dict(zip(columns, site.rows(query, number)[0], strict=True))


def finish(site, number: int) -> dict:
    def ended() -> bool:
        return job(site, number)["state"] not in ("queued", "running")

    wait_until(ended, seconds=PATIENCE_SECONDS, what="the end of the run")
    return job(site, number)


def survive(site, recipe: str, kills: list[Kill]) -> list[bool]:
    """Trains once unbroken and once through `kills`; both end alike. Which blows fell in their moment."""
    epochs = kills[-1].epoch
    frozen = site.answer("snapshot", "kerbside", "--val", "0.3", "--test", "0.1")
    straight, broken = queue(site, recipe, epochs), queue(site, recipe, epochs)
    whole = site.data / "runs" / finish(site, straight)["folder"]
    killer = Killer(site, broken, frozen["train"] // BATCH)
    struck = [killer.strike(kill) for kill in kills]
    ended = finish(site, broken)
    assert ended["state"] == "succeeded", ended["error"]
    assert ended["attempt"] == len(kills) + 1
    assert_alike(whole, killer.folder, epochs)
    assert_relayed(site, broken, epochs)
    return struck


def assert_alike(whole, broken, epochs: int) -> None:
    """The same weights, model and answers to the byte; the same curves; nothing half-written left."""
    names = {path.name for path in (whole / "checkpoints").glob("*.safetensors")}
    assert f"epoch-{epochs:04d}.safetensors" in names
    assert names | {name.replace("safetensors", "json") for name in names} == {
        path.name for path in (broken / "checkpoints").iterdir()
    }
    for name in (
        *(f"checkpoints/{name}" for name in names),
        "bundle/model.onnx",
        "predictions.jsonl",
        "steps.jsonl",
    ):
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), name
    assert curves(broken) == curves(whole)


def curves(folder) -> list[dict]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def assert_relayed(site, number: int, epochs: int) -> None:
    """The tables hold each epoch once, and one result."""
    query = "select m.epoch from runs_epochmetric m join runs_run r on r.id = m.run_id where r.number = ?"
    assert [row[0] for row in site.rows(f"{query} order by m.epoch", number)] == list(range(1, epochs + 1))
    for table in ("publishing_bundle", "evaluations_evaluation"):
        query = f"select count(*) from {table} t join runs_run r on r.id = t.run_id where r.number = ?"
        assert site.rows(query, number) == [(1,)], table


def test_killed_three_times_a_run_ends_with_the_weights_of_an_unbroken_one(site):
    survive(site, "scratch", THREE)


@pytest.mark.full
@pytest.mark.parametrize("recipe", ["scratch", "partial_finetune"])
def test_killed_twenty_times_a_run_ends_with_the_weights_of_an_unbroken_one(site, recipe):
    struck = survive(site, recipe, TWENTY)
    print(f"\n{recipe}: {sum(struck)} of {len(TWENTY)} kills fell in their moment: {struck}")
    # A busy machine may look away for as long as a moment lasts, but not every time.
    for moment in ("step", "validation", "checkpoint"):
        hits = [hit for kill, hit in zip(TWENTY, struck, strict=True) if kill.moment == moment]
        assert sum(hits) * 2 >= len(hits), f"{moment}: {hits}"


def test_stopping_everything_in_mid_run_and_starting_again_finishes_the_run(site):
    site.answer("snapshot", "kerbside", "--val", "0.3", "--test", "0.1")
    number = queue(site, "partial_finetune", 8)

    def first_epoch() -> bool:
        return site.rows("select count(*) from runs_epochmetric")[0][0] >= 1

    wait_until(first_epoch, seconds=240, what="the first epoch")
    assert site.stop() == 0
    assert job(site, number)["state"] == "queued"
    site.start()
    ended = finish(site, number)
    assert ended["state"] == "succeeded", ended["error"]
    assert (ended["attempt"], ended["losses"]) == (2, 0)
    assert_relayed(site, number, 8)


def test_a_wiped_broker_loses_no_job(site):
    """Jobs wait in the table: with every message gone they are rung again."""
    site.answer("snapshot", "kerbside")
    site.stop()
    site.manage("train", "kerbside", "--recipe", "linear_probe")
    shutil.rmtree(site.data / "broker")
    site.start()
    assert finish(site, 1)["state"] == "succeeded"
