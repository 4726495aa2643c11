"""What a reader of training windows is, so that the loader and the data module need not know which one they have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.windows.compatibility import ANYTHING, NetworkInput
from datamodules.windows.excerpts import Excerpts
from datamodules.windows.plan import Windows


class WindowSource(Protocol):
    """Serves the windows of an epoch; every worker process has a copy of it."""

    @property
    def total(self) -> int:
        """Windows of an epoch."""

    @property
    def excerpt_bytes(self) -> int:
        """Size of the signal of one window."""

    def read(self, epoch: int, places: NDArray[np.int64]) -> Excerpts:
        """The windows at some places of the epoch's sequence, in the order asked for."""


class Processes(NamedTuple):
    """Where a training process stands.

    Attributes:
        rank: which process.
        ranks: of how many.
        workers: processes that decode for each of them; 0: each decodes for itself.
    """

    rank: int
    ranks: int
    workers: int


class Reader(ABC):
    """Where training windows come from instead of the indexed shards of `data.train`."""

    @property
    @abstractmethod
    def directory(self) -> str:
        """What messages name as the place of the training data."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """A different value means different data; goes into checkpoints."""

    @property
    @abstractmethod
    def plan(self) -> dict[str, int | float | str | bool]:
        """What the length of an epoch depends on: values of `data`, by their keys."""

    @abstractmethod
    def open(
        self, window: int, windows: Windows, seed: int, processes: Processes, network: NetworkInput = ANYTHING
    ) -> WindowSource:
        """Begin to read.

        Args:
            window: samples of an excerpt.
            windows: which excerpts are training examples.
            seed: of the order.
            processes: among which the windows are shared.
            network: what the excerpts are for.

        Raises:
            DataError: the reader cannot serve this network.
        """
