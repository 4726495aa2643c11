"""Probabilistic YIN, by librosa.

M. Mauch and S. Dixon, "pYIN: A fundamental frequency estimator using probabilistic threshold distributions", ICASSP
2014.
"""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

RATE = 22050  # Hz, librosa's, for which its frames of 2048 samples are meant


class Pyin:
    """librosa.pyin at librosa's sample rate; guesses where unvoiced; its confidence is the voiced probability.

    Voicing is Viterbi's decision, not a
    threshold of the confidence.

    Args:
        hop: s between frames, rounded to samples at 22050 Hz.
        lowest: Hz.
        highest: Hz.
    """

    def __init__(self, hop: float, lowest: float, highest: float) -> None:
        self.hop, self.lowest, self.highest = round(hop * RATE), lowest, highest

    def __call__(self, samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], ...]:
        """Times in s, f0 in Hz, negative where unvoiced, and confidence, of `(samples,)` at full scale 1."""
        audio = librosa.resample(samples, orig_sr=rate, target_sr=RATE)
        f0, voiced, probability = librosa.pyin(
            audio, fmin=self.lowest, fmax=self.highest, sr=RATE, hop_length=self.hop, fill_na=None
        )
        return np.arange(len(f0)) * self.hop / RATE, np.where(voiced, f0, -f0), probability
