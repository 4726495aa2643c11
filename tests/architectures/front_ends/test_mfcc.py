"""Front ends of phoneme recognition: known values, exact frames, and nothing of the padding."""

import librosa
import pytest
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from architectures import (
    MFCC,
    CepstralMeanNormalisation,
    CepstralMeanVarianceNormalisation,
    FrontEnd,
    LogMelFilterbank,
    StoredFeatures,
)
from architectures.front_ends.mfcc import differences

CMVN = CepstralMeanVarianceNormalisation
SPECTRAL = {"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 40, "pad_mode": "constant"}
FRONT_ENDS = {
    "MFCC": MFCC(),
    "MFCC, CMVN": MFCC(normalisation=CMVN()),
    "MFCC, two deltas, CMN": MFCC(deltas=2, normalisation=CepstralMeanNormalisation()),
    "MFCC at 8 kHz": MFCC(rate=8000, filters=23),
    "LogMelFilterbank": LogMelFilterbank(40),
    "LogMelFilterbank, delta, CMVN": LogMelFilterbank(deltas=1, normalisation=CMVN()),
}
by_name = pytest.mark.parametrize("name", FRONT_ENDS)


def noise(*lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [0.1 * torch.randn(length, generator=generator) for length in lengths]


def batch(signals, extra=0):
    padded = torch.nn.utils.rnn.pad_sequence(signals, batch_first=True)
    return torch.nn.functional.pad(padded, (0, extra)), torch.tensor([len(signal) for signal in signals])


def alone(front_end, signal):
    values, lengths = front_end(signal[None], torch.tensor([len(signal)]))
    return values[0, : lengths[0]]


def test_coefficients_are_those_of_torchaudio():
    (signal,) = noise(5000)
    reference = torchaudio.transforms.MFCC(16_000, 13, log_mels=True, melkwargs=SPECTRAL)
    torch.testing.assert_close(alone(MFCC(), signal), reference(signal).T, rtol=1e-4, atol=1e-4)


def test_log_energies_and_coefficients_are_those_of_librosa():
    (signal,) = noise(5000)
    mel = librosa.feature.melspectrogram(y=signal.numpy(), sr=16_000, htk=True, norm=None, **SPECTRAL)
    log_mel = torch.log(torch.from_numpy(mel) + 1e-6)
    torch.testing.assert_close(alone(LogMelFilterbank(40), signal), log_mel.T, rtol=1e-4, atol=1e-4)
    cepstrum = torch.from_numpy(librosa.feature.mfcc(S=log_mel.numpy(), n_mfcc=13))
    torch.testing.assert_close(alone(MFCC(), signal), cepstrum.T, rtol=1e-4, atol=1e-4)


def test_differences_are_those_of_torchaudio_over_each_utterances_own_frames():
    values = torch.randn(2, 30, 4)
    lengths = torch.tensor([30, 17])
    result = differences(values, lengths)
    for item, length in enumerate(lengths):
        reference = torchaudio.functional.compute_deltas(values[item, :length].T).T
        torch.testing.assert_close(result[item, :length], reference)


def test_orders_of_differences_stand_behind_the_coefficients():
    (signal,) = noise(5000)
    static, both = alone(MFCC(), signal), alone(MFCC(deltas=2), signal)
    first = torchaudio.functional.compute_deltas(static.T)
    expected = torch.cat([static, first.T, torchaudio.functional.compute_deltas(first).T], dim=1)
    torch.testing.assert_close(both, expected)


@by_name
def test_features_are_the_same_alone_and_in_a_padded_batch(name):
    front_end = FRONT_ENDS[name]
    signals = noise(4000, 1, 159, 160, 399, 2561, 0)
    values, lengths = front_end(*batch(signals, extra=1234))
    for item, signal in enumerate(signals):
        expected = alone(front_end, signal)
        assert lengths[item] == len(expected) == front_end.frames(len(signal))
        assert values[item, : len(expected)].isfinite().all()
        torch.testing.assert_close(values[item, : len(expected)], expected, rtol=1e-4, atol=1e-4)
        assert not values[item, len(expected) :].any(), "zeros behind the end"
    assert values.shape[2] == front_end.bins


@by_name
@settings(max_examples=30, deadline=None)
@given(samples=st.integers(0, 3000))
def test_frames_are_as_many_as_stated(name, samples):
    front_end = FRONT_ENDS[name]
    values, lengths = front_end(torch.zeros(1, samples), torch.tensor([samples]))
    assert lengths.tolist() == [front_end.frames(samples)]
    assert values.shape == (1, max(front_end.frames(samples), 1), front_end.bins)


def test_a_frame_is_centred_on_a_multiple_of_the_hop():
    front_end = LogMelFilterbank(40)
    click = torch.zeros(3200)
    click[5 * front_end.hop] = 1.0
    energies = alone(front_end, click).sum(1)
    assert energies.argmax() == 5
    torch.testing.assert_close(energies[4], energies[6])


@pytest.mark.parametrize("front_end", [MFCC(normalisation=CMVN()), StoredFeatures(13, CMVN())], ids=["MFCC", "stored"])
def test_cmvn_makes_mean_0_and_variance_1_over_each_utterance(front_end):
    if front_end.rate is None:
        values, lengths = front_end(3 + 2 * torch.randn(2, 50, 13), torch.tensor([50, 31]))
    else:
        values, lengths = front_end(*batch(noise(8000, 5000)))
    for item, length in enumerate(lengths):
        own = values[item, :length]
        torch.testing.assert_close(own.mean(0), torch.zeros(13), rtol=0, atol=1e-4)
        torch.testing.assert_close(own.var(0, correction=0), torch.ones(13), rtol=1e-3, atol=0)


def test_cmn_leaves_the_variance_alone():
    (signal,) = noise(8000)
    plain, normalised = alone(MFCC(), signal), alone(MFCC(normalisation=CepstralMeanNormalisation()), signal)
    torch.testing.assert_close(normalised, plain - plain.mean(0), rtol=1e-4, atol=1e-4)


def test_what_is_constant_becomes_zero():
    values, _ = StoredFeatures(2, CMVN())(torch.full((2, 6, 2), 3.0), torch.tensor([6, 1]))
    assert not values.any()


def test_stored_features_pass_with_zeros_behind_each_end():
    features, lengths = torch.randn(2, 7, 13, dtype=torch.float64), torch.tensor([7, 4])
    values, frames = StoredFeatures(13)(features, lengths)
    assert values.dtype == torch.float32 and torch.equal(values[0], features[0].float())
    assert torch.equal(values[1, :4], features[1, :4].float()) and not values[1, 4:].any()
    assert torch.equal(frames, lengths)
    assert StoredFeatures(13).rate is None and StoredFeatures(13).frames(50) == 50


@pytest.mark.parametrize("shape", [(2, 7, 40), (2, 7)])
def test_stored_features_of_another_dimension_are_refused(shape):
    with pytest.raises(ValueError, match=r"bins: .*\(batch, frames, 13\).*2, 7"):
        StoredFeatures(13)(torch.zeros(shape), torch.tensor([7, 7]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MFCC(0), "coefficients: 0"),
        (lambda: MFCC(41), "coefficients: 41 is not 1 to filters: 40"),
        (lambda: MFCC(deltas=3), "deltas: 3"),
        (lambda: LogMelFilterbank(hop=0.0), "hop: 0 is not positive"),
        (lambda: LogMelFilterbank(40, maximum=9000.0), "maximum: 0.0 and 9000.0"),
        (lambda: LogMelFilterbank(40, minimum=500.0, maximum=400.0), "minimum, maximum: 500.0"),
        (lambda: CepstralMeanVarianceNormalisation(0.0), "epsilon: 0.0"),
        (lambda: StoredFeatures(0), "bins: 0"),
    ],
)
def test_arguments_out_of_range_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values")
def test_bands_without_a_frequency_are_refused():
    with pytest.raises(ValueError, match=r"filters: .* of 200 bands"):
        LogMelFilterbank(200)


@by_name
def test_front_ends_have_nothing_to_store_and_stay_precise_under_autocast(name):
    front_end = FRONT_ENDS[name]
    assert not front_end.state_dict()
    signals = batch(noise(3000, 2000))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = front_end(*signals)
    torch.testing.assert_close(rounded, front_end(*signals))


def test_normalisation_is_named_by_class_in_a_configuration(configured):
    normalisation = {"class_path": "architectures.CepstralMeanVarianceNormalisation"}
    front_end = configured(FrontEnd, "architectures.MFCC", deltas=1, normalisation=normalisation)
    assert front_end.bins == 26 and isinstance(front_end.normalisation, CepstralMeanVarianceNormalisation)
