"""HarmonicTracker on audio as it arrives: the logits of the whole recording, after the latency it states."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from architectures import HarmonicTracker
from architectures.harmonic_tracker import HarmonicStream
from architectures.harmonic_tracker.features import HOP, RATE
from architectures.whole_recordings import WholeAudio

WIDTH = 60


def network(**options):
    torch.manual_seed(0)
    values = {"lowest_note": 40, "bins_per_semitone": 2, "channels": 4, "voicing_channels": 6, "loudness_reach": 30}
    return HarmonicTracker(WIDTH, **{**values, **options}).eval()


LIVE, BOTH = network(lookahead=8), network()


def recording(samples, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tone = 0.2 * torch.sin(2 * torch.pi * 150 * torch.arange(samples) / RATE)
    loud = (torch.arange(samples) % 9000 < 6000).float()  # with silence that is digital
    return tone * loud + 0.01 * loud * torch.randn(samples, generator=generator)


def streamed(made, audio, cuts, frames=1):
    """Logits, and after how many samples each of their runs was there."""
    stream, outputs, there = HarmonicStream(made, frames), [], []
    with torch.inference_mode():
        begin = 0
        for end in [*cuts, len(audio)]:
            for output in stream.push(audio[begin:end]):
                outputs.append(output)
                there += [end] * len(output.pitch)
            begin = end
        outputs += stream.finish()
    joined = [torch.cat(parts) for parts in zip(*((each.pitch, each.voicing) for each in outputs), strict=True)]
    return *joined, there, stream


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20_000), st.lists(st.integers(0, 20_000), max_size=6), st.integers(1, 30), st.booleans())
def test_it_gives_what_the_whole_gives_however_the_audio_is_cut(samples, cuts, frames, live):
    made, audio = LIVE if live else BOTH, recording(samples)
    pitch, voicing, _, _ = streamed(made, audio, sorted(min(cut, samples) for cut in cuts), frames)
    with torch.inference_mode():
        whole = WholeAudio(made, HOP)(audio)
    assert pitch.shape == whole.pitch.shape == (-(-samples // HOP), WIDTH)
    assert (pitch.softmax(-1) - whole.pitch.softmax(-1)).abs().max() < 1e-5
    assert (voicing.sigmoid() - whole.voicing.sigmoid()).abs().max() < 1e-5


@pytest.mark.parametrize("frames", [1, 10])
@pytest.mark.parametrize("made", [LIVE, BOTH], ids=["live", "both sides"])
def test_a_frame_is_there_after_the_stated_latency_and_not_before_its_reach(made, frames):
    audio = recording(16_000)
    _, _, there, stream = streamed(made, audio, range(1, 16_000, 40), frames)
    delays = torch.tensor(there) - torch.arange(len(there)) * HOP
    assert delays.max() <= stream.latency + 40
    assert delays.max() > stream.latency - 40


def test_the_latency_of_a_live_network_is_its_lookahead_and_half_a_spectrum():
    assert HarmonicStream(LIVE).latency == 0.144 * RATE
    assert HarmonicStream(LIVE, 11).latency == 0.244 * RATE


def test_what_it_keeps_does_not_grow():
    stream, sizes = HarmonicStream(LIVE), []
    with torch.inference_mode():
        for _ in range(40):
            stream.push(recording(4000))
            sizes.append(
                (stream._audio.numel(), stream._powers.numel(), sum(each.numel() for each, _ in stream._features))
            )
    assert max(sizes[20:]) <= max(sizes[:20])


def test_nothing_gives_nothing():
    stream = HarmonicStream(LIVE)
    assert stream.push(torch.zeros(0)) == [] == stream.finish()
    with pytest.raises(ValueError, match="frames: 0"):
        HarmonicStream(LIVE, 0)
