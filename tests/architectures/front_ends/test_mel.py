"""Mel spectrograms of clips: parity with torchaudio and librosa, and what is made of their power."""

import librosa
import numpy as np
import pytest
import torch
import torchaudio
from torch.nn import functional

from architectures import (
    Amplitude,
    Decibels,
    HTKMelSpectrogram,
    LogPower,
    Power,
    SlaneyMelSpectrogram,
    Standardised,
)

# torchaudio warns of filters that are empty, as the published ones are.
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values")

M1_16K = {"bins": 40, "n_fft": 512, "window": 320, "hop": 160}


COMPRESSIONS = [Power(), Amplitude(), LogPower(), Decibels(), Standardised(Decibels()), Standardised(Amplitude())]


def noise(seconds, rate=16000, batch=2):
    torch.manual_seed(0)
    return 0.1 * torch.randn(batch, round(seconds * rate))


def features(front_end, signal):
    return front_end(signal, torch.full((len(signal),), signal.shape[1])).values


@pytest.mark.parametrize(
    ("kind", "options", "seconds", "shape"),
    [
        (SlaneyMelSpectrogram, {}, 5, (313, 32)),
        (SlaneyMelSpectrogram, {"bins": 223, "high": 5500.0}, 5, (313, 223)),
        (SlaneyMelSpectrogram, {"bins": 223, "hop": 360, "high": 5500.0}, 5, (223, 223)),
        (SlaneyMelSpectrogram, {"bins": 223, "n_fft": 2048, "window": 512, "high": 5500.0}, 5, (313, 223)),
        (HTKMelSpectrogram, {"filterbank_rate": 8000}, 1, (81, 128)),
        (HTKMelSpectrogram, {}, 1, (81, 128)),
        (HTKMelSpectrogram, {"rate": 8000}, 1, (41, 128)),
        (HTKMelSpectrogram, M1_16K, 1, (101, 40)),
    ],
)
def test_published_shapes(kind, options, seconds, shape):
    front_end = kind(**options)
    samples = seconds * front_end.rate
    assert (front_end.frames(samples), front_end.bins) == shape
    values, lengths = front_end(noise(seconds, front_end.rate), torch.tensor([samples, samples // 2]))
    assert values.shape == (2, *shape)
    assert lengths.tolist() == [shape[0]] * 2 and lengths.dtype == torch.int64


@pytest.mark.parametrize("kind", [SlaneyMelSpectrogram, HTKMelSpectrogram])
@pytest.mark.parametrize("samples", [201, 255, 256, 257, 400, 12345])
def test_frames_are_as_many_as_foretold(kind, samples):
    front_end = kind(bins=32)
    assert features(front_end, torch.randn(1, samples)).shape[1] == front_end.frames(samples)


def test_the_slaney_bank_is_that_of_the_published_checkpoint_and_of_librosa():
    bank = SlaneyMelSpectrogram(high=5000.0).filter_bank
    assert bank.shape == (257, 32)
    assert round(bank.sum().item(), 4) == 1.0233 and round(bank.max().item(), 4) == 0.0127
    expected = librosa.filters.mel(sr=16000, n_fft=512, n_mels=32, fmin=0, fmax=5000).T
    np.testing.assert_allclose(bank, expected, atol=2e-8)


@pytest.mark.parametrize(("hop", "zeros"), [(256, 192), (360, 216)])
def test_slaney_bands_are_roots_of_power_over_zeros_at_both_ends(hop, zeros):
    signal = noise(5)
    transform = torchaudio.transforms.MelSpectrogram(
        16000, 512, hop_length=hop, center=False, n_mels=32, power=2, norm="slaney", mel_scale="slaney"
    )
    expected = transform(functional.pad(signal, (zeros, zeros))).sqrt().transpose(1, 2)
    torch.testing.assert_close(features(SlaneyMelSpectrogram(hop=hop), signal), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "transform"),
    [
        ({}, {}),
        ({"rate": 8000}, {"sample_rate": 8000}),
        ({"filterbank_rate": 8000}, {"sample_rate": 8000}),
        (M1_16K, {"n_fft": 512, "win_length": 320, "hop_length": 160, "n_mels": 40}),
    ],
)
def test_htk_bands_are_those_of_torchaudio(options, transform):
    front_end = HTKMelSpectrogram(**options, compression=Power())
    signal = noise(1, front_end.rate)
    expected = torchaudio.transforms.MelSpectrogram(**transform)(signal).transpose(1, 2)
    torch.testing.assert_close(features(front_end, signal), expected, rtol=1e-4, atol=1e-4)


def test_by_default_keywords_are_seen_logarithmically():
    signal = noise(1)
    power = features(HTKMelSpectrogram(compression=Power()), signal)
    torch.testing.assert_close(features(HTKMelSpectrogram(), signal), (power + 1e-4).log())


def test_a_bank_for_half_the_rate_stands_at_twice_the_frequencies():
    tone = torch.sin(2 * torch.pi * 880 * torch.arange(16000) / 16000)[None]
    loudest = {
        rate: features(HTKMelSpectrogram(filterbank_rate=rate), tone).mean(1).argmax().item() for rate in (8000, 16000)
    }
    low = torch.sin(2 * torch.pi * 440 * torch.arange(16000) / 8000)[None]
    assert loudest[8000] == features(HTKMelSpectrogram(8000), low).mean(1).argmax() != loudest[16000]


@pytest.mark.parametrize(
    ("kind", "options", "empty"),
    [
        (SlaneyMelSpectrogram, {"bins": 223, "high": 5500.0}, 23),
        (SlaneyMelSpectrogram, {"bins": 223, "n_fft": 2048, "window": 512, "high": 5500.0}, 0),
        (HTKMelSpectrogram, {}, 4),
        (HTKMelSpectrogram, {"filterbank_rate": 8000}, 0),
        (HTKMelSpectrogram, M1_16K, 0),
    ],
)
def test_so_many_bands_are_empty_as_the_documentation_says(kind, options, empty):
    assert (kind(**options).filter_bank.sum(0) == 0).sum() == empty


def test_a_longer_transform_leaves_the_window_in_the_middle_of_its_frame():
    click = torch.zeros(1, 4096)
    click[0, 2048] = 1.0  # the centre of frame 8 of 16
    short, long = (SlaneyMelSpectrogram(n_fft=n_fft, window=512) for n_fft in (512, 2048))
    heard = [features(front_end, click).sum(2)[0] > 1e-6 for front_end in (short, long)]
    assert heard[0].sum() == 2 and torch.equal(*heard)


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
@pytest.mark.parametrize("kind", [SlaneyMelSpectrogram, HTKMelSpectrogram])
def test_the_features_of_a_clip_do_not_depend_on_the_batch(compression, kind):
    front_end = kind(bins=32, compression=compression)
    signal = noise(0.5, batch=3) * torch.tensor([1.0, 0.1, 10.0])[:, None]
    signal[1, 4000:] = 0
    torch.testing.assert_close(features(front_end, signal)[1:2], features(front_end, signal[1:2]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
def test_silence_has_finite_features_and_gradients(compression):
    signal = noise(0.5, batch=2)
    signal[0, 3000:] = 0
    signal[1] = 0
    signal.requires_grad_()
    values = features(SlaneyMelSpectrogram(compression=compression), signal)
    (values * torch.randn_like(values)).sum().backward()
    assert values.isfinite().all() and signal.grad.isfinite().all() and signal.grad[0].abs().max() > 0


def test_features_are_computed_in_single_precision_under_autocast():
    signal = noise(0.5)
    front_end = HTKMelSpectrogram()
    with torch.autocast("cpu", torch.bfloat16):
        values = features(front_end, signal)
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, features(front_end, signal), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SlaneyMelSpectrogram, {"bins": 0}, "bins: 0 is not positive"),
        (SlaneyMelSpectrogram, {"window": 600}, "window: 600 samples are more than the frame has"),
        (SlaneyMelSpectrogram, {"high": 10000.0}, "low, high: 0 to 10000 Hz"),
        (HTKMelSpectrogram, {"high": 5000.0, "filterbank_rate": 8000}, "low, high: 0 to 5000 Hz"),
        (HTKMelSpectrogram, {"low": 9000.0}, "low, high: 9000 to 8000 Hz"),
    ],
)
def test_impossible_bands_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_a_clip_too_short_to_be_mirrored_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"signal: 200 samples, but 201 .* data\.seconds"):
        features(HTKMelSpectrogram(), torch.zeros(1, 200))
    assert features(HTKMelSpectrogram(), torch.zeros(1, 201)).shape == (1, 2, 128)
