"""Windows and their labels, as they travel from a worker."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.windows.cut import AUDIO, Signal


class Arrays(NamedTuple):
    """The memory of an `Excerpts`: to ask its tensors for their arrays takes as long as to copy several excerpts."""

    signal: NDArray[np.int16] | NDArray[np.uint16]
    f0: NDArray[np.float32]
    valid: NDArray[np.bool_]
    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    seed: NDArray[np.int64]


class Excerpts(NamedTuple):
    """Windows and their labels, as they travel from a worker.

    Attributes:
        signal: `(windows, window)` int16 audio, full scale at 32768, or `(windows, window, channels, bins)` uint16
            spectrogram, full scale at 65535, where the window counts label frames.
        f0: `(windows, frames)` or, of several voices, `(windows, frames, pitches)` float32, Hz, 0 where unvoiced.
        valid: `(windows, frames)` bool, False beyond the track's end.
        track: `(windows,)` int64.
        frame: `(windows,)` int64, first label frame.
        seed: `(windows,)` int64, what chance there is in training hangs on: hashed from the run's seed, the epoch, the
            track's number in the index and the first label frame's number in the track. 0 in evaluation.
    """

    signal: Tensor
    f0: Tensor
    valid: Tensor
    track: Tensor
    frame: Tensor
    seed: Tensor

    @staticmethod
    def empty(windows: int, window: int, frames: int, pitches: int = 0, signal: Signal = AUDIO) -> Excerpts:
        """Room for that many windows, invalid until filled.

        Args:
            windows: how many.
            window: samples of audio, or frames of a spectrogram, of each.
            frames: label frames of each.
            pitches: 0 for one voice, else the largest number of pitches at a time.
            signal: what they are of.
        """
        # Memory of numpy's: torch asks malloc for aligned blocks, whose holes it cannot fill with the next message.
        arrays = Arrays(
            np.zeros((windows, window, *signal.row), signal.dtype),
            np.zeros((windows, frames, *axis(pitches)), np.float32),
            np.zeros((windows, frames), np.bool_),
            np.full(windows, -1, np.int64),
            np.zeros(windows, np.int64),
            np.zeros(windows, np.int64),
        )
        return Excerpts(*map(torch.from_numpy, arrays))

    def arrays(self) -> Arrays:
        """The same memory as arrays."""
        return Arrays(*(field.numpy() for field in self))


def axis(pitches: int) -> tuple[int, ...]:
    """The axis of pitches, if labels have one."""
    return (pitches,) if pitches else ()
