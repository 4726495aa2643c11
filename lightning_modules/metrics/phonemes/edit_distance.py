"""The fewest insertions, deletions and substitutions that turn one sequence into another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

Symbols = Sequence[int] | NDArray[np.int64]


def edit_distance(reference: Symbols, hypothesis: Symbols) -> int:
    """Levenshtein distance: insertions, deletions and substitutions at a cost of 1 each.

    V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", Soviet Physics
    Doklady 10(8), 1966.

    Args:
        reference: `(length,)` ints.
        hypothesis: `(length,)` ints, of any other length.
    """
    pairs = align_sequences(reference, hypothesis)
    return int((pairs[:, 0] != pairs[:, 1]).sum())


def align_sequences(reference: Symbols, hypothesis: Symbols) -> NDArray[np.int64]:
    """What stands for what, with the fewest edits.

    Of alignments with equally few edits, the one is taken that, read from the ends of both sequences, rather pairs
    symbols (equal or not) than it deletes, and rather deletes than it inserts.

    Args:
        reference: `(length,)` ints of at least 0.
        hypothesis: `(length,)` ints of at least 0, of any other length.

    Returns:
        `(steps, 2)`, symbols of reference and hypothesis in order; -1 in the first column is an insertion, -1 in the
        second one a deletion.
    """
    return _aligned(np.asarray(reference, dtype=np.int64), np.asarray(hypothesis, dtype=np.int64))


@njit()
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
