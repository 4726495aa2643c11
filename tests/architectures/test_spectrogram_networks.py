"""What every network that reads windows of a spectrogram keeps to; `test_base` has what it shares with audio."""

import pytest
import torch

from architectures.spectrogram.context import receptive_field
from tests.architectures.frame_networks import BINS, SIZES, SPECTROGRAM, WIDTH, assert_same, outputs
from tests.architectures.frame_networks import on_spectrogram as made

every_network = pytest.mark.parametrize("build", SPECTROGRAM.values(), ids=SPECTROGRAM)


@every_network
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_logits_for_every_frame_of_any_batch(build, training, batch):
    network, spectrogram = made(build)
    shapes = {name: value.shape for name, value in outputs(network.train(training), spectrogram[:batch]).items()}
    assert shapes.pop("pitch", (batch, 3, WIDTH)) == (batch, 3, WIDTH)
    assert shapes.pop("voicing", (batch, 3)) == (batch, 3)
    assert not shapes
    assert network.window == network.frames + 2 * network.context == spectrogram.shape[2]


@every_network
@pytest.mark.parametrize("frames", [1, 2, 20])
def test_logits_for_any_number_of_frames_also_of_a_batch_of_one(build, frames):
    network, _ = made(build)
    spectrogram = torch.rand(1, 2, frames + 2 * network.context, BINS)
    shapes = {name: value.shape for name, value in outputs(network.eval(), spectrogram).items()}
    assert set(shapes.items()) <= {("pitch", (1, frames, WIDTH)), ("voicing", (1, frames))} and shapes


@every_network
def test_a_frame_depends_on_the_frames_within_reach_around_it_and_on_no_others(build):
    before, after = receptive_field(made(build)[0])
    context, frame = max(before, after), 4
    network, _ = made(build, context=context, frames=2 * frame + 1)
    network.eval().double()
    spectrogram = torch.rand(1, 2, network.window, BINS, dtype=torch.double)

    def changed_by(*frames):
        other = spectrogram.clone()
        other[:, :, list(frames)] = torch.rand(1, 2, len(frames), BINS, dtype=torch.double)
        ours, theirs = outputs(network, other), outputs(network, spectrogram)
        return [not torch.equal(ours[name][:, frame], theirs[name][:, frame]) for name in ours]

    first, last = context + frame - before, context + frame + after
    assert not any(changed_by(*range(first), *range(last + 1, network.window)))
    assert any(changed_by(first)) and all(changed_by(context + frame)) and any(changed_by(last))


@every_network
def test_windows_with_context_give_what_the_whole_gives_without_gaps_between_them(build):
    reached = max(receptive_field(made(build)[0]))
    network, _ = made(build, context=reached)
    network.eval()
    whole = torch.rand(1, 2, 12 + 2 * reached, BINS)
    windows = whole.unfold(2, network.window, 3).permute(0, 2, 1, 4, 3).flatten(0, 1)
    cut = {name: value.flatten(0, 1)[None] for name, value in outputs(network, windows).items()}
    assert_same(cut, outputs(network, whole))


@every_network
def test_more_context_than_the_layers_reach_changes_nothing_not_even_with_dilations(build):
    reached = max(receptive_field(made(build)[0]))
    exact, spectrogram = made(build, context=reached)
    ample, _ = made(build, context=reached + 4)
    ample.load_state_dict(exact.state_dict())
    padded = torch.cat([torch.rand(5, 2, 4, BINS), spectrogram, torch.rand(5, 2, 4, BINS)], dim=2)
    assert_same(outputs(ample.eval(), padded), outputs(exact.eval(), spectrogram))


@pytest.mark.parametrize("name", [name for name, build in SPECTROGRAM.items() if max(receptive_field(made(build)[0]))])
def test_without_context_the_borders_of_a_window_differ_and_its_middle_does_not(name):
    reached = max(receptive_field(made(SPECTROGRAM[name])[0]))
    frames = 2 * reached + 2
    without, _ = made(SPECTROGRAM[name], context=0, frames=frames)
    whole, spectrogram = made(SPECTROGRAM[name], context=reached, frames=frames)
    inner = spectrogram[:, :, reached:-reached]
    for key, value in outputs(without.eval(), inner).items():
        expected = outputs(whole.eval(), spectrogram)[key]
        torch.testing.assert_close(value[:, reached:-reached], expected[:, reached:-reached], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(value[:, [0, -1]], expected[:, [0, -1]], rtol=1e-3, atol=1e-4)


@every_network
def test_other_spectrograms_are_refused(build):
    network, spectrogram = made(build)
    for wrong in (spectrogram[:, :1], spectrogram[..., 1:], spectrogram[:, :, : 2 * network.context]):
        with pytest.raises(ValueError, match="the network takes 2 channels"):
            network(wrong)


@every_network
def test_bad_sizes_are_refused_by_name(build):
    for name in ("width", "channels", "bins", "frames", "bins_per_semitone"):
        with pytest.raises(ValueError, match=f"{name}: 0"):
            build(**{"width": WIDTH, **SIZES, name: 0})
    with pytest.raises(ValueError, match="context: -1"):
        build(**{"width": WIDTH, **SIZES, "context": -1})
