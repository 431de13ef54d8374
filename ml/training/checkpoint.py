"""Checkpoints: tensors as safetensors, the rest as JSON beside them, whole or not at all.

`epoch-0003.json` is written last and carries the hash of `epoch-0003.safetensors`: it is the commit.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from ml.durable import make_folder, write_atomic

log = logging.getLogger(__name__)

FORMAT, VERSION = "sortyard-checkpoint", 1
_MODEL, _AVERAGE, _OPTIMIZER = "model.", "average.", "optimizer."


class CheckpointCorruptError(Exception):
    """The bytes are not those that were written."""


class CheckpointIncompatibleError(Exception):
    """A whole checkpoint of another version, spec or data set."""


@dataclass(frozen=True)
class Parts:
    """What a step changes: the network, its optimizer, and, where there are such, the moving average of its weights
    and the scaler of its loss.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: nn.Module | None = None
    scaler: torch.amp.GradScaler | None = None


@dataclass(frozen=True)
class Loaded:
    """A checkpoint in memory. `note` is its JSON: epoch, step, history, best, random states."""

    tensors: dict[str, Tensor]
    note: dict[str, Any]

    @property
    def epoch(self) -> int:
        """The epoch after which it was written."""
        return int(self.note["epoch"])


class Checkpoints:
    """The checkpoints of one run: the last two and the best are kept."""

    def __init__(self, folder: Path, spec_digest: str, manifest_digest: str) -> None:
        self.folder = folder
        self._identity = {
            "format": FORMAT,
            "version": VERSION,
            "spec_digest": spec_digest,
            "manifest_digest": manifest_digest,
        }

    def save(self, epoch: int, parts: Parts, note: Mapping[str, Any]) -> None:
        """Write the state after `epoch` durably, then drop what is no longer kept.

        StoreFull on a full disk.
        """
        make_folder(self.folder)
        tensors = {f"{_MODEL}{name}": value for name, value in parts.network.state_dict().items()}
        if parts.average is not None:
            tensors |= {f"{_AVERAGE}{name}": value for name, value in parts.average.state_dict().items()}
        groups = _optimizer_tensors(parts.optimizer, tensors)
        data = save_tensors({name: value.detach().cpu().contiguous() for name, value in tensors.items()})
        write_atomic(self._path(epoch, "safetensors"), data)
        content = {
            **self._identity,
            "sha256": hashlib.sha256(data).hexdigest(),
            "epoch": epoch,
            "optimizer": groups,
            "scaler": parts.scaler.state_dict() if parts.scaler is not None else {},
            "random": random_state(),
            **note,
        }
        write_atomic(self._path(epoch, "json"), json.dumps(content).encode())
        self._prune(epoch, int(note["best_epoch"]))

    def latest(self) -> Loaded | None:
        """The newest whole checkpoint; damaged ones are passed over, and the log says so."""
        for epoch in sorted(self._epochs(), reverse=True):
            try:
                return self.load(epoch)
            except CheckpointCorruptError as error:
                log.warning("checkpoint of epoch %d is damaged (%s); the one before is used", epoch, error)
        return None

    def load(self, epoch: int) -> Loaded:
        """The checkpoint of that epoch. CheckpointCorruptError, CheckpointIncompatibleError."""
        try:
            note = json.loads(self._path(epoch, "json").read_bytes())
            data = self._path(epoch, "safetensors").read_bytes()
            digest = note["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointCorruptError(str(error)) from error
        for name, value in self._identity.items():
            if note.get(name) != value:
                raise CheckpointIncompatibleError(
                    f"checkpoint of epoch {epoch}: {name} is {note.get(name)!r}"
                )
        if hashlib.sha256(data).hexdigest() != digest:
            raise CheckpointCorruptError("its hash does not match")
        return Loaded(load_tensors(data), note)

    def _prune(self, epoch: int, best: int) -> None:
        for other in self._epochs() - {epoch, epoch - 1, best}:
            self._path(other, "json").unlink(missing_ok=True)  # the commit goes first
            self._path(other, "safetensors").unlink(missing_ok=True)

    def _epochs(self) -> set[int]:
        return {int(path.stem.rpartition("-")[2]) for path in self.folder.glob("epoch-[0-9]*.json")}

    def _path(self, epoch: int, suffix: str) -> Path:
        return self.folder / f"epoch-{epoch:04d}.{suffix}"


def restore(loaded: Loaded, parts: Parts) -> None:
    """Put a checkpoint's model, average, optimizer, scaler and random states in place."""
    parts.network.load_state_dict(_under(loaded, _MODEL))
    if parts.average is not None:
        parts.average.load_state_dict(_under(loaded, _AVERAGE))
    state: dict[int, dict[str, Any]] = {}
    for name, value in _under(loaded, _OPTIMIZER).items():
        place, _, field = name.partition(".")
        state.setdefault(int(place), {})[field] = value
    parts.optimizer.load_state_dict({"state": state, "param_groups": loaded.note["optimizer"]})
    if parts.scaler is not None and loaded.note.get("scaler"):
        parts.scaler.load_state_dict(loaded.note["scaler"])
    set_random_state(loaded.note["random"])


def restore_network(loaded: Loaded, network: nn.Module) -> None:
    """Put a checkpoint's model in place as it validates: the averaged weights where there are such."""
    network.load_state_dict(_under(loaded, f"{_AVERAGE}module.") or _under(loaded, _MODEL))


def _under(loaded: Loaded, prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in loaded.tensors.items() if name.startswith(prefix)}


def random_state() -> dict[str, Any]:
    """The states of torch's and Python's generators as plain integers."""
    version, words, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state().tolist(),
        "cuda": [state.tolist() for state in torch.cuda.get_rng_state_all()],
        "python": [version, list(words), gauss],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """The reverse of `random_state`."""
    torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
    gpus = state.get("cuda", [])
    if len(gpus) == torch.cuda.device_count():  # else the run has moved to another machine
        torch.cuda.set_rng_state_all([torch.tensor(gpu, dtype=torch.uint8) for gpu in gpus])
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))


def seed_everything(seed: int) -> None:
    """Start all generators from `seed` and ask torch for the same result every time."""
    random.seed(seed)
    np.random.seed(seed)  # libraries below us use the global generator
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


def _optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> list[dict[str, Any]]:
    """Add the optimizer's tensors to `tensors`; its plain settings are returned."""
    content = optimizer.state_dict()
    for place, fields in content["state"].items():
        for field, value in fields.items():
            if value is not None:
                tensors[f"{_OPTIMIZER}{place}.{field}"] = torch.as_tensor(value)
    return [dict(group) for group in content["param_groups"]]
