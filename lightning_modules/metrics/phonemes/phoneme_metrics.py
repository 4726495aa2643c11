"""Phoneme error rates while a model is evaluated: a torchmetrics Metric that counts edits and confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from typing_extensions import override

from datamodules.batches import PhonemeBatch
from lightning_modules.metrics.phonemes.edit_distance import Symbols, align_sequences
from lightning_modules.metrics.phonemes.folding import Folding, Unfolded

PHONEME_METRICS = (
    "phoneme_error_rate",
    "levenshtein_distance",
    "substitution_rate",
    "deletion_rate",
    "insertion_rate",
)
# Columns of the counts.
_SCORED, _REFERENCES, _SUBSTITUTIONS, _DELETIONS, _INSERTIONS = range(5)


class Confusion(NamedTuple):
    """How often a phone was recognised as another.

    Attributes:
        reference: the spoken phone; None: an insertion.
        hypothesis: the recognised phone; None: a deletion.
        times: count.
    """

    reference: str | None
    hypothesis: str | None
    times: int


class PhonemeScores:
    """The metrics of a set.

    Args:
        counts: `(utterances, 5)` int64: 1 if the utterance was scored, phones of its reference, substitutions,
            deletions, insertions.
        confusion: `(phones + 1, phones + 1)` int64: counts by phone of the reference (row) and recognised phone
            (column); row 0 holds insertions, column 0 deletions.
        phones: names of the rows and columns from 1 on, after folding.

    Attributes:
        utterances: number of scored utterances.
        references: phones in their references; `substitutions`, `deletions` and `insertions` are counts as well.
    """

    def __init__(self, counts: NDArray[np.int64], confusion: NDArray[np.int64], phones: Sequence[str]) -> None:
        self._counts, self.confusion, self.phones = counts, confusion, tuple(phones)
        total = [int(count) for count in counts.sum(axis=0)]
        self.utterances, self.references, self.substitutions, self.deletions, self.insertions = total

    @property
    def edits(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    def figures(self) -> dict[str, float]:
        """Each of `PHONEME_METRICS` over the set; NaN where undefined.

        The phoneme error rate is the number of edits over the number of phones in the references, the sum of the rates
        of substitutions, deletions and insertions. The Levenshtein distance is the mean number of edits per utterance.
        """
        figures = _rates(self._counts.sum(axis=0, keepdims=True))
        return {name: float(values[0]) for name, values in figures.items()}

    def per_utterance(self) -> dict[str, Tensor]:
        """Each of `PHONEME_METRICS`, float64 `(utterances,)`; NaN where undefined or not scored."""
        return {name: torch.from_numpy(values) for name, values in _rates(self._counts).items()}

    def most_confused(self, count: int = 10) -> list[Confusion]:
        """At most `count` edits, the most frequent first; ties are in the order of the phones."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        names = (None, *self.phones)
        places = np.argsort(-wrong, axis=None, kind="stable")[:count]
        rows, columns = np.unravel_index(places, wrong.shape)
        return [
            Confusion(names[row], names[column], int(wrong[row, column]))
            for row, column in zip(rows, columns, strict=True)
            if wrong[row, column]
        ]


class PhonemeMetrics(Metric):
    """Aligns hypotheses with references and counts edits and confusions; `compute` gives PhonemeScores.

    The state is whole numbers, reduced by sum: it is the same for any number of processes, batch size and order of
    updates.

    Args:
        utterances: size of the evaluation set, over all processes.
        phones: phone k is target k + 1.
        folding: applied to reference and hypothesis; None: every phone counts as itself.

    Raises:
        ValueError: there are no utterances, or the folding does not know a phone.
    """

    full_state_update = False
    counts: Tensor
    confusion: Tensor

    def __init__(self, utterances: int, phones: Sequence[str], folding: Folding | None = None) -> None:
        super().__init__()
        if utterances < 1:
            raise ValueError(f"utterances: {utterances} is not at least 1")
        self.utterances = utterances
        self.phones = (folding or Unfolded())(phones)
        size = len(self.phones.names) + 1
        for name, shape in (("counts", (utterances, 5)), ("confusion", (size, size))):
            self.add_state(name, torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum", persistent=False)

    # After a reset in validation the state is inference tensors, which can be written to in this mode only.
    @override
    @torch.inference_mode()
    def update(self, hypotheses: Sequence[Sequence[int]], batch: PhonemeBatch) -> None:
        """Add the valid utterances of a batch.

        Args:
            hypotheses: symbols of each item of the batch, as in targets.
            batch: the references.

        Raises:
            ValueError: the number of hypotheses is wrong, an item is not in the set, or a symbol is not a phone.
        """
        items, valid = batch.item.tolist(), batch.valid.tolist()
        if len(hypotheses) != len(items):
            raise ValueError(f"hypotheses: {len(hypotheses)} for a batch of {len(items)} utterances")
        targets, lengths = batch.targets.cpu().numpy(), batch.target_lengths.tolist()
        counts, confusion = torch.zeros(len(items), 5, dtype=torch.int64), np.zeros(self.confusion.shape, np.int64)
        for number, item in enumerate(items):
            if not valid[number]:
                continue
            if not 0 <= item < self.utterances:
                raise ValueError(f"item: {item} is not one of 0 ... {self.utterances - 1}")
            try:
                pairs = self.aligned(targets[number, : lengths[number]], hypotheses[number])
            except ValueError as error:
                raise ValueError(f"item {item}: {error}") from error
            np.add.at(confusion, (pairs[:, 0], pairs[:, 1]), 1)
            counts[number] = torch.tensor(_edits(pairs))
        chosen = batch.valid.cpu()
        places = batch.item.cpu()[chosen].to(self.counts.device)
        self.counts.index_add_(0, places, counts[chosen].to(self.counts.device))
        self.confusion += torch.from_numpy(confusion).to(self.confusion.device)

    def aligned(self, reference: Symbols, hypothesis: Symbols) -> NDArray[np.int64]:
        """Fold and align two transcripts.

        Args:
            reference: `(symbols,)`, k + 1 for phone k.
            hypothesis: `(other symbols,)`, likewise.

        Returns:
            `(steps, 2)` int64, reference and hypothesis: k + 1 for phone k of `phones.names`, 0 for a gap.

        Raises:
            ValueError: a symbol is not a phone.
        """
        return np.maximum(align_sequences(self._folded(reference), self._folded(hypothesis)), 0)

    @override
    def compute(self) -> PhonemeScores:
        # Copies: later updates do not change the scores.
        counts, confusion = (state.cpu().numpy().copy() for state in (self.counts, self.confusion))
        return PhonemeScores(counts, confusion, self.phones.names)

    def scores(self) -> dict[str, float]:
        """`PhonemeScores.figures` of all processes."""
        scores: PhonemeScores = self.compute()
        return scores.figures()

    def _folded(self, given: Symbols) -> NDArray[np.int64]:
        symbols = np.asarray(given, np.int64)
        outside = (symbols < 1) | (symbols >= len(self.phones.number))
        if outside.any():
            raise ValueError(f"symbol {symbols[outside][0]} is not one of 1 ... {len(self.phones.number) - 1}")
        numbers = self.phones.number[symbols]
        return numbers[numbers > 0]


def _edits(pairs: NDArray[np.int64]) -> list[int]:
    """The counts of an utterance, from its aligned symbols."""
    reference, hypothesis = pairs[:, 0], pairs[:, 1]
    spoken, recognised = reference > 0, hypothesis > 0
    mistaken = spoken & recognised & (reference != hypothesis)
    return [1, int(spoken.sum()), int(mistaken.sum()), int((~recognised).sum()), int((~spoken).sum())]


def _rates(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Each of `PHONEME_METRICS`, for each row of counts."""
    rows = counts.astype(np.float64)
    edits = rows[:, _SUBSTITUTIONS:].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_phone = np.concatenate([edits[:, None], rows[:, _SUBSTITUTIONS:]], axis=1) / rows[:, [_REFERENCES]]
        distance = edits / rows[:, _SCORED]
    # Without phones in the reference there is no rate, but insertions count for the distance.
    per_phone[rows[:, _REFERENCES] == 0] = np.nan
    rate, substitutions, deletions, insertions = per_phone.T
    return dict(zip(PHONEME_METRICS, (rate, distance, substitutions, deletions, insertions), strict=True))
