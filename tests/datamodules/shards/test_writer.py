"""What a record may hold: voices, whole recordings, features without audio, spectrograms, labels, transcripts."""

import json
import tarfile
from dataclasses import replace

import librosa
import numpy as np
import pytest
import webdataset
from numpy.testing import assert_array_equal

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.spectrograms import ConstantQ, HarmonicConstantQ
from datamodules.shards.index import SplitIndex, describe
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from tests import dataset_json
from tests.given_corpus import Given, GivenCorpus

RATE, HOP = 8000, 80


def audio(number, seconds):
    samples = np.random.default_rng(number).uniform(-0.5, 0.5, int(seconds * RATE)).astype(np.float32)
    return Given(Audio(samples, RATE))


def made(directory, recordings, **options):
    values = {"rate": RATE, "hop": HOP, "splits": {"train": 1.0}, "context": 0.1, "segment": 1.0, **options}
    recipe = ShardRecipe(GivenCorpus(recordings), str(directory), **values)
    prepare(recipe, progress=False)
    return SplitIndex([directory], "train"), recipe


def expected(source):
    return np.clip(np.rint(source.value.samples.astype(float) * 32768), -32768, 32767).astype(np.int16)


def of_track(index, name):
    return [
        int(record) for record in np.lexsort((index.start, index.track)) if index.tracks[index.track[record]] == name
    ]


def test_a_whole_recording_is_one_record_to_the_last_sample(tmp_path):
    sources = [audio(0, 0.50), audio(1, 1.2345)]
    recordings = [Recording(f"r{n}", source, None, f"r{n}") for n, source in enumerate(sources)]
    index, _ = made(tmp_path, recordings, segment=None, context=0.0)
    assert len(index) == 2
    for number, source in enumerate(sources):
        (record,) = of_track(index, f"r{number}")
        assert_array_equal(index.read_audio(record), expected(source))
        assert index.samples[record] == source.value.samples.size
        assert index.frames[record] == -(-source.value.samples.size // HOP)


@pytest.mark.parametrize("segment", [None, 1.0])
def test_raw_and_flac_members_hold_the_same_samples(tmp_path, segment):
    recordings = [Recording(f"r{n}", audio(n, 2.3), None, f"r{n}") for n in range(2)]
    raw, recipe = made(tmp_path / "raw", recordings, audio="i16", segment=segment)
    flac, _ = made(tmp_path / "flac", recordings, segment=segment)
    assert recipe.audio == "i16" and raw.holds("i16") and not raw.holds("flac") and flac.holds("flac")
    for record in range(len(raw)):
        assert_array_equal(raw.read_audio(record), flac.read_audio(record))


def test_windows_of_whole_recordings_are_those_of_cut_ones(tmp_path):
    recordings = [
        Recording(f"r{n}", audio(n, 2.337), Given(F0Series(np.arange(240) * 0.01, np.full(240, 100.0 + n))), "g")
        for n in range(2)
    ]
    whole, _ = made(tmp_path / "whole", recordings, segment=None)
    cut, _ = made(tmp_path / "cut", recordings)
    windows = []
    for index in (whole, cut):
        reader = PooledReader(WindowReader(index, 1024, Windows()), 0, 4, 2)
        got = reader.read(0, np.arange(reader.total))
        order = np.lexsort((got.frame, got.track))
        windows.append([field.numpy()[order] for field in (*got[:5], got.seed)])
    for one, other in zip(*windows, strict=True):
        assert_array_equal(one, other)


def test_several_voices_come_through_padded_to_the_most_that_sound(tmp_path):
    times = np.arange(150) * 0.01
    two = np.stack([np.full(150, 200.0), np.where(times < 0.7, 300.0, 0.0)], axis=1)
    three = np.stack([np.full(150, 110.0), np.full(150, 220.0), np.full(150, 330.0)], axis=1)
    recordings = [
        Recording(f"r{n}", audio(n, 1.5), Given(MultiF0Series(times, f0)), f"r{n}") for n, f0 in enumerate((two, three))
    ]
    index, _ = made(tmp_path, recordings)
    assert index.has_f0 and index.pitches == 3
    reader = PooledReader(WindowReader(index, 256, Windows(frames=4)), 0, 4, 2)
    got = reader.read(0, np.arange(reader.total))
    assert got.f0.shape == (reader.total, 4, 3)
    truth = {0: np.pad(two, ((0, 4), (0, 1))), 1: np.pad(three, ((0, 4), (0, 0)))}
    for track, frame, f0, valid in zip(
        got.track.tolist(), got.frame.tolist(), got.f0.numpy(), got.valid.numpy(), strict=True
    ):
        assert_array_equal(f0[valid], truth[track][frame : frame + 4][valid].astype(np.float32))


def test_a_frame_of_several_voices_is_voiced_if_any_sounds(tmp_path):
    f0 = np.zeros((100, 2))
    f0[10:20, 0], f0[15:30, 1] = 100.0, 200.0
    recording = Recording("r", audio(0, 1.0), Given(MultiF0Series(np.arange(100) * 0.01, f0)), "r")
    index, _ = made(tmp_path, [recording])
    assert_array_equal(index.voiced_frames(0), f0.any(axis=1))


def test_features_stand_in_for_audio(tmp_path):
    values = [np.random.default_rng(n).normal(size=(50 + n, 13)).astype(np.float32) for n in range(3)]
    recordings = [
        Recording(f"r{n}", None, None, f"r{n}", transcript="A B", features=Given(value))
        for n, value in enumerate(values)
    ]
    index, _ = made(tmp_path, recordings, segment=None, context=0.0, phones=["A", "B"])
    assert not index.has_audio and index.holds("feat") and index.width("feat") == (13,)
    for number, value in enumerate(values):
        (record,) = of_track(index, f"r{number}")
        assert_array_equal(index.read_features(record), value)
        assert index.frames[record] == len(value)
    with pytest.raises(DataError, match=r"train-0.*flac: the recording was prepared without audio"):
        index.read_audio(0)


def test_recordings_without_annotation_are_not_learned_from(tmp_path):
    made(tmp_path, [Recording("r", audio(0, 1.0), None, "r")])
    data = MelodyData(window=256, train=[str(tmp_path)], batch_size=4)
    with pytest.raises(DataError, match=r"data\.train: .* has recordings without annotation"):
        data.train_dataloader()


def test_features_of_another_dimension_are_refused_by_name(tmp_path):
    recordings = [
        Recording(f"r{n}", None, None, f"r{n}", features=Given(np.zeros((5, 13 + n), np.float32))) for n in range(2)
    ]
    with pytest.raises(DataError, match=r"'r1': its features have 14 dimensions, those of 'r0' have 13"):
        made(tmp_path, recordings)


@pytest.mark.parametrize("kind", [ConstantQ(octaves=5), HarmonicConstantQ(octaves=4, harmonics=[1.0, 2.0])])
def test_a_records_spectrogram_is_cut_from_that_of_the_whole_recording(tmp_path, kind):
    source = audio(0, 2.5)
    index, _ = made(tmp_path, [Recording("r", source, None, "r")], spectrogram=kind)
    whole = kind.compute(expected(source).astype(np.float32) / 32768, RATE, HOP).transpose(2, 0, 1)[:250]
    assert index.width("cqt") == whole.shape[1:]
    around = 800 // HOP
    padded = np.pad(whole, ((around, around), (0, 0), (0, 0)))
    for record in of_track(index, "r"):
        start, frames = int(index.start[record]), int(index.frames[record])
        got = index.read_spectrum(record)
        np.testing.assert_allclose(got / 65535, padded[start : start + frames + 2 * around], atol=1 / 65535)


def test_the_constant_q_is_in_decibels_below_the_recordings_maximum():
    samples = audio(0, 1.0).value.samples
    got = ConstantQ(minimum=55.0, bins_per_octave=12, octaves=5).compute(samples, RATE, HOP)
    magnitude = np.abs(librosa.cqt(samples, sr=RATE, hop_length=HOP, fmin=55.0, n_bins=60, bins_per_octave=12))
    reference = librosa.amplitude_to_db(magnitude, ref=np.max, top_db=80) / 80 + 1
    np.testing.assert_allclose(got[0], reference, atol=1e-4)


def test_silence_has_an_empty_spectrogram_and_a_bin_beyond_nyquist_is_refused():
    assert not ConstantQ(octaves=4).compute(np.zeros(RATE, np.float32), RATE, HOP).any()
    with pytest.raises(DataError, match=r"lower spectrogram\.octaves"):
        ConstantQ(octaves=8).compute(np.zeros(RATE, np.float32), RATE, HOP)
    # Centred below half the rate, but its bandwidth reaches beyond.
    highest = 0.499 * RATE
    with pytest.raises(DataError, match=r"lower spectrogram\.octaves"):
        ConstantQ(highest / 2 ** (59 / 60), octaves=1).compute(np.zeros(RATE, np.float32), RATE, HOP)


def speech(labels, transcripts):
    return [
        Recording(f"r{n}", audio(n, 0.5), None, f"r{n}", label=label, transcript=transcript)
        for n, (label, transcript) in enumerate(zip(labels, transcripts, strict=True))
    ]


def test_labels_and_transcripts_come_through(tmp_path):
    recordings = speech(["yes", "no", "yes"], ["Y EH S", "N OW", "Y EH S"])
    index, _ = made(tmp_path, recordings, segment=None, classes=["no", "yes"], phones=["EH", "N", "OW", "S", "Y"])
    assert index.labels == ("no", "yes")
    for number, recording in enumerate(recordings):
        (record,) = of_track(index, f"r{number}")
        assert index.labels[index.label[record]] == recording.label
        assert index.read_transcript(record) == recording.transcript
        assert index.symbols[record] == len(recording.transcript.split())
    description = describe(tmp_path)
    assert description["classes"] == ["no", "yes"] and description["phones"] == ["EH", "N", "OW", "S", "Y"]
    assert description["splits"]["train"]["labels"] == {"yes": 2, "no": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r'classes: the recordings have labels; state them, as in classes: \["no", "yes"\]'),
        ({"classes": ["yes"]}, r"recording 'r1': its label 'no' is not one of the recipe's classes"),
        ({"classes": ["yes", "no"], "phones": ["A"]}, r"recording 'r1': its transcript holds 'B'"),
        ({"classes": ["yes", "no", "yes"]}, r"classes: 'yes' stands there twice"),
    ],
)
def test_unknown_labels_and_symbols_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        made(tmp_path / "out", speech(["yes", "no"], ["A", "A B"]), **options)
    assert not (tmp_path / "out").exists()


def test_webdatasets_own_reader_opens_every_kind_of_record(tmp_path):
    recordings = [
        Recording(
            "r0",
            audio(0, 0.5),
            Given(F0Series(np.arange(50) * 0.01, np.full(50, 100.0))),
            "r0",
            label="a",
            transcript="x y",
        )
    ]
    options = {"segment": None, "classes": ["a"], "spectrogram": ConstantQ(octaves=4)}
    for kind in ("flac", "i16"):
        made(tmp_path / kind, recordings, audio=kind, **options)
        (sample,) = webdataset.WebDataset(str(next((tmp_path / kind).glob("*.tar"))), shardshuffle=False)
        assert {kind, "f0", "cqt", "txt", "json"} <= sample.keys()
        assert sample["txt"] == b"x y" and json.loads(sample["json"])["label"] == "a"
        assert len(np.frombuffer(sample["f0"], "<f4")) == 50


def test_a_recipe_that_has_gained_a_key_since_still_knows_its_shards(tmp_path):
    _, recipe = made(tmp_path, speech([None], ["A"]))
    path = tmp_path / "dataset.json"
    description = json.loads(path.read_bytes())
    for key in ("audio", "spectrogram", "classes", "phones"):
        del description["recipe"][key]
    dataset_json.write(path.parent, description)
    assert not prepare(recipe, progress=False).built
    with pytest.raises(DataError, match="made with audio: flac, the recipe now says i16"):
        prepare(replace(recipe, audio="i16"), progress=False)


def test_a_corpus_that_has_gained_an_option_since_still_knows_its_shards(make_recipe, tmp_path):
    recipe = make_recipe(tmp_path)
    prepare(recipe, progress=False)
    path = tmp_path / "dataset.json"
    description = json.loads(path.read_bytes())
    del description["recipe"]["corpus"]["snr_db"]
    dataset_json.write(path.parent, description)
    assert not prepare(recipe, progress=False).built


def test_tars_hold_nothing_but_plain_headers(tmp_path):
    made(tmp_path, speech([None] * 3, ["A"] * 3))
    with tarfile.open(next(tmp_path.glob("*.tar"))) as tar:
        assert all(not member.pax_headers and member.mtime == 0 for member in tar)
