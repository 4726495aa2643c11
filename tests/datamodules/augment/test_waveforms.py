"""What each augmentation of the waveform does to sound and level, and to how many items."""

import numpy as np
import pytest

from datamodules.augment import (
    Augmentations,
    Gain,
    Mix,
    Noise,
    PitchShift,
    Polarity,
    TimeShift,
)
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from tests.datamodules.augment.sweeps import WINDOW, decibels, seeds, sine


@pytest.mark.parametrize("colour", ["white", "pink"])
@pytest.mark.parametrize("samples", [1024, 1025])
def test_noise_has_the_drawn_level_below_the_recording(colour, samples):
    chain, audio = Augmentations([Noise((12, 12), colour=colour)]), sine(20, samples)
    power = np.full(20, 2 * (audio**2).mean())
    noise = chain.waveforms(audio.copy(), seeds(20), power.copy()) - audio
    np.testing.assert_allclose(decibels(power / (noise**2).mean(axis=1)), 12, atol=0.1)


def test_signal_to_noise_ratios_fill_their_bounds():
    audio = sine(2000, 256)
    noise = Augmentations([Noise((5, 25))]).waveforms(audio.copy(), seeds(2000)) - audio
    ratios = decibels((audio**2).mean(axis=1) / (noise**2).mean(axis=1))
    assert 4.9 < ratios.min() < 5.2 and 24.8 < ratios.max() < 25.1
    assert ratios.mean() == pytest.approx(15, abs=0.5)


@pytest.mark.parametrize(("colour", "slope"), [("white", 0.0), ("pink", -3.01)])
def test_noise_has_its_colour(colour, slope):
    noise = Augmentations([Noise((0, 0), colour=colour)]).waveforms(sine(400, 1024), seeds(400)) - sine(400, 1024)
    spectrum = (np.abs(np.fft.rfft(noise)) ** 2).mean(axis=0)
    octaves = [decibels(spectrum[2**k : 2 ** (k + 1)].mean()) for k in range(2, 9)]
    np.testing.assert_allclose(np.diff(octaves), slope, atol=0.6)


def test_a_rest_in_a_recording_gets_its_noise_and_a_silent_recording_stays_silent():
    silence, power = np.zeros((2, 1024), np.float32), np.array([1e6, 0.0])
    for colour in ("white", "pink"):
        noise = Augmentations([Noise((20, 20), colour=colour)]).waveforms(silence.copy(), seeds(2), power.copy())
        assert decibels((noise[0].astype(float) ** 2).mean()) == pytest.approx(40, abs=0.1)
        assert (noise[1] == 0).all()


def test_gain_is_uniform_in_decibels_and_clips_without_wrapping():
    quiet = Augmentations([Gain((-6, 6))]).waveforms(sine(1000, 64), seeds(1000))
    gains = decibels((quiet.astype(float) ** 2).mean(axis=1) / (sine(1, 64) ** 2).mean())
    assert -6.01 < gains.min() < -5.9 and 5.9 < gains.max() < 6.01 and abs(gains.mean()) < 0.4
    loud = Augmentations([Gain((20, 20))]).waveforms(sine(1, 4096, 100), seeds(1))[0]
    assert loud.dtype == np.int16 and loud.max() == 32767 and loud.min() == -32768
    assert np.array_equal(loud, np.clip(np.rint(10 * sine(1, 4096, 100)[0]), -32768, 32767))


def test_levels_are_relative_to_what_the_augmentations_before_have_made():
    chain = Augmentations([Gain((-20, -20)), Noise((10, 10))])
    noise = chain.waveforms(sine(1, 4096), seeds(1)) - sine(1, 4096) / 10
    assert decibels((sine(1, 4096) ** 2).mean() / (noise**2).mean()) == pytest.approx(30, abs=0.1)


def test_polarity_inverts_half_of_the_items():
    changed = Augmentations([Polarity()]).waveforms(sine(2000, 16), seeds(2000))
    original = np.rint(sine(1, 16)[0])
    inverted = (changed == -original).all(axis=1)
    assert ((changed == original).all(axis=1) ^ inverted).all()
    assert inverted.mean() == pytest.approx(0.5, abs=0.05)


def test_a_time_shift_moves_a_clip_by_up_to_its_part_and_fills_up_with_zeros():
    clip = np.arange(1, 21, dtype=np.float32)
    shifted = Augmentations([TimeShift(0.1)]).waveforms(np.tile(clip, (500, 1)), seeds(500))
    expected = {
        -2: [*clip[2:], 0, 0], -1: [*clip[1:], 0], 0: clip, 1: [0, *clip[:-1]], 2: [0, 0, *clip[:-2]],
    }  # fmt: skip
    counts = [(shifted == np.array(moved)).all(axis=1).sum() for moved in expected.values()]
    assert sum(counts) == 500 and min(counts) > 70


def test_melodies_have_their_time_and_are_not_shifted():
    with pytest.raises(DataError, match="TimeShift is for clips of one label"):
        MelodyData(WINDOW, 1, augment=[TimeShift()])


@pytest.mark.parametrize("one", [Gain((6, 6), p=0.3), Noise((0, 0), p=0.3), Polarity(p=0.3)])
def test_items_are_changed_with_the_given_probability_and_others_keep_every_bit(one):
    audio = np.rint(sine(2000, 64))
    changed = (Augmentations([one]).waveforms(audio.copy(), seeds(2000)) != audio).any(axis=1)
    assert changed.mean() == pytest.approx(0.3, abs=0.04)


def test_two_augmentations_in_a_list_draw_independently():
    once = Augmentations([Noise((0, 0))]).waveforms(sine(1, 4096), seeds(1)) - sine(1, 4096)
    twice = Augmentations([Noise((0, 0)), Noise((0, 0))]).waveforms(sine(1, 4096), seeds(1)) - sine(1, 4096)
    second = twice - once
    assert abs((once * second).mean()) < 0.1 * (once**2).mean()


@pytest.mark.parametrize("samples", [255, 1024])
def test_an_item_is_changed_alike_whatever_is_in_the_call(samples):
    chain = Augmentations([Noise((0, 20), 0.7), Noise((0, 20), 0.7, "pink"), Gain((-9, 3), 0.7), Polarity()])
    audio = sine(50, samples) * np.linspace(0.1, 2, 50, dtype=np.float32)[:, None]
    whole = chain.waveforms(audio.copy(), seeds(50))
    for items in ([3], [0, 49], [17, 4, 30, 5, 6, 7, 8]):
        assert np.array_equal(chain.waveforms(audio[items], seeds(50)[items]), whole[items])


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Noise((30, 10)), "Noise: snr_db"),
        (lambda: Noise((0, np.inf)), "Noise: snr_db"),
        (lambda: Noise((0, 1), colour="brown"), "Noise: colour"),
        (lambda: Gain((0, 6), p=1.1), "Gain: p"),
        (lambda: Mix((3, 2)), "Mix: snr_db"),
        (lambda: PitchShift((-30, 0)), "PitchShift: semitones"),
        (lambda: Augmentations([Gain((0, 1)), PitchShift((-1, 1))]), "PitchShift.*first"),
        (lambda: Augmentations([PitchShift((-1, 1)), PitchShift((-1, 1))]), "PitchShift.*first"),
    ],
)
def test_impossible_arguments_are_refused_by_name(make, key):
    with pytest.raises(DataError, match=rf"data\.augment: {key}"):
        make()


# Pitch shift
