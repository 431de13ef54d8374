"""Mean and deviation of the training photos' channels, for recipes that normalise with the data set's own."""

from __future__ import annotations

import logging
from pathlib import Path

from ml.backbones.pipeline import UnreadablePhotoError
from ml.images.moments import Moments, Triple
from ml.images.statistics import measure_statistics
from ml.training.context import Context

log = logging.getLogger(__name__)

# A channel without any spread (black pictures) must not divide by nothing.
_LEAST_STD = 1e-3
_DIGITS = 6


def data_statistics(context: Context, message: str) -> tuple[Triple, Triple]:
    """(mean, std) in 0..1, exact over all pixels of the training photos, each photo counted once.

    Those that were kept beside the snapshot's manifest, where they are; else one pass over the photos, in the
    current stage. Raises UnreadablePhotoError, StopRequestedError.
    """
    moments = _kept(context) or _measured(context, message)
    mean, std = moments.mean, moments.std
    return _rounded(mean), _rounded(
        (max(std[0], _LEAST_STD), max(std[1], _LEAST_STD), max(std[2], _LEAST_STD))
    )


def _kept(context: Context) -> Moments | None:
    path = context.store.statistics_path(context.data.manifest.digest)
    try:
        return Moments.read(path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        log.warning("%s; measuring again", error)
        return None


def _measured(context: Context, message: str) -> Moments:
    photos = {photo.sha256: photo for photo in context.data.train.photos}
    store = context.store
    paths = [Path(one.path) if one.path else store.blob_path(one.sha256) for one in photos.values()]
    report, done = context.count(message), 0

    def count(n: int) -> None:
        nonlocal done
        done += n
        report(done, len(paths))

    try:
        statistics = measure_statistics(paths, progress=count)
    except (OSError, ValueError) as error:
        raise UnreadablePhotoError(f"the training photos cannot be measured: {error}") from error
    for one in statistics.unreadable:
        raise UnreadablePhotoError(f"the photo {one.path} cannot be used: {one.detail}")
    return statistics.moments


def _rounded(values: Triple) -> Triple:
    red, green, blue = (round(value, _DIGITS) for value in values)
    return red, green, blue
