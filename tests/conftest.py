"""Three standing users, a data set, and a data folder of the test's own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import translation


def pytest_configure(config: pytest.Config) -> None:
    """One cache for every site that the tests start; it goes with the test process."""
    if "SORTYARD_TEST_CACHE" not in os.environ:
        cache = tempfile.mkdtemp(prefix="sortyard-test-cache-")
        os.environ["SORTYARD_TEST_CACHE"] = cache
        atexit.register(shutil.rmtree, cache, ignore_errors=True)


TRASHNET = Path(__file__).resolve().parents[2] / "shared" / "data" / "trashnet"


@pytest.fixture(scope="session")
def trashnet() -> Path:
    """The folder of real photos, read where it lies and never copied into the project."""
    if not TRASHNET.is_dir():
        pytest.skip("needs the TrashNet photos in ../shared/data/trashnet")
    return TRASHNET


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: django_settings) -> Path:
    """An empty data folder that the site uses for this test: no test writes into another's, or into `var`."""
    settings.DATA_DIR = tmp_path / "data"
    settings.CACHE_DIR = settings.DATA_DIR / "cache"
    (settings.DATA_DIR / "spool").mkdir(parents=True)
    # The real one takes half a second a password, on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return settings.DATA_DIR


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """A page in Chinese leaves the process speaking Chinese: the next test begins in English again."""
    yield
    translation.deactivate()


def _user(role: str):
    from webapp.accounts.models import User

    return User.objects.create_user(username=role, password="correct horse battery", role=role)


@pytest.fixture
def viewer(db):
    return _user("viewer")


@pytest.fixture
def annotator(db):
    return _user("annotator")


@pytest.fixture
def curator(db):
    return _user("curator")


@pytest.fixture
def admin(db):
    return _user("admin")


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    """`client_of(user)` is a browser in which `user` is signed in."""

    def make(user) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def dataset(curator):
    from webapp.datasets.services import dataset_create

    return dataset_create(name="Kerbside", created_by=curator)
