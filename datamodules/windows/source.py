"""What a source of training windows is: the loader and the data module take any."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import PitchBatch
from datamodules.windows.compatibility import ANYTHING, NetworkInput
from datamodules.windows.plan import Windows


class WindowSource(Protocol):
    """Serves the windows of an epoch; every worker process has a copy of it."""

    @property
    def total(self) -> int:
        """Windows of an epoch."""

    @property
    def window_bytes(self) -> int:
        """Size of the signal of one window."""

    def read(self, epoch: int, places: NDArray[np.int64]) -> PitchBatch:
        """The windows at some places of the epoch's sequence, in the order asked for."""


class Processes(NamedTuple):
    """Rank of a training process, and how the work is shared.

    Attributes:
        rank: of this process.
        ranks: number of processes.
        workers: processes that decode for each rank; 0: each rank decodes for itself.
    """

    rank: int
    ranks: int
    workers: int


class Reader(ABC):
    """Where training windows come from instead of the indexed shards of `data.train`."""

    @property
    @abstractmethod
    def directory(self) -> str:
        """Where the training data are, for messages."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Different data have different values; goes into checkpoints."""

    @property
    @abstractmethod
    def plan(self) -> dict[str, int | float | str | bool]:
        """The values that the length of an epoch depends on, by their keys in `data`."""

    @abstractmethod
    def open(
        self, window: int, windows: Windows, seed: int, processes: Processes, network: NetworkInput = ANYTHING
    ) -> WindowSource:
        """Begin to read.

        Args:
            window: samples of a window.
            windows: which windows are training examples.
            seed: of the order.
            processes: among which the windows are shared.
            network: what it reads.

        Raises:
            DataError: the reader cannot serve this network.
        """
