"""Shards whose records are whole tracks need no context for windows of any length: beyond the tracks is silence."""

import numpy as np
import pytest

from datamodules import MelodyData, SyntheticMelody
from datamodules.augment import Noise
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex

HOP, RATE, FRAMES, WINDOW = 80, 8000, 100, 12_345
MARGIN = WINDOW // 2 - (FRAMES - 1) * HOP // 2  # samples before the first label frame


def shards(folder, segment, context=0.1):
    corpus = SyntheticMelody({"train": 3, "validation": 1}, 1.7, RATE, harmonics=4, seed=3)
    prepare(ShardRecipe(corpus, str(folder), rate=RATE, hop=HOP, segment=segment, context=context, audio="i16"))
    return str(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return shards(tmp_path_factory.mktemp("whole"), segment=10.0)


def data(folder, **options):
    sets = {"mine": folder}
    return MelodyData(WINDOW, FRAMES, [folder], sets, batch_size=2, streams=1, group=3, **options)


def track(folder, split, number):
    """The samples of a whole track, and its f0."""
    index = SplitIndex([folder], split)
    (record,) = np.flatnonzero(index.track == number).tolist()
    frames = int(index.frames[record])
    assert frames == index.track_frames[number]
    return index.read_audio(record)[index.grid.context :], index.read_f0(record)[:frames]


def expected(samples, frame):
    """The window about the label frames from one on, zeros where the track is not."""
    about = np.pad(samples, WINDOW)
    begin = WINDOW + frame * HOP - MARGIN
    return about[begin : begin + WINDOW]


def test_windows_longer_than_what_is_stored_are_those_of_the_track_between_zeros(whole):
    batches = list(data(whole).train_dataloader())
    assert batches
    for batch in batches:
        for row in range(len(batch.signal)):
            samples, f0 = track(whole, "train", int(batch.track[row]))
            frame = int(batch.frame[row])
            np.testing.assert_array_equal(batch.signal[row], expected(samples, frame))
            mine = f0[frame : frame + FRAMES]
            assert int(batch.valid[row].sum()) == len(mine)
            np.testing.assert_array_equal(batch.f0[row][batch.valid[row]], mine)


def test_evaluation_reads_them_too(whole):
    samples, f0 = track(whole, "validation", 0)
    seen = []
    for batch in data(whole).val_dataloader()[0]:
        for row in np.flatnonzero(batch.valid.any(1)):
            np.testing.assert_array_equal(batch.signal[row], expected(samples, int(batch.frame[row])))
            seen.append(batch.f0[row][batch.valid[row]].numpy())
    np.testing.assert_array_equal(np.concatenate(seen), f0)


def test_levels_are_those_of_the_record_without_the_zeros(whole):
    reader = data(whole, augment=[Noise((10.0, 10.0))]).training_reader
    pool = reader.reader.pool(reader.plan(0).group(0, 0))
    for slot, record in enumerate(pool.records):
        index = SplitIndex([whole], "train")
        samples, _ = track(whole, "train", int(index.track[record]))
        frames = index.frames[record]
        power = np.mean(np.square(samples[: frames * HOP], dtype=np.float64))
        assert pool.power[slot] == pytest.approx(power)


def test_parts_of_tracks_still_need_what_lies_about_them(tmp_path):
    with pytest.raises(DataError, match=r"prepare them with context: 1\.\d+ or more"):
        data(shards(tmp_path / "parts", segment=1.0)).train_dataloader()
