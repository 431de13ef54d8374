"""The data set's own mean and std: those kept with the snapshot, else measured over every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ml.backbones.pipeline import UnreadablePhotoError
from ml.images.moments import Moments
from ml.specs import make_spec
from ml.store import Store
from ml.training.context import Context
from ml.training.data import load_data
from ml.training.errors import StopRequestedError
from ml.training.normalisation import data_statistics
from ml.training.progress import Progress
from ml.training.runfolder import RunFolder
from tests.ml.worlds import tiny_manifest

KEPT = Moments(9, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    manifest, spec = tiny_manifest(tmp_path / "photos", per_class=8), make_spec("scratch")
    with RunFolder(tmp_path / "run", spec, manifest.digest) as folder:
        progress = Progress(tmp_path / "run" / "progress.json", {"statistics": ("prepare", 1.0)})
        context = Context(folder, spec, load_data(manifest), Store(tmp_path / "store"), progress)
        progress.stage("statistics", "Measuring")
        yield context


def trained_pixels(context: Context) -> np.ndarray:
    """(n, 3) in 0..1: all pixels of all training photos."""
    photos = [cv2.imread(photo.path, cv2.IMREAD_COLOR_RGB) for photo in context.data.train.photos]
    return np.concatenate([photo.reshape(-1, 3) for photo in photos]) / 255


def test_without_a_file_they_are_those_of_every_training_pixel(context):
    mean, std = data_statistics(context, "Measuring")
    pixels = trained_pixels(context)
    assert mean == pytest.approx(pixels.mean(axis=0), abs=1e-6)
    assert std == pytest.approx(pixels.std(axis=0), abs=1e-6)


def test_a_mirrored_copy_does_not_count_its_photo_twice(context):
    measured = data_statistics(context, "Measuring")
    part = context.data.train
    part.photos.extend(replace(photo, transform="hflip") for photo in list(part.photos)[:1] * 5)
    assert data_statistics(context, "Measuring") == measured


def test_what_was_kept_with_the_snapshot_is_used(context):
    KEPT.write(context.store.statistics_path(context.data.manifest.digest))
    assert data_statistics(context, "Measuring") == (KEPT.mean, KEPT.std)


def test_a_damaged_file_is_measured_again(context):
    path = context.store.statistics_path(context.data.manifest.digest)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert data_statistics(context, "Measuring")[0] == pytest.approx(
        trained_pixels(context).mean(axis=0), abs=1e-6
    )


def test_a_channel_without_spread_divides_by_no_zero(context):
    replace(KEPT, std=(0.0, 0.5, 0.5)).write(context.store.statistics_path(context.data.manifest.digest))
    assert data_statistics(context, "Measuring")[1] == (0.001, 0.5, 0.5)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no photo")])
def test_a_photo_that_is_gone_or_broken_is_named(context, damage):
    path = Path(context.data.train.photos[3].path)
    damage(path)
    with pytest.raises(UnreadablePhotoError, match=path.name):
        data_statistics(context, "Measuring")


def test_a_request_to_stop_is_heeded(context):
    context.stop.set()
    with pytest.raises(StopRequestedError):
        data_statistics(context, "Measuring")
