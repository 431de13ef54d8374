"""One exported trunk and one finished run of each trained recipe, shared by the tests that only read them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml.backbones.trunk import trunk
from ml.manifest import Manifest
from ml.store import Store
from tests.ml.worlds import ml, store_with_trunk, tiny_manifest, written

os.environ["OMP_NUM_THREADS"] = "1"  # as in tests.ml.worlds.options

# With everything that has a state to keep, so that runs that are killed and gone on with are tested with all of it.
TAIL_SETTINGS = (
    "size=96", "epochs=3", "views=2", "batch=8", "schedule=cosine", "mixup=0.2", "sampling=balanced", "ema=0.9",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """A store, a data set in a file, and a run finished on it."""

    store: Store
    manifest: Manifest
    manifest_path: Path
    run: Path
    stdout: str


@pytest.fixture(scope="session")
def trunks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of trunks, exported once for all test processes."""
    store = Store(tmp_path_factory.mktemp("trunk"), Path(os.environ["SORTYARD_TEST_CACHE"]))
    return trunk(store, "efficientnet_lite0").path.parent


@pytest.fixture
def store(tmp_path: Path, trunks: Path) -> Store:
    """An empty store with a trunk."""
    return store_with_trunk(tmp_path / "store", trunks)


@pytest.fixture(scope="session")
def probe_world(tmp_path_factory: pytest.TempPathFactory, trunks: Path) -> World:
    """A finished linear_probe run at 96 px."""
    return make_world(tmp_path_factory.mktemp("probe"), trunks, "linear_probe", ("size=96",))


@pytest.fixture(scope="session")
def tail_world(tmp_path_factory: pytest.TempPathFactory, trunks: Path) -> World:
    """A finished partial_finetune run at 96 px."""
    return make_world(tmp_path_factory.mktemp("tail"), trunks, "partial_finetune", TAIL_SETTINGS)


def make_world(root: Path, trunks: Path, recipe: str, settings: tuple[str, ...]) -> World:
    """A data set of three colours and a finished run on it."""
    store = store_with_trunk(root / "store", trunks)
    manifest = tiny_manifest(root / "photos")
    path = written(manifest, root / "manifest.json")
    chosen = [word for setting in settings for word in ("--set", setting)]
    arguments = ["--manifest", path, "--recipe", recipe, "--store", store.root, "--out", root / "run"]
    done = ml("train", *arguments, *chosen)
    return World(store, manifest, path, root / "run", done.stdout)
