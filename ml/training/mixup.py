"""Mixup: training on blends of two photos and of their answers (Zhang et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Keeps this draw apart from that of the batches, which seed and epoch decide as well.
_STREAM = 2


@dataclass(frozen=True)
class Mix:
    """A batch's blend: each input is `share` of itself and the rest of the one at `partner`."""

    share: float
    partner: Tensor

    def inputs(self, x: Tensor) -> Tensor:
        """(n, …) -> (n, …)."""
        return self.share * x + (1 - self.share) * x[self.partner]

    def losses(self, own: Tensor, partners: Tensor) -> Tensor:
        """Losses (n,) against each input's own answer and against its partner's -> (n,)."""
        return self.share * own + (1 - self.share) * partners


def draw_mix(alpha: float, count: int, device: torch.device, seed: int, epoch: int, step: int) -> Mix | None:
    """The blend of a batch of `count`, decided by its numbers; None without mixup (`alpha` 0).

    The share is drawn from Beta(alpha, alpha). Which of the two is called the partner is free, so the share is at
    least one half, and an input's own label stays the one that it is counted by.
    """
    if alpha == 0:
        return None
    rng = np.random.default_rng([seed, epoch, step, _STREAM])
    share = float(rng.beta(alpha, alpha))
    return Mix(max(share, 1 - share), torch.from_numpy(rng.permutation(count)).to(device))
