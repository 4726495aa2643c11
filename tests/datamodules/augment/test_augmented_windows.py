"""Windows are augmented alike on any number of processes, and depend on run, epoch, recording and window alone."""

from itertools import pairwise

import numpy as np
import pytest
from jsonargparse import ArgumentParser

from datamodules.augment import (
    Gain,
    Mix,
    Noise,
    PitchShift,
    Polarity,
    item_seeds,
)
from datamodules.batches import EvaluationSet
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.shards.index import SplitIndex
from datamodules.windows.loaders import EvaluationLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from tests.datamodules.augment.sweeps import (
    EVERYTHING,
    HOP,
    RATE,
    WINDOW,
    contents,
    decibels,
    loader,
    peak,
    plain_reader,
    reader,
    shards,
    whole_epoch,
)


def added(directory, streams=4, group=2):
    """Track and what was added, for every window that lies within its track."""
    mixed = whole_epoch(reader(directory, Mix((6, 6)), streams=streams, group=group))
    plain = PooledReader(WindowReader(SplitIndex([directory], "train"), WINDOW, Windows()), 0, streams, group)
    return mixed, (mixed.signal.double() - whole_epoch(plain).signal.double()).numpy()


@pytest.mark.parametrize(("streams", "group"), [(4, 2), (12, 1), (2, 6)])
def test_the_partner_is_of_another_track_and_has_the_drawn_level(tones, streams, group):
    mixed, rests = added(tones, streams, group)
    frequencies, levels = [500, 700, 900, 1100], [0.3, 0.1, 0.05, 0.2]
    partners, powers = set(), []
    for track, rest in zip(mixed.track.tolist(), rests, strict=True):
        if (rest**2).mean() < 1:
            continue  # the silent half of the last track
        heard = min(range(4), key=lambda k: abs(frequencies[k] - peak(rest)))
        assert abs(frequencies[heard] - peak(rest)) < 40
        assert heard != track
        partners.add((track, heard))
        if track != 3 and heard != 3:
            powers.append(decibels((levels[track] * 32768) ** 2 / 2 / (rest**2).mean()))
    assert len(partners) >= 8
    # A record is steady here, so that the level of most windows is that of their record but for a period cut off.
    assert np.median(powers) == pytest.approx(6, abs=0.1)


def test_labels_of_a_mixture_stay_those_of_the_window(tones):
    mixed, _ = added(tones)
    plain = whole_epoch(plain_reader(tones))
    assert np.array_equal(mixed.f0, plain.f0) and np.array_equal(mixed.track, plain.track)


def test_a_single_track_cannot_be_mixed(tmp_path):
    with pytest.raises(DataError, match=r"data\.augment: Mix.*only one"):
        reader(shards(tmp_path / "one", (500, 0, 2.5)), Mix((0, 6)))


# Loaders


def expected_contents(directory, epoch=0):
    return contents([loader(reader(directory, *EVERYTHING), epoch=epoch)])


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
def test_windows_are_augmented_alike_whatever_ranks_workers_messages_and_resume(tones, ranks, workers):
    reference = expected_contents(tones)
    start = 16 * 11
    for begin in (0, start):
        found = contents(
            loader(reader(tones, *EVERYTHING), rank, ranks, workers, 16 // ranks, start=begin) for rank in range(ranks)
        )
        assert len(found) == (len(reference) if begin == 0 else len(reference) - start)
        assert all(reference[key] == content for key, content in found.items())


def test_windows_are_augmented_alike_in_messages_of_any_size(tones):
    whole, parts = whole_epoch(reader(tones, *EVERYTHING)), reader(tones, *EVERYTHING)
    for low, high in ((0, 1), (1, 100), (100, 107), (107, 900)):
        part = parts.read(0, np.arange(low, high))
        for field in ("signal", "f0", "valid", "track", "frame", "seed"):
            assert np.array_equal(getattr(part, field), getattr(whole, field)[low:high])


def test_another_epoch_another_run_and_another_place_in_the_list_draw_anew(tones):
    changing = [Noise((0, 20)), PitchShift((-2, 2))]
    for one in changing:
        first, again, later, other = (
            contents([loader(reader(tones, one, seed=seed), epoch=epoch)])
            for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))
        )
        assert first == again
        for else_ in (later, other):
            shared = first.keys() & else_.keys()
            assert len(shared) > 900
            differ = [key for key in shared if first[key][0] != else_[key][0]]
            assert len(differ) > 0.8 * len(shared)


def test_seeds_of_windows_are_those_of_run_epoch_track_and_frame(tones):
    for batch in loader(plain_reader(tones), epoch=3):
        expected = item_seeds(0, 3, batch.track.numpy(), batch.frame.numpy())
        assert np.array_equal(batch.seed.numpy(), expected)


def test_nothing_is_changed_where_nothing_is_asked_for(tones):
    off = [PitchShift((-2, 2), p=0), Mix((0, 6), p=0), Noise((0, 6), p=0), Gain((-6, 6), p=0), Polarity(p=0)]
    assert contents([loader(reader(tones, *off))]) == contents([loader(plain_reader(tones))])


def test_every_augmentation_changes_training_and_none_evaluation(tones):
    data = MelodyData(
        WINDOW, train=[str(tones)], validation={"tones": str(tones)}, batch_size=16, augment=list(EVERYTHING)
    )
    plain = MelodyData(WINDOW, train=[str(tones)], validation={"tones": str(tones)}, batch_size=16)
    changed, unchanged = contents([data.train_dataloader()]), contents([plain.train_dataloader()])
    assert changed.keys() == unchanged.keys()
    assert sum(changed[key][0] != unchanged[key][0] for key in changed) > 0.9 * len(changed)
    for one, other in zip(data.val_dataloader()[0], plain.val_dataloader()[0], strict=True):
        assert one.seed is None and np.array_equal(one.signal, other.signal)


def test_evaluation_batches_have_no_seeds(tones):
    index = SplitIndex([tones], "validation")
    named = EvaluationSet("tones", index.tracks, RATE, HOP)
    batches = list(EvaluationLoader(WindowReader(index, WINDOW, Windows()), named, 64, 0, 1, 0))
    assert len(batches) > 4 and all(batch.seed is None for batch in batches)


def test_a_recipe_names_augmentations_by_their_classes(tones):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(MelodyData, "data")
    configuration = parser.parse_object(
        {
            "data": {
                "window": WINDOW,
                "train": [str(tones)],
                "augment": [
                    {"class_path": "datamodules.augment.PitchShift", "init_args": {"semitones": [-2, 2]}},
                    {"class_path": "datamodules.augment.Mix", "init_args": {"snr_db": [6, 20], "p": 0.3}},
                    {"class_path": "datamodules.augment.Noise", "init_args": {"snr_db": [5, 30], "colour": "pink"}},
                    {"class_path": "datamodules.augment.Gain", "init_args": {"db": [-6, 6]}},
                    {"class_path": "datamodules.augment.Polarity"},
                ],
            }
        }
    )
    data = parser.instantiate(configuration).data
    kinds = [PitchShift, Mix, Noise, Gain, Polarity]
    assert [type(augmentation) for augmentation in data.augmentations.chain] == kinds
    assert next(iter(data.train_dataloader())).signal.shape == (32, WINDOW)


def test_the_power_of_a_record_leaves_out_what_lies_beyond_the_track(tones):
    index = SplitIndex([tones], "train")
    cut = WindowReader(index, WINDOW, Windows())
    plan = PooledReader(cut, 0, 1, len(index)).plan(0)
    pool = cut.pool(plan.group(0, 0))
    expected = np.array([0.3, 0.1, 0.05])
    for record, power in zip(pool.records, pool.power, strict=True):
        if index.track[record] < 3:
            level = np.sqrt(2 * power) / 32768
            assert level == pytest.approx(expected[index.track[record]], rel=0.01)


def test_records_of_a_track_follow_each_other_in_the_test_data(glides):
    """What the tests of labels rest on: a track has several records of a second, permuted."""
    index = SplitIndex([glides], "train")
    starts = [sorted(index.start[index.track == track].tolist()) for track in (0, 1)]
    assert starts == [[0, 100, 200]] * 2
    assert any(b - a != 100 for a, b in pairwise(index.start.tolist()))
