"""Excerpts of stored spectrograms: those of the whole recording's, in training and in evaluation, or refused."""

import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from architectures import HCNN, DeepSalience
from architectures.spectrogram.harmonics import Harmonics
from datamodules.augment import Gain
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.shards.format import Grid
from datamodules.shards.index import SplitIndex
from datamodules.windows import loaders, reader
from datamodules.windows.compatibility import SpectrogramShape
from datamodules.windows.cut import WindowAudio, WindowSpectrogram
from datamodules.windows.loaders import TrainingLoader, message_windows
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from tests.datamodules.windows.spectrogram_shards import (
    FRAMES,
    HOP,
    KINDS,
    RATE,
    SHAPES,
    melody,
    noise,
    prepared,
    refused,
)


@pytest.fixture(scope="module")
def wholes():
    """For each kind, the spectrograms of the whole recordings, `(frames, channels, bins)` uint16."""

    def whole(kind, frames):
        samples = np.clip(np.rint(noise(frames).samples.astype(np.float64) * 32768), -32768, 32767)
        spectrum = kind.compute((samples / 32768).astype(np.float32), RATE, HOP)[..., :frames]
        return np.rint(spectrum * 65535).astype(np.uint16).transpose(2, 0, 1)

    return {name: [whole(kind, frames) for frames in FRAMES] for name, kind in KINDS.items()}


def excerpt(whole, frame, frames, context):
    """The rows around some label frames, zeros where the track has none."""
    cut = np.zeros((frames + 2 * context, *whole.shape[1:]), np.uint16)
    for row, time in enumerate(range(frame - context, frame + frames + context)):
        if 0 <= time < len(whole):
            cut[row] = whole[time]
    return cut


def assert_cut_from(wholes, batch, frames, context):
    """Signal and labels of a batch are those of its tracks."""
    assert batch.signal.dtype == torch.uint16 and batch.signal.shape[1] == frames + 2 * context
    for signal, f0, valid, track, frame in zip(
        batch.signal.numpy(), batch.f0, batch.valid, batch.track.tolist(), batch.frame.tolist(), strict=True
    ):
        np.testing.assert_array_equal(signal, excerpt(wholes[track], frame, frames, context))
        there = max(min(len(wholes[track]) - frame, frames), 0)
        assert f0[:there].tolist() == [100.0 + frame + t for t in range(there)]
        assert valid.tolist() == [t < there for t in range(frames)]


both_kinds = pytest.mark.parametrize("kind", list(KINDS))
all_windows = pytest.mark.parametrize(("frames", "context"), [(1, 0), (1, 5), (10, 0), (10, 5), (11, 10)])


@both_kinds
@all_windows
@pytest.mark.parametrize("gathered", [0, 1 << 30], ids=["one by one", "at once"])
def test_training_excerpts_are_cut_from_the_whole_recordings(
    shards, wholes, monkeypatch, kind, frames, context, gathered
):
    monkeypatch.setattr(reader, "GATHERED", gathered)
    met = []
    for batch in melody(shards[kind], kind, frames, context).train_dataloader():
        assert_cut_from(wholes[kind], batch, frames, context)
        met.append((int(batch.track), int(batch.frame)))
    assert sorted(met) == [(track, frame) for track, n in enumerate(FRAMES) for frame in range(0, n, frames)]


@both_kinds
@all_windows
def test_evaluation_meets_every_frame_once_in_excerpts_of_the_whole_recordings(shards, wholes, kind, frames, context):
    (loader,) = melody(shards[kind], kind, frames, context).val_dataloader()
    seen = []
    for batch in loader:
        assert_cut_from(wholes[kind], batch, frames, context)
        times = batch.frame[:, None] + torch.arange(frames)
        seen += [(int(batch.track[0]), int(t)) for t in times[batch.valid]]
    assert seen == [(track, t) for track, n in enumerate(FRAMES) for t in range(n)]
    assert all(one < other for one, other in pairwise(seen))


def test_whole_recordings_as_one_record_each_give_the_same_excerpts(tmp_path, wholes):
    prepared(tmp_path, KINDS["one channel"], segment=None)
    batches = [*melody(tmp_path, frames=10, context=5).train_dataloader()]
    assert len(batches) == sum(-(-frames // 10) for frames in FRAMES)
    for batch in batches:
        assert_cut_from(wholes["one channel"], batch, 10, 5)


def test_excerpts_that_only_fill_a_rank_up_are_empty_and_not_valid(shards):
    index = SplitIndex([shards["one channel"]], "validation")
    filling = WindowReader(index, 11, Windows(), WindowSpectrogram(1, 36)).room(1)
    assert filling.signal.shape == (1, 11, 1, 36) and not filling.signal.any() and not filling.valid.any()


def training(directory, rank=0, ranks=1, workers=0, batch_size=4, start=0):
    cut = WindowReader(SplitIndex([directory], "train"), 14, Windows(4, 3), WindowSpectrogram(3, 24))
    return TrainingLoader(PooledReader(cut, 0, 4, 2), batch_size, rank, ranks, workers, lambda: (0, start))


def steps(directory, ranks, workers, start=0):
    """For each step the excerpts of all ranks: place, seed and content of each."""
    per_rank = [
        [
            set(zip(b.track.tolist(), b.frame.tolist(), b.seed.tolist(), map(bytes, b.signal.numpy()), strict=True))
            for b in training(directory, rank, ranks, workers, batch_size=12 // ranks, start=start)
        ]
        for rank in range(ranks)
    ]
    return [set().union(*batches) for batches in zip(*per_rank, strict=True)]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("message_bytes", [1 << 14, 1 << 24], ids=["small messages", "one message"])
def test_order_and_excerpts_do_not_depend_on_ranks_workers_or_messages(
    shards, monkeypatch, ranks, workers, message_bytes
):
    directory = shards["three channels"]
    reference = steps(directory, 1, 0)
    assert len(reference) == sum(-(-frames // 3) for frames in FRAMES) // 12
    monkeypatch.setattr(loaders, "MESSAGE_BYTES", message_bytes)
    assert steps(directory, ranks, workers) == reference
    assert steps(directory, ranks, workers, start=5 * 12) == reference[5:]


@pytest.mark.parametrize(
    ("batch_size", "excerpt_bytes", "windows"),
    [(32, 2048, 4096), (1000, 2048, 5000), (5000, 2048, 5000), (32, 100_000, 160), (1024, 100_000, 1024)],
)
def test_a_message_has_thousands_of_short_windows_and_few_large_ones(batch_size, excerpt_bytes, windows):
    assert message_windows(batch_size, excerpt_bytes) == windows


def test_messages_are_bounded_by_the_bytes_of_what_the_reader_serves(shards, monkeypatch):
    monkeypatch.setattr(loaders, "MESSAGE_BYTES", 10 * 14 * 3 * 24 * 2)
    assert training(shards["three channels"], batch_size=4).message == 8
    assert training(shards["three channels"], batch_size=40).message == 40


def hcnn():
    return HCNN(width=24, channels=1, bins=36, frames=3, context=2, bins_per_semitone=1, filters=2, kernels=(1, 3))


def deep_salience():
    return DeepSalience(24, 3, 24, frames=4, bins_per_semitone=1, capacity=2, harmonics=Harmonics())


@pytest.mark.parametrize(("build", "kind"), [(hcnn, "one channel"), (deep_salience, "three channels")])
def test_networks_get_the_excerpts_that_they_are_made_for(shards, build, kind):
    network = build()
    shape = SpectrogramShape(network.channels, network.bins, bins_per_semitone=1)
    data = melody(shards[kind], kind, network.frames, network.context, spectrogram=shape, batch_size=5)
    for loader in (data.train_dataloader(), *data.val_dataloader()):
        signal = next(iter(loader)).signal[:5]
        assert signal.shape == (5, network.window, network.channels, network.bins)
        logits = network(signal.float().div(65535).permute(0, 2, 1, 3))
        assert logits.shape == (5, network.frames, network.width)


def test_windows_that_need_more_context_than_stored_are_refused_by_the_recipes_key(shards):
    assert len(melody(shards["one channel"], frames=11, context=10).train_dataloader())
    refused(
        r"window of 32 .* over 12 .*0\.200 s; .*context: 0\.210 ", melody(shards["one channel"], frames=12, context=10)
    )
    refused(r"window of 43 .*context: 0\.210 or more", melody(shards["one channel"], frames=1, context=21))


@pytest.mark.parametrize("window", [20, 6, 4])
def test_windows_with_more_context_on_one_side_or_less_than_none_are_refused(shards, window):
    directory = str(shards["one channel"])
    data = MelodyData(window, 7, train=[directory], validation={"mine": directory}, spectrogram=SHAPES["one channel"])
    refused(rf"data\.window: {window} frames .* 7 label frames", data)


@pytest.mark.parametrize("hop", [80, 93, 441])
@pytest.mark.parametrize("frames", [1, 6])
@pytest.mark.parametrize("signal", [WindowAudio(), WindowSpectrogram(1, 36)], ids=["audio", "spectrogram"])
def test_the_context_that_a_refusal_advises_is_enough(signal, frames, hop):
    for rate in (8000, 16000, 44100):
        for context in range(1, 30):
            part = dict(frames=np.array([5]), track=np.array([0]), track_frames=np.array([9]))
            bare = SimpleNamespace(directory="data", grid=Grid(rate, hop, 0, 0), **part)
            window = frames + 2 * context if isinstance(signal, WindowSpectrogram) else 37 * context
            with pytest.raises(DataError, match=r"context: ") as caught:
                signal.cut(bare, window, frames)
            advised = float(re.search(r"context: ([0-9.]+) ", str(caught.value))[1])
            enough = SimpleNamespace(directory="data", grid=Grid(rate, hop, 0, round(advised * rate)), **part)
            assert signal.cut(enough, window, frames).step in (1, hop)


def test_augmentations_beside_a_spectrogram_are_refused(shards):
    with pytest.raises(DataError, match=r"data\.augment: changes audio, but the network reads a spectrogram"):
        melody(shards["one channel"], augment=[Gain((-3.0, 3.0))])
