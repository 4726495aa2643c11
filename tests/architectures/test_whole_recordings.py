"""Logits of whole recordings against those of their excerpts."""

import numpy as np
import pytest
import torch

from architectures import CREPE, HCNN, ConvolutionalVoicing, FrameOutput, Harmonics, NoteOctaveVoicingHead
from architectures.front_ends import constant_q, filter_banks
from architectures.front_ends.constant_q import ConstantQTransform, HarmonicConstantQTransform
from architectures.spectrogram.voicing_heads import Kernel
from architectures.whole_recordings import FromAudio, WholeAudio, WholeSpectrogram
from datamodules import ConstantQ

RATE, HOP, BINS = 8000, 80, 60
SHAPE = {"minimum": 110.0, "bins_per_octave": 12, "octaves": 5}


def hcnn(context=4, **arguments):
    """Reaches 4 frames to either side."""
    torch.manual_seed(0)
    values = {
        "bins": BINS,
        "frames": 5,
        "context": context,
        "bins_per_semitone": 1,
        "filters": 4,
        "kernels": (3, 3, 3),
        "dilations": (1, 1, 2),
        "harmonics": Harmonics(1, 2),
        "layer_harmonics": Harmonics(1, 1),
    }
    return HCNN(48, **{**values, **arguments}).eval()


def recording(seconds=1.03):
    time = np.arange(int(RATE * seconds)) / RATE
    tone = sum(0.2 / k * np.sin(2 * np.pi * k * (220 * time + 30 * time**2)) for k in range(1, 6))
    return (tone + np.random.default_rng(0).normal(size=len(time)) * 0.01).astype(np.float32)


def stored_spectrogram(samples):
    """`(channels, frames, bins)` of the label frames."""
    spectrum = ConstantQ(**SHAPE).compute(samples, RATE, HOP).swapaxes(1, 2)
    return torch.from_numpy(spectrum[:, : -(-len(samples) // HOP)].copy())


def excerpts(network, spectrogram):
    """Logits of one excerpt after the other, its frames copied one by one."""
    frames = spectrogram.shape[1]
    logits = []
    for first in range(0, frames, network.frames):
        window = torch.zeros(1, network.channels, network.window, network.bins)
        for place in range(network.window):
            frame = first - network.context + place
            if 0 <= frame < frames:
                window[0, :, place] = spectrogram[:, frame]
        logits.append(network(window)[0])
    return torch.cat(logits)[:frames]


@pytest.mark.parametrize("context", [4, 7, 1, 0])
def test_logits_of_a_stored_spectrogram_are_those_of_its_excerpts(context):
    network, spectrogram = hcnn(context), stored_spectrogram(recording())
    with torch.no_grad():
        logits = WholeSpectrogram(network, excerpts=4)(spectrogram)
        assert logits.shape == (103, 48)
        torch.testing.assert_close(logits, excerpts(network, spectrogram), rtol=0, atol=1e-6)


def test_logits_of_audio_are_those_of_the_stored_spectrogram_to_a_thousandth_of_their_range():
    network, samples = hcnn(), recording()
    whole = FromAudio(network, ConstantQTransform(RATE, HOP, **SHAPE))
    with torch.no_grad():
        expected = excerpts(network, stored_spectrogram(samples))
        logits = whole(torch.from_numpy(samples))
    assert expected.max() - expected.min() > 0.1
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-3 * (expected.max() - expected.min()).item())


def test_with_enough_context_the_borders_of_excerpts_do_not_show():
    spectrogram = stored_spectrogram(recording())
    one = torch.nn.functional.pad(spectrogram, (0, 0, 4, 4))[None]
    with torch.no_grad():
        for context, equal in ((4, True), (2, False)):
            network = hcnn(context)
            cropped = one[:, :, 4 - context : one.shape[2] - 4 + context]
            assert torch.allclose(WholeSpectrogram(network)(spectrogram), network(cropped)[0], atol=1e-5) is equal


@pytest.mark.parametrize("excerpts", [1, 3, 1000])
@pytest.mark.parametrize("frames", [1, 4, 5, 6, 15])
def test_any_number_of_excerpts_at_once_gives_the_same(excerpts, frames):
    network, spectrogram = hcnn(), stored_spectrogram(recording())[:, :frames]
    with torch.no_grad():
        expected = WholeSpectrogram(network)(spectrogram)
        assert len(expected) == frames
        torch.testing.assert_close(WholeSpectrogram(network, excerpts)(spectrogram), expected, rtol=0, atol=1e-6)


def test_voicing_is_joined_beside_the_pitch():
    network, spectrogram = hcnn(voicing=NoteOctaveVoicingHead(filters=2)), stored_spectrogram(recording())
    with torch.no_grad():
        output = WholeSpectrogram(network, excerpts=7)(spectrogram)
        pitch, voicing, _ = network(spectrogram[None, :, 46:59])  # frames 50 to 54 with their context
    assert isinstance(output, FrameOutput)
    assert output.pitch.shape == (103, 48)
    assert output.voicing.shape == (103,)
    torch.testing.assert_close(output.pitch[50:55], pitch[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(output.voicing[50:55], voicing[0], rtol=0, atol=1e-6)


def test_a_network_of_voicing_alone_gives_one_logit_a_frame():
    network = ConvolutionalVoicing(
        [Kernel(5, 5)], bins=BINS, width=48, frames=5, context=2, filters=4, last_frames=3, bins_per_semitone=1
    ).eval()
    spectrogram = stored_spectrogram(recording())
    with torch.no_grad():
        logits = WholeSpectrogram(network)(spectrogram)
        torch.testing.assert_close(logits, excerpts(network, spectrogram), rtol=0, atol=1e-6)


@pytest.mark.parametrize("excerpts", [1, 3, None])
@pytest.mark.parametrize("cuts", [[103], [1, 2, 100], [5, 5, 0, 93], [50, 53]])
@torch.inference_mode()
def test_a_spectrogram_in_runs_has_the_logits_of_the_whole(cuts, excerpts):
    network, spectrogram = hcnn(), stored_spectrogram(recording())
    runs = list(WholeSpectrogram(network, excerpts).of_runs(spectrogram.split(cuts, dim=1)))
    torch.testing.assert_close(torch.cat(runs), WholeSpectrogram(network)(spectrogram), rtol=0, atol=1e-6)


@torch.inference_mode()
def test_a_recording_in_blocks_has_the_logits_of_the_whole(monkeypatch):
    monkeypatch.setattr(filter_banks, "CHUNK", 20)
    audio = torch.from_numpy(recording())
    for held in (0, 100):
        monkeypatch.setattr(constant_q, "HELD", held)
        whole = FromAudio(hcnn(), ConstantQTransform(RATE, HOP, **SHAPE), excerpts=4)
        runs = list(whole.of_recording(lambda: audio.split(1000)))
        assert len(runs) > 1
        torch.testing.assert_close(torch.cat(runs), whole(audio), rtol=0, atol=1e-5)


def test_the_gradient_of_a_logit_reaches_the_audio_around_its_frame():
    audio = torch.from_numpy(recording()).requires_grad_()
    FromAudio(hcnn(), ConstantQTransform(RATE, HOP, **SHAPE))(audio)[50].sum().backward()
    assert audio.grad[50 * HOP] != 0
    assert torch.isfinite(audio.grad).all()


def test_another_spectrogram_than_the_networks_is_refused():
    with pytest.raises(ValueError, match=r"transform: it makes \(6, 60, 12\) .* takes \(1, 60, 12\)"):
        FromAudio(hcnn(), HarmonicConstantQTransform(44100, HOP, **SHAPE))
    with pytest.raises(ValueError, match=r"it makes \(1, 60, 60\)"):
        FromAudio(hcnn(), ConstantQTransform(44100, HOP, octaves=1))
    with pytest.raises(ValueError, match="excerpts: 0"):
        WholeSpectrogram(hcnn(), excerpts=0)


def test_a_recording_without_samples_or_frames_is_refused():
    with pytest.raises(ValueError, match="samples: 0"):
        FromAudio(hcnn(), ConstantQTransform(RATE, HOP, **SHAPE))(torch.zeros(0))
    with pytest.raises(ValueError, match="frames: 0"):
        WholeSpectrogram(hcnn())(torch.zeros(1, 0, BINS))


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("samples", [1, 80, 81, 1000, 2403])
@torch.inference_mode()
def test_frames_of_audio_are_those_of_excerpts_centred_on_them(frames, samples):
    torch.manual_seed(0)
    network = CREPE(12, 600, 1, frames).eval()
    audio = torch.from_numpy(recording()[:samples])
    beyond = torch.zeros(3000)
    padded = torch.cat([beyond, audio, beyond])
    expected = []
    for first in range(0, -(-samples // HOP), frames):
        # The middle of the window stands on the middle of its label frames.
        begin = 3000 + first * HOP + (frames - 1) * HOP // 2 - 300
        expected.append(network(padded[None, begin : begin + 600])[0])
    logits = WholeAudio(network, HOP, excerpts=3)(audio)
    assert torch.allclose(logits, torch.cat(expected)[: -(-samples // HOP)], atol=1e-5)


def test_another_hop_than_the_networks_and_no_samples_are_refused():
    network = CREPE(12, 600, 1)
    network.hop = 93
    with pytest.raises(ValueError, match="hop: 80, but the network is made for 93"):
        WholeAudio(network, HOP)
    with pytest.raises(ValueError, match="samples: 0"):
        WholeAudio(network, 93)(torch.zeros(0))
