"""The figures of phoneme recognition while a model is evaluated: edits of every utterance, and what is mistaken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from datamodules.batches import PhonemeBatch
from lightning_modules.metrics.phonemes.edit_distance import align_sequences
from lightning_modules.metrics.phonemes.folding import Folding, Unfolded

Symbols = NDArray[np.int64]

PHONEME_METRICS = (
    "phoneme_error_rate",
    "levenshtein_distance",
    "substitution_rate",
    "deletion_rate",
    "insertion_rate",
)
# Columns of the counts of an utterance.
_SEEN, _REFERENCES, _SUBSTITUTIONS, _DELETIONS, _INSERTIONS = range(5)


class Confusion(NamedTuple):
    """How often one phone was recognised as another.

    Attributes:
        reference: what was spoken; None: nothing, the phone was inserted.
        hypothesis: what was recognised; None: nothing, the phone was deleted.
        times: how often.
    """

    reference: str | None
    hypothesis: str | None
    times: int


class PhonemeScores:
    """The metrics of a set, of the utterances that were seen.

    Args:
        counts: `(utterances, 5)` int64: whether the utterance was seen, phones of its reference, substitutions,
            deletions, insertions.
        confusion: `(phones + 1, phones + 1)` int64, see the attribute.
        phones: see the attribute.

    Attributes:
        confusion: how often each phone of the reference (row) was recognised as which (column); what was inserted
            stands in row 0, what was deleted in column 0.
        phones: names of rows and columns from 1 on, after folding.
        utterances: that were seen.
        references: phones of their references.
        substitutions: over all utterances, as the other edits.
        deletions: of phones that were spoken, but not recognised.
        insertions: of phones that were recognised, but not spoken.
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
        """Each of `PHONEME_METRICS`; NaN where it is undefined.

        The phoneme error rate is that of all edits in all phones of the references; the rates of substitutions,
        deletions and insertions add up to it. The Levenshtein distance is the mean number of edits of an utterance.
        """
        figures = _rates(self._counts.sum(axis=0, keepdims=True))
        return {name: float(values[0]) for name, values in figures.items()}

    def per_utterance(self) -> dict[str, Tensor]:
        """Each of `PHONEME_METRICS`, float64 `(utterances,)`; NaN where undefined or the utterance was not seen."""
        return {name: torch.from_numpy(values) for name, values in _rates(self._counts).items()}

    def most_confused(self, count: int = 10) -> list[Confusion]:
        """The most frequent edits, the most frequent first; of equal ones, first the first in the reference's order.

        Args:
            count: how many, at most.
        """
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
    """Aligns hypotheses with references and counts the edits; PhonemeScores makes the metrics of it.

    The counts are whole numbers, a row for each utterance of the set and one matrix of all, reduced by sum: they come
    out the same for any number of processes, any size of the batches and any order of updates.

    Args:
        utterances: size of the evaluation set, over all processes.
        phones: phone k is target k + 1.
        folding: which phones count as one; None: each counts as itself.

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

    # A state that was reset while validating is an inference tensor, which can be written to in this mode only.
    @torch.inference_mode()
    def update(self, hypotheses: Sequence[Sequence[int]], batch: PhonemeBatch) -> None:
        """Add the utterances of a batch, but for items that are not valid.

        Args:
            hypotheses: symbols of each item of the batch, as in targets.
            batch: with its targets and places in the set.

        Raises:
            ValueError: there are not as many hypotheses as items, or an item has no place in the set or a symbol that
                is not a phone.
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

    def aligned(self, reference: Sequence[int] | Symbols, hypothesis: Sequence[int] | Symbols) -> Symbols:
        """What counts as recognised for what.

        Args:
            reference: `(symbols,)`, phone k as k + 1.
            hypothesis: `(symbols,)`, likewise.

        Returns:
            `(steps, 2)` reference and hypothesis, folded: phone k of `phones.names` as k + 1, 0 where there is none.

        Raises:
            ValueError: a symbol is not a phone.
        """
        return np.maximum(align_sequences(self._folded(reference), self._folded(hypothesis)), 0)

    def compute(self) -> PhonemeScores:
        """The scores of all utterances so far, of all processes; a copy that later updates do not change."""
        counts, confusion = (state.cpu().numpy().copy() for state in (self.counts, self.confusion))
        return PhonemeScores(counts, confusion, self.phones.names)

    def scores(self) -> dict[str, float]:
        """The figures of all utterances so far, of all processes."""
        scores: PhonemeScores = self.compute()
        return scores.figures()

    def _folded(self, given: Sequence[int] | Symbols) -> Symbols:
        symbols = np.asarray(given, np.int64)
        outside = (symbols < 1) | (symbols >= len(self.phones.number))
        if outside.any():
            raise ValueError(f"symbol {symbols[outside][0]} is not one of 1 ... {len(self.phones.number) - 1}")
        numbers = self.phones.number[symbols]
        return numbers[numbers > 0]


def _edits(pairs: NDArray[np.int64]) -> list[int]:
    """The row of an utterance, of its aligned symbols, in which 0 is a gap."""
    reference, hypothesis = pairs[:, 0], pairs[:, 1]
    spoken, recognised = reference > 0, hypothesis > 0
    mistaken = spoken & recognised & (reference != hypothesis)
    return [1, int(spoken.sum()), int(mistaken.sum()), int((~recognised).sum()), int((~spoken).sum())]


def _rates(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Each of `PHONEME_METRICS` of each row of counts."""
    rows = counts.astype(np.float64)
    edits = rows[:, _SUBSTITUTIONS:].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_phone = np.concatenate([edits[:, None], rows[:, _SUBSTITUTIONS:]], axis=1) / rows[:, [_REFERENCES]]
        distance = edits / rows[:, _SEEN]
    # Insertions where nothing was spoken are edits, but no rate.
    per_phone[rows[:, _REFERENCES] == 0] = np.nan
    rate, substitutions, deletions, insertions = per_phone.T
    return dict(zip(PHONEME_METRICS, (rate, distance, substitutions, deletions, insertions), strict=True))
