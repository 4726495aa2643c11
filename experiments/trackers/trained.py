"""A checkpoint of ours as a tracker beside the public ones."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from datamodules import DataError
from datamodules.corpora.base import Audio
from datamodules.files import sha256_of
from experiments.trackers.base import Tracked, Tracker
from experiments.transcriber import Transcriber


class TrainedTracker(Tracker):
    """`melisma transcribe` with a checkpoint and its tuned voicing threshold.

    Args:
        name: of the method.
        checkpoint: `RUN/checkpoints/NAME.ckpt`.
        device: where it runs.
    """

    def __init__(self, name: str, checkpoint: Path, device: str) -> None:
        super().__init__(name)
        self.checkpoint, self.device = checkpoint, device

    @override
    def identity(self) -> dict[str, Any]:
        config = self.checkpoint.parent.parent / "config.yaml"
        return {"checkpoint": sha256_of(self.checkpoint), "config": sha256_of(config), "device": self.device}

    @override
    def __enter__(self) -> Self:
        self._transcriber = Transcriber(self.checkpoint, self.device)
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as the public trackers have: threads burn time of processors by waiting
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._transcriber
        torch.set_num_threads(self._threads)

    @override
    def __call__(self, samples: NDArray[np.float32], rate: int) -> Tracked:
        began, cpu_began = time.perf_counter(), time.process_time()
        try:
            series = self._transcriber(Audio(samples, rate))
        except RuntimeError as error:  # torch's, such as out of memory
            raise DataError(f"{self.name}: {error}") from error
        return Tracked(series, time.perf_counter() - began, time.process_time() - cpu_began)
