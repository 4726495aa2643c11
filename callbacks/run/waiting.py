"""How long a training waits for its loader."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from lightning.pytorch.profilers import Profiler

_FETCH = "train_dataloader_next"  # as Lightning's profilers hear of it


class DataWait:
    """Sums the time that the device has nothing to do because the next batch is not there.

    On a CPU this is the time that the loader's `next` takes. On a GPU, which computes what it was sent while the host
    asks for the next batch, events are put into its queue before and behind: only where the queue is empty does time
    pass between them. Neither waits for the device.

    Args:
        device: that is trained on.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._seconds, self._begun = 0.0, time.perf_counter()
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._profiler: Profiler | None = None

    def attach(self, profiler: Profiler) -> None:
        """Listen to what a profiler is told of the training loop; it goes on as before."""
        self._profiler = profiler
        start, stop = profiler.start, profiler.stop
        # Lightning has no hook around the loader's `next`; what a profiler is told is its public word of it.
        vars(profiler).update(
            start=self._listening(start, self._begin, before=False),
            stop=self._listening(stop, self._end, before=True),
        )

    def detach(self) -> None:
        """Listen no more."""
        if self._profiler is not None:
            for name in ("start", "stop"):
                vars(self._profiler).pop(name, None)
            self._profiler = None

    def take(self) -> float:
        """Seconds since the last call; on a GPU, which must have been synchronised."""
        seconds: float = self._seconds + sum(begun.elapsed_time(ended) for begun, ended in self._events) / 1000
        self._seconds = 0.0
        self._events.clear()
        return seconds

    @staticmethod
    def _listening(heard: Callable[[str], None], act: Callable[[], None], *, before: bool) -> Callable[[str], None]:
        def listen(action_name: str) -> None:
            fetch = action_name.endswith(_FETCH)
            if fetch and before:
                act()
            heard(action_name)
            if fetch and not before:
                act()

        return listen

    def _begin(self) -> None:
        if self._cuda:
            begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            begun.record()
            self._events.append((begun, ended))
        else:
            self._begun = time.perf_counter()

    def _end(self) -> None:
        if self._cuda:
            self._events[-1][1].record()
        else:
            self._seconds += time.perf_counter() - self._begun
