"""From a CTC network's log-probabilities to symbols: what every decoder gives, and the best path."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLANK = 0
_ROUNDING = 1e-2  # by which a logarithm of a probability near 1 may exceed 0 in half precision


class Hypothesis(NamedTuple):
    """What an utterance may say.

    Attributes:
        symbols: as in targets, k + 1 for phone k; no blanks.
        score: natural logarithm, of what the decoder says; greater is better.
        frames: the frame in which each symbol begins, on one path that gives the symbols.
        words: with a lexicon, what the symbols spell.
    """

    symbols: list[int]
    score: float
    frames: list[int]
    words: Sequence[str] = ()


class CTCDecoder(ABC):
    """Decides what is said, from what a network with a blank thinks of every frame.

    A. Graves et al., "Connectionist temporal classification", ICML 2006.
    """

    @abstractmethod
    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        """Decode a batch.

        Args:
            log_probs: `(batch, frames, symbols)`, logarithms of probabilities, the blank's first; what stands behind an
                utterance's end does not matter.
            lengths: `(batch,)` frames of each utterance.
            phones: names of the symbols, without the blank.

        Returns:
            Hypotheses of each utterance, at least one, the best first; of one without frames it has no symbols.

        Raises:
            ValueError: a shape does not fit, a value is not a logarithm of a probability, or the phones are not those
                that the decoder was made for.
        """

    def check(self, phones: Sequence[str]) -> None:
        """Refuse phones that the decoder was not made for, before there is anything to decode.

        Args:
            phones: names of the symbols, without the blank.

        Raises:
            ValueError: see above.
        """
        if len(set(phones)) < len(phones):
            raise ValueError(f"phones: {[*phones]} has one of them twice")


class Greedy(CTCDecoder):
    """The symbols of the most probable path, that is the best of each frame (the lowest of equal ones).

    This is not always the most probable sequence of symbols, which many paths may share. The score is that of the path.
    """

    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        """See CTCDecoder."""
        own = _own_frames(log_probs, lengths, phones)
        if not log_probs.shape[1]:
            return [[Hypothesis([], 0.0, [])] for _ in own]
        highest, path = log_probs.detach().max(dim=2)
        inside = _refuse_improbable(highest, lengths)
        scores = highest.double().masked_fill(~inside, 0.0).sum(dim=1).tolist()
        # From here on one utterance is as fast as many: the rest is short, and each has another length.
        paths = path.cpu().numpy()
        return [[_collapsed(paths[item, :frames], scores[item])] for item, frames in enumerate(own)]


def _collapsed(path: NDArray[np.int64], score: float) -> Hypothesis:
    begins = path != BLANK
    begins[1:] &= path[1:] != path[:-1]
    frames = begins.nonzero()[0]
    return Hypothesis(path[frames].tolist(), score, frames.tolist())


def frames_inside(log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> Tensor:
    """Which frames are an utterance's own, `(batch, frames)` bool, of a batch that can be decoded.

    Args:
        log_probs: see CTCDecoder, as the others.
        lengths: of the utterances.
        phones: names of the symbols.

    Raises:
        ValueError: see CTCDecoder.
    """
    _own_frames(log_probs, lengths, phones)
    if not log_probs.shape[1]:
        return torch.zeros(log_probs.shape[:2], dtype=torch.bool, device=log_probs.device)
    return _refuse_improbable(log_probs.detach().amax(dim=2), lengths)


def _own_frames(log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[int]:
    """Lengths of the utterances, of one look at them, whichever device they are on."""
    shape = tuple(log_probs.shape)
    if len(shape) != 3 or shape[2] != len(phones) + 1:
        raise ValueError(f"log_probs: {shape} is not (batch, frames, {len(phones) + 1}), of the blank and the phones")
    if tuple(lengths.shape) != shape[:1]:
        raise ValueError(f"lengths: {tuple(lengths.shape)} is not ({shape[0]},), one for each utterance")
    own: list[int] = lengths.tolist()
    for utterance, frames in enumerate(own):
        if not 0 <= frames <= shape[1]:
            raise ValueError(f"lengths: {frames} frames of utterance {utterance}, of which there are {shape[1]}")
    return own


def _refuse_improbable(highest: Tensor, lengths: Tensor) -> Tensor:
    """Which frames are an utterance's own, of the greatest value of every frame, NaN if there is any."""
    inside = torch.arange(highest.shape[1], device=highest.device) < lengths.to(highest.device)[:, None]
    # A comparison with NaN is false.
    wrong = ~(highest <= _ROUNDING) & inside
    if bool(wrong.any()):
        utterance, frame = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"log_probs: utterance {utterance} has in frame {frame} what is no logarithm of a probability: "
            f"{highest[utterance, frame].item()}; apply log_softmax, or has the training diverged (NaN)?"
        )
    return inside
