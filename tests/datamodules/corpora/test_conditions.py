"""Eight conditions of every recording: what is drawn once, what changes in each, and what stays where it was."""

import json
import os
import pickle
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from jsonargparse import ArgumentParser
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora import AudioFolder, Conditions
from datamodules.corpora.base import Audio, Recording
from datamodules.corpora.conditions import NAMES
from datamodules.corpora.scenes import Interference, Scene, mono, surroundings
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from tests.given_corpus import Given, GivenCorpus

RATE = 16000
NOISE = {"sounds": ["noise"]}


def sound(number, seconds=1.5, rate=RATE):
    """Bursts of a tone with silence before, between and behind, at a level of its own."""
    times = np.arange(round(seconds * rate)) / rate
    envelope = np.sin(np.pi * np.clip((times % 0.4 - 0.1) / 0.2, 0, 1)) ** 2
    return (0.02 * (1 + number) * envelope * np.sin(2 * np.pi * (300 + 70 * number) * times)).astype(np.float32)


def recording(number, **changes):
    truth = F0Series(np.arange(150) * 0.01, np.full(150, 300.0 + 70 * number))
    given = {"group": f"speaker{number % 3}", "split": "validation", "metadata": {"file": f"{number}.wav"}}
    audio = changes.pop("audio", Audio(sound(number), RATE))
    return Recording(f"r{number}", Given(audio), Given(truth), **{**given, **changes})


def base(count=6):
    return GivenCorpus([recording(number) for number in range(count)])


def made(corpus=None, **options):
    return {each.id: each for each in Conditions(corpus or base(), **options).recordings()}


def heard(found, name):
    return found[name].audio.read().samples.astype(float)


def apart(part, whole):
    """How much of a sound is something else than another one at some level, dB."""
    rest = whole - part * (part @ whole) / (part @ part)
    return 10 * np.log10((part @ whole) ** 2 / (part @ part) / (rest @ rest))


def test_every_recording_is_there_eight_times_and_keeps_what_it_is():
    found = made()
    assert len(found) == 48
    assert set(NAMES) == {
        *("clean", "scene", "room", "microphone", "scene_room", "scene_microphone", "room_microphone"),
        "scene_room_microphone",
    }
    for number, name in product(range(6), NAMES):
        each = found[f"r{number}_{name}"]
        assert (each.group, each.split) == (f"speaker{number % 3}", "validation")
        assert each.metadata["file"] == f"{number}.wav"
        assert (each.metadata["recording"], each.metadata["condition"]) == (f"r{number}", name)
        assert ("snr_db" in each.metadata) == ("scene" in name) == ("sounds" in each.metadata)
        assert ("reverberation" in each.metadata) == ("room" in name)
        assert ("low_pass" in each.metadata) == ("microphone" in name)
        json.dumps(each.metadata)


def test_the_truth_is_that_of_the_recording():
    corpus = base()
    found = made(corpus)
    for each in corpus.recordings():
        for name in NAMES:
            assert found[f"{each.id}_{name}"].truth is each.truth


def test_all_conditions_have_the_same_level_length_and_rate():
    for each in made().values():
        audio = each.audio.read()
        assert audio.rate == RATE and audio.samples.shape == (24000,) and audio.samples.dtype == np.float32
        assert 10 * np.log10((audio.samples.astype(float) ** 2).mean()) == pytest.approx(-26, abs=0.001)
    quiet = made(level_db=-40.0)["r0_scene"].audio.read().samples
    assert 10 * np.log10((quiet.astype(float) ** 2).mean()) == pytest.approx(-40, abs=0.001)


def test_clean_is_the_recording_itself():
    found = made()
    for number in range(6):
        assert apart(sound(number).astype(float), heard(found, f"r{number}_clean")) > 100


def test_a_scene_has_its_signal_to_noise_ratio():
    """White noise is as strong where the recording is silent as elsewhere."""
    found = made(snr_db=[(5.0, 15.0)], exponent=(0.0, 0.0), **NOISE)
    for number in range(6):
        voice, whole = sound(number).astype(float), heard(found, f"r{number}_scene")
        noise = (whole[voice == 0] ** 2).mean()
        ratio = 10 * np.log10(((whole**2).mean() - noise) / noise)
        assert ratio == pytest.approx(found[f"r{number}_scene"].metadata["snr_db"], abs=0.4)


@pytest.mark.parametrize("snr_db", [-6.0, 3.0, 20.0])
def test_the_sounds_of_a_scene_have_the_level_that_is_asked_for_in_sum_and_the_same_one_each(snr_db):
    voice = sound(3)
    sounds = tuple(Interference(Given(Audio(sound(number, 0.7), RATE)), 0.3, 0.0, (1, number)) for number in (1, 5))
    points, diffuse = surroundings(voice, RATE, Scene(snr_db, (*sounds, Interference(None, 0.0, 1.5, (1, 2)))))
    assert points.shape == (2, voice.size) and diffuse.shape == voice.shape
    total = points.sum(axis=0, dtype=float) + diffuse
    assert 10 * np.log10((voice.astype(float) ** 2).sum() / (total**2).sum()) == pytest.approx(snr_db, abs=0.001)
    powers = [(part.astype(float) ** 2).mean() for part in (*points, diffuse)]
    assert_allclose(powers, powers[0], rtol=1e-4)


def test_ratios_are_drawn_from_every_range():
    corpus = GivenCorpus([recording(number, audio=Audio(np.ones(10, np.float32), RATE)) for number in range(600)])
    drawn = [
        each.metadata["snr_db"]
        for each in made(corpus, conditions=["scene"], snr_db=[(-6, 2), (10, 12), (30, 30)]).values()
    ]
    counts = [np.count_nonzero((np.array(drawn) >= low) & (drawn <= np.float64(high))) for low, high in
              ((-6, 2), (10, 12), (30, 30))]  # fmt: skip
    assert sum(counts) == 600 and min(counts) > 150


def test_other_recordings_are_of_another_group_and_the_same_split():
    others = [recording(number, split="train" if number % 2 else "validation") for number in range(12)]
    corpus = GivenCorpus(others)
    by_source = {id(each.audio): each for each in others}
    kinds = set()
    for each in made(corpus, conditions=["scene"]).values():
        for one in each.audio.scene.sounds:
            kinds.add(one.recording is None)
            if one.recording is not None:
                other = by_source[id(one.recording)]
                assert other.group != each.group and other.split == each.split
    assert kinds == {True, False}


def test_every_factor_is_drawn_once_for_a_recording():
    found = made(base(3))
    for number in range(3):
        sources = {name: found[f"r{number}_{name}"].audio for name in NAMES}
        for factor in ("scene", "room", "microphone"):
            drawn = [getattr(source, factor) for name, source in sources.items() if factor in name]
            assert len(drawn) == 4 and all(one == drawn[0] for one in drawn)
            absent = [getattr(source, factor) for name, source in sources.items() if factor not in name]
            assert absent == [None] * 4
    assert len({found[f"r{number}_room"].audio.room for number in range(3)}) == 3


def test_the_noise_of_a_scene_is_the_same_before_the_filter_and_behind_the_room():
    wide_open = {"high_pass": (20.0, 20.0), "low_pass": (1e5, 1e5)}
    found = made(snr_db=[(0.0, 0.0)], exponent=(0.0, 0.0), **wide_open, **NOISE)
    for number in range(6):
        scene, recorded, room, both = (
            heard(found, f"r{number}_{name}") for name in ("scene", "scene_microphone", "room", "scene_room")
        )
        assert apart(scene, recorded) > 25, "the filter passes everything but what is near 20 Hz"
        before = slice(0, 1500)  # the first burst
        assert np.abs(room[before]).max() < 1e-4
        assert apart(scene[before], both[before]) > 60


def test_other_recordings_sound_in_the_room_and_noise_does_not():
    options = {"snr_db": [(0.0, 0.0)], "reverberation": (1.0, 1.0), "direct_db": (-3.0, -3.0)}
    dry = made(sounds=["recordings"], **options)
    for number in range(3):
        recordings = dry[f"r{number}_scene_room"].audio
        points, diffuse = surroundings(sound(number), RATE, recordings.scene)
        assert (diffuse == 0).all()
        untouched = points.sum(axis=0)
        assert apart(untouched, heard(dry, f"r{number}_scene_room")) < 6


@pytest.mark.parametrize("name", NAMES)
def test_no_condition_moves_the_sound_in_time(name):
    generator = np.random.default_rng(0)
    bursts = [
        np.repeat(generator.random(30) < 0.3, 800) * generator.normal(0, 0.1, 24000).astype(np.float32)
        for _ in range(6)
    ]
    found = made(GivenCorpus([recording(number, audio=Audio(each, RATE)) for number, each in enumerate(bursts)]))
    for number, voice in enumerate(bursts):
        whole = heard(found, f"r{number}_{name}")
        likeness = np.fft.irfft(np.fft.rfft(whole, 48000) * np.conj(np.fft.rfft(voice, 48000)))
        assert likeness.argmax() == 0


def test_the_microphone_takes_what_is_below_and_above():
    audio = Audio(np.random.default_rng(0).standard_normal(64000).astype(np.float32) * 0.05, RATE)
    corpus = GivenCorpus([recording(0, audio=audio)])
    found = made(corpus, conditions=["clean", "microphone"])
    drawn = found["r0_microphone"].metadata
    assert 50 <= drawn["high_pass"] <= 300 and 3400 <= drawn["low_pass"] <= 7500
    ratio = np.abs(np.fft.rfft(heard(found, "r0_microphone"))) / np.abs(np.fft.rfft(heard(found, "r0_clean")))
    hertz = np.fft.rfftfreq(64000, 1 / RATE)
    level = {
        at: 20 * np.log10(np.median(ratio[(hertz > 0.95 * at) & (hertz < 1.05 * at)]))
        for at in (drawn["high_pass"] / 2, drawn["high_pass"], 1000.0, drawn["low_pass"])
    }
    half, lower, middle, upper = level.values()
    assert lower - middle == pytest.approx(-3, abs=0.5) == upper - middle and half - middle < -10


def test_same_seed_same_bytes_whichever_conditions_are_chosen():
    whole, some = made(), made(conditions=["scene_room_microphone", "scene"])
    assert len(some) == 12
    for name, each in some.items():
        assert_array_equal(each.audio.read().samples, whole[name].audio.read().samples)
        assert each.audio.fingerprint() == whole[name].audio.fingerprint()
        assert_array_equal(pickle.loads(pickle.dumps(each.audio)).read().samples, each.audio.read().samples)
    other = made(seed=1)
    for name in ("scene", "room", "microphone"):
        assert other[f"r1_{name}"].audio.fingerprint() != whole[f"r1_{name}"].audio.fingerprint()
        assert not np.array_equal(heard(other, f"r1_{name}"), heard(whole, f"r1_{name}"))
    assert other["r1_clean"].audio.fingerprint() == whole["r1_clean"].audio.fingerprint()


def test_fingerprints_tell_conditions_recordings_and_sounds_apart():
    corpus, options = base(), {"sounds": ["recordings"]}
    found = made(corpus, **options)
    assert len({each.audio.fingerprint() for each in found.values()}) == 48
    louder = GivenCorpus([recording(n, audio=Audio(sound(n) * (1 + (n == 4)), RATE)) for n in range(6)])
    after = made(louder, **options)
    differ = {name for name, each in found.items() if each.audio.fingerprint() != after[name].audio.fingerprint()}
    source = corpus.recordings()[4].audio
    beside = {
        name for name, each in found.items()
        if each.audio.scene and any(one.recording is source for one in each.audio.scene.sounds)
    }  # fmt: skip
    assert beside and differ == beside | {f"r4_{name}" for name in NAMES}


def test_a_recording_is_decoded_once_for_all_its_conditions():
    corpus = base()
    found = Conditions(corpus, **NOISE).recordings()
    for each in found:
        each.audio.read()
    assert {each.audio.reads for each in corpus.recordings()} <= {0, 1}
    kept, rate = mono(corpus.recordings()[5].audio)
    assert rate == RATE and corpus.recordings()[5].audio.reads <= 1
    assert_array_equal(kept, sound(5))


def test_channels_are_mixed_and_other_rates_resampled():
    stereo = np.stack([sound(0), -0.5 * sound(0)], axis=1)
    corpus = GivenCorpus(
        [recording(0, audio=Audio(stereo, RATE)), recording(1, audio=Audio(sound(1, rate=22050), 22050))]
    )
    found = made(corpus, conditions=["clean", "scene"], sounds=["recordings"])
    assert apart(sound(0).astype(float), heard(found, "r0_clean")) > 100
    scene = found["r0_scene"].audio.scene
    (point, *_), _ = surroundings(sound(0), RATE, scene)
    spectrum = np.abs(np.fft.rfft(point.astype(float)))
    assert np.fft.rfftfreq(point.size, 1 / RATE)[spectrum.argmax()] == pytest.approx(370, abs=6)
    assert found["r1_scene"].audio.read().rate == 22050


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conditions": ["loud"]}, "conditions.*scene_room_microphone are expected"),
        ({"conditions": []}, "conditions"),
        ({"conditions": ["room", "room"]}, "conditions.*twice"),
        ({"snr_db": [(3.0, 1.0)]}, "snr_db.*lower end first"),
        ({"snr_db": []}, "snr_db"),
        ({"sounds": ["music"]}, "sounds.*noise, recordings or both"),
        ({"reverberation": (0.0, 1.0)}, r"reverberation.*0\.05 to 10"),
        ({"low_pass": (5000.0, 3000.0)}, "low_pass"),
        ({"level_db": 3.0}, "level_db"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_options_are_refused_by_name(options, message):
    with pytest.raises(DataError, match=f"Conditions: {message}"):
        Conditions(base(), **options)


def test_a_corpus_of_one_group_has_no_other_recordings_but_noise():
    corpus = GivenCorpus([recording(number, group="one") for number in range(3)])
    with pytest.raises(DataError, match=r"no recording of another group than 'one'.*use sounds: \[noise\]"):
        made(corpus)
    assert len(made(corpus, **NOISE)) == 24
    assert len(made(corpus, conditions=["room", "clean"])) == 6, "without scenes none is needed"


def test_a_silent_recording_stays_silent_in_every_condition():
    silent = Audio(np.zeros(3000, np.float32), RATE)
    found = made(GivenCorpus([recording(0, audio=silent), recording(1)]))
    for name in NAMES:
        assert (heard(found, f"r0_{name}") == 0).all()
        assert np.isfinite(heard(found, f"r1_{name}")).all()


def test_features_have_no_conditions():
    features = Recording("f", None, None, "g", features=Given(np.zeros((3, 2), np.float32)))
    with pytest.raises(DataError, match="'f' has features and no audio"):
        made(GivenCorpus([features]))


def test_shards_of_conditions_have_one_truth_and_say_which_is_which(tmp_path):
    prepare(ShardRecipe(Conditions(base()), str(tmp_path / "shards"), RATE, 160, None, 0.2), progress=False)
    index = SplitIndex([tmp_path / "shards"], "validation")
    assert len(index.tracks) == 48
    truths = {index.read_f0(record).tobytes() for record in range(8)}
    assert len(truths) == 1


def test_a_recipe_gives_conditions_of_another_corpus():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(ShardRecipe)
    inner = {"class_path": "datamodules.AudioFolder", "init_args": {"folder": "somewhere"}}
    options = {"corpus": inner, "snr_db": [[0, 5], [5, 10]], "conditions": ["clean", "scene"], "sounds": ["noise"]}
    given = {"corpus": {"class_path": "datamodules.Conditions", "init_args": options}, "directory": "data/x"}
    corpus = parser.instantiate(parser.parse_object(given)).corpus
    assert isinstance(corpus, Conditions) and corpus.corpus.folder == "somewhere"
    assert corpus.snr_db == [(0.0, 5.0), (5.0, 10.0)] and corpus.conditions == ["clean", "scene"]


@pytest.mark.skipif("MELISMA_TEST_DATA" not in os.environ, reason="MELISMA_TEST_DATA names no folder of recordings")
def test_read_speech_keeps_its_times_and_levels():
    folder = Path(os.environ["MELISMA_TEST_DATA"]) / "f0_fda"
    corpus = AudioFolder(str(folder), table_suffix=".f0ref", step=0.015, group_pattern="^([a-z]+)")
    found = made(corpus)
    assert len(found) == 8 * len(corpus.recordings())
    for name in NAMES:
        audio = found[f"rl001_{name}"].audio.read()
        assert audio.rate == 20000 and audio.samples.size == 30000 and np.abs(audio.samples).max() < 1
