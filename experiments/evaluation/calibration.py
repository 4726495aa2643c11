"""One voicing threshold for a method, from data that it is not judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.evaluation.frames import FrameSet, Guesses, Truth
from experiments.evaluation.rows import conditions_of

CANDIDATES = 4096


@dataclass(frozen=True)
class VoicingDecision:
    """Where a method's voicing comes from.

    Attributes:
        value: frames with at least this confidence are voiced; None: the method's own decision.
        origin: in words.
    """

    value: float | None
    origin: str


OWN = VoicingDecision(None, "its own")


def calibrate(sets: Mapping[str, tuple[FrameSet, Mapping[str, Mapping[str, Any]]]], method: str) -> VoicingDecision:
    """The threshold with the best mean pitch F1 over sets; of a set in several conditions, its mean over these counts.

    Of candidates that are equally good, the lowest.

    Args:
        sets: frames and the metadata of every track, by name.
        method: which; one without confidence keeps its own voicing.
    """
    parts: list[list[tuple[NDArray[np.float64], NDArray[np.bool_], int]]] = []
    for frames, metadata in sets.values():
        guesses = frames.guesses[method]
        if guesses.confidence is None:
            return VoicingDecision(None, "its own; it has no confidence")
        conditions = conditions_of(frames.truth.tracks, metadata)
        masks = [np.ones(len(frames.truth.tracks), np.bool_)]
        if conditions is not None:
            masks = [conditions == name for name in np.unique(conditions)]
        parts.append([_part(frames.truth, guesses, mask) for mask in masks])
    every = np.concatenate([confidence for part in parts for confidence, _, _ in part])
    candidates = np.unique(np.quantile(every, np.arange(CANDIDATES) / CANDIDATES, method="lower"))
    scores = np.mean([np.mean([_f1(candidates, *each) for each in part], axis=0) for part in parts], axis=0)
    best = int(scores.argmax())
    named = ", ".join(sets)
    return VoicingDecision(float(candidates[best]), f"calibrated on {named}: mean pitch F1 {scores[best]:.4f}")


def _part(
    truth: Truth, guesses: Guesses, tracks: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Confidence of the frames with a guess, which of them are right, and the number of voiced frames."""
    assert guesses.confidence is not None
    inside = tracks[truth.track]
    kept = inside & guesses.known
    return guesses.confidence[kept], guesses.right()[kept], int((inside & truth.voiced).sum())


def _f1(
    candidates: NDArray[np.float64], confidence: NDArray[np.float64], right: NDArray[np.bool_], voiced: int
) -> NDArray[np.float64]:
    """Pitch F1 at each candidate, `(candidates,)`."""
    order = np.argsort(confidence)
    below = np.searchsorted(confidence[order], candidates, side="left")
    hits = np.append(np.cumsum(right[order][::-1])[::-1], 0)[below]
    return np.asarray(2 * hits / np.maximum(len(confidence) - below + voiced, 1))
