"""PESTO.

A. Riou, S. Lattner, G. Hadjeres and G. Peeters, "PESTO: Pitch estimation with self-supervised transposition-equivariant
objective", ISMIR 2023.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pesto  # type: ignore[import-not-found, import-untyped, unused-ignore]
import torch
from numpy.typing import NDArray


class Pesto:
    """PESTO's released model, loaded once for each sample rate.

    Args:
        model: name of the weights that the package ships.
        hop: s between frames.
        voiced: a frame is voiced where the confidence, 0 to 1, is at least this; the package itself gives no rule.
    """

    def __init__(self, model: str, hop: float, voiced: float) -> None:
        self.model, self.hop, self.voiced = model, hop, voiced
        self.loaded: dict[int, Any] = {}

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], ...]:
        """Times in s, f0 in Hz, negative where unvoiced, and confidence, of `(samples,)` at full scale 1."""
        if rate not in self.loaded:
            self.loaded[rate] = pesto.load_model(self.model, step_size=1000 * self.hop, sampling_rate=rate)
        model = self.loaded[rate]
        f0, confidence = (
            part.double().numpy() for part in model(torch.from_numpy(samples), sr=rate, convert_to_freq=True)[:2]
        )
        return np.arange(len(f0)) * model.hop_size / 1000, np.where(confidence >= self.voiced, f0, -f0), confidence
