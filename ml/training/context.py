"""What every recipe is given, and what it gives back."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from numpy.typing import NDArray

from ml.backbones.embed import Matrix
from ml.backbones.pipeline import Photo
from ml.backbones.pipeline import Progress as Count
from ml.evaluation.metrics import Probabilities
from ml.specs import TrainSpec
from ml.store import Store
from ml.training.data import DataSet
from ml.training.errors import StopRequestedError
from ml.training.progress import Progress
from ml.training.runfolder import RunFolder
from ml.training.transforms import Preprocess


@dataclass
class Context:
    """One run at work."""

    folder: RunFolder
    spec: TrainSpec
    data: DataSet
    store: Store
    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)

    _began: float = field(default_factory=time.monotonic)
    _before: float = 0.0

    def __post_init__(self) -> None:
        self._before = float(self.folder.state["seconds"])

    def seconds(self) -> float:
        """How long the run has taken, earlier attempts included."""
        return round(self._before + time.monotonic() - self._began, 2)

    def keep_seconds(self) -> None:
        """Note the time in run.json, so that an attempt that is killed counts up to its last epoch."""
        self.folder.state["seconds"] = self.seconds()
        self.folder.save()

    def check(self) -> None:
        """Raise StopRequestedError once SIGTERM has arrived."""
        if self.stop.is_set():
            raise StopRequestedError

    def count(self, message: str, before: int = 0, total: int | None = None) -> Count:
        """A `progress(done, total)` callback that reports in the current stage and heeds SIGTERM.

        `before` of `total` were done by earlier calls of the same stage.
        """

        def report(done: int, of: int) -> None:
            self.check()
            self.progress.update(before + done, total or of, message)

        return report


@dataclass(frozen=True)
class Trained:
    """A trained network, ready to be written and asked."""

    best_epoch: int
    preprocess: Preprocess
    write_model: Callable[[Path], None]
    # Photos -> probabilities (n, c) and embeddings (n, d); None: ask the written bundle instead.
    ask: Callable[[Sequence[Photo]], tuple[Probabilities, Matrix]] | None = None
    # The weights by their name in the network, so that training can be continued from the bundle.
    tensors: Callable[[], Mapping[str, NDArray[Any]]] | None = None
    # Answers on train and val, in this order, that their model was not trained on.
    out_of_fold: Callable[[], Probabilities] | None = None
    # Whether those come from the same kind of model, so that they may calibrate it, and its embedding was not shaped
    # by the training photos, so that they are as familiar with it as any other.
    calibrates: bool = False
    # Where the validation photos joined the last fit: logits (n_val, c) to add to the model's on them, so that the
    # answers are those of the model as it was before, which alone may choose or promise anything.
    before_refit: Matrix | None = None


@contextmanager
def stop_on_sigterm(event: threading.Event) -> Iterator[None]:
    """Set `event` on SIGTERM inside the block. Only the main thread may; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(_number: int, _frame: FrameType | None) -> None:
        event.set()

    before: Any = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
