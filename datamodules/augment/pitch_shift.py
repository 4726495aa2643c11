"""Pitch shift of excerpts and their labels."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.augment.base import Augmentation
from datamodules.augment.draws import Doubles, Draws, Ints, Singles

EDGE = 64  # samples on each side of the window over which the resampled slice fades in and out
GRAIN = 128  # the resampled slice has a multiple of this length, for a fast Fourier transform


class Margin(NamedTuple):
    """Samples of audio, and label frames, to be read on each side of a window."""

    samples: int = 0
    frames: int = 0


class ExcerptLayout(NamedTuple):
    """A window and its labels: samples, label frames, and samples between label frames."""

    window: int
    frames: int
    hop: int

    @property
    def centre(self) -> float:
        """Position of the window's middle sample, `window // 2`, in label frames from the first one."""
        return ((self.frames - 1) * self.hop // 2) / self.hop


class PitchShift(Augmentation):
    """Plays windows faster or slower about their middle, and moves their labels in frequency and in time.

    A slice of the recording around the window is resampled by Fourier transform, which removes frequencies above half
    the sampling rate. The label of a frame is the one at the time in the recording that its audio comes from: f0 is
    linear between voiced frames and voicing that of the frame before, as in `F0Series.at`; of several voices the
    nearest frame counts. As on a tape, formants move and vibrato changes its rate.

    Records need context for half a window at the largest shift, and 64 samples more.

    Args:
        semitones: range of the shift, drawn uniformly and rounded to a ratio of even numbers of samples (steps of 3
            cents at 1024 samples); the labels follow the rounded ratio exactly.
    """

    def __init__(self, semitones: tuple[float, float], p: float = 1.0) -> None:
        super().__init__(p)
        self.semitones = semitones
        self._require_bounds("semitones")
        self._require("semitones", max(map(abs, semitones)) <= 24, "shifts of two octaves at most")

    def margin(self, layout: ExcerptLayout) -> Margin:
        """What the largest shift reads beyond windows and their labels, on each side."""
        length = _resampled_length(layout.window)
        widest = int(self._slices(length, np.array(self.semitones)).max())
        stretch = max(widest / length - 1.0, 0.0)
        farthest = max(layout.centre, layout.frames - 1 - layout.centre)
        return Margin(max(widest // 2 - layout.window // 2, 0), math.ceil(round(farthest * stretch, 9)))

    def shift(self, audio: NDArray[np.int16], draws: Draws, window: int) -> tuple[Singles, Doubles]:
        """Shift windows.

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
        """How many samples are resampled to `length`; even, so that their middle is a sample."""
        half: Doubles = np.rint(length / 2 * 2 ** (semitones / 12))
        return 2 * half.astype(np.int64)


def move_labels(
    f0: Singles, valid: NDArray[np.bool_], factor: Doubles, layout: ExcerptLayout
) -> tuple[Singles, NDArray[np.bool_]]:
    """The labels of windows that were played faster or slower about their middle.

    Args:
        f0: `(items, margin + frames + margin)`, or with pitches as the last axis, Hz.
        valid: `(items, margin + frames + margin)` bool, which frames exist.
        factor: `(items,)` of the frequencies.
        layout: of the windows.

    Returns:
        f0 and validity of the windows' own frames.
    """
    margin = (f0.shape[1] - layout.frames) // 2
    away = np.arange(layout.frames) - layout.centre
    # Rounded, so that a position that is a frame's up to floating-point error is that frame's.
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

    In double precision, because the last bits of a transform may depend on how many are computed at once; rounded to
    int16, the result does not.
    """
    samples = slices.shape[1]
    ramp = np.sin(np.linspace(0, np.pi / 2, EDGE * samples // length)) ** 2
    fade = np.ones(samples)
    fade[: ramp.size], fade[samples - ramp.size :] = ramp, ramp[::-1]
    spectrum = np.fft.rfft(slices * fade)[:, : min(samples, length) // 2]
    return np.asarray(np.fft.irfft(spectrum, n=length) * (length / samples), np.float64)
