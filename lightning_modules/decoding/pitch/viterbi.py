"""From the salience of a track to its f0: the most probable path through the bins."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from lightning_modules.decoding.pitch.peaks import DecodedPitch, PitchDecoder, average_near, peaks
from lightning_modules.pitch_grid import PitchGrid


class Viterbi(PitchDecoder):
    """The path of greatest probability over the whole track, refined by the average of the bins near it.

    A hidden Markov model whose state is the bin (Forney, "The Viterbi Algorithm", Proceedings of the IEEE 61(3), 1973).
    A frame speaks for its bins in proportion to their salience; one without any salience for all bins alike. From a
    frame to the next the pitch moves by at most `max_jump` semitones, with a probability that falls exponentially with
    the distance, or, with the probability `leap`, to any bin of the grid, however far. Moves are measured in semitones
    and cost the same at every bin, so that neither resolution nor place on the grid matter: what would move beyond the
    edge of the grid is lost, not given to the bins at the edge. Of equal paths the lowest is taken, compared from the
    last frame backwards.

    As every frame is normalised and a note may begin anywhere, the path is not dragged through silence, nor bound to a
    register. Confidence is the salience of the path's bin, however improbable the path.

    Args:
        max_jump: semitones from a frame to the next, beyond which all moves are leaps.
        scale: semitones over which the probability of a move falls to 1/e.
        leap: probability of a move to any bin.
        radius: bins count for the average that lie less than so many semitones from the path; with 0 f0 is that of the
            path's bins.

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

    def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitch:
        """See PitchDecoder; computed on the CPU in float64, whatever the device."""
        peaks(salience, grid)  # refuses what cannot be decoded
        near, far = self.log_moves(grid)
        path = _best_path(salience.float().cpu().numpy(), near, far)
        bins = torch.from_numpy(path).to(salience.device)
        confidence = salience.gather(1, bins[:, None])[:, 0].float()
        return DecodedPitch(average_near(salience, bins, self.radius, grid), confidence)

    def log_moves(self, grid: PitchGrid) -> tuple[NDArray[np.float64], float]:
        """Logarithms of the probability of a move by 0, 1, 2 ... bins, and by any number beyond these."""
        reach = min(int(self.max_jump * grid.bins_per_semitone + 1e-9), grid.bins - 1)
        weight = np.exp(-np.arange(reach + 1) / (self.scale * grid.bins_per_semitone))
        total = weight[0] + 2 * weight[1:].sum()
        far = self.leap / grid.bins
        return np.log((1 - self.leap) * weight / total + far), float(np.log(far))


@njit()
def _best_path(salience: NDArray[np.float32], near: NDArray[np.float64], far: float) -> NDArray[np.int64]:
    """The bin of each frame; `near` and `far` as of `log_moves`."""
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
