"""Where a window lies in what a record stores, of audio or of a spectrogram, and the memory that windows are cut into.

Audio and spectrograms are both rows of one shape behind each other: samples, or frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.augment import Margin
from datamodules.batches import PitchBatch
from datamodules.errors import DataError
from datamodules.shards.format import Grid
from datamodules.windows.plan import Ints, Records

NO_MARGIN = Margin()


class Cut(NamedTuple):
    """Where windows lie in a record, in rows.

    Attributes:
        step: rows between neighbouring label frames.
        lead: rows of a window before that of its first label frame, without the margin.
        context: rows that a record stores before that of its first own label frame.
        beyond: further rows on both sides of what is stored that windows reach, where zeros belong.
    """

    step: int
    lead: int
    context: int
    beyond: int = 0


class WindowSignal(ABC):
    """What windows are cut from.

    Attributes:
        members: of a record that may hold it.
        dtype: of the values.
        margin: rows and label frames that are cut beyond the network's window, on each side.
    """

    members: ClassVar[tuple[str, ...]]
    dtype: np.dtype[Any]
    margin: Margin

    @property
    @abstractmethod
    def row(self) -> tuple[int, ...]:
        """Shape of one row: `()` of audio, `(channels, bins)` of a spectrogram."""

    @abstractmethod
    def cut(self, index: Records, window: int, frames: int) -> Cut:
        """Where the windows of these records lie.

        Args:
            index: of the records.
            window: rows of a window.
            frames: label frames of a window.

        Raises:
            DataError: the shards store less context than the window needs (names the recipe's key), or no window has
                this length.
        """

    @abstractmethod
    def stored(self, index: Records, records: Ints) -> Ints:
        """`(records,)` rows that each record stores, context included."""

    @abstractmethod
    def read(self, index: Records, record: int) -> NDArray[Any]:
        """`(rows, *row)` of a record, context included."""


@dataclass(frozen=True)
class WindowAudio(WindowSignal):
    """Samples of int16 audio, full scale at 32768. A window is centred on the middle of its label frames."""

    margin: Margin = NO_MARGIN
    members = "flac", "i16"
    dtype = np.dtype(np.int16)

    @property
    @override
    def row(self) -> tuple[int, ...]:
        return ()

    @override
    def cut(self, index: Records, window: int, frames: int) -> Cut:
        grid, margin = index.grid, self.margin
        # The window of frames i ... i + n - 1 is centred on the middle between the first and the last.
        length = (frames - 1) * grid.hop
        lead = window // 2 - length // 2
        need = max(lead, window - lead) + margin.samples
        behind = frames - 1 + margin.frames
        if need > grid.context or behind > grid.lookahead:
            if _has_whole_tracks(index):
                return Cut(grid.hop, lead, grid.context, max(need - grid.context, 0))
            shifted, smaller = (", shifted in pitch,", " or smaller shifts") if margin.samples else ("", "")
            asked = f"a window of {window} samples over {frames} label frames{shifted}"
            need = max(need, behind * grid.hop)
            raise _lacks_context(index.directory, grid, asked, need, f"use a shorter window{smaller}")
        return Cut(grid.hop, lead, grid.context)

    @override
    def stored(self, index: Records, records: Ints) -> Ints:
        samples: Ints = index.samples[records]
        return samples

    @override
    def read(self, index: Records, record: int) -> NDArray[np.int16]:
        return index.read_audio(record)


@dataclass(frozen=True)
class WindowSpectrogram(WindowSignal):
    """Frames of a uint16 spectrogram `(channels, bins)`, full scale at 65535, one for each label frame.

    A window holds its label frames and as many frames before them as behind them.

    Args:
        channels: of the spectrogram.
        bins: of each channel.
    """

    channels: int
    bins: int
    members = ("cqt",)
    dtype = np.dtype(np.uint16)
    margin = NO_MARGIN

    @property
    @override
    def row(self) -> tuple[int, ...]:
        return self.channels, self.bins

    @override
    def cut(self, index: Records, window: int, frames: int) -> Cut:
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

    @override
    def stored(self, index: Records, records: Ints) -> Ints:
        frames: Ints = index.frames[records]
        return frames + 2 * index.grid.lookahead

    @override
    def read(self, index: Records, record: int) -> NDArray[np.uint16]:
        return index.read_spectrum(record)


def _has_whole_tracks(index: Records) -> bool:
    """Whether every record is a whole track, about which there is nothing to be stored."""
    return bool((index.frames == index.track_frames[index.track]).all())


def _lacks_context(directory: str, grid: Grid, asked: str, need: int, instead: str) -> DataError:
    """The error about shards that store less than `need` samples of context."""
    seconds = -(-1000 * need // grid.rate) / 1000  # rounded up, so that a recipe that follows the advice has enough
    return DataError(
        f"{directory}: {asked} needs {seconds:.3f} s of context, the shards store {grid.context / grid.rate:.3f} s; "
        f"prepare them with context: {seconds:.3f} or more, or {instead}"
    )


AUDIO = WindowAudio()


class Room(NamedTuple):
    """Memory for windows and their labels, to be filled row by row; `batch` shares it with a PitchBatch.

    NumPy arrays: asking a tensor for its array takes as long as copying several windows.
    """

    signal: NDArray[np.int16] | NDArray[np.uint16]
    f0: NDArray[np.float32]
    valid: NDArray[np.bool_]
    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    seed: NDArray[np.int64]

    @staticmethod
    def of(windows: int, window: int, frames: int, pitches: int = 0, signal: WindowSignal = AUDIO) -> Room:
        """Zeros for that many windows, of no track and not valid until filled.

        Args:
            windows: how many.
            window: rows of each.
            frames: label frames of each.
            pitches: 0 for one voice, else the largest number of pitches at a time.
            signal: what they are cut from.
        """
        # Memory of numpy's: torch asks malloc for aligned blocks, whose holes it cannot fill with the next message.
        return Room(
            np.zeros((windows, window, *signal.row), signal.dtype),
            np.zeros((windows, frames, *pitch_axis(pitches)), np.float32),
            np.zeros((windows, frames), np.bool_),
            np.full(windows, -1, np.int64),
            np.zeros(windows, np.int64),
            np.zeros(windows, np.int64),
        )

    def batch(self) -> PitchBatch:
        """The same memory as tensors."""
        signal, f0, valid, track, frame, seed = (torch.from_numpy(array) for array in self)
        return PitchBatch(signal, f0, valid, track, frame, seed=seed)


def pitch_axis(pitches: int) -> tuple[int, ...]:
    """The last axis of f0: none of one voice, else so many pitches at a time."""
    return (pitches,) if pitches else ()
