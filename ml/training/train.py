"""One training run from manifest to bundle: the part that all recipes share."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.backbones.pipeline import UnreadablePhotoError, photo_path
from ml.backbones.trunk import TrunkError
from ml.backbones.weights import WeightsCorruptError, WeightsMissingError, backbone_available
from ml.bundle.predict import BundleCorruptError, verify
from ml.durable import StoreFull
from ml.manifest import Manifest
from ml.specs import PROBE_OPTIMIZERS, TrainSpec
from ml.store import Store
from ml.training.context import Context, Trained, stop_on_sigterm
from ml.training.data import DataSet, load_data
from ml.training.distributed import FollowersFolder, FollowersProgress, from_leader, joined
from ml.training.errors import StopRequestedError, TrainingProblemError
from ml.training.finish import finish, stages
from ml.training.progress import Progress
from ml.training.runfolder import RunFolder
from ml.training.team import Team, team

log = logging.getLogger(__name__)


# Their text is the sentence to tell; where in the code they came up tells nobody more.
KNOWN = (
    UnreadablePhotoError, WeightsMissingError, WeightsCorruptError, TrunkError, TrainingProblemError,
    FloatingPointError,
)  # fmt: skip


class RunFailedError(Exception):
    """The run ended in state `failed`; the message is the sentence in run.json. Exit code 1."""


def train(
    manifest: Manifest, spec: TrainSpec, out: Path, store: Store, *, takeover: bool = False
) -> dict[str, Any]:
    """Train, or go on after the last good checkpoint, in folder `out`; the result as `python -m ml train`
    prints it.

    Raises TrainingProblemError for input that cannot be trained on, StopRequestedError after SIGTERM,
    RunFailedError for anything that goes wrong on the way. A finished run is not trained again: its result
    is given back. Started by `torchrun`, all but its first process only help, and get an empty result.
    """
    data = load_data(manifest)
    mine = team()
    with joined(mine):
        if not mine.leads:
            return _follow(mine, data, spec, out, store)
        return _lead(mine, data, spec, out, store, takeover)


def _lead(
    mine: Team, data: DataSet, spec: TrainSpec, out: Path, store: Store, takeover: bool
) -> dict[str, Any]:
    manifest = data.manifest
    recipe, plan = _recipe(spec, data, store)
    if not (out / "run.json").exists():
        _check_files(data, store)
    with RunFolder(out, spec, manifest.digest, takeover=takeover) as folder:
        if folder.finished or spec.recipe in PROBE_OPTIMIZERS:
            from_leader(mine, False)  # there is nothing to share
        if folder.finished:
            _check_bundle(folder.path)
        else:
            manifest.write(out / "manifest.json")
            context = Context(
                folder, spec, data, store, Progress(out / "progress.json", {**plan, **stages(data, plan)})
            )
            with stop_on_sigterm(context.stop):
                _run(context, recipe)
        return result(folder.path, folder.state)


def _check_files(data: DataSet, store: Store) -> None:
    """TrainingProblemError where a photo's file is gone, before any work is done."""
    for part in (data.train, data.val, data.test):
        for photo in part.photos:
            path = photo_path(store, photo)
            if not path.is_file():
                raise TrainingProblemError(
                    f"the photo {path} is not there; put it back, or leave it out of the data set"
                )


def _check_bundle(folder: Path) -> None:
    """RunFailedError where a run that was finished once has lost what came of it."""
    try:
        verify(folder / "bundle")
    except BundleCorruptError as error:
        raise RunFailedError(f"the run is finished, but {error}; train into another folder") from error


def _follow(mine: Team, data: DataSet, spec: TrainSpec, out: Path, store: Store) -> dict[str, Any]:
    """Help the leader with the epochs, once it has prepared what they need."""
    if from_leader(mine, False):
        recipe, plan = _recipe(spec, data, store)
        with FollowersFolder(out, spec, data.manifest.digest) as folder:
            progress = FollowersProgress(out / "progress.json", {**plan, **stages(data, plan)})
            context = Context(folder, spec, data, store, progress)
            progress.stage("prepare")
            with stop_on_sigterm(context.stop):
                recipe(context)
    return {}


def result(folder: Path, state: dict[str, Any]) -> dict[str, Any]:
    """The JSON object that `train` prints, from a run's folder and its run.json."""
    names = ("run", "state", "recipe", "seed", "seconds", "val", "test")
    return {**{name: state[name] for name in names}, "bundle": str(folder / "bundle")}


def _recipe(
    spec: TrainSpec, data: DataSet, store: Store
) -> tuple[Callable[[Context], Trained], dict[str, tuple[str, float]]]:
    """The recipe's function and its plan. Torch is imported only by recipes that need it.

    TrainingProblemError where the pretrained weights are missing: never a silent random start.
    """
    if spec.recipe != "scratch":
        missing = backbone_available(store, spec.backbone)
        if missing:
            raise TrainingProblemError(missing)
    if spec.recipe == "linear_probe":
        from ml.training import linear_probe

        return linear_probe.train_probe, linear_probe.plan(data, spec.size, spec.views)
    if spec.recipe == "kernel_probe":
        from ml.training import kernel_probe

        return kernel_probe.train_kernel, kernel_probe.plan(data, spec)
    if spec.recipe == "partial_finetune":
        from ml.training import partial_finetune

        return partial_finetune.train_tail, partial_finetune.plan(data, spec)
    from ml.training import whole_network

    return whole_network.train_whole, whole_network.plan(data, spec)


def _run(context: Context, recipe: Callable[[Context], Trained]) -> None:
    folder = context.folder
    seconds = context.seconds
    try:
        context.progress.stage("prepare", "Getting ready")
        folder.write_environment()
        counts = [len(context.data.part(split)) for split in ("train", "val", "test")]
        log.info("recipe %s, seed %d; %d photos to train, %d val, %d test", *_facts(context), *counts)
        trained = recipe(context)
        finish(context, trained)
        folder.end("succeeded", seconds=seconds())
        context.progress.finish("Finished")
        log.info("finished after %.1f s, test %s", seconds(), folder.state["test"])
    except StopRequestedError:
        cancelled = (folder.path / "cancel").exists()
        log.info("stopped by request, %s", "cancelled" if cancelled else "to be gone on with later")
        folder.end("cancelled" if cancelled else "running", seconds=seconds())
        raise
    except Exception as error:
        sentence = _sentence(error)
        folder.end("failed", seconds=seconds(), error=sentence)
        with contextlib.suppress(OSError):  # on a full disk; run.json has the sentence
            log.error("failed: %s", sentence, exc_info=not isinstance(error, KNOWN))
        raise RunFailedError(sentence) from error


def _facts(context: Context) -> tuple[str, int]:
    return context.spec.recipe, context.spec.seed


def _sentence(error: Exception) -> str:
    """What to tell a person about an error in mid-run."""
    if _is_full_disk(error):
        return "The disk is full: make room and start the run again; it goes on after its last epoch."
    if isinstance(error, MemoryError):
        return "There is not enough memory for this run: choose a smaller batch or size."
    if isinstance(error, KNOWN):
        text = str(error)
        return text[:1].upper() + text[1:]
    return f"Training broke off: {type(error).__name__}: {error}"


def _is_full_disk(error: BaseException | None) -> bool:
    """Whether this error or one that it came from says so; exporters wrap what happens to them."""
    while error is not None:
        if isinstance(error, StoreFull):
            return True
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
