"""Whole recordings through networks that are fully convolutional over time: whatever the excerpts, the same logits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from architectures import FrameOutput, HarmonicTracker
from architectures.streams import joined
from architectures.whole_recordings import FRAMES, WholeAudio
from tests.architectures.convolutional_networks import HOP, TinyConvolutional


def network(voicing=True):
    torch.manual_seed(0)
    return TinyConvolutional(voicing=voicing).eval()


def noise(samples):
    return torch.from_numpy(np.random.default_rng(samples).normal(size=samples).astype(np.float32) * 0.2)


def one_by_one(made, audio):
    """Pitch and voicing of each frame from a window of one, the recording 0 beyond its ends."""
    window = made.window_of(1)
    padded = torch.cat([torch.zeros(window // 2), audio, torch.zeros(window)])
    outputs = [made(padded[None, start : start + window]) for start in range(0, len(audio), HOP)]
    if not made.voicing:
        return torch.cat(outputs, dim=1)[0]
    return tuple(torch.cat(values, dim=1)[0] for values in list(zip(*outputs, strict=True))[:2])


@pytest.mark.parametrize("samples", [1, 79, 80, 81, 2400, 4001])
@pytest.mark.parametrize("frames", [1, 2, 7, FRAMES])
@torch.inference_mode()
def test_excerpts_of_any_length_give_the_logits_of_single_frames(samples, frames):
    made, audio = network(), noise(samples)
    output = WholeAudio(made, HOP, frames=frames)(audio)
    assert isinstance(output, FrameOutput)
    assert output.pitch.shape == (-(-samples // HOP), 32)
    for ours, theirs in zip(output[:2], one_by_one(made, audio), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_network_without_voicing_gives_the_logits_alone():
    made, audio = network(voicing=False), noise(4001)
    logits = WholeAudio(made, HOP, frames=20)(audio)
    assert logits.shape == (51, 32)
    torch.testing.assert_close(logits, one_by_one(made, audio), rtol=0, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=8), st.integers(1, 9))
@torch.inference_mode()
def test_how_the_audio_is_cut_into_blocks_changes_nothing(lengths, frames):
    made = network()
    audio = noise(sum(lengths))
    runs = list(WholeAudio(made, HOP, frames=frames).of_blocks(torch.split(audio, lengths)))
    assert sum(len(run.pitch) for run in runs) == -(-len(audio) // HOP)
    if runs:
        whole = WholeAudio(made, HOP, frames=frames)(audio)
        for ours, theirs in zip(joined(runs), whole, strict=True):
            assert ours is None or torch.equal(ours, theirs)


@torch.inference_mode()
def test_a_run_comes_as_soon_as_the_audio_within_its_reach_is_there():
    made, taken = network(), []
    audio = noise(8000)

    def blocks():
        for block in torch.split(audio, 100):
            taken.append(block)
            yield block

    first = next(WholeAudio(made, HOP, frames=10).of_blocks(blocks()))
    assert len(first.pitch) == 10
    needed = made.window_of(10) - made.window_of(1) // 2
    assert sum(map(len, taken)) == -(-needed // 100) * 100


@torch.inference_mode()
def test_nothing_but_the_reach_is_computed_twice(monkeypatch):
    made, seen = network(), []
    forward = made.forward
    monkeypatch.setattr(made, "forward", lambda audio: (seen.append(tuple(audio.shape)), forward(audio))[1])
    WholeAudio(made, HOP, frames=50)(noise(120 * HOP))
    assert seen == [(1, made.window_of(50)), (1, made.window_of(50)), (1, made.window_of(20))]


def test_another_hop_and_no_frames_are_refused():
    with pytest.raises(ValueError, match="hop: 81, but the network is made for 80"):
        WholeAudio(network(), 81)
    with pytest.raises(ValueError, match="frames: 0"):
        WholeAudio(network(), HOP, frames=0)
    with pytest.raises(ValueError, match="samples: 0"):
        WholeAudio(network(), HOP)(torch.zeros(0))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("lookahead", [None, 3])
@torch.inference_mode()
def test_the_harmonic_tracker_gives_the_same_in_excerpts_of_any_length(lookahead):
    torch.manual_seed(0)
    tracker = HarmonicTracker(75, 22.5, 1, lookahead=lookahead).eval()
    audio = noise(30001)
    expected = WholeAudio(tracker, tracker.hop)(audio)
    for frames in (1, 37, 188):
        output = WholeAudio(tracker, tracker.hop, frames=frames)(audio)
        assert output.pitch.shape == (188, 75)
        for ours, theirs in zip(output[:2], expected[:2], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
