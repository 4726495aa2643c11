"""Recordings that are read twice, without holding long ones in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

HELD = 1 << 26  # bytes: 25 minutes at 22 050 Hz
_BLOCK = 1 << 17  # samples


class Spool:
    """int16 samples in memory or, of a long recording, in a temporary file that has no name and goes when it is closed.

    Attributes:
        samples: that were written.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=HELD)
        self.samples = 0

    def write(self, blocks: Iterable[NDArray[np.int16]]) -> None:
        """Append blocks `(samples,)`; an OSError says that the disk is full."""
        for block in blocks:
            self._file.write(block.tobytes())
            self.samples += len(block)

    def read(self) -> Iterator[NDArray[np.int16]]:
        """All samples from the first, in blocks."""
        self._file.seek(0)
        while data := self._file.read(2 * _BLOCK):
            yield np.frombuffer(data, np.int16)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
