"""A house per module (broker, worker, bundle), and published rows per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.webapp.publishing import world


@pytest.fixture(scope="module")
def standing_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[world.House]:
    data = tmp_path_factory.mktemp("house")
    (data / "spool").mkdir()
    digest = world.make_bundle(data)
    with (
        world.running_broker(tmp_path_factory.mktemp("broker")) as broker,
        world.running_worker(data, broker.url) as worker,
    ):
        yield world.House(data, broker, digest, worker)


@pytest.fixture
def house(standing_house: world.House, settings) -> world.House:
    """The module's house, as the one that the site of this test uses."""
    settings.DATA_DIR = standing_house.data
    settings.CACHE_DIR = standing_house.data / "cache"
    settings.REDIS_URL = standing_house.broker.url
    for key in standing_house.broker.client().scan_iter("sortyard:limit:*"):
        standing_house.broker.client().delete(key)
    return standing_house


@pytest.fixture
def quiet_broker(tmp_path: Path, settings) -> Iterator[world.Broker]:
    """A broker of the test's own that no worker listens to."""
    with world.running_broker(tmp_path) as broker:
        settings.REDIS_URL = broker.url
        yield broker


@pytest.fixture
def finished_run(dataset) -> Callable[..., object]:
    """`finished_run(digest)` makes a run of the data set that has succeeded and left that bundle."""
    from webapp.jobs.models import Job, JobKind, JobState, Queue
    from webapp.publishing.services import bundle_record
    from webapp.runs.models import Run
    from webapp.snapshots.models import Snapshot, SnapshotState

    snapshot = Snapshot.objects.create(
        dataset=dataset, number=1, state=SnapshotState.READY, digest="0" * 64, n_train=80, n_test=10
    )

    def make(digest: str | None, *, state: str = JobState.SUCCEEDED):
        job = Job.objects.create(kind=JobKind.TRAIN, dataset=dataset, state=state, queue=Queue.TRAIN)
        run = Run.objects.create(
            dataset=dataset, number=dataset.runs.count() + 1, snapshot=snapshot, job=job,
            recipe="linear_probe", spec={}, test_accuracy=0.9, test_n=200, test_low=0.85, test_high=0.94,
        )  # fmt: skip
        if digest is not None:
            bundle_record(run=run, digest=digest, size=12_345, labels=world.CLASSES)
        return run

    return make


@pytest.fixture
def published(house: world.House, finished_run):
    """The house's bundle, published for the data set."""
    from webapp.publishing.services import run_publish

    return run_publish(run=finished_run(house.digest), published_by=None)
