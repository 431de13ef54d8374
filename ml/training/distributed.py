"""Training by several processes (torch's DistributedDataParallel): each takes its share of every batch.

The leader does what a single trainer does. The others wait until it has prepared the data, then go through the same
epochs with their shares; gradients are averaged at each step, so that all have the same weights. Only the leader
validates and writes. Running statistics are those of the leader's shares. Torch is imported where there is a team.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ml.specs import TrainSpec
from ml.training.errors import TrainingProblemError
from ml.training.progress import Progress
from ml.training.runfolder import RunFolder
from ml.training.team import Team

# While the leader prepares views or validates, the others wait.
_PATIENCE = datetime.timedelta(hours=12)
# Batch statistics of fewer photos are worth nothing.
_LEAST_SHARE = 2

Value = TypeVar("Value")


@contextmanager
def joined(team: Team) -> Iterator[None]:
    """A context in which the processes of `team` can speak to each other."""
    if team.size == 1:
        yield
        return
    import torch
    from torch import distributed

    on_gpus = torch.cuda.is_available()
    if on_gpus:
        torch.cuda.set_device(team.local_rank)
    distributed.init_process_group("nccl" if on_gpus else "gloo", timeout=_PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def from_leader(team: Team, value: Value) -> Value:
    """The leader's `value`, in every process; whoever comes first waits."""
    if team.size == 1:
        return value
    from torch import distributed

    box: list[Any] = [value]
    distributed.broadcast_object_list(box, src=0)
    given: Value = box[0]
    return given


def summed(team: Team, tensor: Any) -> Any:
    """The sum of the processes' tensors, in every process."""
    if team.size > 1:
        from torch import distributed

        distributed.all_reduce(tensor)
    return tensor


def wrapped(team: Team, network: Any) -> Any:
    """The network as it is trained: with a team, its gradients are averaged over all shares."""
    if team.size == 1:
        return network
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(network)


def check_share(team: Team, batch: int) -> None:
    """TrainingProblemError unless each process gets enough of a batch."""
    if team.size > 1 and batch < _LEAST_SHARE * team.size:
        raise TrainingProblemError(
            f"a batch of {batch} photos is too small for {team.size} processes; "
            "choose a larger batch or fewer processes"
        )


class FollowersFolder(RunFolder):
    """The leader's run folder as the others see it: they read checkpoints in it and write nothing."""

    def __init__(self, path: Path, spec: TrainSpec, manifest_digest: str) -> None:
        super().__init__(path, spec, manifest_digest)
        self.state = self._fresh_state()

    def __enter__(self) -> FollowersFolder:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was locked."""

    def save(self) -> None:
        """Nothing."""

    def write_environment(self, **more: Any) -> None:
        """Nothing."""

    def write_json(self, name: str, content: Any) -> None:
        """Nothing."""

    def write_lines(self, name: str, rows: Any) -> None:
        """Nothing."""

    def append_line(self, name: str, row: Any) -> None:
        """Nothing."""

    def keep_steps_until(self, epoch: int) -> None:
        """Nothing."""


class FollowersProgress(Progress):
    """Progress that nobody is told."""

    def _save(self) -> None:
        return
