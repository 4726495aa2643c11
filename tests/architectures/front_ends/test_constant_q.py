"""Constant-Q transforms on the device against those that `prepare` stores."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

from architectures.front_ends import constant_q, filter_banks
from architectures.front_ends.constant_q import ConstantQTransform, HarmonicConstantQTransform
from architectures.front_ends.filter_bank_stream import FilterBankStream
from datamodules import ConstantQ, HarmonicConstantQ

PAIRS = {"plain": (ConstantQTransform, ConstantQ), "harmonic": (HarmonicConstantQTransform, HarmonicConstantQ)}
# Rate, hop, seconds, kind, arguments, and the largest difference in decibels that the docstring promises.
CASES = [
    (44100, 256, 1.5, "plain", {"filter_scales": (0.5, 1.0, 2.0), "top_dbs": (60.0, 80.0, 100.0)}, 0.06),
    (44100, 512, 1.5, "plain", {}, 0.06),
    (44100, 441, 0.5, "plain", {"octaves": 4, "minimum": 523.3}, 0.06),
    (22050, 256, 1.5, "harmonic", {}, 0.5),
    (22050, 300, 1.5, "plain", {"bins_per_octave": 12, "octaves": 8}, 0.06),
    (16000, 160, 1.5, "plain", {"octaves": 7}, 0.06),
    (16000, 93, 0.5, "plain", {"octaves": 6, "minimum": 65.4}, 0.06),
    (8000, 160, 1.5, "plain", {"minimum": 440.0, "bins_per_octave": 12, "octaves": 2}, 0.06),
    (8000, 999, 4.0, "plain", {"minimum": 440.0, "bins_per_octave": 12, "octaves": 2}, 0.06),
]
SMALL = {"rate": 8000, "hop": 80, "minimum": 110.0, "bins_per_octave": 12, "octaves": 4}


def made_signals(rate, seconds):
    time = np.arange(int(rate * seconds)) / rate
    yield np.random.default_rng(0).normal(size=len(time)) * 0.1
    yield 0.5 * np.sin(2 * np.pi * 40 * seconds / np.log(150) * (150 ** (time / seconds) - 1))
    yield sum(0.3 / k * np.sin(2 * np.pi * 110 * k * time + k) for k in range(1, 11)) * (time % 1 < 0.6)


def differences(on_device, samples, rate, hop, kind, arguments):
    """Decibels between the two, of the values above -80 dB."""
    samples = samples.astype(np.float32)
    with torch.no_grad():
        ours = on_device(torch.from_numpy(samples)[None])[0].double().numpy()
    theirs = PAIRS[kind][1](**arguments).compute(samples, rate, hop).swapaxes(1, 2)[:, : ours.shape[1]]
    assert ours.shape == (theirs.shape[0], -(-len(samples) // hop), theirs.shape[2])
    top_db = np.array(arguments.get("top_dbs", [80.0]))[:, None, None]
    above = np.maximum(ours, theirs) > 1 - 80 / top_db
    return (np.abs(ours - theirs) * top_db)[above]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("rate", "hop", "seconds", "kind", "arguments", "largest"), CASES)
def test_values_are_those_of_librosa_on_noise_a_chirp_and_tones(rate, hop, seconds, kind, arguments, largest):
    on_device = PAIRS[kind][0](rate, hop, **arguments)
    for samples in made_signals(rate, seconds):
        decibels = differences(on_device, samples, rate, hop, kind, arguments)
        assert len(decibels) > 200
        assert decibels.mean() < largest / 40
        assert decibels.max() < largest


@pytest.mark.sampled(2)
@pytest.mark.parametrize("recording", ["vocadito", "guitarset"])
@pytest.mark.parametrize(("rate", "hop", "seconds", "kind", "arguments", "largest"), CASES[:4])
def test_values_are_those_of_librosa_on_recordings(recording, rate, hop, seconds, kind, arguments, largest):
    if "MELISMA_TEST_DATA" not in os.environ:
        pytest.skip("MELISMA_TEST_DATA is not set: no recordings to compare on")
    folder = Path(os.environ["MELISMA_TEST_DATA"]) / "f0_mirdata_clips" / recording
    path = min(file for file in folder.rglob("*") if file.suffix in (".wav", ".flac"))
    audio, own_rate = soundfile.read(path, frames=88_200, always_2d=True)
    samples = soxr.resample(audio.mean(axis=1), own_rate, rate)
    decibels = differences(PAIRS[kind][0](rate, hop, **arguments), samples, rate, hop, kind, arguments)
    assert len(decibels) > 10_000
    assert decibels.mean() < largest / 40
    assert decibels.max() < largest


@pytest.mark.parametrize("samples", [1, 2, 1001, filter_banks.BLOCK, 2 * filter_banks.BLOCK + 777])
def test_half_the_rate_is_that_of_soxr_also_at_the_ends_and_between_blocks(samples):
    signal = np.random.default_rng(samples).normal(size=samples).astype(np.float32)
    ours = filter_banks.Halving()(torch.from_numpy(signal)[None])[0].numpy()
    theirs = soxr.resample(signal, 2, 1, quality="HQ")
    assert len(ours) == -(-samples // 2)
    np.testing.assert_allclose(ours[: len(theirs)], theirs[: len(ours)], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [ConstantQTransform, HarmonicConstantQTransform])
def test_silence_is_zero_and_has_a_finite_gradient(kind):
    audio = torch.zeros(2, 4000, requires_grad=True)
    spectrogram = kind(8000, 80, octaves=4)(audio)
    assert spectrogram.shape == (2, {"C": 1, "H": 6}[kind.__name__[0]], 50, 240)
    assert not spectrogram.any()
    spectrogram.sum().backward()
    assert torch.isfinite(audio.grad).all()


@pytest.mark.parametrize("samples", [1, 79, 80, 81, 4000])
def test_there_is_a_frame_for_every_hop_begun(samples):
    assert ConstantQTransform(**SMALL)(torch.ones(1, samples)).shape == (1, 1, -(-samples // 80), 48)


def test_frames_are_centred_on_multiples_of_the_hop():
    transform = ConstantQTransform(**SMALL, top_dbs=[40.0])
    audio = torch.zeros(1, 8000)
    audio[0, 40 * 80] = 1
    spectrogram = transform(audio)[0, 0]
    assert (spectrogram[:, -12:].argmax(dim=0) == 40).all()
    energy = 10 ** (4 * spectrogram) * (spectrogram > 0)
    centre = (energy * torch.arange(100)[:, None]).sum(dim=0) / energy.sum(dim=0)
    torch.testing.assert_close(centre, torch.full((48,), 40.0), rtol=0, atol=0.1)
    assert not spectrogram[:10].any()


def test_a_tone_is_loudest_in_its_bin():
    time = torch.arange(8000) / 8000
    for bin in (0, 17, 47):
        spectrogram = ConstantQTransform(**SMALL)(torch.sin(2 * torch.pi * 110 * 2 ** (bin / 12) * time)[None])[0, 0]
        assert spectrogram[50].argmax() == bin
        assert spectrogram[50, bin] > 0.99


@pytest.mark.parametrize("hop", [37, 80, 500])
def test_frames_are_the_same_in_any_chunks(hop, monkeypatch):
    transform = ConstantQTransform(**{**SMALL, "hop": hop}, filter_scales=[0.5, 2.0], top_dbs=[80.0, 60.0])
    audio = torch.randn(1, 12_000, generator=torch.Generator().manual_seed(0))
    whole = transform(audio)
    monkeypatch.setattr(filter_banks, "CHUNK", 7)
    torch.testing.assert_close(transform(audio), whole, rtol=0, atol=2e-5)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("held", [0, 2, 100])
@pytest.mark.parametrize("hop", [37, 80])
@pytest.mark.parametrize("samples", [1, 80, 20_000, 3 * filter_banks.BLOCK + 777])
def test_a_recording_in_blocks_has_the_frames_of_the_whole(samples, hop, held, monkeypatch):
    monkeypatch.setattr(filter_banks, "CHUNK", 50)
    monkeypatch.setattr(constant_q, "HELD", held)
    generator = torch.Generator().manual_seed(samples)
    audio = torch.randn(samples, generator=generator) * torch.linspace(0.01, 1, samples)
    blocks = audio[: samples // 3], audio[:0], audio[samples // 3 :]
    for transform in (
        ConstantQTransform(**{**SMALL, "hop": hop}, filter_scales=[0.5, 2.0], top_dbs=[80.0, 60.0]),
        HarmonicConstantQTransform(**{**SMALL, "hop": hop}, harmonics=[0.5, 1.0]),
    ):
        runs = list(transform.of_recording(lambda: iter(blocks)))
        assert len(runs) == -(-(samples // hop + 1) // 50)
        torch.testing.assert_close(torch.cat(runs, dim=1), transform(audio[None])[0], rtol=0, atol=1e-4)


def test_a_recording_in_blocks_without_samples_is_refused():
    with pytest.raises(ValueError, match="samples: 0"):
        list(ConstantQTransform(**SMALL).of_recording(lambda: [torch.zeros(0)]))


def test_a_stream_holds_no_more_of_a_long_recording_than_of_a_short_one(monkeypatch):
    monkeypatch.setattr(filter_banks, "CHUNK", 50)
    stream = FilterBankStream(ConstantQTransform(**SMALL).filters)
    held = []
    for _ in range(40):
        list(stream.push(torch.ones(filter_banks.BLOCK)))
        held.append(sum(len(part) for level in stream._levels for part in level._parts))
    assert max(held[20:]) <= max(held[:20])
    assert max(held) < 16 * filter_banks.BLOCK


def test_each_recording_of_a_batch_is_relative_to_its_own_maximum():
    audio = torch.randn(3, 8000, generator=torch.Generator().manual_seed(0)) * torch.tensor([[1e-3], [1.0], [50.0]])
    for kind in (ConstantQTransform, HarmonicConstantQTransform):
        transform = kind(8000, 80, octaves=4, bins_per_octave=12)
        together = transform(audio)
        for recording, expected in zip(together, audio, strict=True):
            assert recording.max() == 1
            torch.testing.assert_close(recording[None], transform(expected[None]), rtol=0, atol=2e-5)


def test_each_filter_scale_but_not_each_harmonic_has_its_own_maximum():
    audio = torch.randn(1, 8000, generator=torch.Generator().manual_seed(0))
    scales = ConstantQTransform(**SMALL, filter_scales=[0.5, 1.0, 2.0], top_dbs=[60.0, 80.0, 100.0])(audio)[0]
    assert (scales.amax(dim=(1, 2)) == 1).all()
    tone = torch.sin(2 * torch.pi * 3000 * torch.arange(8000) / 8000)[None]
    lower, low, high = HarmonicConstantQTransform(**SMALL, harmonics=[0.5, 1.0, 2.0])(tone)[0]
    assert high.max() == 1
    assert max(lower.max(), low.max()) < 0.9


def test_a_quiet_passage_long_behind_a_loud_one_is_right():
    generator = torch.Generator().manual_seed(0)
    quiet = torch.randn(1, 8000, generator=generator) * 1e-4
    audio = torch.cat([torch.randn(1, 76_000, generator=generator), quiet], dim=1)
    arguments = {**SMALL, "hop": 20, "top_dbs": [100.0]}
    exact = ConstantQTransform(**arguments).double()(audio.double())[:, :, -300:-60]
    assert exact.dtype == torch.float64
    assert 0.05 < exact.mean() < 0.4
    decibels = 100 * (ConstantQTransform(**arguments)(audio)[:, :, -300:-60] - exact).abs()
    assert decibels.mean() < 0.015
    assert decibels.flatten().quantile(0.999) < 0.2


def test_the_gradient_is_what_a_small_change_of_the_audio_makes():
    transform = ConstantQTransform(**SMALL).double()
    generator = torch.Generator().manual_seed(0)
    audio, change = torch.randn(2, 1, 2000, generator=generator, dtype=torch.float64)
    weights = torch.randn(1, 1, 25, 48, generator=generator, dtype=torch.float64)
    audio.requires_grad_()
    (gradient,) = torch.autograd.grad((transform(audio) * weights).sum(), audio)
    with torch.no_grad():
        higher, lower = ((transform(audio + step * change) * weights).sum() for step in (1e-6, -1e-6))
    assert (gradient * change).sum().item() == pytest.approx((higher - lower).item() / 2e-6, rel=1e-4)


def test_autocast_does_not_coarsen_it():
    audio = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    transform = ConstantQTransform(**SMALL)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(transform(audio), transform.double()(audio).float(), rtol=0, atol=1e-4)


def test_products_are_exact_inside_and_as_they_were_behind():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with filter_banks.exactly(torch.device("cpu")):
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        with pytest.raises(ValueError, match="samples"):
            ConstantQTransform(**SMALL)(torch.zeros(1, 0))
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    finally:
        torch.set_float32_matmul_precision(before)


def test_checkpoints_hold_nothing_of_it():
    transform = HarmonicConstantQTransform(**SMALL, harmonics=[0.5, 1.0])
    assert not transform.state_dict()
    assert not list(transform.parameters())


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ConstantQTransform, {"octaves": 6}, "octaves: the highest bin of 6 above 110.0 Hz reaches"),
        (ConstantQTransform, {"top_dbs": [80.0, 60.0]}, "top_dbs: 2 values for 1 filter_scales"),
        (ConstantQTransform, {"filter_scales": [], "top_dbs": []}, "top_dbs: 0 values"),
        (ConstantQTransform, {"hop": 0}, "hop: 0 is not positive"),
        (ConstantQTransform, {"bins_per_octave": 0}, "bins_per_octave: 0"),
        (HarmonicConstantQTransform, {"harmonics": []}, "harmonics: 0"),
        (HarmonicConstantQTransform, {}, "above 330.0 Hz"),
    ],
)
def test_impossible_arguments_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**{**SMALL, **arguments})


def test_an_empty_recording_is_refused():
    with pytest.raises(ValueError, match="samples: 0"):
        ConstantQTransform(**SMALL)(torch.zeros(1, 0))


@pytest.mark.gpu
@pytest.mark.parametrize("hop", [80, 93])
def test_the_gpu_gives_the_values_of_the_cpu(hop):
    transform = ConstantQTransform(**{**SMALL, "hop": hop})
    audio = torch.randn(2, 20_000, generator=torch.Generator().manual_seed(0))
    expected = transform(audio)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        torch.testing.assert_close(transform.cuda()(audio.cuda()).cpu(), expected, rtol=0, atol=1e-4)
    finally:
        torch.set_float32_matmul_precision(before)
