"""On what a network is trained, in which number format, and how batches get there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

_AHEAD = 2

Given = TypeVar("Given")
Ready = TypeVar("Ready")


@dataclass(frozen=True)
class Device:
    """A device with the number format of its matrix products, and the reason for both as a run records it."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    def cast(self) -> torch.autocast:
        """A context in which the network computes in `dtype`; with float32 it changes nothing."""
        enabled = self.dtype != torch.float32
        dtype = self.dtype if enabled else torch.bfloat16  # autocast wants a short format even when it is off
        return torch.autocast(self.device.type, dtype=dtype, enabled=enabled)

    def scaler(self) -> torch.amp.GradScaler:
        """Scales the loss so that small gradients survive float16; for other formats it does nothing."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)

    def place(self, network: Any) -> Any:
        """The network on this device, its filters in the layout that convolutions read quickest."""
        return network.to(self.device, memory_format=torch.channels_last)

    def staged(self, x: NDArray[Any]) -> Tensor:
        """An array as a tensor ready to be sent: maps in channels_last, in pinned memory for a GPU."""
        tensor = torch.from_numpy(x)
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def send(self, tensor: Tensor) -> Tensor:
        """The tensor on this device; from pinned memory the copy runs beside the computation."""
        return tensor.to(self.device, non_blocking=True)


def choose_device() -> Device:
    """The first GPU where there is one, in bfloat16 or else float16; otherwise the processor in float32."""
    if not torch.cuda.is_available():
        reason = "no GPU is present; bfloat16 is slower on most processors"
        return Device(torch.device("cpu"), torch.float32, reason)
    name = torch.cuda.get_device_name()
    gpu = torch.device("cuda", torch.cuda.current_device())
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Device(gpu, torch.bfloat16, f"{name} is present and supports bfloat16")
    return Device(gpu, torch.float16, f"{name} is present, without bfloat16: float16 with a scaled loss")


def ahead(
    source: Iterator[Given], prepare: Callable[[Given], Ready], depth: int = _AHEAD
) -> Generator[Ready, None, None]:
    """What `source` gives, in order, each passed through `prepare` by one thread that is `depth` items ahead.

    An error in the thread is raised here, in its turn. Closing this generator ends the thread.
    """

    def take() -> tuple[Ready] | None:
        for item in source:
            return (prepare(item),)
        return None

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        pending: deque[Future[tuple[Ready] | None]] = deque(pool.submit(take) for _ in range(depth))
        try:
            while (ready := pending.popleft().result()) is not None:
                pending.append(pool.submit(take))
                yield ready[0]
        finally:
            pool.shutdown(cancel_futures=True)
