"""Batches of whole utterances: their plan, and the loaders that deliver it."""

from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.augment import item_seeds
from datamodules.batches import ClipBatch, UtteranceSet
from datamodules.errors import DataError
from datamodules.loading import pack, unpack
from datamodules.utterances.loaders import UtteranceEvaluationLoader, UtteranceLoader
from datamodules.utterances.plan import Batching, EpochLayout, evaluation_batches, training_batches
from datamodules.utterances.reader import UtteranceReader

few = st.lists(st.integers(1, 5000), min_size=1, max_size=30)
many = st.integers(31, 600).flatmap(lambda n: st.lists(st.integers(1, 5000), min_size=n, max_size=n))
lengths_of_sets = st.one_of(few, many, st.builds(lambda n: [700] * n, st.integers(1, 200))).map(np.array)


@st.composite
def sets(draw):
    """Lengths of utterances, and how they are put into batches that the longest fits into."""
    lengths = draw(lengths_of_sets)
    capacity = draw(st.one_of(st.none(), st.integers(int(lengths.max()), 40 * int(lengths.max()))))
    return lengths, Batching(draw(st.integers(1, 40)), capacity, draw(st.integers(1, 20)), draw(st.integers(1, 8)))


def durations(utterances, seed=0):
    """Samples at 16 kHz of as many utterances as a corpus of read books has: most of 12 to 16 s, a tail down to 1.5."""
    random = np.random.default_rng(seed)
    seconds = np.where(
        random.random(utterances) < 0.72, random.normal(14.2, 1.3, utterances), random.uniform(1.5, 13, utterances)
    )
    return (np.clip(seconds, 1.4, 24) * 16000).astype(np.int64)


def padded(batches, lengths):
    """Padded length of batches relative to what they hold."""
    return sum(lengths[batch].max() * batch.size for batch in batches) / sum(lengths[batch].sum() for batch in batches)


def steps(batches, ranks):
    """What `ranks` processes train on together."""
    return [batches[low : low + ranks] for low in range(0, len(batches) - ranks + 1, ranks)]


@settings(max_examples=150, deadline=None)
@given(sets(), st.integers(0, 3))
def test_every_utterance_is_in_one_batch_and_no_batch_is_too_large(case, epoch):
    lengths, batching = case
    batches = training_batches(EpochLayout(lengths, batching), seed=1, epoch=epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(lengths.size))
    for batch in batches:
        assert 1 <= batch.size <= batching.batch_size
        assert batching.capacity is None or lengths[batch].max() * batch.size <= batching.capacity


@settings(max_examples=60, deadline=None)
@given(sets(), st.integers(0, 9), st.integers(0, 9))
def test_every_epoch_has_as_many_batches(case, seed, epoch):
    layout = EpochLayout(*case)
    assert len(training_batches(layout, seed, epoch)) == layout.batches


@settings(max_examples=100, deadline=None)
@given(sets(), st.sampled_from([1, 2, 4, 8]), st.integers(0, 3))
def test_the_batches_of_a_step_are_of_one_bucket(case, ranks, epoch):
    lengths, batching = case[0], case[1]._replace(block=8)
    layout = EpochLayout(lengths, batching)
    batches = training_batches(layout, seed=0, epoch=epoch)
    descending, left = np.sort(lengths)[::-1], layout.last.utterances
    edges = [(descending[b.first + b.utterances + left - 1], descending[b.first]) for b in layout.buckets]
    for step in steps(batches[: len(batches) - len(layout.last_sizes)], ranks):
        held = lengths[np.concatenate(step)]
        assert any(low <= held.min() and held.max() <= high for low, high in edges)
        assert len({batch.size for batch in step}) == 1
    assert len(layout.last_sizes) <= 9


@pytest.mark.parametrize("capacity", [None, 320 * 16000])
def test_few_seconds_are_padding(capacity):
    lengths, batching = durations(5000), Batching(32, capacity)
    batches = training_batches(EpochLayout(lengths, batching), 0, 0)
    order = np.random.default_rng(0).permutation(lengths.size)
    plainly = padded(np.array_split(order, lengths.size // 32), lengths)
    assert padded(batches, lengths) < 1.08 < 1.35 < plainly


def test_the_durations_of_a_step_are_those_of_a_bucket():
    lengths, batching = durations(20000), Batching(8, buckets=10)
    batches = training_batches(EpochLayout(lengths, batching), 0, 0)
    rank = np.empty(lengths.size)
    rank[np.argsort(-lengths)] = np.arange(lengths.size)
    for step in steps(batches[: len(batches) // 8 * 8], 8):
        assert np.ptp(rank[np.concatenate(step)]) < 20000 / 10 + 3 * 64, "a tenth, and what rounding to blocks adds"


def test_buckets_come_in_no_order():
    lengths = durations(5000)
    batches = training_batches(EpochLayout(lengths, Batching(8)), 0, 0)
    longest = [lengths[np.concatenate(block)].max() for block in steps(batches, 8)]
    assert abs(np.corrcoef(np.arange(len(longest)), longest)[0, 1]) < 0.3


@settings(max_examples=30, deadline=None)
@given(st.integers(40, 400), st.integers(2, 16))
def test_another_epoch_and_another_seed_give_other_batches(utterances, batch_size):
    layout = EpochLayout(durations(utterances), Batching(batch_size))

    def batches(seed, epoch):
        return [batch.tolist() for batch in training_batches(layout, seed, epoch)]

    assert batches(0, 0) == batches(0, 0)
    together = [{frozenset(batch) for batch in batches(*at)} for at in ((0, 0), (0, 1), (1, 0))]
    assert together[0] != together[1] and together[0] != together[2]


def test_clips_of_one_length_are_plainly_permuted_into_full_batches():
    layout = EpochLayout(np.full(300, 16000), Batching(16, capacity=20 * 16000))
    batches = training_batches(layout, 0, 0)
    assert sorted(batch.size for batch in batches) == [14, 14] + [16] * 17
    assert len(layout.buckets) == 1
    last = [training_batches(layout, 0, epoch)[-1] for epoch in range(200)]
    assert np.unique(np.concatenate(last)).size == 300, "any clip may come last"
    assert np.mean([np.ptp(batch) for batch in last]) > 200, "with any others"


@pytest.mark.parametrize("lengths", [np.full(100, 5), durations(100), durations(76)])
def test_no_utterance_is_left_out_in_all_epochs(lengths):
    layout = EpochLayout(lengths, Batching(4))
    trained = []
    for epoch in range(60):
        batches = training_batches(layout, 0, epoch)
        trained.append(np.concatenate(batches[: len(batches) // 8 * 8]))
    assert all(each.size < lengths.size for each in trained)
    assert np.unique(np.concatenate(trained)).size == lengths.size


@pytest.mark.parametrize("utterances", [30, 500])
def test_one_very_long_utterance_costs_few_batches(utterances):
    lengths = np.array([2] * utterances + [30])
    batches = training_batches(EpochLayout(lengths, Batching(16, capacity=32)), 0, 0)
    assert len(batches) <= -(-utterances // 16) + 9


def test_no_batch_is_tiny():
    for utterances in range(17, 400):
        sizes = [b.size for b in training_batches(EpochLayout(np.full(utterances, 9), Batching(16)), 0, 0)]
        assert min(sizes) >= 8


@settings(max_examples=150, deadline=None)
@given(lengths_of_sets, st.integers(1, 9), st.integers(1, 40), st.one_of(st.none(), st.integers(1, 20000)))
def test_evaluation_gives_every_utterance_once_and_every_rank_as_many_batches(lengths, ranks, batch_size, capacity):
    batching = Batching(batch_size, capacity)
    plans = [evaluation_batches(lengths, batching, rank, ranks) for rank in range(ranks)]
    assert len({len(plan) for plan in plans}) == 1
    seen = [batch for plan in plans for batch in plan if batch.size]
    assert sorted(np.concatenate(seen).tolist()) == list(range(lengths.size))
    assert sum(len(plan) for plan in plans) - len(seen) < ranks
    for batch in seen:
        assert batch.size <= batching.batch_size
        assert batch.size == 1 or capacity is None or lengths[batch].max() * batch.size <= capacity


def test_evaluation_batches_are_of_neighbours_by_length():
    lengths = durations(1000)
    assert padded(evaluation_batches(lengths, Batching(32), 0, 1), lengths) < 1.03


class Numbered(UtteranceReader):
    """Utterance r is r, as often as it is long; its label says which epoch's seed it came with."""

    has_truth = True

    def __init__(self, lengths):
        super().__init__(SimpleNamespace(index=SimpleNamespace(refuse_changed=bool), lengths=lengths))

    def prefetch(self, records):
        pass

    def read(self, records, seeds=None):
        if 13 in records and self.lengths.size == 14:
            raise DataError("utterance 13 is unreadable")
        audio = torch.zeros(len(records), int(self.lengths[records].max()), dtype=torch.int16)
        for row, record in zip(audio, records, strict=True):
            row[: self.lengths[record]] = int(record)
        label = torch.zeros(len(records), dtype=torch.int64)
        seed = None if seeds is None else torch.from_numpy(seeds)
        item = torch.from_numpy(np.array(records))
        return ClipBatch(audio, torch.from_numpy(self.lengths[records]), label, item >= 0, item, seed)


def test_a_message_is_one_tensor_and_gives_back_its_batches():
    random = torch.Generator().manual_seed(0)
    sent = [
        ClipBatch(
            torch.randint(-9, 9, (size, 7), dtype=torch.int16, generator=random),
            torch.arange(size),
            torch.zeros(size, 0, dtype=torch.int64),
            torch.arange(size) % 2 == 0,
            torch.rand(size, 3, 5, generator=random),
        )
        for size in (1, 3, 2)
    ]
    message = pack(sent)
    assert not any(isinstance(field, torch.Tensor) for batch in message.batches for field in batch)
    for batch, received in zip(sent, unpack(message), strict=True):
        assert isinstance(received, ClipBatch) and received[5:] == (None, None)
        for one, other in zip(batch[:5], received[:5], strict=True):
            assert one.dtype == other.dtype and torch.equal(one, other)


LENGTHS = np.random.default_rng(0).integers(1, 60, 130)
BATCHING = Batching(4, capacity=150, buckets=3, block=8)


def delivered(ranks, workers=0, epoch=0, start=0, lengths=LENGTHS):
    """The batches of all ranks, in the order of the sequence."""
    layout = EpochLayout(lengths, BATCHING)
    loaders = [
        UtteranceLoader(Numbered(lengths), layout, 5, rank, ranks, workers, lambda: (epoch, start))
        for rank in range(ranks)
    ]
    per_rank = [list(loader) for loader in loaders]
    assert {len(batches) for batches in per_rank} == {(layout.batches - start) // ranks}
    assert all(len(loader) == layout.batches // ranks for loader in loaders)
    return [batches[step] for step in range(len(per_rank[0])) for batches in per_rank]


def same(one, other):
    return all(
        torch.equal(a, b)
        for batch, likewise in zip(one, other, strict=True)
        for a, b in zip(batch[:6], likewise[:6], strict=True)
    )


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("ranks", "workers"), [(1, 1), (1, 2), (2, 0), (2, 2), (3, 0), (3, 1), (4, 0), (4, 2), (8, 0), (8, 1)]
)
def test_the_sequence_is_the_same_for_any_ranks_and_workers(ranks, workers):
    alone = delivered(1)
    together = delivered(ranks, workers)
    assert len(alone) - len(together) < ranks
    assert same(alone[: len(together)], together)


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (2, 2), (4, 0)])
def test_an_epoch_continues_where_it_stopped_on_other_ranks(ranks, workers):
    rest = delivered(1, epoch=2)[12:]
    assert same(rest[: len(rest) // ranks * ranks], delivered(ranks, workers, epoch=2, start=12))


def test_nothing_is_left_of_an_epoch_that_is_complete():
    assert delivered(1, start=EpochLayout(LENGTHS, BATCHING).batches) == []


def test_a_loader_goes_on_with_the_epoch_it_is_told():
    epochs = iter([(0, 0), (1, 0)])
    loader = UtteranceLoader(Numbered(LENGTHS), EpochLayout(LENGTHS, BATCHING), 5, 0, 1, 2, lambda: next(epochs))
    assert same(list(loader), delivered(1)) and same(list(loader), delivered(1, epoch=1))


def test_items_have_the_seeds_of_their_epoch():
    for epoch in (0, 1):
        for batch in delivered(2, 1, epoch=epoch):
            records = batch.item.numpy()
            assert batch.seed.tolist() == item_seeds(5, epoch, records, np.zeros_like(records)).tolist()


def test_an_unreadable_utterance_is_named():
    named = UtteranceSet("mine", [str(number) for number in range(14)], ["a"], 100, 1)
    loader = UtteranceEvaluationLoader(Numbered(np.full(14, 3)), named, BATCHING, 0, 1, 0)
    with pytest.raises(DataError, match="utterance 13 is unreadable"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_may_be_left_in_the_middle(workers):
    loader = UtteranceLoader(Numbered(LENGTHS), EpochLayout(LENGTHS, BATCHING), 5, 0, 1, workers)
    first = next(iter(loader))
    assert same([first, *delivered(1)[1:]], list(loader))


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (2, 0), (2, 2), (7, 0)])
def test_evaluation_scores_every_utterance_once_and_fills_up_with_invalid_items(ranks, workers):
    named = UtteranceSet("mine", [str(number) for number in range(LENGTHS.size)], ["a"], 100, 1)
    loaders = [UtteranceEvaluationLoader(Numbered(LENGTHS), named, BATCHING, r, ranks, workers) for r in range(ranks)]
    per_rank = [list(loader) for loader in loaders]
    assert {len(batches) for batches in per_rank} == {len(loader) for loader in loaders} == {len(per_rank[0])}
    items = []
    for batch in chain(*per_rank):
        assert batch.evaluation is named and batch.seed is None
        assert ((batch.item >= 0) == batch.valid).all()
        items += batch.item[batch.valid].tolist()
        for audio, length, item in zip(batch.audio, batch.lengths, batch.item.tolist(), strict=True):
            if item >= 0:
                assert length == LENGTHS[item] and (audio[:length] == item).all() and (audio[length:] == 0).all()
    assert sorted(items) == list(range(LENGTHS.size))
