import pickle
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from datamodules.corpora import StressFamilies
from datamodules.corpora.synthetic.stress import FAMILIES
from datamodules.errors import DataError

RATE = 16000
CONTROLS = {"white_noise", "whisper", "near_silence"}
STEADY = ("sine", "harmonic", "tilt", "missing_fundamental", "unresolved", "level", "trajectory_steady")


def made(*families, items=1, silence=0.1, **options):
    return StressFamilies(items, list(families) or None, silence=silence, **options).recordings()


def sound(recording):
    """The samples without the silence around them."""
    return recording.audio.read().samples[1600:-1600].astype(np.float64)


def spectrum(recording):
    """Amplitudes, one value for half a hertz."""
    samples = sound(recording)
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) * 4.0 / len(samples)


def test_ids_groups_split_and_metadata():
    recordings = made(items=2)
    assert len(recordings) == 2 * sum(len(family.cases) for family in FAMILIES.values())
    assert set(Counter(recording.group for recording in recordings)) == set(FAMILIES)
    assert {recording.split for recording in recordings} == {"validation"}
    assert all(recording.id.startswith(f"{recording.group}_") for recording in recordings)
    (sine, *_) = made("sine")
    assert sine.metadata == {"family": "sine", "case": "60 72", "item": 0}


def test_two_seconds_with_ramps_at_one_level_between_silence():
    for recording in made():
        audio, truth = recording.audio.read(), recording.truth.read()
        assert audio.rate == RATE and len(audio.samples) == 2.2 * RATE
        assert_array_equal(audio.samples[:1600], 0.0)
        assert_array_equal(audio.samples[-1600:], 0.0)
        samples = sound(recording)
        peak = np.abs(samples[1000:-1000]).max()
        assert np.abs(samples[:16]).max() < 0.05 * peak and np.abs(samples[-16:]).max() < 0.05 * peak
        if recording.group not in ("level", "near_silence"):
            assert_allclose(np.sqrt(np.mean(samples**2)), 0.1, rtol=1e-4)
            assert np.abs(samples).max() < 0.99
        voiced = truth.at(np.arange(0.0, 2.2, 0.01)) > 0
        assert_array_equal(voiced, np.r_[[0] * 10, [recording.group not in CONTROLS] * 201, [0] * 9])


def test_without_silence_every_frame_of_a_tone_is_voiced():
    for recording in made("sine", silence=0.0):
        assert len(recording.audio.read().samples) == 2.0 * RATE
        assert (recording.truth.read().at(np.arange(0.0, 2.0, 0.01)) > 0).all()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("family", STEADY)
def test_steady_tones_are_heard_at_their_truth(family, comb):
    for recording in made(family, items=3):
        f0 = recording.truth.read().at([1.0])[0]
        assert abs(1200.0 * np.log2(comb(sound(recording)[:16000], RATE, f0) / f0)) < 1.0


def test_items_of_a_band_are_at_its_ends_and_between():
    f0 = [recording.truth.read().at([1.0])[0] for recording in made("harmonic", items=3)]
    assert_allclose(np.array(f0).reshape(5, 3)[:, :2], FAMILIES["harmonic"].cases)
    assert all(low < between < high for low, high, between in np.array(f0).reshape(5, 3))


@pytest.mark.parametrize("family", ["vibrato", "glide_up", "glide_down", "trajectory_vibrato", "interference"])
def test_moving_tones_are_heard_at_their_truth(family, comb):
    for recording in made(family):
        samples, truth, errors = sound(recording), recording.truth.read(), []
        for time in np.arange(0.15, 1.85, 0.037):
            f0 = truth.at([0.1 + time])[0]
            half = max(0.012, 2.5 / f0)
            if np.ptp(np.log2(truth.at(0.1 + time + np.linspace(-half, half, 9)))) < 0.06:
                piece = samples[round((time - half) * RATE) : round((time + half) * RATE) + 1]
                errors.append(1200.0 * np.log2(comb(piece, RATE, f0) / f0))
        assert len(errors) > 5
        assert abs(np.mean(errors)) < 2.0


def test_glides_go_an_octave():
    for family, octaves in (("glide_up", 1.0), ("glide_down", -1.0)):
        for recording in made(family):
            f0 = recording.truth.read().at(np.linspace(0.1, 2.1, 21))
            assert_allclose(np.diff(np.log2(f0)), octaves / 20.0)


def test_vibrato_is_as_wide_as_stated():
    for recording, semitones in zip(made("trajectory_vibrato"), (0.5, 1.0, 2.0), strict=True):
        f0 = recording.truth.read().f0
        assert_allclose(12.0 * np.log2(f0.max() / f0[f0 > 0].min()), 2.0 * semitones, rtol=1e-3)


def test_rippled_noise_repeats_after_a_period():
    for recording, period in zip(made("rippled_noise"), (RATE / np.array([90.0, 160.0, 250.0, 370.0])), strict=True):
        power = np.abs(np.fft.rfft(sound(recording), 1 << 16)) ** 2
        correlation = np.fft.irfft(power, 1 << 18)[: 1 << 12]  # at a quarter of a sample
        beyond = round(2.0 * period)
        peak = beyond + correlation[beyond : round(6.0 * period)].argmax()
        assert peak / 4.0 == pytest.approx(period, rel=0.01)
        assert correlation[peak] > 0.8 * correlation[0]


def test_harmonics_are_those_of_the_family():
    harmonic, tilt, missing, unresolved, sine = (
        spectrum(made(family)[1])[220::220]
        for family in ("harmonic", "tilt", "missing_fundamental", "unresolved", "sine")
    )
    assert_allclose(harmonic[:30] / harmonic[0], 1.0 / np.arange(1, 31), rtol=0.02)
    assert_allclose(tilt[:30] / tilt[0], 1.0, rtol=0.02)
    assert missing[0] < 1e-4 * missing[1]
    assert_allclose(missing[1:30] / missing[1], 2.0 / np.arange(2, 31), rtol=0.02)
    assert unresolved[:9].max() < 1e-4 * unresolved[9:17].min()
    assert unresolved[17:30].max() < 1e-4 * unresolved[9]
    assert sine[1:].max() < 1e-4 * sine[0]


def test_levels_fall_by_ten_decibels():
    peaks = [20.0 * np.log10(np.abs(sound(recording)).max()) for recording in made("level")]
    assert_allclose(peaks, np.arange(-6.0, -67.0, -10.0), atol=0.5)


def test_the_other_tone_is_as_far_below_as_stated():
    for recording, level in zip(made("interference"), (-20.0, -10.0, -5.0), strict=True):
        power = spectrum(recording)[:8000] ** 2
        assert_allclose(10.0 * np.log10(power[90:111].sum() / power[150:].sum()), level, atol=0.3)


def test_controls_have_no_period():
    for recording in made("white_noise", "whisper"):
        samples = sound(recording)
        correlation = np.fft.irfft(np.abs(np.fft.rfft(samples, 1 << 17)) ** 2)
        assert np.abs(correlation[250:4000]).max() < 0.3 * correlation[0]  # below 64 Hz
    (silence,) = made("near_silence")
    assert_allclose(np.sqrt(np.mean(sound(silence) ** 2)), 1e-6, rtol=0.05)


def test_is_reproducible_and_items_differ():
    one, other = made("white_noise", "harmonic", items=2), made("harmonic", "white_noise", items=2)
    for left, right in zip(one, other, strict=True):
        assert left.audio.fingerprint() == right.audio.fingerprint()
        assert_array_equal(left.audio.read().samples, pickle.loads(pickle.dumps(right)).audio.read().samples)
    assert len({recording.audio.read().samples.tobytes() for recording in one}) == len(one)
    assert one[0].audio.fingerprint() != made("harmonic", seed=1)[0].audio.fingerprint()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"families": ["vibrat"]}, "no 'vibrat'; there are sine, harmonic"),
        ({"families": []}, "families = "),
        ({"items": 0}, "items = 0"),
        ({"seconds": 0.01}, "seconds = 0.01"),
        ({"silence": -1.0}, "silence = -1.0"),
        ({"rate": 8000}, "rate = 8000"),
        ({"seed": -1}, "seed = -1"),
    ],
)
def test_impossible_options_are_named(options, reason):
    with pytest.raises(DataError, match=f"StressFamilies: .*{reason}"):
        StressFamilies(**options)
