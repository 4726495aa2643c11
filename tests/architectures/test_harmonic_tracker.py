"""HarmonicTracker: excerpts of any length agree, the past alone decides with no lookahead, level does not matter."""

import math

import numpy as np
import pytest
import torch

from architectures import HarmonicTracker
from architectures.harmonic_tracker.features import HOP, LONG, RATE, HarmonicFeatures
from architectures.layers import parameter_count

GRID = dict(width=225, lowest_note=22.5, bins_per_semitone=3)
FREQUENCIES = 440 * 2 ** ((22.5 + np.arange(225) / 3 - 69) / 12)


def network(seed=0, **options):
    torch.manual_seed(seed)
    return HarmonicTracker(**GRID, **options).eval()


def noise(samples, seed=1):
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def test_it_has_as_many_parameters_as_written_out():
    tracker = network()
    features = 8 + 5 + 5  # harmonics of two spectra, four correlations and the place
    pitch = (features * 5 + 1) * 16 + 3 * (16 * 9 + 1) * 16 + (16 * 3 + 1) * 16 + 17
    voicing = (16 + features + 2 + 18 + 1) * 48 + 3 * (48 * 5 + 1) * 48 + 49
    assert parameter_count(tracker) == pitch + voicing == 46_610


@torch.no_grad()
@pytest.mark.parametrize("lookahead", [None, 3])
def test_excerpts_of_any_length_agree(lookahead):
    tracker = network(lookahead=lookahead)
    audio = noise(tracker.window_of(60))
    whole = tracker(audio)
    assert whole.pitch.shape == (1, 60, 225) and whole.voicing.shape == (1, 60)
    for first, frames in ((0, 1), (7, 20), (59, 1)):
        part = tracker(audio[:, first * HOP :][:, : tracker.window_of(frames)])
        np.testing.assert_allclose(part.pitch, whole.pitch[:, first : first + frames], atol=1e-4)
        np.testing.assert_allclose(part.voicing, whole.voicing[:, first : first + frames], atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("lookahead", [0, 4, 12, None])
def test_logits_depend_on_no_later_audio_than_stated(lookahead):
    tracker = network(lookahead=lookahead)
    audio = noise(tracker.window_of(1))
    middle = audio.shape[1] // 2
    frames = tracker.later + tracker.loudness[1] if lookahead is None else lookahead
    later = middle + frames * HOP + LONG // 2
    assert tracker.later == (41 if lookahead is None else lookahead)
    changed = audio.clone()
    changed[:, later + HOP :] = 0  # the loudness of a frame is that of 50 ms, less than half a spectrum's window
    before, after = tracker(audio), tracker(changed)
    assert torch.equal(before.pitch, after.pitch) and torch.equal(before.voicing, after.voicing)
    changed[:, middle : middle + LONG // 4] = 0
    assert not torch.allclose(before.pitch, tracker(changed).pitch)


@torch.no_grad()
def test_the_level_of_a_recording_does_not_matter():
    tracker = network()
    audio = noise(tracker.window_of(5))
    loud, soft = tracker(4 * audio), tracker(0.02 * audio)
    np.testing.assert_allclose(loud.pitch, soft.pitch, atol=1e-3)
    np.testing.assert_allclose(loud.voicing, soft.voicing, atol=1e-3)


@torch.no_grad()
def test_silence_is_not_amplified_and_gives_numbers():
    tracker = network()
    silent = tracker(torch.zeros(1, tracker.window_of(3)))
    assert silent.pitch.isfinite().all() and silent.voicing.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("lookahead", [None, 10])
def test_silence_about_a_recording_is_not_computed_and_leaves_no_trace(lookahead, monkeypatch):
    """As if all frames were computed; also those of silence alone, and of a batch of which one item sounds longer."""
    net = network(lookahead=lookahead, frames=300)
    audio = torch.zeros(3, net.window)
    middle = net.window // 2
    audio[0, middle - 6000 : middle + 1001] = 0.1 * torch.randn(7001)
    audio[1, middle + 4000] = 0.5
    found = [net(audio), net(audio[1:2]), net(audio[2:])]
    monkeypatch.setattr(
        "architectures.harmonic_tracker.harmonic_tracker.sounding_frames",
        lambda audio, size, hop: (0, (audio.shape[1] - size) // hop + 1),
    )
    monkeypatch.setattr("architectures.harmonic_tracker.features.STEP", 10_000)
    for one, other in zip(found, [net(audio), net(audio[1:2]), net(audio[2:])], strict=True):
        torch.testing.assert_close(one.pitch, other.pitch, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(one.voicing, other.voicing, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("f0", [61.0, 233.0, 987.0, 1800.0])
def test_every_kind_of_evidence_peaks_at_the_f0(f0):
    """Eight harmonics: at its bin each harmonic's power and the correlations are near their greatest value."""
    time = np.arange(LONG + 4 * HOP) / RATE
    count = min(8, int(7900 / f0))
    tone = sum(0.05 * np.cos(2 * math.pi * k * f0 * time + k * k) for k in range(1, count + 1))
    audio = torch.from_numpy(tone).float()[None]
    level = torch.full((1, 5), float(np.mean(tone**2)))
    values, _ = HarmonicFeatures(FREQUENCIES)(audio, level)
    own = int(np.abs(np.log(FREQUENCIES / f0)).argmin())
    middle = values[0, :, 2].numpy()
    harmonics = {1: 1.0, 3: 2.0}  # channels of the long spectrum
    for channel in [one for one, multiple in harmonics.items() if multiple <= count]:
        about = middle[channel, max(own - 6, 0) : own + 7]
        assert abs(int(about.argmax()) - min(own, 6)) <= 1
    correlations = middle[13:17, own]
    assert (correlations[1:] > 0.6).all()  # correlations, read by linear interpolation


@torch.no_grad()
def test_audio_played_backwards_has_the_same_pitch():
    tracker = network()
    audio = noise(tracker.window_of(9) + 1)  # frames are centred on a sample: one more, so that all centres are those
    forwards = tracker(audio[:, :-1]).pitch
    backwards = tracker(audio.flip(1)[:, :-1]).pitch.flip(1)
    spread = forwards.std()
    assert (forwards - backwards).abs().mean() < 0.02 * spread  # 16 ms are an even number of samples
    limited = network(lookahead=5)
    audio = noise(limited.window_of(9) + 1)
    different = limited(audio[:, :-1]).pitch - limited(audio.flip(1)[:, :-1]).pitch.flip(1)
    assert different.abs().mean() > 0.1 * spread


def test_arguments_out_of_range_are_refused_by_name():
    with pytest.raises(ValueError, match="lookahead"):
        network(lookahead=-1)
    with pytest.raises(ValueError, match="channels"):
        network(channels=0)
    tracker = network()
    with pytest.raises(ValueError, match="frames"):
        tracker(torch.zeros(1, tracker.window_of(1) - HOP))


def test_gradients_reach_every_parameter():
    tracker = network()
    output = tracker(noise(tracker.window_of(4)))
    (output.pitch.square().mean() + output.voicing.square().mean()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in tracker.parameters())


@pytest.mark.slow  # traces the network
def test_an_exported_graph_takes_any_number_of_frames():
    torch.manual_seed(0)
    made = HarmonicTracker(60, 40, 2, channels=4, voicing_channels=6, loudness_reach=30).eval()

    class Padded(torch.nn.Module):
        """A window of as many frames as the audio has hops."""

        def __init__(self):
            super().__init__()
            self.network = made

        def forward(self, hops):
            beyond = made.window_of(1) - HOP
            audio = torch.cat([hops.flatten(1), hops.new_zeros(len(hops), beyond)], dim=1)
            return self.network(audio)[:2]

    def noise(hops):
        return torch.randn(1, hops, HOP) * 0.1

    with torch.no_grad():
        shapes = {"hops": {1: torch.export.Dim("hops", min=2)}}
        graph = torch.export.export(Padded(), (noise(40),), dynamic_shapes=shapes, strict=False).module()
        for hops in (40, 7, 90):
            audio = noise(hops)
            for ours, theirs in zip(graph(audio), Padded()(audio), strict=True):
                assert ours.shape[1] == hops
                torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
