import pickle

import numpy as np
import pytest
from jsonargparse import ArgumentParser
from numpy.testing import assert_array_equal

from datamodules.corpora import Corpus, SyntheticMelody
from datamodules.errors import DataError


def corpus(recordings=None, seconds=2.0, **options):
    return SyntheticMelody(recordings or {"train": 3, "validation": 2}, seconds, **options)


def by_id(made):
    return {recording.id: recording for recording in made.recordings()}


def cents_off(recording):
    """Deviation of a pure tone from its truth, by x(n-1) + x(n+1) = 2 cos(w) x(n), at samples far from its zeros."""
    audio, truth = recording.audio.read(), recording.truth.read()
    samples = audio.samples.astype(np.float64)
    f0 = truth.at(np.arange(len(samples)) / audio.rate)
    sure = (np.abs(samples[1:-1]) > 0.03) & (f0[:-2] > 0) & (f0[2:] > 0)
    cosine = (samples[:-2] + samples[2:])[sure] / (2.0 * samples[1:-1][sure])
    measured = np.arccos(cosine.clip(-1.0, 0.999999)) * audio.rate / (2.0 * np.pi)
    return 1200.0 * np.log2(measured / f0[1:-1][sure])


def test_ids_splits_and_groups():
    made = corpus().recordings()
    assert [recording.id for recording in made] == [
        "train_00000",
        "train_00001",
        "train_00002",
        "validation_00000",
        "validation_00001",
    ]
    assert [recording.split for recording in made] == ["train"] * 3 + ["validation"] * 2
    assert all(recording.group == recording.id for recording in made)


def test_audio_and_truth_have_the_stated_length():
    recording = corpus(seconds=1.5, rate=8000).recordings()[0]
    audio, truth = recording.audio.read(), recording.truth.read()
    assert audio.rate == 8000
    assert audio.samples.shape == (12000,)
    assert audio.samples.dtype == np.float32
    assert truth.times[0] == 0.0
    assert truth.times[-1] == pytest.approx(1.5)


def test_what_is_heard_is_the_truth():
    for recording in corpus({"train": 4}, harmonics=1, lowest_note=60.0, vibrato_cents=30.0).recordings():
        cents = cents_off(recording)
        assert len(cents) > 4000
        assert np.abs(np.median(cents)) < 0.02
        assert np.mean(np.abs(cents) < 10.0) > 0.9  # the rest is in attacks, where the amplitude changes


def test_silence_where_unvoiced():
    for recording in corpus(rest_probability=0.5).recordings():
        audio, truth = recording.audio.read(), recording.truth.read()
        f0 = truth.at(np.arange(len(audio.samples)) / audio.rate)
        assert_array_equal(audio.samples[f0 == 0], 0.0)


@pytest.mark.parametrize("options", [{}, {"accompaniment_db": -6.0, "snr_db": 20.0}])
def test_is_reproducible(options):
    for one, other in zip(corpus(**options).recordings(), corpus(**options).recordings(), strict=True):
        assert_array_equal(one.audio.read().samples, other.audio.read().samples)
        assert_array_equal(one.truth.read().f0, other.truth.read().f0)
        assert one.audio.fingerprint() == other.audio.fingerprint()


def test_recordings_and_splits_differ():
    sounds = [recording.audio.read().samples for recording in corpus().recordings()]
    for number, one in enumerate(sounds):
        assert not any(np.array_equal(one, other) for other in sounds[:number])


def test_a_split_that_grows_or_a_new_one_changes_no_other():
    small, grown = by_id(corpus()), by_id(corpus({"test": 1, "validation": 2, "train": 4}))
    assert set(grown) - set(small) == {"test_00000", "train_00003"}
    for name, recording in small.items():
        assert_array_equal(recording.audio.read().samples, grown[name].audio.read().samples)
        assert recording.audio.fingerprint() == grown[name].audio.fingerprint()


def test_accompaniment_and_noise_leave_the_truth_alone():
    clean, full = corpus().recordings()[0], corpus(accompaniment_db=0.0, snr_db=10.0).recordings()[0]
    assert_array_equal(clean.truth.read().f0, full.truth.read().f0)
    difference = full.audio.read().samples - clean.audio.read().samples
    assert np.sqrt(np.mean(difference**2)) > 0.05


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"harmonics": 3}, {"rate": 8000}, {"snr_db": 3.0}, {"highest_note": 80.0}, {"seconds": 3.0}]
)
def test_fingerprints_change_with_the_parameters(change):
    one = corpus().recordings()[0]
    other = corpus(**change).recordings()[0]
    assert one.audio.fingerprint() != other.audio.fingerprint()
    assert one.audio.fingerprint() != corpus().recordings()[1].audio.fingerprint()


def test_can_be_pickled():
    recording = pickle.loads(pickle.dumps(corpus())).recordings()[0]
    copy = pickle.loads(pickle.dumps(recording))
    assert_array_equal(copy.audio.read().samples, corpus().recordings()[0].audio.read().samples)


def test_can_be_configured():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--corpus", type=Corpus)
    options = {"recordings": {"train": 2}, "seconds": 1, "notes_per_second": [1, 2], "snr_db": None}
    parsed = parser.parse_object(
        {"corpus": {"class_path": "datamodules.corpora.SyntheticMelody", "init_args": options}}
    )
    made = parser.instantiate(parsed).corpus
    assert made.notes_per_second == (1.0, 2.0)
    assert len(made.recordings()) == 2


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"recordings": {"train": 0}}, "recordings"),
        ({"recordings": {"train": 2, "test": -1}}, "recordings"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": np.inf}, "seconds"),
        ({"rate": 0}, "rate"),
        ({"harmonics": 0}, "harmonics"),
        ({"seed": -1}, "seed"),
        ({"snr_db": np.nan}, "snr_db"),
        ({"accompaniment_db": np.inf}, "accompaniment_db"),
        ({"vibrato_cents": -1.0}, "vibrato_cents"),
        ({"lowest_note": np.nan}, "lowest_note"),
        ({"lowest_note": 90.0}, "highest_note"),
        ({"highest_note": 127.0}, "highest_note"),
        ({"notes_per_second": (0.0, 1.0)}, "notes_per_second"),
        ({"notes_per_second": (3.0, 1.0)}, "notes_per_second"),
        ({"glide_probability": 1.1}, "glide_probability"),
        ({"rest_probability": -0.1}, "rest_probability"),
    ],
)
def test_impossible_options_are_named(options, key):
    with pytest.raises(DataError, match=f"SyntheticMelody: {key} = "):
        corpus(**options)


def test_a_split_name_that_cannot_name_files_is_refused():
    with pytest.raises(DataError, match="recording id 'my train_00000'"):
        corpus({"my train": 1}).recordings()
