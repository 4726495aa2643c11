"""Levenshtein distance and the alignment behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

Symbols = Sequence[int] | NDArray[np.int64]


def edit_distance(reference: Symbols, hypothesis: Symbols) -> int:
    """The fewest insertions, deletions and substitutions that turn one sequence into the other.

    V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", Soviet Physics
    Doklady 10(8), 1966. Arguments are those of `align_sequences`.
    """
    pairs = align_sequences(reference, hypothesis)
    return int((pairs[:, 0] != pairs[:, 1]).sum())


def align_sequences(reference: Symbols, hypothesis: Symbols) -> NDArray[np.int64]:
    """An alignment of two sequences with the fewest edits.

    Among such alignments, read backwards from the ends of both sequences, a pair of symbols (equal or not) is preferred
    to a deletion, and a deletion to an insertion.

    Args:
        reference: `(length,)` ints of at least 0.
        hypothesis: `(other length,)` ints of at least 0.

    Returns:
        `(steps, 2)` symbols of reference and hypothesis, in order; -1 in the first column is an insertion, in the
        second column a deletion.
    """
    return _aligned(np.asarray(reference, dtype=np.int64), np.asarray(hypothesis, dtype=np.int64))


@njit(cache=True)
def _aligned(reference: NDArray[np.int64], hypothesis: NDArray[np.int64]) -> NDArray[np.int64]:
    rows, columns = len(reference), len(hypothesis)
    edits = np.empty((rows + 1, columns + 1), np.int32)
    edits[:, 0] = np.arange(rows + 1)
    edits[0] = np.arange(columns + 1)
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            paired = edits[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1])
            edits[i, j] = min(paired, edits[i - 1, j] + 1, edits[i, j - 1] + 1)
    pairs = np.full((rows + columns, 2), -1, np.int64)
    first, i, j = rows + columns, rows, columns
    while i > 0 or j > 0:
        first -= 1
        if i > 0 and j > 0 and edits[i, j] == edits[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            pairs[first, 0], pairs[first, 1] = reference[i], hypothesis[j]
        elif i > 0 and edits[i, j] == edits[i - 1, j] + 1:
            i -= 1
            pairs[first, 0] = reference[i]
        else:
            j -= 1
            pairs[first, 1] = hypothesis[j]
    return pairs[first:]
