"""Metrics of several pitches in each frame, computed from counts.

They are those of mir_eval.multipitch (Raffel, McFee, Humphrey, Salamon, Nieto, Liang, Ellis, "mir_eval: a transparent
implementation of common MIR metrics", ISMIR 2014): precision, recall and accuracy of

    M. Bay, A. F. Ehmann and J. S. Downie, "Evaluation of Multiple-F0 Estimation and Tracking Systems", ISMIR 2009;

and the errors of

    G. E. Poliner and D. P. W. Ellis, "A Discriminative Model for Polyphonic Piano Transcription", EURASIP Journal on
    Advances in Signal Processing, 2007.

In every frame, as many estimates as possible are paired with references that are at most half a semitone away, each at
most once; these are right. Each metric is computed from sums over the frames of a track. n and m are the numbers of
references and of estimates in a frame, r that of right estimates.

- `precision`: Σr / Σm; `recall`: Σr / Σn; `accuracy`: Σr / Σ(n + m - r).
- `substitution_error`: Σ(min(n, m) - r) / Σn; `miss_error`: Σ max(n - m, 0) / Σn; `false_alarm_error`:
  Σ max(m - n, 0) / Σn; `total_error`, their sum, may exceed 1. Lower is better.
- `chroma_...`: the same seven, where a pitch in another octave is right too.

A fraction of nothing is undefined (NaN), and means leave such tracks out: the precision where nothing was estimated,
recall and errors where nothing sounds, the accuracy where both is so. mir_eval puts 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_OF_RIGHT = (
    "precision",
    "recall",
    "accuracy",
    "substitution_error",
    "miss_error",
    "false_alarm_error",
    "total_error",
)
MULTI_PITCH_METRICS = (*_OF_RIGHT, *(f"chroma_{name}" for name in _OF_RIGHT))


def multi_pitch_scores(
    references: NDArray[np.float64],
    estimates: NDArray[np.float64],
    paired: NDArray[np.float64],
    right: NDArray[np.float64],
    right_chroma: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Each of `MULTI_PITCH_METRICS`, of one shape with the arguments; NaN where it is undefined.

    Args:
        references: Σn.
        estimates: Σm.
        paired: Σ min(n, m).
        right: Σr.
        right_chroma: Σr where octaves are ignored.
    """
    scores: dict[str, NDArray[np.float64]] = {}
    for begin, found in (("", right), ("chroma_", right_chroma)):
        values = (
            _share(found, estimates),
            _share(found, references),
            accuracy(references, estimates, found),
            _share(paired - found, references),
            _share(references - paired, references),
            _share(estimates - paired, references),
            _share(references + estimates - paired - found, references),
        )
        scores |= {f"{begin}{name}": value for name, value in zip(_OF_RIGHT, values, strict=True)}
    return scores


def accuracy(
    references: NDArray[np.float64], estimates: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Σr / Σ(n + m - r), of one shape with the arguments; NaN where nothing sounds and nothing was estimated."""
    return _share(right, references + estimates - right)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0, part / whole, np.nan))
