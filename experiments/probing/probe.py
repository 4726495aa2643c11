"""Trackers on the stress families and the chirp: what they find, invent, bend and misdate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import PitchSource, Recording
from datamodules.corpora.synthetic.stimuli import VIBRATO
from datamodules.corpora.synthetic.stress import FAMILIES, RAMP, StressFamilies
from experiments.probing.chirp import BASES, Offsets, chirp, offsets
from experiments.trackers.base import Tracked, Tracker

RATE = 16000
CONTROLS = ("white_noise", "whisper", "near_silence")
STEADY, SWINGING = "trajectory_steady", "trajectory_vibrato"
FOUND = tuple(name for name in FAMILIES if name not in (*CONTROLS, STEADY, SWINGING))
STEP = 0.01  # s between the instants that are scored
TOLERANCE = 50.0  # cents
_EDGE = 0.1  # s at both ends of trajectories, where windows are half empty

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Probe:
    """What one tracker did.

    Attributes:
        recall: by family, share of instants that are voiced and within 50 cents.
        false_alarms: by control, share of instants that are called voiced.
        bias: cents by which steady tones are too high, the mean over tones.
        jitter: cents, standard deviation within a steady tone, the mean over tones.
        vibrato: by depth in semitones, the share of it that the estimate keeps.
        chirps: by base in Hz.
    """

    recall: dict[str, float] = field(default_factory=dict)
    false_alarms: dict[str, float] = field(default_factory=dict)
    bias: float = np.nan
    jitter: float = np.nan
    vibrato: dict[str, float] = field(default_factory=dict)
    chirps: dict[float, Offsets] = field(default_factory=dict)

    @property
    def offsets(self) -> tuple[float, float]:
        """Bias in cents and delay in s over all chirps, the medians."""
        return _median([each.cents for each in self.chirps.values()]), _median(
            [each.seconds for each in self.chirps.values()]
        )


def probe(tracker: Tracker, items: int = 4, seed: int = 0) -> Probe:
    """Run a tracker, which is entered, on all sounds.

    Args:
        tracker: at its own voicing threshold.
        items: sounds of each case of a family.
        seed: of the sounds.

    Raises:
        DataError: the tracker fails on one of them.
    """
    recordings = StressFamilies(items, rate=RATE, seed=seed).recordings()
    with tqdm(total=len(recordings) + len(BASES), desc=tracker.name, unit="sound") as bar:
        heard: dict[str, list[tuple[Recording, Tracked]]] = {name: [] for name in FAMILIES}
        for recording in recordings:
            assert recording.audio is not None
            audio = recording.audio.read()
            heard[str(recording.metadata["family"])].append((recording, tracker(audio.samples, audio.rate)))
            bar.update()
        chirps = {}
        for base in BASES:
            samples, _ = chirp(base, RATE, seed)
            series = tracker(samples, RATE).series
            chirps[base] = offsets(series.times, np.abs(series.f0), base)
            bar.update()
    steady = [found for pair in heard[STEADY] for found in _errors(*pair)]
    depths: dict[str, list[float]] = {}
    for recording, tracked in heard[SWINGING]:
        depths.setdefault(str(recording.metadata["case"]).split()[1], []).append(
            _kept(_truth(recording), tracked.series)
        )
    return Probe(
        {name: _mean([_recall(_truth(one), two.series) for one, two in heard[name]]) for name in FOUND},
        {name: _mean([_voiced(_truth(one), two.series) for one, two in heard[name]]) for name in CONTROLS},
        _mean([bias for bias, _ in steady]),
        _mean([jitter for _, jitter in steady]),
        {depth: _mean(shares) for depth, shares in depths.items()},
        chirps,
    )


def _truth(recording: Recording) -> F0Series:
    series = cast(PitchSource, recording.truth).read()
    assert isinstance(series, F0Series)
    return series


def _instants(truth: F0Series, edge: float = 0.0) -> Array:
    last = float(truth.times[-1]) - edge
    return np.arange(edge + STEP / 2, last, STEP)


def _at(series: F0Series, times: Array) -> Array:
    """The nearest frame's f0, as it stands; 0 where no frame is nearer than one and a half of the tracker's steps."""
    if not len(series.times):
        return np.zeros(len(times))
    step = float(np.median(np.diff(series.times))) if len(series.times) > 1 else STEP
    after = np.clip(np.searchsorted(series.times, times), 1, max(len(series.times) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(series.times) - 1)
    nearest = np.where(times - series.times[before] <= series.times[after] - times, before, after)
    near = np.abs(series.times[nearest] - times) <= 1.5 * step
    return np.where(near, series.f0[nearest], 0.0)


def _recall(truth: F0Series, series: F0Series) -> float:
    times = _instants(truth)
    true, found = truth.at(times), _at(series, times)
    cents = 1200 * np.abs(np.log2(np.where(found > 0, found, np.nan) / true))
    return float(np.mean(np.nan_to_num(cents, nan=np.inf) <= TOLERANCE))


def _voiced(truth: F0Series, series: F0Series) -> float:
    return float(np.mean(_at(series, _instants(truth)) > 0))


def _errors(recording: Recording, tracked: Tracked) -> Iterator[tuple[float, float]]:
    """Mean and standard deviation, cents, of guesses about a steady tone; nothing if most are of another pitch."""
    truth = _truth(recording)
    times = _instants(truth, _EDGE)
    found = np.abs(_at(tracked.series, times))
    cents = 1200 * np.log2(np.where(found > 0, found, np.nan) / truth.at(times))
    near = cents[np.abs(np.nan_to_num(cents, nan=np.inf)) <= TOLERANCE]
    if 2 * len(near) > len(times):
        yield float(np.mean(near)), float(np.std(near))


def _kept(truth: F0Series, series: F0Series) -> float:
    """The depth of the vibrato in the estimate over that of the truth, both by least squares at its rate."""
    times = _instants(truth, max(_EDGE, RAMP))
    found, true = np.abs(_at(series, times)), truth.at(times)
    near = (found > 0) & (np.abs(1200 * np.log2(np.where(found > 0, found, 1.0) / true)) < 6 * TOLERANCE)
    if 2 * near.sum() < len(times):
        return float(np.nan)
    return _depth(times[near], found[near]) / _depth(times[near], true[near])


def _depth(times: Array, f0: Array) -> float:
    angle = 2 * np.pi * VIBRATO * times
    design = np.stack([np.ones(len(times)), np.cos(angle), np.sin(angle)], axis=1)
    (_, cosine, sine), *_ = np.linalg.lstsq(design, np.log2(f0), rcond=None)
    return float(np.hypot(cosine, sine))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float(np.nan)


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else float(np.nan)
