"""What a pitch tracker learns besides the salience: terms of its loss, each for one more output of its network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor
from torch.nn import functional

from architectures import FrameOutput
from architectures.layers import standardise_windows
from datamodules.batches import PitchBatch
from lightning_modules.losses.schedules import check_weight


class LossTerm(ABC):
    """Compares one output of a network with what it should be.

    Attributes:
        output: the field of FrameOutput that the term trains; logged as `train/<output>`, before its weight.
        weight: in the sum that is trained.

    Args:
        weight: in the sum that is trained; with 0 the output is computed and logged, but learns nothing.

    Raises:
        ValueError: the weight is out of range.
    """

    output: ClassVar[str]

    def __init__(self, weight: float = 1.0) -> None:
        check_weight(f"{type(self).__name__}.weight", weight)
        self.weight = weight

    @abstractmethod
    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor) -> Tensor:
        """The term before its weight, a scalar.

        Args:
            output: the field of FrameOutput that the term trains.
            batch: what the excerpts are annotated with.
            audio: the network's input.
        """


class VoicingBCE(LossTerm):
    """Binary cross-entropy of a voicing logit against whether the frame is voiced, a mean over the valid frames.

    Notes that the pitch grid does not hold are voiced all the same.
    """

    output = "voicing"

    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor) -> Tensor:
        """See LossTerm."""
        return voicing_loss(output, batch.f0, batch.valid)


class Reconstruction(LossTerm):
    """Mean squared difference from the standardised window, over all excerpts with a valid frame."""

    output = "reconstruction"

    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor) -> Tensor:
        """See LossTerm."""
        filled = ~batch.valid.any(dim=1)
        # Weight 0 does not silence what is not a number; masking does, in the gradient as well.
        difference = (output.float() - standardise_windows(audio)).masked_fill(filled[:, None], 0.0)
        return difference.square().sum() / ((~filled).sum() * audio.shape[1]).clamp_min(1)


def voicing_loss(logits: Tensor, f0: Tensor, valid: Tensor) -> Tensor:
    """Mean binary cross-entropy over the valid frames; 0 where there are none.

    Args:
        logits: `(batch, frames)` that a frame is voiced.
        f0: `(batch, frames)` or `(batch, frames, pitches)`, Hz, 0 or negative where unvoiced.
        valid: `(batch, frames)` bool.
    """
    voiced = (f0 > 0) if f0.ndim == logits.ndim else (f0 > 0).any(dim=-1)
    logits = logits.float().masked_fill(~valid, 0.0)
    losses = functional.binary_cross_entropy_with_logits(logits, voiced.float(), reduction="none")
    return (losses * valid).sum() / valid.sum().clamp_min(1)


def check_terms(terms: Sequence[LossTerm]) -> None:
    """Refuse two terms for the same output.

    Raises:
        ValueError: names the output.
    """
    outputs = [term.output for term in terms]
    for output in outputs:
        if outputs.count(output) > 1:
            raise ValueError(f"terms: more than one is for the output {output!r}; leave one of them")


def check_outputs(output: FrameOutput, terms: Sequence[LossTerm], network: torch.nn.Module) -> None:
    """Compare what a network gives with what is trained.

    Raises:
        MisconfigurationException: a term lacks its output, or an output that only a term could train has none.
    """
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
