"""Biased pitches and late time stamps, told apart by a pitch that rises and falls.

After github.com/lars76/pitch-benchmark: a tracker that is sharp errs in one direction all the time, one whose times are
wrong in one direction while the pitch rises and in the other while it falls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.phrases import FRAME
from datamodules.corpora.synthetic.stimuli import Draw

BASES = (110.0, 220.0, 440.0)  # Hz, from which the pitch rises by an octave
LEG = 0.5  # s in which it does
LEGS = 8
CORNER = 0.06  # s about a corner, which windows of trackers round
NEAR = 200.0  # cents: farther off is another pitch
LEVEL = 0.1  # root mean square

Array = NDArray[np.float64]


class Offsets(NamedTuple):
    """What is wrong all the time.

    Attributes:
        cents: by which f0 is too high.
        seconds: by which time stamps are late: the pitch at time t is reported for t + seconds.
        spread: cents, standard deviation of what these two leave.
        share: of the frames that counted.
    """

    cents: float
    seconds: float
    spread: float
    share: float


def chirp(base: float, rate: int, seed: int = 0) -> tuple[NDArray[np.float32], F0Series]:
    """Harmonics of 1/k whose f0 goes up and down between a frequency and its octave, evenly on a logarithmic axis.

    Args:
        base: Hz.
        rate: samples per second.
        seed: of the phases.

    Returns:
        `(samples,)`, and the f0 every 2 ms.
    """
    draw = Draw(0, np.random.default_rng(seed), LEG * LEGS, rate)
    f0 = base * 2 ** _octaves(draw.times)
    samples = draw.tone(f0, lambda number, _: 1.0 / number)
    samples *= LEVEL / np.sqrt(np.mean(samples**2))
    return samples.astype(np.float32), F0Series(FRAME * np.arange(len(f0)), f0)


def offsets(times: Array, f0: Array, base: float) -> Offsets:
    """Bias and delay of an estimate of `chirp`, by least squares.

    Args:
        times: `(frames,)`, s.
        f0: `(frames,)`, Hz; 0 or less where there is none.
        base: Hz, of the chirp.

    Returns:
        NaN where fewer than ten frames in each direction are near the truth.
    """
    into = times % LEG
    counted = (into > CORNER) & (into < LEG - CORNER) & (times > 0) & (times < LEG * LEGS)
    direction = np.where(times % (2 * LEG) < LEG, 1.0, -1.0)
    error = np.full(len(times), np.nan)
    guessed = counted & (f0 > 0)
    error[guessed] = 1200 * (np.log2(f0[guessed] / base) - _octaves(times[guessed]))
    near = guessed & (np.abs(np.nan_to_num(error, nan=np.inf)) < NEAR)
    share = float(near.sum() / max(counted.sum(), 1))
    if min((near & (direction > 0)).sum(), (near & (direction < 0)).sum()) < 10:
        return Offsets(np.nan, np.nan, np.nan, share)
    # A pitch that is reported late is behind: below while it rises by 1200 cents a leg, above while it falls.
    slope = -direction[near] * 1200 / LEG
    design = np.stack([np.ones(near.sum()), slope], axis=1)
    found, *_ = np.linalg.lstsq(design, error[near], rcond=None)
    return Offsets(float(found[0]), float(found[1]), float(np.std(error[near] - design @ found)), share)


def _octaves(times: Array) -> Array:
    """Above the base: a triangle."""
    turn = times % (2 * LEG) / LEG
    return np.asarray(np.minimum(turn, 2 - turn))
