"""Phoneme error rates, beside other implementations and by hand."""

import math

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from torchaudio.functional import edit_distance as torchaudio_edit_distance
from torchmetrics.text import CharErrorRate, EditDistance

from datamodules.batches import PhonemeBatch
from lightning_modules.decoding import CHARACTERS_11785
from lightning_modules.metrics import (
    PHONEME_METRICS,
    Confusion,
    FoldedBy,
    PhonemeMetrics,
)

PHONES = tuple(CHARACTERS_11785)[1:]


def batch(references, items=None, valid=None):
    count = len(references)
    return PhonemeBatch(
        signal=torch.zeros(count, 1),
        lengths=torch.ones(count, dtype=torch.int64),
        targets=pad_sequence([torch.tensor(each, dtype=torch.int64) for each in references], batch_first=True),
        target_lengths=torch.tensor([len(each) for each in references]),
        valid=torch.tensor([True] * count if valid is None else valid),
        item=torch.tensor([*range(count)] if items is None else items),
    )


def scored(references, hypotheses, phones=("a", "b", "c", "d"), folding=None):
    metrics = PhonemeMetrics(len(references), phones, folding)
    metrics.update(hypotheses, batch(references))
    return metrics.compute()


def utterances(seed, count):
    """References, and hypotheses with edits of every kind."""
    rng = np.random.default_rng(seed)
    references = [rng.integers(1, 41, rng.integers(1, 30)) for _ in range(count)]
    hypotheses = []
    for reference in references:
        kept = reference[rng.random(len(reference)) < 0.9]
        changed = np.where(rng.random(len(kept)) < 0.1, rng.integers(1, 41, len(kept)), kept)
        places = np.sort(rng.integers(0, len(changed) + 1, rng.integers(0, 3)))
        hypotheses.append(np.insert(changed, places, rng.integers(1, 41, len(places))).tolist())
    return [reference.tolist() for reference in references], hypotheses


def test_figures_are_those_of_torchmetrics_on_strings():
    references, hypotheses = utterances(0, 60)
    scores = scored(references, hypotheses, PHONES)
    written, spoken = (
        ["".join(CHARACTERS_11785[PHONES[symbol - 1]] for symbol in each) for each in side]
        for side in (hypotheses, references)
    )
    figures = scores.figures()
    assert figures["levenshtein_distance"] == pytest.approx(EditDistance(reduction="mean")(written, spoken).item())
    assert figures["phoneme_error_rate"] == pytest.approx(CharErrorRate()(written, spoken).item())
    assert scores.references == sum(map(len, references)) and scores.utterances == 60
    assert scores.edits == sum(map(torchaudio_edit_distance, references, hypotheses))
    assert min(scores.substitutions, scores.deletions, scores.insertions) > 10
    assert scores.references + scores.insertions == sum(map(len, hypotheses)) + scores.deletions


def test_edits_are_counted_by_kind_and_by_phone():
    scores = scored([[1, 2, 3], [1, 1], [4, 2], [3]], [[1, 3, 3], [1], [4, 2, 2, 1], [2]])
    assert (scores.substitutions, scores.deletions, scores.insertions) == (2, 1, 2)
    assert scores.figures() == {
        "phoneme_error_rate": 5 / 8,
        "levenshtein_distance": 5 / 4,
        "substitution_rate": 2 / 8,
        "deletion_rate": 1 / 8,
        "insertion_rate": 2 / 8,
    }
    wanted = np.zeros((5, 5), int)
    for reference, hypothesis in [(1, 1), (2, 3), (3, 3), (1, 1), (1, 0), (4, 4), (2, 2), (0, 2), (0, 1), (3, 2)]:
        wanted[reference, hypothesis] += 1
    assert (scores.confusion == wanted).all()
    assert scores.most_confused(3) == [Confusion(None, "a", 1), Confusion(None, "b", 1), Confusion("a", None, 1)]


def test_the_most_confused_come_first_and_what_never_happened_does_not_come():
    scores = scored([[1, 1, 2], [3, 1]], [[2, 2, 2], [3, 2, 4]])
    assert scores.most_confused() == [Confusion("a", "b", 2), Confusion(None, "b", 1), Confusion("a", "d", 1)]
    assert scored([[1, 2]], [[1, 2]]).most_confused() == []


def test_every_utterance_has_its_own_figures():
    scores = scored([[1, 2, 3, 4], [1], []], [[1, 3], [1], [2]])
    each = scores.per_utterance()
    assert set(each) == set(scores.figures()) == set(PHONEME_METRICS)
    assert each["levenshtein_distance"].tolist() == [2.0, 0.0, 1.0]
    assert each["levenshtein_distance"].dtype == torch.float64
    assert each["phoneme_error_rate"].nan_to_num(nan=-1.0).tolist() == [0.5, 0.0, -1.0]
    assert scores.figures()["phoneme_error_rate"] == pytest.approx(3 / 5)


def test_items_that_are_not_valid_are_left_out():
    metrics = PhonemeMetrics(3, ("a", "b"))
    metrics.update([[1], [2], [2]], batch([[1], [1], [1]], items=[2, -1, 0], valid=[True, False, True]))
    scores = metrics.compute()
    assert (scores.utterances, scores.edits) == (2, 1)
    distance = scores.per_utterance()["levenshtein_distance"]
    assert distance[[0, 2]].tolist() == [1.0, 0.0] and math.isnan(distance[1])


def test_what_was_not_seen_is_undefined():
    metrics = PhonemeMetrics(2, ("a", "b"))
    metrics.update([[1]], batch([[1]], items=[-1], valid=[False]))
    assert all(map(math.isnan, metrics.compute().figures().values()))


@pytest.mark.parametrize("sizes", [[24], [1] * 24, [5, 5, 5, 5, 4], [23, 1]])
def test_figures_do_not_depend_on_the_size_of_batches(sizes):
    references, hypotheses = utterances(1, 24)
    whole = scored(references, hypotheses, PHONES)
    metrics, first = PhonemeMetrics(24, PHONES), 0
    for size in sizes:
        chosen = slice(first, first + size)
        metrics.update(hypotheses[chosen], batch(references[chosen], items=[*range(24)][chosen]))
        first += size
    assert metrics.scores() == whole.figures()
    assert (metrics.compute().confusion == whole.confusion).all()
    for name, values in metrics.compute().per_utterance().items():
        assert torch.equal(values.nan_to_num(nan=-1.0), whole.per_utterance()[name].nan_to_num(nan=-1.0))


@pytest.mark.parametrize("processes", [2, 3])
def test_figures_do_not_depend_on_the_number_of_processes(processes):
    """The last process fills its batch up with an utterance once more, as samplers do."""
    references, hypotheses = utterances(2, 10)
    whole = scored(references, hypotheses, PHONES)
    replicas = [PhonemeMetrics(10, PHONES) for _ in range(processes)]
    for rank, replica in enumerate(replicas):
        places = [*range(rank, 10, processes)]
        filling = -(-10 // processes) - len(places)
        places += [0] * filling
        items = [place if number < len(places) - filling else -1 for number, place in enumerate(places)]
        replica.update(
            [hypotheses[place] for place in places],
            batch([references[place] for place in places], items, [item >= 0 for item in items]),
        )
    for replica in replicas[1:]:
        replicas[0].merge_state(replica)
    assert replicas[0].scores() == whole.figures()
    assert (replicas[0].compute().confusion == whole.confusion).all()


def test_states_are_whole_numbers_that_are_summed():
    metrics = PhonemeMetrics(2, ("a", "b")).half()
    assert {state.dtype for state in (metrics.counts, metrics.confusion)} == {torch.int64}
    assert all(reduce is torch.sum or "sum" in reduce.__name__ for reduce in metrics._reductions.values())


def test_a_reset_forgets_and_scores_are_copies():
    metrics = PhonemeMetrics(1, ("a", "b"))
    metrics.update([[2]], batch([[1]]))
    before = metrics.compute()
    metrics.reset()
    metrics.update([[1]], batch([[1]]))
    assert (before.edits, metrics.compute().edits) == (1, 0)


def test_after_folding_phones_that_count_as_one_are_no_edits():
    folding = FoldedBy({"a": "A", "b": "A", "c": "C", "q": None})
    scores = scored([[1, 4, 3], [4]], [[2, 3], [3, 4]], ("a", "b", "c", "q"), folding)
    assert scores.phones == ("A", "C") and scores.confusion.shape == (3, 3)
    assert (scores.references, scores.edits, scores.insertions) == (2, 1, 1)
    assert scores.figures()["phoneme_error_rate"] == 0.5


def test_phones_that_are_folded_stay_as_many_as_they_are():
    scores = scored([[1, 2]], [[1]], ("a", "b"), FoldedBy({"a": "A", "b": "A"}))
    assert (scores.references, scores.deletions) == (2, 1)


@pytest.mark.parametrize(
    ("hypotheses", "made", "message"),
    [
        ([[1]], {"references": [[1], [1]]}, "1 for a batch of 2"),
        ([[3]], {"references": [[1]]}, "item 0: symbol 3 is not one of 1 ... 2"),
        ([[0]], {"references": [[1]]}, "item 0: symbol 0"),
        ([[1]], {"references": [[5]]}, "item 0: symbol 5"),
        ([[1]], {"references": [[1]], "items": [2]}, "item: 2 is not one of 0 ... 1"),
    ],
)
def test_what_cannot_be_scored_is_refused_and_changes_nothing(hypotheses, made, message):
    metrics = PhonemeMetrics(2, ("a", "b"))
    with pytest.raises(ValueError, match=message):
        metrics.update(hypotheses, batch(**made))
    assert int(metrics.counts.sum()) == int(metrics.confusion.sum()) == 0


def test_a_set_without_utterances_is_refused():
    with pytest.raises(ValueError, match="utterances: 0"):
        PhonemeMetrics(0, ("a",))
