import pickle

import numpy as np
import pytest
from jsonargparse import ArgumentParser
from numpy.testing import assert_array_equal

from datamodules.corpora import Corpus, Instruments, SteadyTimbres, SyntheticPhrases
from datamodules.errors import DataError


def corpus(recordings=None, seconds=3.0, **options):
    return SyntheticPhrases(recordings or {"train": 3, "validation": 2}, seconds, **options)


def read(made):
    return [(recording.audio.read(), recording.truth.read()) for recording in made.recordings()]


def test_ids_splits_and_groups():
    made = corpus().recordings()
    assert [recording.id for recording in made][2:4] == ["train_00002", "validation_00000"]
    assert [recording.split for recording in made] == ["train"] * 3 + ["validation"] * 2
    assert all(recording.group == recording.id for recording in made)


def test_what_is_heard_is_the_truth(cents_off):
    cents = np.concatenate([cents_off(*each, np.arange(0.1, 4.9, 0.23)) for each in read(corpus({"train": 12}, 5.0))])
    assert len(cents) > 60
    assert np.abs(np.median(cents)) < 1.0
    assert np.mean(np.abs(cents) < 12.0) > 0.95


def test_registers_have_their_shares():
    shares = ((30.0, 60.0, 0.5), (200.0, 400.0, 0.0), (800.0, 1600.0, 1.5))
    medians = []
    for recording in corpus({"train": 80}, registers=shares).recordings():
        f0 = recording.truth.read().f0
        if (f0 > 0).any():
            medians.append(np.median(f0[f0 > 0]))
    medians = np.array(medians)
    assert np.all((medians < 70.0) | (medians > 700.0))
    assert 0.1 < (medians < 70.0).mean() < 0.4


def test_registers_reach_from_double_basses_to_piccolos_by_default():
    f0 = np.concatenate([recording.truth.read().f0 for recording in corpus({"train": 100}).recordings()])
    voiced = f0[f0 > 0]
    for lowest, highest in (
        (28.0, 60.0),
        (60.0, 110.0),
        (110.0, 220.0),
        (220.0, 440.0),
        (440.0, 880.0),
        (880.0, 2400.0),
    ):
        assert ((voiced >= lowest) & (voiced < highest)).mean() > 0.03
    assert voiced.min() > 26.0 and voiced.max() < 2400.0


def test_silence_where_unvoiced():
    for audio, truth in read(corpus()):
        f0 = truth.at(np.arange(len(audio.samples)) / audio.rate)
        assert len(audio.samples) == 48000
        assert_array_equal(audio.samples[f0 == 0], 0.0)


@pytest.mark.parametrize("options", [{}, {"accompaniment_db": (-20.0, -6.0), "snr_db": (20.0, 40.0)}])
def test_is_reproducible_and_a_split_that_grows_changes_nothing(options):
    small, grown = corpus(**options).recordings(), corpus({"validation": 2, "train": 4}, **options).recordings()
    for one, other in ((small[0], grown[0]), (small[4], grown[5])):
        assert one.id == other.id
        assert_array_equal(one.audio.read().samples, other.audio.read().samples)
        assert one.audio.fingerprint() == other.audio.fingerprint()


def test_accompaniment_and_noise_leave_voice_and_truth_alone_and_have_their_levels():
    clean = read(corpus({"train": 3}))
    for key, level in (("accompaniment_db", -12.0), ("snr_db", 12.0)):
        for (alone, truth), (full, same) in zip(
            clean, read(corpus({"train": 3}, **{key: (level, level)})), strict=True
        ):
            assert_array_equal(truth.f0, same.f0)
            added = full.samples - alone.samples
            sounding = np.abs(added) > 0
            assert np.sqrt(np.mean(added[sounding] ** 2)) == pytest.approx(0.1 * 10.0**-0.6, rel=0.05)


def test_a_share_is_accompanied():
    alone, full = (
        read(corpus({"train": 12}, 0.5)),
        read(corpus({"train": 12}, 0.5, accompaniment_db=(0, 0), accompanied=0.5)),
    )
    same = [np.array_equal(one.samples, other.samples) for (one, _), (other, _) in zip(alone, full, strict=True)]
    assert 2 < sum(same) < 10


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"rate": 8000},
        {"snr_db": (3.0, 4.0)},
        {"registers": ((100.0, 200.0, 1.0),)},
        {"timbres": SteadyTimbres(80)},
        {"timbres": Instruments(40)},
    ],
)
def test_fingerprints_change_with_the_parameters(change):
    low = {"registers": ((100.0, 200.0, 0.5),)}
    one, other = corpus(**low).recordings()[0], corpus(**{**low, **change}).recordings()[0]
    assert one.audio.fingerprint() != other.audio.fingerprint()
    assert one.audio.fingerprint() == corpus(**low, timbres=Instruments()).recordings()[0].audio.fingerprint()


def test_can_be_pickled():
    recording = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(corpus())).recordings()[0]))
    assert_array_equal(recording.audio.read().samples, corpus().recordings()[0].audio.read().samples)


def test_can_be_configured():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--corpus", type=Corpus)
    options = {
        "recordings": {"train": 2},
        "registers": [[40, 80, 1]],
        "snr_db": [20, 30],
        "timbres": {"class_path": "datamodules.Instruments", "init_args": {"harmonics": 20}},
    }
    parsed = parser.parse_object({"corpus": {"class_path": "datamodules.SyntheticPhrases", "init_args": options}})
    made = parser.instantiate(parsed).corpus
    assert made.registers == [(40.0, 80.0, 1.0)]
    assert made.timbres == Instruments(harmonics=20)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"recordings": {"train": 0}}, "recordings"),
        ({"seconds": np.inf}, "seconds"),
        ({"registers": []}, "registers"),
        ({"registers": [(100.0, 200.0, 0.0)]}, "registers"),
        ({"registers": [(100.0, 200.0, -1.0), (1.0, 2.0, 2.0)]}, "registers"),
        ({"registers": [(200.0, 100.0, 1.0)]}, "registers"),
        ({"registers": [(0.0, 100.0, 1.0)]}, "registers"),
        ({"rate": 4000}, "registers"),
        ({"accompanied": 1.1}, "accompanied"),
        ({"accompaniment_db": (0.0, -1.0)}, "accompaniment_db"),
        ({"snr_db": (0.0, np.nan)}, "snr_db"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_options_are_named(options, key):
    with pytest.raises(DataError, match=f"SyntheticPhrases: {key} = "):
        corpus(**options)
