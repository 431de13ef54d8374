from __future__ import annotations

import pytest

from tests.support.rows import add_images
from webapp.accounts.models import User
from webapp.datasets.models import ImageState
from webapp.datasets.services import class_create


@pytest.fixture
def glass(dataset):
    return class_create(dataset=dataset, name="glass")


@pytest.fixture
def mei(db):
    return User.objects.create_user(username="mei", role="annotator")


@pytest.fixture
def jun(db):
    return User.objects.create_user(username="jun", role="annotator")


@pytest.fixture
def inbox(dataset):
    """Ids of ten photos that wait, the first that came first."""
    return [one.pk for one in add_images(dataset, 10, state=ImageState.INBOX)]
