"""Further terms of a pitch tracker's loss, each for an output of its network besides the salience."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from architectures import FrameOutput
from architectures.layers import standardise_windows
from datamodules.batches import PitchBatch
from lightning_modules.losses.schedules import check_weight


class LossTerm(ABC):
    """A loss of one output of a network.

    Attributes:
        output: the field of FrameOutput that the term trains; the term is logged as `train/<output>`, unweighted.

    Args:
        weight: in the sum that is minimised; with 0 the term is logged but not trained.

    Raises:
        ValueError: the weight is out of range.
    """

    output: ClassVar[str]

    def __init__(self, weight: float = 1.0) -> None:
        check_weight(f"{type(self).__name__}.weight", weight)
        self.weight = weight

    @abstractmethod
    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor, estimate: Tensor) -> Tensor:
        """The unweighted term, a scalar.

        Args:
            output: the field of FrameOutput that the term trains.
            batch: the annotations.
            audio: the network's input.
            estimate: `(batch, frames)`, Hz, greater than 0: the highest bin of the salience, without a gradient.
        """


class VoicingBCE(LossTerm):
    """Binary cross-entropy of the voicing logits, a mean over the valid frames; notes outside the grid are voiced."""

    output = "voicing"

    @override
    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor, estimate: Tensor) -> Tensor:
        return voicing_loss(output, batch.f0, batch.valid)


class VoicedAndRight(LossTerm):
    """Binary cross-entropy of the voicing logits against: the frame is voiced, and its estimate right.

    So the confidence is the probability that the printed f0 is within the tolerance of the truth, not only that there
    is a voice. After L. Nieradzik, "SwiftF0: Fast and Accurate Monophonic Pitch Detection", 2025. A mean over the valid
    frames. Where the estimate is wrong the target is `wrong`: 0 says that such a frame should be called unvoiced, 1
    makes the term VoicingBCE.

    Args:
        tolerance: cents.
        wrong: target of voiced frames whose estimate is farther away, 0 to 1.

    Raises:
        ValueError: an argument is out of range.
    """

    output = "voicing"

    def __init__(self, weight: float = 1.0, tolerance: float = 50.0, wrong: float = 0.0) -> None:
        super().__init__(weight)
        if not (tolerance > 0 and 0 <= wrong <= 1):
            raise ValueError(f"VoicedAndRight: tolerance {tolerance} cents, wrong {wrong}: above 0, and from 0 to 1")
        self.tolerance, self.wrong = tolerance, wrong

    @override
    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor, estimate: Tensor) -> Tensor:
        pitches = batch.f0 if batch.f0.ndim == 3 else batch.f0[..., None]
        cents = 1200 * torch.log2(estimate[..., None] / pitches.clamp_min(1e-3)).abs()
        right = ((pitches > 0) & (cents <= self.tolerance)).any(dim=-1)
        target = torch.where(right, 1.0, self.wrong * (pitches > 0).any(dim=-1))
        return voicing_loss(output, batch.f0, batch.valid, target)


class Reconstruction(LossTerm):
    """Mean squared error of the reconstructed against the standardised window, over excerpts with a valid frame."""

    output = "reconstruction"

    @override
    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor, estimate: Tensor) -> Tensor:
        padding = ~batch.valid.any(dim=1)
        # A weight of 0 does not remove a NaN; masking does, from the gradient as well.
        difference = (output.float() - standardise_windows(audio)).masked_fill(padding[:, None], 0.0)
        return difference.square().sum() / ((~padding).sum() * audio.shape[1]).clamp_min(1)


def voicing_loss(logits: Tensor, f0: Tensor, valid: Tensor, target: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy over the valid frames; 0 where there are none.

    Args:
        logits: `(batch, frames)`.
        f0: `(batch, frames)` or `(batch, frames, pitches)`, Hz, 0 or negative where unvoiced.
        valid: `(batch, frames)` bool.
        target: `(batch, frames)`, 0 to 1; None: 1 where there is a pitch.
    """
    if target is None:
        target = ((f0 > 0) if f0.ndim == logits.ndim else (f0 > 0).any(dim=-1)).float()
    logits = logits.float().masked_fill(~valid, 0.0)
    losses = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (losses * valid).sum() / valid.sum().clamp_min(1)


def check_terms(terms: Sequence[LossTerm]) -> None:
    """Raise ValueError, which names the output, if two terms train the same one."""
    outputs = [term.output for term in terms]
    for output in outputs:
        if outputs.count(output) > 1:
            raise ValueError(f"terms: more than one is for the output {output!r}; leave one of them")


def check_outputs(output: FrameOutput, terms: Sequence[LossTerm], network: torch.nn.Module) -> None:
    """Raise MisconfigurationException if a network lacks the output of a term, or has one that no term trains."""
    name = type(network).__name__
    trained = {term.output: type(term).__name__ for term in terms}
    given = {field for field in FrameOutput._fields if field != "pitch" and getattr(output, field) is not None}
    for field, term in trained.items():
        if field not in given:
            raise MisconfigurationException(
                f"model.terms: {term} trains the output {field!r}, which model.network, {name}, does not give; leave "
                "the term out or take a network that does"
            )
    for field in sorted(given - set(trained)):
        raise MisconfigurationException(
            f"model.terms: nothing trains the output {field!r} of model.network, {name}; add "
            f"{_TRAINERS[field]} or take a network without it"
        )


_TRAINERS = {term.output: f"lightning_modules.{term.__name__}" for term in (VoicingBCE, Reconstruction)}
