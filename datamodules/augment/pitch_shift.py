"""Pitch shift of excerpts, with its labels."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.augment.base import Augmentation
from datamodules.augment.draws import Doubles, Draws, Ints, Singles

EDGE = 64  # samples of the result, outside of the window, over which a slice fades in and out
GRAIN = 128  # the result is a multiple of this long, which transforms fast


class Margin(NamedTuple):
    """What is read beyond a window, on each side.

    Attributes:
        samples: of audio.
        frames: label frames.
    """

    samples: int = 0
    frames: int = 0


class ExcerptLayout(NamedTuple):
    """A window and its labels.

    Attributes:
        window: samples.
        frames: label frames.
        hop: samples between label frames.
    """

    window: int
    frames: int
    hop: int

    @property
    def centre(self) -> float:
        """Where the window's middle sample, `window // 2`, stands: label frames behind the first."""
        return ((self.frames - 1) * self.hop // 2) / self.hop


class PitchShift(Augmentation):
    """Reads windows faster or slower about their middle, and moves their labels: f0 in frequency and in time.

    A longer slice of the recording is resampled to more or fewer samples by Fourier transform: what would lie above
    half the sampling rate is removed. The labels of a frame are read where the sound that now stands there came from:
    f0 linear between voiced frames, voicing from the frame before, as `F0Series.at` does; of several voices the
    pitches of the nearest frame. Formants move and vibrato changes its rate as on a tape.

    Needs stored context for half a window at the largest shift, and 64 samples more.

    Args:
        semitones: bounds of the shift, which is uniform between them, to the nearest ratio of even numbers of samples
            (steps of 3 cents at 1024 samples); the labels follow that ratio exactly.
        p: see Augmentation.

    Raises:
        DataError: an argument is out of range.
    """

    def __init__(self, semitones: tuple[float, float], p: float = 1.0) -> None:
        super().__init__(p)
        self.semitones = semitones
        self._require_bounds("semitones")
        self._require("semitones", max(map(abs, semitones)) <= 24, "shifts of two octaves at most")

    def margin(self, layout: ExcerptLayout) -> Margin:
        """What the largest shift reads beyond windows and their labels."""
        length = _resampled_length(layout.window)
        widest = int(self._slices(length, np.array(self.semitones)).max())
        stretch = max(widest / length - 1.0, 0.0)
        farthest = max(layout.centre, layout.frames - 1 - layout.centre)
        return Margin(max(widest // 2 - layout.window // 2, 0), math.ceil(round(farthest * stretch, 9)))

    def shift(self, audio: NDArray[np.int16], draws: Draws, window: int) -> tuple[Singles, Doubles]:
        """Windows out of longer slices.

        Args:
            audio: `(items, window + 2 * margin.samples)`.
            draws: of the items.
            window: samples of the result.

        Returns:
            Audio `(items, window)` at the same scale, and the factor of each item's frequencies `(items,)`.
        """
        length, middle = _resampled_length(window), audio.shape[1] // 2
        slices = np.where(self.chosen(draws), self._slices(length, draws.uniform(*self.semitones)), length)
        shifted = audio[:, middle - window // 2 :][:, :window].astype(np.float32)
        begin = length // 2 - window // 2
        for samples in np.unique(slices[slices != length]):
            items, half = np.flatnonzero(slices == samples), int(samples) // 2
            resampled = _resample(audio[items, middle - half : middle + half], length)
            shifted[items] = resampled[:, begin : begin + window]
        return shifted, slices / length

    @staticmethod
    def _slices(length: int, semitones: Doubles) -> Ints:
        """Samples that become `length`; even, so that their middle is a sample."""
        half: Doubles = np.rint(length / 2 * 2 ** (semitones / 12))
        return 2 * half.astype(np.int64)


def move_labels(
    f0: Singles, valid: NDArray[np.bool_], factor: Doubles, layout: ExcerptLayout
) -> tuple[Singles, NDArray[np.bool_]]:
    """The labels of windows that were read faster or slower about their middle.

    Args:
        f0: `(items, frames)` or `(items, frames, pitches)`, Hz, with as many frames more on both sides as are reached.
        valid: `(items, frames)` likewise, which frames there are.
        factor: `(items,)` of the frequencies.
        layout: of the windows.

    Returns:
        f0 and validity of the windows' own frames.
    """
    margin = (f0.shape[1] - layout.frames) // 2
    away = np.arange(layout.frames) - layout.centre
    # Rounded, so that a place that should be a frame's is that frame's.
    place = np.round(margin + layout.centre + away * factor[:, None], 9)
    items, before, after = np.arange(len(f0))[:, None], np.floor(place).astype(int), np.ceil(place).astype(int)
    if f0.ndim == 3:
        moved = f0[items, np.ceil(place - 0.5).astype(int)]
    else:
        here, there = f0[items, before], f0[items, after]
        moved = np.where((here > 0) & (there > 0), here + (there - here) * (place - before), here)
    moved = moved * factor.reshape(-1, *[1] * (f0.ndim - 1))
    return moved.astype(np.float32), valid[items, before] & valid[items, after]


def _resampled_length(window: int) -> int:
    return -(-(window + 2 * EDGE) // GRAIN) * GRAIN


def _resample(slices: NDArray[np.int16], length: int) -> Doubles:
    """Slices at another sampling rate, `(items, length)`; band-limited, faded in and out at the ends.

    In double precision: the last bits then have no say in the rounding to int16, though a transform's depend on how
    many are done at once in some libraries.
    """
    samples = slices.shape[1]
    ramp = np.sin(np.linspace(0, np.pi / 2, EDGE * samples // length)) ** 2
    fade = np.ones(samples)
    fade[: ramp.size], fade[samples - ramp.size :] = ramp, ramp[::-1]
    spectrum = np.fft.rfft(slices * fade)[:, : min(samples, length) // 2]
    return np.asarray(np.fft.irfft(spectrum, n=length) * (length / samples), np.float64)
