"""Batches from real shards: exact, the same for any ranks and workers, aligned, and padded only where stated."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch

from datamodules import AudioFolder
from datamodules.batches import EvaluationSet
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.windows.loaders import EvaluationLoader, TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader

HOP, RATE = 80, 8000


def training(shards, rank=0, ranks=1, workers=0, batch_size=4, window=256, windows=None, start=0, epoch=0):
    reader = WindowReader(SplitIndex([shards], "train"), window, windows or Windows())
    return TrainingLoader(PooledReader(reader, 0, 4, 2), batch_size, rank, ranks, workers, lambda: (epoch, start))


def steps(shards, ranks, workers, epoch=0, **options):
    """For each step the set of (track, frame) over all ranks, and all batches in order of rank."""
    per_rank = []
    for rank in range(ranks):
        loader = training(shards, rank, ranks, workers, epoch=epoch, **options)
        per_rank.append([list(zip(b.track.tolist(), b.frame.tolist(), strict=True)) for b in loader])
        assert len(per_rank[-1]) == len(loader) - options.get("start", 0) // (ranks * loader.batch_size)
    assert len({len(batches) for batches in per_rank}) == 1
    return [frozenset(item for batches in per_rank for item in batches[k]) for k in range(len(per_rank[0]))]


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("workers", [0, 2])
def test_steps_hold_the_same_windows_whatever_ranks_and_workers(melody_shards, ranks, workers):
    reference = steps(melody_shards, 1, 0, batch_size=16)
    assert steps(melody_shards, ranks, workers, batch_size=16 // ranks) == reference


def test_an_epoch_delivers_every_window_at_most_once_and_drops_less_than_a_step(melody_shards):
    got = [item for step in steps(melody_shards, 3, 0, batch_size=7) for item in step]
    total = training(melody_shards).total
    assert len(got) == len(set(got))
    assert total - len(got) < 3 * 7


def test_another_epoch_has_another_order(melody_shards):
    assert steps(melody_shards, 1, 0, epoch=0) != steps(melody_shards, 1, 0, epoch=1)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_continues_where_it_stopped(melody_shards, ranks, workers):
    whole = steps(melody_shards, 1, 0, batch_size=8)
    rest = steps(melody_shards, ranks, workers, batch_size=8 // ranks, start=8 * 10)
    assert rest == whole[10:]


def test_excerpts_are_those_of_the_whole_track(melody_shards):
    """Rebuild each track from its records and compare every window with a slice of it."""
    index = SplitIndex([melody_shards], "train")
    tracks, contours = {}, {}
    for record in range(len(index)):
        track, start, frames = int(index.track[record]), int(index.start[record]), int(index.frames[record])
        samples = tracks.setdefault(track, np.zeros(int(index.track_frames[track]) * HOP, np.int16))
        audio = index.read_audio(record)[index.grid.context :]
        samples[start * HOP : (start + frames) * HOP] = audio[: frames * HOP]
        contours.setdefault(track, np.zeros(int(index.track_frames[track])))[start : start + frames] = index.read_f0(
            record
        )[:frames]
    window = 256
    for batch in training(melody_shards, window=window):
        for audio, f0, track, frame in zip(
            batch.signal, batch.f0, batch.track.tolist(), batch.frame.tolist(), strict=True
        ):
            low = frame * HOP - window // 2
            if low >= 0 and low + window <= len(tracks[track]):
                assert np.array_equal(audio.numpy(), tracks[track][low : low + window])
            assert f0[0] == np.float32(contours[track][frame])


def test_audio_beyond_the_ends_is_silence_and_labels_there_are_not_valid(melody_shards):
    windows = Windows(frames=4, stride=1)
    for batch in training(melody_shards, windows=windows, window=512):
        ends = batch.frame[:, None] + torch.arange(4) < 300
        assert torch.equal(batch.valid, ends)
        first = batch.signal[batch.frame == 0]
        lead = 512 // 2 - 3 * HOP // 2
        assert (first[:, :lead] == 0).all()


def test_a_track_shorter_than_a_window_is_padded_on_both_sides(tmp_path):
    (tmp_path / "recordings").mkdir()
    for name in "abc":
        soundfile.write(tmp_path / "recordings" / f"{name}.wav", np.full(400, 0.5), RATE)
    corpus = AudioFolder(str(tmp_path / "recordings"), table_suffix=None)
    shards = tmp_path / "shards"
    prepare(ShardRecipe(corpus, str(shards), RATE, HOP, context=0.1, splits={"train": 1.0}), progress=False)
    (batch,) = training(shards, batch_size=15, window=1024)
    assert sorted(batch.frame.tolist()) == sorted([0, 1, 2, 3, 4] * 3)
    for signal, frame in zip(batch.signal, batch.frame.tolist(), strict=True):
        begin = 512 - frame * HOP  # of the track's 400 samples, in the window
        assert (signal[begin : begin + 400] == 16384).all()
        assert not signal[:begin].any() and not signal[begin + 400 :].any()


def test_only_windows_with_a_voiced_frame_are_kept_on_request(melody_shards):
    everything = training(melody_shards).total
    voiced = training(melody_shards, windows=Windows(voiced_only=True))
    assert 0 < voiced.total < everything
    for batch in voiced:
        assert (batch.f0 > 0).all()


def test_windows_that_need_more_context_than_stored_are_refused_by_the_recipes_key(melody_shards):
    with pytest.raises(DataError, match=r"context: 0\.128"):
        training(melody_shards, window=2048)


def evaluation(shards, rank=0, ranks=1, workers=0, chunk=64, frames=1):
    index = SplitIndex([shards], "validation")
    reader = WindowReader(index, 256, Windows(frames, frames))
    named = EvaluationSet("mine", index.tracks, RATE, HOP)
    return EvaluationLoader(reader, named, chunk, rank, ranks, workers)


@pytest.mark.parametrize("ranks", [1, 2, 5])
@pytest.mark.parametrize("frames", [1, 7])
def test_every_frame_of_every_track_is_evaluated_once_in_time_order(melody_shards, ranks, frames):
    seen = []
    for rank in range(ranks):
        for batch in evaluation(melody_shards, rank, ranks, frames=frames):
            assert len(set(batch.track.tolist())) == 1, "a batch is of one track"
            times = batch.frame[:, None] + torch.arange(frames)
            seen += [(int(batch.track[0]), int(t)) for t in times[batch.valid]]
            assert bool((batch.track >= 0).all()) or not batch.valid.any()
    assert sorted(seen) == [(track, t) for track in range(3) for t in range(300)]
    assert all(a[1] < b[1] for a, b in pairwise(seen) if a[0] == b[0])


def test_evaluation_batches_do_not_depend_on_workers(melody_shards):
    for one, other in zip(evaluation(melody_shards), evaluation(melody_shards, workers=2), strict=True):
        assert torch.equal(one.signal, other.signal) and torch.equal(one.f0, other.f0) and one.last == other.last


def test_two_directories_are_mixed_as_one(melody_shards, make_recipe, tmp_path):
    prepare(make_recipe(tmp_path / "other", seed=5), progress=False)
    both = SplitIndex([melody_shards, tmp_path / "other"], "train")
    assert len(both) == 2 * len(SplitIndex([melody_shards], "train"))
    assert len(both.tracks) == 8
    prepare(make_recipe(tmp_path / "apart", hop=160), progress=False)
    with pytest.raises(DataError, match=r"apart.*grid"):
        SplitIndex([melody_shards, tmp_path / "apart"], "train")
