"""The interface of CTC decoders, and greedy decoding."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from lightning_modules.decoding.ctc.greedy_path import best_paths

BLANK = 0
_ROUNDING = 1e-2  # by which a log-probability near 0 may exceed 0 in half precision


class Hypothesis(NamedTuple):
    """A candidate transcript of an utterance.

    Attributes:
        symbols: as in targets, k + 1 for phone k; no blanks.
        score: a natural logarithm, defined by the decoder; greater is better.
        frames: the frame in which each symbol starts, on one path that gives the symbols.
        words: what the symbols spell, from decoders with a lexicon.
    """

    symbols: list[int]
    score: float
    frames: list[int]
    words: Sequence[str] = ()


class CTCDecoder(ABC):
    """Decodes the log-probabilities of a network with a blank.

    A. Graves et al., "Connectionist temporal classification", ICML 2006.
    """

    @abstractmethod
    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        """Decode a batch.

        Args:
            log_probs: `(batch, frames, symbols)`, the blank's first; padding may hold any values.
            lengths: `(batch,)` frames of each utterance.
            phones: names of the symbols, without the blank.

        Returns:
            For each utterance at least one hypothesis, the best first; without symbols if it has no frames.

        Raises:
            ValueError: a shape does not fit, a value is not a log-probability, or `check` refuses the phones.
        """

    def check(self, phones: Sequence[str]) -> None:
        """Refuse phones that the decoder cannot use, before anything is decoded.

        Args:
            phones: names of the symbols, without the blank.

        Raises:
            ValueError: a phone occurs twice, or is not one that the decoder was made for.
        """
        if len(set(phones)) < len(phones):
            raise ValueError(f"phones: {[*phones]} has one of them twice")


class Greedy(CTCDecoder):
    """Greedy (best path) decoding: the most probable symbol of each frame, repeats merged, blanks removed.

    Ties go to the lowest symbol. The score is the log-probability of the path. The sequence of symbols is not always
    the most probable one, because many paths may share another sequence.
    """

    @override
    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        own = _checked_lengths(log_probs, lengths, phones)
        if not log_probs.shape[1]:
            return [[Hypothesis([], 0.0, [])] for _ in own]
        if log_probs.device.type == "cpu":
            return _decoded(log_probs, own, lengths)
        highest, path = log_probs.detach().max(dim=2)
        inside = _checked_frames(highest, lengths)
        scores = highest.double().masked_fill(~inside, 0.0).sum(dim=1).tolist()
        paths = path.cpu().numpy()
        return [[_collapsed(paths[item, :frames], scores[item])] for item, frames in enumerate(own)]


def _decoded(log_probs: Tensor, own: Sequence[int], lengths: Tensor) -> list[list[Hypothesis]]:
    """As the search on a device, in one pass; bad values are named by its check."""
    precise = log_probs if log_probs.dtype in (torch.float32, torch.float64) else log_probs.float()
    values = np.ascontiguousarray(precise.detach().numpy())
    found, fine = best_paths(values, own, _ROUNDING)
    if not fine:
        _checked_frames(log_probs.amax(dim=2), lengths)
    return [[Hypothesis(symbols, score, starts)] for symbols, starts, score in found]


def _collapsed(path: NDArray[np.int64], score: float) -> Hypothesis:
    starts = path != BLANK
    starts[1:] &= path[1:] != path[:-1]
    frames = starts.nonzero()[0]
    return Hypothesis(path[frames].tolist(), score, frames.tolist())


def check_beam(
    beam_size: int, nbest: int, beam_threshold: float = math.inf, symbols_per_frame: int | None = None
) -> None:
    """Raise ValueError, which names the argument, if one of a beam search is out of range."""
    if beam_size < 1:
        raise ValueError(f"beam_size: {beam_size} is not at least 1")
    if not 1 <= nbest <= beam_size:
        raise ValueError(f"nbest: {nbest} is not one of 1 ... {beam_size}, the size of the beam")
    if not beam_threshold > 0:
        raise ValueError(f"beam_threshold: {beam_threshold} is not greater than 0")
    if symbols_per_frame is not None and symbols_per_frame < 2:
        raise ValueError(f"symbols_per_frame: {symbols_per_frame} is not at least 2, the blank and another")


def checked_utterances(log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[Tensor]:
    """Check the arguments of `CTCDecoder.__call__`, except for the names of the phones.

    Returns:
        For each utterance its log-probabilities without padding, `(frames, symbols)`, on the CPU.
    """
    own = _checked_lengths(log_probs, lengths, phones)
    values = log_probs.detach()
    if log_probs.shape[1]:
        _checked_frames(values.amax(dim=2), lengths)
    return [each[:frames] for each, frames in zip(values.cpu(), own, strict=True)]


def _checked_lengths(log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[int]:
    shape = tuple(log_probs.shape)
    if len(shape) != 3 or shape[2] != len(phones) + 1:
        raise ValueError(f"log_probs: {shape} is not (batch, frames, {len(phones) + 1}), of the blank and the phones")
    if tuple(lengths.shape) != shape[:1]:
        raise ValueError(f"lengths: {tuple(lengths.shape)} is not ({shape[0]},), one for each utterance")
    own: list[int] = lengths.tolist()  # one transfer from the device for all
    for utterance, frames in enumerate(own):
        if not 0 <= frames <= shape[1]:
            raise ValueError(f"lengths: {frames} frames of utterance {utterance}, of which there are {shape[1]}")
    return own


def _checked_frames(highest: Tensor, lengths: Tensor) -> Tensor:
    """Which frames are not padding, given the greatest value of each; a NaN anywhere in a frame makes that NaN."""
    inside = torch.arange(highest.shape[1], device=highest.device) < lengths.to(highest.device)[:, None]
    # A comparison with NaN is false.
    wrong = ~(highest <= _ROUNDING) & inside
    if bool(wrong.any()):
        utterance, frame = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"log_probs: utterance {utterance} has in frame {frame} a value that is not a log-probability: "
            f"{highest[utterance, frame].item()}; apply log_softmax, or has the training diverged (NaN)?"
        )
    return inside
