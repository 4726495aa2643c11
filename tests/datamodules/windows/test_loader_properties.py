"""What holds for any set, cut into any batches for any number of ranks and workers: on loaders over real shards."""

import functools
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datamodules.batches import EvaluationSet
from datamodules.shards.index import SplitIndex
from datamodules.windows.loaders import EvaluationLoader, TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader

RANKS = (1, 2, 3, 4, 8)
WINDOW = 8
TRACK = 3000  # more than a track has frames; thirty tracks have an f0 below the highest that is taken


class Corpus(NamedTuple):
    """The same contours as training and as validation tracks."""

    contours: list[np.ndarray]
    segment: int
    training: SplitIndex
    validation: SplitIndex


class Order(NamedTuple):
    """What an order of training may depend on."""

    records: int
    longest: int
    windows: Windows
    streams: int
    group: int


def draw_contours(records, longest):
    """Tracks of altogether `records` records, many of them cut short, and the frames of a whole one.

    A frame's f0 tells its track and time, or is 0.
    """
    rng = np.random.default_rng([records, longest])
    segment = int(rng.integers(1, longest + 1))
    contours, left = [], records
    while left:
        mine = int(rng.integers(1, min(left, 4) + 1))
        time = np.arange((mine - 1) * segment + rng.integers(1, segment + 1))
        contours.append(np.where(rng.random(time.size) < 0.6, 1.0 + time + TRACK * len(contours), 0.0))
        left -= mine
    return contours, segment


@pytest.fixture(scope="session")
def corpus_of(prepare_contours, tmp_path_factory):
    """The set of a number of records, up to `longest` frames each; written when it is first asked for."""

    @functools.cache
    def corpus(records, longest):
        contours, segment = draw_contours(records, longest)
        directory = prepare_contours(tmp_path_factory.mktemp("set"), segment, train=contours, validation=contours)
        return Corpus(contours, segment, SplitIndex([directory], "train"), SplitIndex([directory], "validation"))

    return corpus


SIZES = [*range(1, 31)]
ANY_WINDOWS = st.builds(Windows, st.integers(1, 4), st.integers(1, 5), st.booleans())


def orders(records=SIZES, windows=ANY_WINDOWS):
    """Orders of sets with records of one frame, and of sets of which an epoch is several messages of a worker."""
    return st.builds(
        Order,
        st.sampled_from(records),
        longest=st.sampled_from([1, 12, 200]),
        windows=windows,
        streams=st.sampled_from([1, 2, 3, 7, 64]),
        group=st.integers(1, 4),
    )


ranks_of_a_run = st.sampled_from(RANKS)
batch_sizes = st.integers(1, 9) | st.integers(10, 70)


def numbers(batch):
    """One number for each window: its track and first frame."""
    return (batch.track * TRACK + batch.frame).numpy()


def all_windows(corpus, windows):
    """Numbers of the training windows of a set, by the definition of `Windows`, in order of time."""
    return [
        track * TRACK + start
        for track, f0 in enumerate(corpus.contours)
        for start in range(0, f0.size, windows.stride)
        if not windows.voiced_only
        or f0[start : min(start + windows.frames, (start // corpus.segment + 1) * corpus.segment)].any()
    ]


def training(corpus, order, batch_size, rank=0, ranks=1, workers=0, epoch=0, start=0):
    reader = PooledReader(
        WindowReader(corpus.training, WINDOW, order.windows), seed=1, streams=order.streams, group=order.group
    )
    return TrainingLoader(reader, batch_size, rank, ranks, workers, lambda: (epoch, start))


def deliver(loaders):
    """Windows of all ranks' loaders as training meets them: step after step, one window of each rank in turn."""
    per_rank = [[numbers(batch) for batch in loader] for loader in loaders]
    assert len({len(batches) for batches in per_rank}) == 1, "ranks differ in their number of batches"
    assert {batch.size for batches in per_rank for batch in batches} <= {loaders[0].batch_size}
    return np.array(per_rank, np.int64).transpose(1, 2, 0).ravel() if per_rank[0] else np.zeros(0, np.int64)


def run(corpus, order, ranks, batch_size, **options):
    return deliver([training(corpus, order, batch_size, rank, ranks, **options) for rank in range(ranks)])


def sequence(corpus, order, epoch=0):
    """All windows of an epoch, as one batch of one process."""
    total = len(all_windows(corpus, order.windows))
    return run(corpus, order, ranks=1, batch_size=total, epoch=epoch) if total else np.zeros(0, np.int64)


@settings(max_examples=100, deadline=None)
@given(orders(), st.integers(0, 3))
def test_an_epoch_holds_every_window_once(corpus_of, order, epoch):
    corpus = corpus_of(order.records, order.longest)
    assert sorted(sequence(corpus, order, epoch)) == all_windows(corpus, order.windows)


@pytest.mark.long
@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(orders(), ranks_of_a_run, batch_sizes, st.integers(0, 2))
def test_ranks_and_batches_only_cut_the_sequence_and_leave_out_less_than_a_step(
    corpus_of, order, ranks, batch_size, epoch
):
    corpus = corpus_of(order.records, order.longest)
    got = run(corpus, order, ranks, batch_size, epoch=epoch)
    whole = sequence(corpus, order, epoch)
    assert np.array_equal(got, whole[: got.size])
    assert whole.size - got.size < ranks * batch_size


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(orders(), ranks_of_a_run, batch_sizes, st.data())
def test_an_epoch_continues_from_any_place(corpus_of, order, ranks, batch_size, data):
    corpus = corpus_of(order.records, order.longest)
    whole = sequence(corpus, order)
    start = data.draw(st.integers(0, whole.size), label="start")
    got = run(corpus, order, ranks, batch_size, start=start)
    assert np.array_equal(got, whole[start : start + got.size])
    assert 0 <= whole.size - start - got.size < ranks * batch_size


@pytest.mark.long
@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(orders(windows=st.just(Windows())))
def test_every_epoch_has_another_order(corpus_of, order):
    corpus = corpus_of(order.records, order.longest)
    first = sequence(corpus, order, 0)
    assume(first.size >= 12)  # fewer windows have so few orders that two epochs may agree by chance
    assert not np.array_equal(first, sequence(corpus, order, 1))


@settings(max_examples=50, deadline=None)
@given(orders(), ranks_of_a_run, batch_sizes)
def test_labels_are_those_of_the_frames(corpus_of, order, ranks, batch_size):
    corpus = corpus_of(order.records, order.longest)
    for batch in training(corpus, order, batch_size, ranks - 1, ranks):
        for track, frame, f0, valid in zip(batch.track, batch.frame, batch.f0, batch.valid, strict=True):
            truth = corpus.contours[track][frame : frame + order.windows.frames]
            assert f0.numpy() == pytest.approx(np.pad(truth, (0, order.windows.frames - truth.size)), rel=1e-6)
            assert int(valid.sum()) == truth.size


MANY = Order(30, 1000, Windows(), streams=7, group=2)  # several messages even where two workers share them


ONE_RECORD = Order(1, 12, Windows(), streams=64, group=8)
SMALL = Order(9, 12, Windows(3, 2, voiced_only=True), streams=3, group=1)


@pytest.mark.parametrize(
    ("order", "batch_size", "ranks", "workers"),
    [(MANY, 3, 1, 1), (MANY, 3, 1, 2), (MANY, 3, 3, 2), (ONE_RECORD, 1, 4, 2), (SMALL, 2, 2, 1), (SMALL, 2, 3, 2)],
    ids=lambda value: None if isinstance(value, int) else f"{value.records} records",
)
def test_workers_only_cut_the_sequence(corpus_of, order, batch_size, ranks, workers):
    corpus = corpus_of(order.records, order.longest)
    whole = sequence(corpus, order)
    got = run(corpus, order, ranks, batch_size, workers=workers)
    assert np.array_equal(got, whole[: got.size])
    assert whole.size - got.size < ranks * batch_size


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_persistent_workers_follow_epochs_that_end_early(corpus_of, workers):
    """As an epoch does that `max_steps` or a limit of batches cuts short."""
    corpus = corpus_of(MANY.records, MANY.longest)
    epochs = iter(range(3))
    loader = training(corpus, MANY, 16, workers=workers)
    loader.begin = lambda: (next(epochs), 0)
    for _, batch in zip(range(3), loader, strict=False):
        first = numbers(batch)
    assert np.array_equal(first, sequence(corpus, MANY, 0)[32:48])
    for epoch in (1, 2):
        got = deliver([loader])
        assert np.array_equal(got, sequence(corpus, MANY, epoch)[: got.size])


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("ranks", [1, 3])
def test_fewer_windows_than_a_step_give_no_batch(corpus_of, ranks, workers):
    order = Order(4, 12, Windows(), streams=64, group=8)
    corpus = corpus_of(order.records, order.longest)
    total = len(all_windows(corpus, order.windows))
    exactly, too_many = total // ranks, total // ranks + 1
    loaders = [training(corpus, order, too_many, rank, ranks, workers) for rank in range(ranks)]
    assert [len(loader) for loader in loaders] == [0] * ranks
    assert [list(loader) for loader in loaders] == [[]] * ranks
    assert run(corpus, order, ranks, exactly, workers=workers).size == exactly * ranks


def evaluation(corpus, chunk, frames, rank=0, ranks=1, workers=0):
    reader = WindowReader(corpus.validation, WINDOW, Windows(frames, frames))
    named = EvaluationSet("mine", corpus.validation.tracks, rate=100, hop=1)
    return EvaluationLoader(reader, named, chunk, rank, ranks, workers)


def scored_frames(batch):
    """Number and f0 of the frames that count, in the batch's order."""
    frames = batch.f0.shape[1]
    number = numbers(batch)[:, None] + np.arange(frames)
    valid = batch.valid.numpy()
    return list(zip(number[valid].tolist(), batch.f0.numpy()[valid].round().tolist(), strict=True))


def all_frames(corpus):
    return [(track * TRACK + t, round(hz)) for track, f0 in enumerate(corpus.contours) for t, hz in enumerate(f0)]


def check_evaluation(corpus, loaders):
    per_rank = [list(loader) for loader in loaders]
    assert {len(batches) for batches in per_rank} == {len(loader) for loader in loaders}
    assert len({len(batches) for batches in per_rank}) == 1, "ranks differ in their number of batches"
    seen = [[frame for batch in batches for frame in scored_frames(batch)] for batches in per_rank]
    assert sorted(frame for frames in seen for frame in frames) == all_frames(corpus)
    for batches, frames in zip(per_rank, seen, strict=True):
        assert frames == sorted(frames), "tracks come one by one, each in the order of time"
        for batch in batches:
            filling = batch.track == -1
            assert bool(((batch.track >= 0) | filling).all())
            assert bool((batch.valid.any(1) != filling).all()), "exactly what fills up is without a valid frame"
    ended = [int(batch.track[0]) for batches in per_rank for batch in batches if batch.last]
    assert sorted(ended) == list(range(len(corpus.contours)))
    tracks = [{number // TRACK for number, _ in frames} for frames in seen]
    assert sum(map(len, tracks)) == len(corpus.contours), "a track is of one rank"


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SIZES), st.sampled_from([1, 12]), ranks_of_a_run, st.integers(1, 80), st.integers(1, 4))
def test_every_frame_is_evaluated_once(corpus_of, records, longest, ranks, chunk, frames):
    corpus = corpus_of(records, longest)
    check_evaluation(corpus, [evaluation(corpus, chunk, frames, rank, ranks) for rank in range(ranks)])


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("records", "ranks", "chunk"), [(1, 3, 2), (17, 1, 7), (5, 8, 100)])
def test_every_frame_is_evaluated_once_with_workers(corpus_of, records, ranks, chunk, workers):
    corpus = corpus_of(records, 12)
    check_evaluation(corpus, [evaluation(corpus, chunk, 2, rank, ranks, workers) for rank in range(ranks)])
