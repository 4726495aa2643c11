"""Autocorrelation and spectrum: that they are what they are called, and that their peaks are at the pitch."""

import math

import numpy as np
import pytest
import torch

from architectures import Autocorrelation, AutocorrelationSequence, MagnitudeSpectrum, SpectralPeak
from architectures.autocorrelation import ParabolicInterpolation, autocorrelation, power_spectrum
from architectures.layers import standardise_windows

RATE = 16_000
# Amplitudes of the partials.
TIMBRES = {
    "pure": [1.0],
    "sawtooth": [1 / number for number in range(1, 11)],
    "even": [1.0] * 6,
    "without fundamental": [0.0, 1.0, 1.0, 1.0, 1.0],
    "strong octave": [0.3, 1.0, 0.5, 0.4],
}
FREQUENCIES = 55 * 2 ** (torch.arange(0, 62, dtype=torch.float64) / 12.1)  # to 1812 Hz, everywhere between the bins


def tones(timbre, samples):
    """One row for each of FREQUENCIES."""
    phase = 2 * math.pi * FREQUENCIES[:, None] * torch.arange(samples) / RATE
    partials = (
        amplitude * torch.cos(number * phase + number**2) * (number * FREQUENCIES[:, None] < RATE / 2)
        for number, amplitude in enumerate(timbre, start=1)
    )
    return 0.1 * sum(partials).float()


def cents_off(tracker, audio, bins_per_semitone=5, lowest_note=24):
    note = lowest_note + tracker(audio)[:, 0].argmax(dim=1) / bins_per_semitone
    return 100 * (note - 69 - 12 * torch.log2(FREQUENCIES / 440))


@pytest.mark.parametrize("samples", [1, 2, 63, 64])
def test_autocorrelation_is_the_inverse_transform_of_the_power_spectrum(samples):
    signal = np.random.default_rng(0).normal(size=samples)
    by_sums = [float(np.dot(signal[: samples - lag], signal[lag:])) for lag in range(samples)]
    by_spectrum = np.fft.irfft(power_spectrum(torch.from_numpy(signal), 2 * samples).numpy(), 2 * samples)[:samples]
    np.testing.assert_allclose(by_spectrum, by_sums, rtol=0, atol=1e-12 * samples)
    np.testing.assert_allclose(autocorrelation(torch.from_numpy(signal)), by_sums, rtol=0, atol=1e-12 * samples)


def test_the_power_spectrum_is_the_transform_of_the_autocorrelation():
    signal = torch.randn(50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    one_sided = autocorrelation(signal)
    both_sides = torch.cat([one_sided, torch.zeros(1), one_sided[1:].flip(0)])
    torch.testing.assert_close(torch.fft.rfft(both_sides).real, power_spectrum(signal, 100), rtol=0, atol=1e-12 * 50)


def test_oversampling_keeps_the_samples_and_fills_in_between():
    # A taper that falls to 0 and a frequency well below half the rate, so that the signal is band-limited.
    signal = torch.hann_window(256, dtype=torch.float64) * torch.cos(0.7 * torch.arange(256))
    fine = autocorrelation(signal, 8)
    assert fine.shape == (256 * 8,)
    torch.testing.assert_close(fine[::8], autocorrelation(signal), rtol=0, atol=1e-9)
    lags = torch.arange(0, 100, 0.125, dtype=torch.float64)
    envelope = (fine[:800] / torch.cos(0.7 * lags))[torch.cos(0.7 * lags).abs() > 0.5]
    assert (envelope.diff() < 0.05).all(), "the envelope falls steadily"


@pytest.mark.parametrize("samples", [1024, 2048])
@pytest.mark.parametrize("timbre", TIMBRES.values(), ids=TIMBRES)
@pytest.mark.parametrize("rule", [Autocorrelation, lambda width, window: SpectralPeak(width, window, harmonics=8)])
def test_tones_are_found_within_25_cents(rule, timbre, samples):
    assert cents_off(rule(360, samples), tones(timbre, samples)).abs().max() < 25


@pytest.mark.parametrize("samples", [1024, 2048])
def test_the_plain_peak_finds_the_strongest_partial(samples):
    peak = SpectralPeak(360, samples)
    assert cents_off(peak, tones(TIMBRES["pure"], samples)).abs().max() < 25
    assert cents_off(peak, tones(TIMBRES["sawtooth"], samples)).abs().max() < 25
    an_octave_too_high = cents_off(peak, tones(TIMBRES["strong octave"], samples))[FREQUENCIES < 900]
    assert (an_octave_too_high - 1200).abs().max() < 25


@pytest.mark.parametrize("rule", [Autocorrelation, SpectralPeak])
@pytest.mark.parametrize("bins_per_semitone", [1, 10])
def test_no_peak_is_lost_between_the_bins(rule, bins_per_semitone):
    tracker = rule(72 * bins_per_semitone, 2048, bins_per_semitone=bins_per_semitone)
    audio = tones(TIMBRES["pure"], 2048)
    off = cents_off(tracker, audio, bins_per_semitone)
    assert off.abs().max() < 50 / bins_per_semitone + 10
    assert torch.sigmoid(tracker(audio)).amax(dim=-1).min() > 0.8


@pytest.mark.parametrize("rule", [Autocorrelation, SpectralPeak])
def test_strength_is_one_for_a_pure_tone_little_for_noise_and_nothing_for_silence(rule):
    tracker = rule(120, 1024, lowest_note=48)
    tone = 0.3 * torch.sin(2 * math.pi * 440 * torch.arange(1024) / RATE)[None] + 0.2
    noise = torch.randn(20, 1024, generator=torch.Generator().manual_seed(0))
    assert torch.sigmoid(tracker(tone)).max() > 0.95
    assert torch.sigmoid(tracker(noise)).amax(dim=-1).mean() < 0.6
    assert torch.sigmoid(tracker(torch.zeros(1, 1024))).max() < 1e-5


@pytest.mark.parametrize("rule", [Autocorrelation, SpectralPeak])
def test_loudness_does_not_matter(rule):
    tracker, audio = rule(360), tones(TIMBRES["sawtooth"], 1024)
    torch.testing.assert_close(tracker(audio * 0.01), tracker(audio), rtol=1e-2, atol=1e-2)


def test_the_rate_is_heeded():
    for rule in (Autocorrelation, SpectralPeak):
        slow, fast = rule(120, 512, lowest_note=48, rate=8000), rule(120, 1024, lowest_note=48)
        time = torch.arange(1024) / RATE
        audio = torch.sin(2 * math.pi * 330 * time)[None]
        assert slow(audio[:, ::2]).argmax() == fast(audio).argmax()


def test_a_parabola_is_read_exactly_between_the_places_and_beyond_the_ends():
    places = torch.tensor([[0.0, 0.4], [3.5, 7.49], [9.0, 8.7]])
    values = torch.stack([(torch.arange(10.0) - 2) ** 2, 3 - torch.arange(10.0)])
    expected = torch.stack([(places - 2) ** 2, 3 - places])
    torch.testing.assert_close(ParabolicInterpolation(places, 10)(values), expected, rtol=1e-5, atol=1e-4)


def test_features_are_the_spectrum_and_the_autocorrelation_of_the_tapered_window():
    audio = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    tapered = standardise_windows(audio) * torch.hann_window(100)
    expected = np.abs(np.fft.rfft(tapered.numpy())) / 10
    np.testing.assert_allclose(MagnitudeSpectrum()(audio), expected, atol=1e-5)
    by_sums = [np.correlate(row, row, "full")[99:] / 100 for row in tapered.numpy()]
    np.testing.assert_allclose(AutocorrelationSequence()(audio), by_sums, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Autocorrelation(360, 900), "window: 900 .* use at least 979"),
        (lambda: Autocorrelation(600, 1024), "width: the highest bin is at 33[0-9]+ Hz, .* 16000 Hz"),
        (lambda: SpectralPeak(360, rate=3000), "width: the highest bin"),
        (lambda: SpectralPeak(0), "width: 0"),
        (lambda: SpectralPeak(360, harmonics=0), "harmonics: 0"),
        (lambda: SpectralPeak(360, decay=0.0), "decay: 0.0"),
    ],
)
def test_impossible_grids_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
