"""Decoding where one class of a softmax says that there is no pitch."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from lightning_modules.decoding.pitch.peaks import DecodedPitch, PitchDecoder, peaks
from lightning_modules.pitch_grid import PitchGrid

ROUNDING = 1e-3  # by which a sum of probabilities may exceed 1


class UnvoicedClass(PitchDecoder):
    """The most probable class, of which the lowest says "unvoiced" and the others are the bins of the grid.

    It is for networks that learn pitch and silence as one choice, as with UnvoicedClassSoftmax. What the bins above the
    lowest leave of the probability, 1 minus their sum, is that of the unvoiced class. Where it is the greatest, there
    is no pitch: f0 is 0, which is a guess of none and right for no note. Other decoders give the most probable pitch in
    all frames, and so do not show that a network calls all of them unvoiced.

    The confidence is the probability of the most probable bin, divided by the sum of it and that of the unvoiced class:
    0.5, as `voicing_threshold`, is the choice of the classes.
    """

    frame_wise = True

    @override
    def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitch:
        peaks(salience, grid)  # checks the salience
        pitched = salience[:, 1:].float()
        total = pitched.sum(dim=1)
        if bool((total > 1 + ROUNDING).any()):
            raise ValueError(
                f"salience: the bins of a frame add up to {float(total.max()):.3g}, but classes of which one is chosen "
                "have a sum of 1; take UnvoicedClassSoftmax as the loss, or Argmax as the decoder"
            )
        if not pitched.shape[1]:
            nothing = salience.new_zeros(len(salience), dtype=torch.float32)
            return DecodedPitch(nothing, nothing)
        greatest, bins = pitched.max(dim=1)
        unvoiced = (1 - total).clamp_min(0)
        f0 = grid.hz_of(grid.lowest_note + (bins + 1).float() / grid.bins_per_semitone)
        confidence = greatest / (greatest + unvoiced).clamp_min(torch.finfo(torch.float32).tiny)
        return DecodedPitch(torch.where(greatest > unvoiced, f0, 0.0), confidence)
