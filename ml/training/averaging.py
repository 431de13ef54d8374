"""An exponential moving average of a network's weights: less noisy than the weights of any one step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def averaged(network: nn.Module, decay: float) -> Any:
    """A copy of `network` that follows it by `update_parameters` (an AveragedModel; the copy is its `module`).

    The decay rises to its value: after n updates it is at most (1 + n) / (10 + n), so that the random first weights
    of a layer are soon forgotten in a short run. Running statistics are averaged like weights.
    """

    def update(average: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        n = int(count)
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(average, current, count)

    return AveragedModel(network, multi_avg_fn=torch.no_grad()(update), use_buffers=True)
