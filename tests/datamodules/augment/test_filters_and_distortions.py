"""Equaliser, filters, reverberation, overdrive, few bits and coders: what they do to level, time, and batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from datamodules.augment import (
    Augmentations,
    Clip,
    Codec,
    Equaliser,
    HighPass,
    Level,
    LowPass,
    Mix,
    MuLaw,
    Noise,
    Reverb,
)
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from tests.datamodules.augment.sweeps import WINDOW, contents, decibels, loader, reader, seeds

RATE = 16000
LINEAR = [Equaliser(p=0.6), HighPass(p=0.6), LowPass(p=0.6), Reverb((0.2, 0.5), p=0.6)]
OTHERS = [Clip(p=0.6), Clip(p=0.6, kind="soft"), MuLaw(p=0.6), Level((-40, -12), 0.6), Noise((0, 9), 0.6, "coloured")]
CODERS = [Codec("mp3", p=0.6), Codec("ogg", p=0.6)]


def name(one):
    return "-".join([type(one).__name__, *(str(getattr(one, key)) for key in ("coder", "kind") if hasattr(one, key))])


def clicks(items, samples=8000):
    """A train of clicks at uneven distances in a little noise."""
    generator = np.random.default_rng(0)
    audio, places = 20 * generator.standard_normal((items, samples)), np.cumsum(generator.integers(100, 900, 11))
    audio[:, places[places < samples]] += 9000
    return audio.astype(np.float32)


def through(chain, audio, rows=None):
    items = np.arange(len(audio)) if rows is None else np.array(rows)
    return Augmentations(chain).waveforms(audio[items], seeds(len(audio))[items], rate=RATE)


def lateness(late, early):
    length = 2 * early.shape[1]
    likeness = np.fft.irfft(np.fft.rfft(late, length) * np.conj(np.fft.rfft(early, length)), length)
    place = likeness.argmax(axis=1)
    return np.where(place < early.shape[1], place, place - length)


@pytest.mark.parametrize("one", [*LINEAR, *OTHERS, *CODERS], ids=name)
def test_sound_stays_in_its_place_to_half_a_millisecond(one):
    audio = clicks(20)
    assert np.abs(lateness(through([one], audio).astype(float), audio)).max() <= 8


@pytest.mark.parametrize("one", [*LINEAR, *OTHERS, *CODERS], ids=name)
def test_items_are_changed_with_their_probability_and_others_keep_every_bit(one):
    audio = np.rint(clicks(300, 400))
    changed = (through([one], audio) != audio).any(axis=1)
    assert changed.mean() == pytest.approx(0.6, abs=0.12)


@pytest.mark.parametrize("one", LINEAR, ids=name)
def test_nothing_that_leaves_an_item_comes_in_at_its_other_end(one):
    audio = np.zeros((20, 6000), np.float32)
    audio[:, -1] = 20000
    early = through([one], audio)[:, :1000]
    assert np.abs(early).max() <= 20000 * 10 ** (-60 / 20)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.sampled_from([*LINEAR, *OTHERS]), min_size=1, max_size=5),
    st.sampled_from([255, 1024, 5001]),
    st.permutations(range(12)).map(lambda order: order[:3]),
)
def test_an_item_is_changed_alike_whatever_is_in_the_call(chain, samples, rows):
    audio = clicks(12, 5001)[:, :samples] * np.linspace(0.1, 2, 12, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(through(chain, audio, rows), through(chain, audio)[rows])


@pytest.mark.parametrize("one", CODERS, ids=name)
def test_an_item_is_coded_alike_whatever_is_in_the_call(one):
    audio = clicks(6)
    np.testing.assert_array_equal(through([one], audio, [4, 1]), through([one], audio)[[4, 1]])


@pytest.mark.parametrize("one", [*LINEAR, Clip(), Clip(kind="soft"), Level((-30, -20))], ids=name)
def test_levels_after_a_change_are_relative_to_what_it_has_made(one):
    """Noise at 10 dB behind it lies 10 dB below the changed item."""
    audio = np.random.default_rng(0).normal(0, 3000, (10, 8000)).astype(np.float32)
    alone, noisy = through([one], audio).astype(float), through([one, Noise((10, 10))], audio).astype(float)
    ratio = decibels((alone**2).mean(axis=1) / ((noisy - alone) ** 2).mean(axis=1))
    np.testing.assert_allclose(ratio, 10, atol=0.15)


@pytest.mark.parametrize("one", [*LINEAR, *OTHERS, *CODERS], ids=name)
def test_a_silent_recording_stays_silent(one):
    silent = np.zeros((10, 3000), np.float32)
    assert (Augmentations([one]).waveforms(silent, seeds(10), np.zeros(10), rate=RATE) == 0).all()


def test_a_rest_is_brought_to_the_level_of_its_recording():
    rest = np.random.default_rng(0).normal(0, 10, (1, 8000)).astype(np.float32)
    louder = Augmentations([Level((-20, -20))]).waveforms(rest.copy(), seeds(1), np.array([1000.0**2]), rate=RATE)
    np.testing.assert_allclose(louder, rest * 3276.8 / 1000, atol=0.6)


def test_levels_fill_their_range():
    audio = np.random.default_rng(0).normal(0, 1000, (500, 2000)).astype(np.float32)
    level = decibels((through([Level((-40, -20))], audio).astype(float) ** 2).mean(axis=1) / 32768**2)
    assert -40.1 < level.min() < -39.8 and -20.2 < level.max() < -19.9


def test_cutoffs_are_drawn_uniformly_in_octaves():
    low = LowPass((1000, 4000), (36, 36))
    audio = np.random.default_rng(0).normal(0, 3000, (300, 8000)).astype(np.float32)
    kept = (through([low], audio).astype(float) ** 2).mean(axis=1) / (audio**2).mean(axis=1)
    found = np.quantile(np.log2(8000 * kept), [0.05, 0.5, 0.95])
    np.testing.assert_allclose(found, np.log2([1080, 2000, 3700]), atol=0.15)


def test_coloured_noise_draws_its_exponent_for_every_item():
    audio = np.random.default_rng(0).normal(0, 1000, (200, 8000)).astype(np.float32)
    noise = through([Noise((-20, -20), 1.0, "coloured", (0, 2.4))], audio) - audio
    low = np.abs(np.fft.rfft(noise)[:, 100:200]) ** 2  # 200 to 400 Hz
    high = np.abs(np.fft.rfft(noise)[:, 1600:3200]) ** 2
    exponent = np.log2(low.mean(axis=1) / high.mean(axis=1)) / 4
    assert np.quantile(exponent, 0.03) < 0.2 and np.quantile(exponent, 0.97) > 2.2
    assert exponent.mean() == pytest.approx(1.2, abs=0.15)


class Numbers:
    """Others that are constants by the number of the call, so that a mixture tells what was added."""

    def __init__(self):
        self.calls = 0

    def draw(self, items, which, where):
        self.calls += 1
        audio = np.zeros((items.size, 4000), np.float32)
        audio[:, self.calls :: 40] = np.sqrt(40)
        return audio, np.ones(items.size)


def test_mixtures_have_the_drawn_number_of_sources_of_one_power_each_and_their_sum_has_the_level():
    audio = np.zeros((300, 4000), np.float32)
    mixed = Augmentations([Mix((6, 6), sources=(1, 3))]).waveforms(audio, seeds(300), np.full(300, 1e6), Numbers())
    counts = (mixed[:, 1:4] > 0).sum(axis=1)
    np.testing.assert_allclose(np.bincount(counts)[1:], 100, atol=35)
    np.testing.assert_allclose(decibels(1e6 / (mixed.astype(float) ** 2).mean(axis=1)), 6, atol=0.01)
    again = Augmentations([Mix((6, 6), sources=(2, 2))]).waveforms(audio * 0, seeds(300), np.full(300, 1e6), Numbers())
    assert ((again[:, 1:4] > 0).sum(axis=1) == 2).all()


def test_real_windows_are_mixed_and_filtered_at_the_rate_of_their_shards(tones):
    chain = (Mix((6, 12), 0.7, (1, 3)), *LINEAR, *OTHERS)
    reference = contents([loader(reader(tones, *chain))])
    found = contents(loader(reader(tones, *chain), rank, 2, 0, 8) for rank in range(2))
    assert found == reference
    # At 8 kHz, half the rate is 4 kHz: a low-pass at 3 kHz of the tones, which lie at 500 to 1100 Hz, does nothing.
    plain = contents([loader(reader(tones))])
    passed = contents([loader(reader(tones, LowPass((3900, 3900), (36, 36))))])
    for key, (signal, *_) in passed.items():
        before, after = np.frombuffer(plain[key][0], np.int16), np.frombuffer(signal, np.int16)
        assert np.abs(after.astype(float) - before)[40:-40].max() < 0.02 * 32768


def test_a_recipe_names_them_by_their_classes(tones):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(MelodyData, "data")
    given = [
        ("Mix", {"snr_db": [4, 20], "p": 0.4, "sources": [1, 3]}),
        ("Noise", {"snr_db": [10, 45], "colour": "coloured", "exponent": [0, 2.4]}),
        ("Equaliser", {"db": [-9, 9], "octaves": 1.0, "p": 0.6}),
        ("HighPass", {"cutoff": [40, 300]}),
        ("LowPass", {"cutoff": [2000, 3900], "slope": [12, 36]}),
        ("Reverb", {"seconds": [0.2, 0.6], "direct_db": [0, 12], "p": 0.2}),
        ("Clip", {"limit_db": [3, 12], "kind": "soft"}),
        ("MuLaw", {"p": 0.1}),
        ("Codec", {"coder": "ogg", "compression": [0.5, 0.9]}),
        ("Level", {"dbfs": [-40, -15]}),
    ]
    listed = [{"class_path": f"datamodules.augment.{kind}", "init_args": arguments} for kind, arguments in given]
    data = parser.instantiate(
        parser.parse_object({"data": {"window": WINDOW, "train": [str(tones)], "augment": listed}})
    ).data
    assert [type(each).__name__ for each in data.augmentations.chain] == [kind for kind, _ in given]
    assert next(iter(data.train_dataloader())).signal.shape == (32, WINDOW)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Equaliser((3, -3)), "Equaliser: db"),
        (lambda: Equaliser(octaves=0.1), r"Equaliser: octaves = 0\.1: give 0\.5 to 10"),
        (lambda: HighPass((5, 100)), "HighPass: cutoff.*from 20 to inf"),
        (lambda: LowPass(slope=(12, 48)), "LowPass: slope.*from 6 to 36"),
        (lambda: Reverb((0.01, 0.5)), "Reverb: seconds"),
        (lambda: Reverb(direct_db=(5, 0)), "Reverb: direct_db"),
        (lambda: Clip(kind="fuzzy"), "Clip: kind"),
        (lambda: Codec("flac"), "Codec: coder = 'flac': give mp3 or ogg"),
        (lambda: Codec(compression=(0, 1)), r"Codec: compression.*from 0 to 0\.95"),
        (lambda: Level((-10, 3)), "Level: dbfs"),
        (lambda: Noise((0, 1), exponent=(0, 9)), "Noise: exponent"),
        (lambda: Mix((0, 1), sources=(0, 2)), "Mix: sources"),
        (lambda: MuLaw(p=2), "MuLaw: p"),
    ],
)
def test_impossible_arguments_are_refused_by_name(make, key):
    with pytest.raises(DataError, match=rf"data\.augment: {key}"):
        make()
