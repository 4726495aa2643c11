"""Viterbi decoding: the most probable path through the bins of a track."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from lightning_modules.decoding.pitch.peaks import DecodedPitch, PitchDecoder, average_near, peaks
from lightning_modules.pitch_grid import PitchGrid


class Viterbi(PitchDecoder):
    """The most probable path through the bins, refined by the average of the bins around it.

    A hidden Markov model whose states are the bins (G. D. Forney, "The Viterbi Algorithm", Proceedings of the IEEE
    61(3), 1973). The emission probabilities of a frame are its saliences, normalised to a sum of 1; those of a frame
    without any salience are uniform. The start probabilities are uniform.

    The transition probabilities are a mixture. With probability 1 - `leap`, the pitch moves by at most `max_jump`
    semitones, with a probability that falls exponentially with the distance. With probability `leap`, it moves to any
    bin of the grid, all equally probable, so that a large interval or a silence costs no more than that. A transition
    depends on the distance alone. Near the edge of the grid the probabilities therefore sum to less than 1: what would
    move beyond the edge is not redistributed, and no bin is favoured.

    Ties go to the lowest path, compared from the last frame backwards. The confidence of a frame is the salience of the
    path's bin.

    Args:
        max_jump: semitones; longer moves are possible by a leap only.
        scale: semitones over which the probability of a move falls to 1/e.
        leap: probability of a move to any bin.
        radius: semitones; bins closer than this to the path are averaged. With 0, f0 is that of the path's bins.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(self, max_jump: float = 2.0, scale: float = 1.0, leap: float = 0.2, radius: float = 0.5) -> None:
        if not (max_jump >= 0 and radius >= 0):
            raise ValueError(f"max_jump: {max_jump}, radius: {radius}; both are semitones of at least 0")
        if not scale > 0:
            raise ValueError(f"scale: {scale} is not a number of semitones greater than 0")
        if not 0 < leap < 1:
            raise ValueError(f"leap: {leap} is not a probability greater than 0 and less than 1")
        self.max_jump, self.scale, self.leap, self.radius = max_jump, scale, leap, radius

    @override
    def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitch:
        peaks(salience, grid)  # checks the salience
        near, far = self.log_moves(grid)
        path = _best_path(salience.float().cpu().numpy(), near, far)
        bins = torch.from_numpy(path).to(salience.device)
        confidence = salience.gather(1, bins[:, None])[:, 0].float()
        return DecodedPitch(average_near(salience, bins, self.radius, grid), confidence)

    def log_moves(self, grid: PitchGrid) -> tuple[NDArray[np.float64], float]:
        """Log-probabilities of a move by 0, 1, 2 ... bins in one direction, and of a longer move to one bin."""
        reach = min(int(self.max_jump * grid.bins_per_semitone + 1e-9), grid.bins - 1)
        weight = np.exp(-np.arange(reach + 1) / (self.scale * grid.bins_per_semitone))
        total = weight[0] + 2 * weight[1:].sum()
        far = self.leap / grid.bins
        return np.log((1 - self.leap) * weight / total + far), float(np.log(far))


@njit(cache=True)
def _best_path(salience: NDArray[np.float32], near: NDArray[np.float64], far: float) -> NDArray[np.int64]:
    """The bin of each frame, in float64; `near` and `far` as returned by `log_moves`."""
    frames, bins = salience.shape
    reach = len(near) - 1
    origins = np.zeros((frames, bins), np.int32)
    score = np.zeros(bins)
    moved = np.zeros(bins)
    for frame in range(frames):
        if frame > 0:
            highest = int(np.argmax(score))
            for bin in range(bins):
                best, origin = -np.inf, bins
                for before in range(max(bin - reach, 0), min(bin + reach + 1, bins)):
                    candidate = score[before] + near[abs(bin - before)]
                    if candidate > best:
                        best, origin = candidate, before
                leapt = score[highest] + far
                if leapt > best or (leapt == best and highest < origin):
                    best, origin = leapt, highest
                moved[bin], origins[frame, bin] = best, origin
            score[:] = moved
        total = 0.0
        for bin in range(bins):
            total += salience[frame, bin]
        if total > 0:
            for bin in range(bins):
                score[bin] += np.log(salience[frame, bin] / total)
    path = np.zeros(frames, np.int64)
    for frame in range(frames - 1, -1, -1):
        path[frame] = np.argmax(score) if frame == frames - 1 else origins[frame + 1, path[frame + 1]]
    return path
