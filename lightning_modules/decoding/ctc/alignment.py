"""Forced alignment of a known transcript."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchaudio.functional import forced_align, merge_tokens

from datamodules.batches import frames_needed
from lightning_modules.decoding.ctc.base import BLANK


class SymbolSpan(NamedTuple):
    """The frames in which a CTC network emits a symbol; the sound itself may last longer.

    Attributes:
        symbol: as in targets.
        start: first frame.
        end: the frame after the last one.
        confidence: mean probability of the symbol in its frames, 0 to 1.
    """

    symbol: int
    start: int
    end: int
    confidence: float


def align(log_probs: Tensor, targets: Tensor) -> list[SymbolSpan]:
    """Align targets along their most probable path, by `torchaudio.functional.forced_align`.

    Args:
        log_probs: `(frames, symbols)` log-probabilities of one utterance without padding, the blank's first.
        targets: `(length,)` ints of at least 1.

    Returns:
        One span for each target, in order.

    Raises:
        ValueError: a shape does not fit, a target is not a symbol, a value is NaN, or there are fewer frames than the
            targets need.
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
    needed = frames_needed(targets.cpu().numpy())
    if needed > len(log_probs):
        raise ValueError(f"targets: {len(targets)} symbols need {needed} frames; there are {len(log_probs)}")
    values = log_probs.detach().float()
    path, scores = forced_align(values[None], targets.to(values.device, torch.int64)[None], blank=BLANK)
    spans = merge_tokens(path[0], scores[0].exp(), blank=BLANK)
    return [SymbolSpan(span.token, span.start, span.end, span.score) for span in spans]
