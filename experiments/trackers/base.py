"""The interface of a pitch tracker."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series

NAME = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*")


class Tracked(NamedTuple):
    """What a tracker made of a recording.

    Attributes:
        series: f0 in Hz, negative where unvoiced, 0 where there is no guess either.
        seconds: wall time of the call.
        cpu_seconds: time of the call on processors, added up over threads.
        confidence: `(frames,)`, 0 to 1, that a frame is voiced; None if the tracker does not say.
    """

    series: F0Series
    seconds: float
    cpu_seconds: float
    confidence: NDArray[np.float64] | None = None


class Tracker(ABC):
    """Estimates f0 from audio; a context manager, because what it needs is loaded on entry and freed on exit.

    Args:
        name: of the method; it names a folder.

    Raises:
        DataError: the name cannot name a folder.
    """

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise DataError(
                f"method {name!r}: use letters, digits, '_', '-' and inner dots only, because it names files"
            )
        self.name = name

    @property
    def process(self) -> int:
        """Number of the process that tracks, once it is entered."""
        return os.getpid()

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """JSON values that change whenever its f0 may: settings, versions, weights.

        Raises:
            DataError: what it needs is missing; the message names it and says how to get it.
        """

    @abstractmethod
    def __enter__(self) -> Self:
        """Load it.

        Raises:
            DataError: it cannot be loaded.
        """

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free what it holds."""

    @abstractmethod
    def __call__(self, samples: NDArray[np.float32], rate: int) -> Tracked:
        """Track one recording.

        Args:
            samples: `(samples,)`, mono, full scale at 1.
            rate: samples per second.

        Raises:
            DataError: it fails on this recording.
        """
