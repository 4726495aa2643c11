"""Where the symbols of a known transcript are spoken."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torchaudio.functional import forced_align, merge_tokens

from lightning_modules.decoding.ctc.base import BLANK


class Segment(NamedTuple):
    """A symbol in time. CTC networks speak up where they recognise a symbol, not all the time that it lasts.

    Attributes:
        symbol: as in targets.
        start: its first frame.
        end: the frame behind its last one.
        confidence: mean probability of the symbol in its frames, 0 to 1.
    """

    symbol: int
    start: int
    end: int
    confidence: float


def align(log_probs: Tensor, targets: Tensor) -> list[Segment]:
    """Segments of the most probable path that gives the targets, as `torchaudio.functional.forced_align` finds it.

    Args:
        log_probs: `(frames, symbols)` of one utterance without padding, logarithms of probabilities, the blank's first.
        targets: `(length,)` ints, 1 or more, what is spoken.

    Returns:
        One segment for each target, in order; none if there are no targets.

    Raises:
        ValueError: a shape does not fit, a target is not a symbol, a value is NaN, or there are fewer frames than
            `frames_needed` by the targets, so that no path gives them.
    """
    if log_probs.ndim != 2 or targets.ndim != 1:
        raise ValueError(
            f"log_probs: {tuple(log_probs.shape)}, targets: {tuple(targets.shape)}; they are not (frames, symbols) and "
            "(length,) of one utterance"
        )
    if not len(targets):
        return []
    symbols = log_probs.shape[1]
    if not bool(((targets > BLANK) & (targets < symbols)).all()):
        raise ValueError(f"targets: {targets.tolist()} are not all symbols 1 ... {symbols - 1}")
    if bool(log_probs.isnan().any()):
        raise ValueError("log_probs: not a number (NaN); has the training diverged?")
    needed = frames_needed(targets)
    if needed > len(log_probs):
        raise ValueError(f"targets: {len(targets)} symbols need {needed} frames; there are {len(log_probs)}")
    values = log_probs.detach().float()
    path, scores = forced_align(values[None], targets.to(values.device, torch.int64)[None], blank=BLANK)
    spans = merge_tokens(path[0], scores[0].exp(), blank=BLANK)
    return [Segment(span.token, span.start, span.end, span.score) for span in spans]


def frames_needed(targets: Tensor | Sequence[int]) -> int:
    """Frames that the shortest path has which gives the targets: one for each, and a blank between equal neighbours.

    Args:
        targets: `(length,)` ints of one utterance.
    """
    numbers: list[int] = targets.tolist() if isinstance(targets, Tensor) else [*targets]
    return len(numbers) + sum(one == following for one, following in pairwise(numbers))
