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
    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor) -> Tensor:
        """The unweighted term, a scalar.

        Args:
            output: the field of FrameOutput that the term trains.
            batch: the annotations.
            audio: the network's input.
        """


class VoicingBCE(LossTerm):
    """Binary cross-entropy of the voicing logits, a mean over the valid frames; notes outside the grid are voiced."""

    output = "voicing"

    @override
    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor) -> Tensor:
        return voicing_loss(output, batch.f0, batch.valid)


class Reconstruction(LossTerm):
    """Mean squared error of the reconstructed against the standardised window, over excerpts with a valid frame."""

    output = "reconstruction"

    @override
    def __call__(self, output: Tensor, batch: PitchBatch, audio: Tensor) -> Tensor:
        padding = ~batch.valid.any(dim=1)
        # A weight of 0 does not remove a NaN; masking does, from the gradient as well.
        difference = (output.float() - standardise_windows(audio)).masked_fill(padding[:, None], 0.0)
        return difference.square().sum() / ((~padding).sum() * audio.shape[1]).clamp_min(1)


def voicing_loss(logits: Tensor, f0: Tensor, valid: Tensor) -> Tensor:
    """Mean binary cross-entropy over the valid frames; 0 where there are none.

    Args:
        logits: `(batch, frames)`.
        f0: `(batch, frames)` or `(batch, frames, pitches)`, Hz, 0 or negative where unvoiced.
        valid: `(batch, frames)` bool.
    """
    voiced = (f0 > 0) if f0.ndim == logits.ndim else (f0 > 0).any(dim=-1)
    logits = logits.float().masked_fill(~valid, 0.0)
    losses = functional.binary_cross_entropy_with_logits(logits, voiced.float(), reduction="none")
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
