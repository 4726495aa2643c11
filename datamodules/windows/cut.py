"""What excerpts consist of, audio or spectrogram, and how they lie in what a record stores of it.

Both are rows of one shape behind each other: samples of audio, or frames of a spectrogram.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.augment import Margin
from datamodules.errors import DataError
from datamodules.shards.format import Grid
from datamodules.windows.plan import Ints, Records

NO_MARGIN = Margin()


class Cut(NamedTuple):
    """Where excerpts lie in a record, in rows.

    Attributes:
        step: rows between neighbouring label frames.
        lead: rows of an excerpt before that of its first label frame, the margin left out.
        context: rows that a record stores before that of its first own label frame.
    """

    step: int
    lead: int
    context: int


class Signal(ABC):
    """What excerpts consist of.

    Attributes:
        dtype: of the values.
        margin: what is cut more on each side than a network reads.
    """

    dtype: np.dtype[Any]
    margin: Margin

    @property
    @abstractmethod
    def row(self) -> tuple[int, ...]:
        """Shape of a row."""

    @abstractmethod
    def cut(self, index: Records, window: int, frames: int) -> Cut:
        """Where the excerpts of these records lie.

        Args:
            index: of the records.
            window: rows of an excerpt.
            frames: label frames of an excerpt.

        Raises:
            DataError: they need more context than the shards store (names the recipe's key), or are of no such length.
        """

    @abstractmethod
    def stored(self, index: Records, records: Ints) -> Ints:
        """Rows that each of some records stores, context included."""

    @abstractmethod
    def read(self, index: Records, record: int) -> NDArray[Any]:
        """Rows of a record, context included."""


@dataclass(frozen=True)
class AudioSignal(Signal):
    """Samples of int16 audio, full scale at 32768. An excerpt is centred on the middle of its label frames."""

    margin: Margin = NO_MARGIN
    dtype = np.dtype(np.int16)

    @property
    def row(self) -> tuple[int, ...]:
        """A sample."""
        return ()

    def cut(self, index: Records, window: int, frames: int) -> Cut:
        """See Signal."""
        grid, margin = index.grid, self.margin
        # The excerpt of frames i ... i + n - 1 is centred on the middle between the first and the last.
        length = (frames - 1) * grid.hop
        lead = window // 2 - length // 2
        need = max(lead, window - lead) + margin.samples
        behind = frames - 1 + margin.frames
        if need > grid.context or behind > grid.lookahead:
            shifted, smaller = (", shifted in pitch,", " or smaller shifts") if margin.samples else ("", "")
            asked = f"a window of {window} samples over {frames} label frames{shifted}"
            need = max(need, behind * grid.hop)
            raise _lacks_context(index.directory, grid, asked, need, f"use a shorter window{smaller}")
        return Cut(grid.hop, lead, grid.context)

    def stored(self, index: Records, records: Ints) -> Ints:
        """See Signal."""
        samples: Ints = index.samples[records]
        return samples

    def read(self, index: Records, record: int) -> NDArray[np.int16]:
        """See Signal."""
        return index.read_audio(record)


@dataclass(frozen=True)
class SpectrogramSignal(Signal):
    """Frames of a uint16 spectrogram `(channels, bins)`, full scale at 65535, one for each label frame.

    An excerpt holds its label frames and as many before them as behind them.

    Args:
        channels: of the spectrogram.
        bins: of each channel.
    """

    channels: int
    bins: int
    dtype = np.dtype(np.uint16)
    margin = NO_MARGIN

    @property
    def row(self) -> tuple[int, ...]:
        """Channels and bins."""
        return self.channels, self.bins

    def cut(self, index: Records, window: int, frames: int) -> Cut:
        """See Signal."""
        grid = index.grid
        lead, uneven = divmod(window - frames, 2)
        if lead < 0 or uneven:
            raise DataError(
                f"data.window: {window} frames of a spectrogram are not {frames} label frames and as many before as "
                "behind them; a network's window is its frames + 2 * context"
            )
        if lead + frames - 1 > grid.lookahead:
            asked = f"a window of {window} spectrogram frames over {frames} label frames"
            need = (lead + frames - 1) * grid.hop
            raise _lacks_context(index.directory, grid, asked, need, "use a network with less context or fewer frames")
        return Cut(1, lead, grid.lookahead)

    def stored(self, index: Records, records: Ints) -> Ints:
        """See Signal."""
        frames: Ints = index.frames[records]
        return frames + 2 * index.grid.lookahead

    def read(self, index: Records, record: int) -> NDArray[np.uint16]:
        """See Signal."""
        return index.read_spectrum(record)


def _lacks_context(directory: str, grid: Grid, asked: str, need: int, instead: str) -> DataError:
    """What to say of shards with less context than so many samples."""
    seconds = -(-1000 * need // grid.rate) / 1000  # rounded up, so that a recipe that follows the advice has enough
    return DataError(
        f"{directory}: {asked} needs {seconds:.3f} s of context, the shards store {grid.context / grid.rate:.3f} s; "
        f"prepare them with context: {seconds:.3f} or more, or {instead}"
    )


AUDIO = AudioSignal()
