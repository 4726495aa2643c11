"""Praat's autocorrelation method, by praat-parselmouth.

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", Proceedings of the Institute of Phonetic Sciences of the University of Amsterdam 17, 97-110, 1993.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import parselmouth  # type: ignore[import-not-found, import-untyped, unused-ignore]
from numpy.typing import NDArray


class Praat:
    """`Sound: To Pitch (ac)` with Praat's own costs, in a range of its own.

    Where Praat says unvoiced, the guess is its strongest voiced candidate. The confidence is the candidate's strength,
    less what Praat adds to the unvoiced one in frames that are silent beside the recording's peak: but for the costs
    of its path, a frame is voiced where that exceeds the voicing threshold.

    Args:
        hop: s between frames.
        lowest: Hz; frames are three of its periods long.
        highest: Hz.
        silence: frames with a smaller share of the recording's peak are taken for silent.
        voiced: voicing threshold of the strength.
    """

    def __init__(self, hop: float, lowest: float, highest: float, silence: float, voiced: float) -> None:
        self.silence, self.voiced = silence, voiced
        self.settings = {
            "time_step": hop,
            "pitch_floor": lowest,
            "pitch_ceiling": highest,
            "silence_threshold": silence,
            "voicing_threshold": voiced,
        }

    def __call__(self, samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], ...]:
        """Times in s, f0 in Hz, negative where unvoiced, and confidence, of `(samples,)` at full scale 1."""
        pitch = parselmouth.Sound(samples.astype(np.float64), rate).to_pitch_ac(**self.settings)
        chosen, best = pitch.selected_array, _strongest(pitch.to_array())
        voiced = chosen["frequency"] > 0
        f0 = np.where(voiced, chosen["frequency"], -best["frequency"])
        strength = np.where(voiced, chosen["strength"], best["strength"])
        intensity = np.array([frame.intensity for frame in pitch])
        silent = np.maximum(0.0, 2.0 - intensity * (1 + self.voiced) / self.silence)
        return pitch.xs(), f0, np.clip(strength - silent, 0.0, 1.0)


def _strongest(candidates: NDArray[Any]) -> NDArray[Any]:
    """The voiced candidate with the largest strength of `(candidates, frames)`; frequency and strength 0 if none is."""
    strength = np.where(candidates["frequency"] > 0, candidates["strength"], -1.0)
    best: NDArray[Any] = candidates[strength.argmax(axis=0), np.arange(candidates.shape[1])]
    return best
