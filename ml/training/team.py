"""Which of several processes this one is, as `torchrun` tells it. Never imports torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Team:
    """The processes of one run: this one's number, how many there are, and its number on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes; the others only compute."""
        return self.rank == 0


def team(environ: Mapping[str, str] = os.environ) -> Team:
    """The team that `torchrun` has made of this process; a team of one without it."""
    if "TORCHELASTIC_RUN_ID" not in environ:
        return Team()
    rank, size, local_rank = (int(environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    return Team(rank, size, local_rank)
