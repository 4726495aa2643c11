"""A model of ours, released or trained, as a tracker beside the public ones."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from datamodules import DataError
from experiments.allocation import keep_freed_memory
from experiments.trackers.base import Tracked, Tracker
from experiments.transcription.location import identity, locate
from experiments.transcription.transcriber import Transcriber

WARM_UP = 16000  # samples of noise, and their rate


class TrainedTracker(Tracker):
    """`melisma transcribe` with a model, its confidence and its own voicing threshold, on one thread.

    Args:
        name: of the method.
        model: name or folder of a released model, RUN, or `RUN/checkpoints/NAME.ckpt`.
        device: where it runs.
    """

    def __init__(self, name: str, model: str, device: str) -> None:
        super().__init__(name)
        self.model, self.device = model, device

    @override
    def identity(self) -> dict[str, Any]:
        return {**identity(locate(self.model)), "device": self.device}

    @override
    def __enter__(self) -> Self:
        keep_freed_memory()  # as `melisma transcribe` does
        self._transcriber = Transcriber.of(self.model, self.device)
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as the public trackers have: threads burn time of processors by waiting
        # As with the public ones, the first call's time is not that of a recording.
        self._transcriber(np.random.default_rng(0).standard_normal(WARM_UP).astype(np.float32) * 0.1, WARM_UP)
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
            found = self._transcriber(samples, rate)
        except RuntimeError as error:  # torch's, such as out of memory
            raise DataError(f"{self.name}: {error}") from error
        spent = time.perf_counter() - began, time.process_time() - cpu_began
        return Tracked(found.series, *spent, found.confidence)
