"""Sums of many harmonics whose amplitudes change over time, and the times at which they are stated."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import F0Series

INTERVAL = 0.004  # s between control points
CHUNK = 64  # control points; the arrays of one chunk stay in the processor's cache
LEAP = 0.8  # semitones in two intervals: a faster change of f0 is a new note, vibrato and glides are slower


class Course(NamedTuple):
    """How a voice moves: at every sample, and at control points every few milliseconds.

    Attributes:
        f0: `(samples,)`, Hz, 0 where unvoiced.
        cycles: `(samples,)`, phase of the first harmonic, cycles.
        rate: samples per second.
        step: samples between control points.
        f0_at: `(points,)`, Hz, at control points; the last one is at or after the last sample.
        note: `(points,)`, number of the note, from 0, that has begun last; 0 before the first.
        age: `(points,)`, s since the note began.
    """

    f0: NDArray[np.float64]
    cycles: NDArray[np.float64]
    rate: int
    step: int
    f0_at: NDArray[np.float64]
    note: NDArray[np.int64]
    age: NDArray[np.float64]

    @classmethod
    def of(cls, series: F0Series, *, samples: int, rate: int) -> Course:
        """The course of a contour: a note begins where voicing begins and where f0 leaps.

        Args:
            series: the f0; sample 0 is at time 0.
            samples: how many.
            rate: samples per second.
        """
        step = max(1, round(INTERVAL * rate))
        f0 = series.at(np.arange(samples) / rate)
        cycles = np.zeros(samples)
        # The trapezoid rule is exact, because the frequency is linear between samples.
        np.cumsum((f0[1:] + f0[:-1]) / (2.0 * rate), out=cycles[1:])
        points = 1 + -(-samples // step)
        f0_at = np.zeros(points)
        f0_at[: -(-samples // step)] = f0[::step]
        begins = _beginnings(f0_at)
        note = np.maximum(np.cumsum(begins) - 1, 0)
        number = np.arange(points)
        age = (number - np.maximum.accumulate(np.where(begins, number, 0))) * (step / rate)
        return cls(f0, cycles, rate, step, f0_at, note, age)

    @property
    def notes(self) -> int:
        """How many, at least 1."""
        return int(self.note[-1]) + 1

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Times of the control points, `(points,)`, s."""
        return np.arange(len(self.age)) * (self.step / self.rate)

    def at_samples(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at control points, `(points,)`, at every sample by linear interpolation."""
        return np.interp(np.arange(len(self.f0)), self.step * np.arange(len(values)), values)


def _beginnings(f0_at: NDArray[np.float64]) -> NDArray[np.bool_]:
    voiced = f0_at > 0
    pitch = 12.0 * np.log2(np.where(voiced, f0_at, 1.0))
    begins = voiced & ~np.concatenate([[False], voiced[:-1]])
    leaps = np.zeros(len(f0_at), dtype=bool)
    leaps[1:-1] = (np.abs(pitch[2:] - pitch[:-2]) > LEAP) & voiced[2:] & voiced[1:-1] & voiced[:-2]
    # A leap is seen at one or two points; the note begins at the first.
    begins[1:] |= leaps[1:] & ~leaps[:-1]
    return begins


def sum_of_partials(
    course: Course, amplitudes: Callable[[slice], NDArray[np.float32]], phases: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The sum over k = 1, 2, … of amplitude k times sin(2π k cycles + phase k), by Horner's rule.

    Args:
        course: phase of the first harmonic.
        amplitudes: gives for a range of control points the amplitudes of the lowest harmonics there, `(points,
            harmonics)`; between points they are interpolated linearly.
        phases: rad, `(harmonics,)` of all harmonics.

    Returns:
        float64 `(samples,)`, 0 in intervals between control points that are both unvoiced.
    """
    samples, step = len(course.f0), course.step
    intervals = len(course.f0_at) - 1
    turns = np.exp(1j * phases).astype(np.complex64)
    audio = np.zeros((intervals, step))
    cycles = np.zeros(intervals * step)
    cycles[:samples] = course.cycles % 1.0
    upper = (np.arange(step) / step).astype(np.float32)
    for start in range(0, intervals, CHUNK):
        stop = min(start + CHUNK, intervals)
        if not course.f0_at[start : stop + 1].any():
            continue
        oscillator = np.exp(2j * np.pi * cycles[start * step : stop * step].reshape(-1, step)).astype(np.complex64)
        stated = amplitudes(slice(start, stop + 1))
        coefficients = stated * turns[: stated.shape[1]]
        ends = np.stack([coefficients[:-1], coefficients[1:]])[..., np.newaxis]
        total = np.zeros((2, *oscillator.shape), dtype=np.complex64)
        for number in range(stated.shape[1] - 1, -1, -1):
            total += ends[:, :, number]
            total *= oscillator
        audio[start:stop] = total[0].imag + upper * (total[1].imag - total[0].imag)
    return audio.ravel()[:samples]
