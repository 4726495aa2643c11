"""What every network that reads windows of a spectrogram keeps to, for pitch and for voicing."""

from functools import partial

import pytest
import torch

from architectures import (
    HCNN,
    ConcatenatedInput,
    ConvolutionalVoicing,
    DeepSalience,
    DeepSalienceWithoutBiases,
    DropoutBeforeNorm,
    FrameOutput,
    Harmonics,
    NormAfterConvolution,
    NormBeforeConvolution,
    NormBeforeDropout,
    NoteOctaveVoicingHead,
    ResidualSalience,
    SalienceAlone,
    TemporalVoicingHead,
    VoicingNetwork,
)
from architectures.layers import tf_batch_norm_2d
from architectures.spectrogram.context import receptive_field
from architectures.spectrogram.voicing import Kernel

# At one bin per semitone: three octaves of salience from four of a spectrogram.
BINS, WIDTH = 48, 36
SIZES = {"channels": 2, "bins": BINS, "frames": 3, "bins_per_semitone": 1}
LONG = {"kernels": [(5, 5), (9, 3), (5, 70)], "last_kernel": (10, 1), "filters": 4, "context": 18}
CONTEXT = {"kernels": [1, 3, 3, 2], "dilations": [1, 2, 4, 3], "context": 8}

FOR_PITCH = {
    "DeepSalience": partial(DeepSalience, capacity=4),
    "DeepSalience with harmonic layers": partial(DeepSalience, capacity=2, layer_harmonics=Harmonics(2, 3)),
    "DeepSalienceWithoutBiases": partial(DeepSalienceWithoutBiases, capacity=4),
    "ResidualSalience": partial(ResidualSalience, filters=4, block=NormBeforeConvolution(0.0)),
    "ResidualSalience, normalised afterwards": partial(ResidualSalience, **LONG, block=NormAfterConvolution(0.0)),
    "ResidualSalience with a head": partial(
        ResidualSalience,
        **{**LONG, "context": 31},
        block=NormBeforeConvolution(0.0),
        voicing=TemporalVoicingHead(0.0, 4),
    ),
    "HCNN": partial(HCNN, filters=3, kernels=[1] * 3, dropout=0.0),
    "HCNN with context": partial(HCNN, **CONTEXT, filters=3, dropout=0.0),
    "HCNN, normalised": partial(HCNN, **CONTEXT, filters=2, dropout=0.0, normalisation=tf_batch_norm_2d),
    "HCNN with concatenation": partial(HCNN, **CONTEXT, filters=2, dropout=0.0, connection=ConcatenatedInput()),
    "HCNN with a head": partial(
        HCNN, **CONTEXT, filters=2, dropout=0.0, voicing=NoteOctaveVoicingHead(dropout=0.0, filters=4)
    ),
    "HCNN with a head on its salience": partial(
        HCNN, filters=2, dropout=0.0, voicing=NoteOctaveVoicingHead(SalienceAlone(), tf_batch_norm_2d, 0.0, 4)
    ),
}
KERNELS = [Kernel(3, frames=3), Kernel(12, 12, frames=3)]
FOR_VOICING = {
    "ConvolutionalVoicing": partial(
        ConvolutionalVoicing, KERNELS, filters=4, block=NormBeforeDropout(dropout=0.0), last_frames=2
    ),
    "ConvolutionalVoicing, normalised": partial(
        ConvolutionalVoicing, KERNELS, filters=4, block=NormBeforeDropout(tf_batch_norm_2d, 0.0), last_frames=2
    ),
    "ConvolutionalVoicing, pooled and stacked": partial(
        ConvolutionalVoicing,
        [Kernel(12, 12)],
        filters=4,
        block=DropoutBeforeNorm(0.0),
        harmonics=Harmonics(0, 3),
        pooling=torch.nn.MaxPool2d([1, 3]),
    ),
}
NETWORKS = {**FOR_PITCH, **FOR_VOICING}

every_network = pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)


def made(build, **options):
    torch.manual_seed(0)
    network = build(width=WIDTH, **{**SIZES, **options})
    # Anything but the zeros and ones that all layers begin with.
    for parameter in network.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.1, 0.5)
    return network, torch.rand(5, 2, network.window, BINS)


def outputs(network, spectrogram):
    """Everything that the network gives, by name."""
    output = network(spectrogram)
    if isinstance(network, VoicingNetwork):
        return {"voicing": output}
    if not isinstance(output, FrameOutput):
        output = FrameOutput(output)
    return {name: value for name, value in output._asdict().items() if value is not None}


def assert_same(ours, expected, **tolerance):
    assert ours.keys() == expected.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, expected[name], **{"rtol": 1e-4, "atol": 1e-5, **tolerance})


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
def test_the_same_alone_and_in_a_batch(build):
    network, spectrogram = made(build)
    together = outputs(network.eval(), spectrogram)
    for index in range(len(spectrogram)):
        alone = outputs(network, spectrogram[index, None])
        assert_same(alone, {name: value[index, None] for name, value in together.items()})


@every_network
def test_gradients_reach_the_input_and_every_parameter(build):
    network, spectrogram = made(build)
    spectrogram.requires_grad_()
    sum(value.square().sum() for value in outputs(network, spectrogram).values()).backward()
    for gradient in (spectrogram.grad, *(parameter.grad for parameter in network.parameters())):
        assert gradient.isfinite().all() and (gradient != 0).any()


@every_network
def test_silence_gives_numbers_and_finite_gradients(build):
    network, spectrogram = made(build)
    silence = torch.zeros_like(spectrogram, requires_grad=True)
    values = outputs(network, silence).values()
    assert all(value.isfinite().all() for value in values)
    sum(value.sum() for value in values).backward()
    assert silence.grad.isfinite().all()


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


@pytest.mark.parametrize("name", [name for name, build in NETWORKS.items() if max(receptive_field(made(build)[0]))])
def test_without_context_the_borders_of_a_window_differ_and_its_middle_does_not(name):
    reached = max(receptive_field(made(NETWORKS[name])[0]))
    frames = 2 * reached + 2
    without, _ = made(NETWORKS[name], context=0, frames=frames)
    whole, spectrogram = made(NETWORKS[name], context=reached, frames=frames)
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


@pytest.mark.bfloat16
@every_network
def test_bf16_autocast_comes_near(build):
    network, spectrogram = made(build)
    exact = outputs(network.eval(), spectrogram)
    with torch.autocast("cpu", torch.bfloat16):
        values = outputs(network, spectrogram)
    for name, value in values.items():
        scale = exact[name].abs().max()
        assert ((value.float() - exact[name]).abs().max() / scale).item() < 0.1


@pytest.mark.bfloat16
@every_network
def test_bf16_autocast_trains(build):
    network, spectrogram = made(build)
    with torch.autocast("cpu", torch.bfloat16):
        loss = sum(value.float().square().mean() for value in outputs(network, spectrogram).values())
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@every_network
def test_the_state_holds_what_is_learned_and_nothing_else(build):
    network, _ = made(build)
    names = {name for name, _ in network.named_parameters()}
    assert all(name in names or "running_" in name or "num_batches" in name for name in network.state_dict())


@pytest.fixture
def fresh_compiler():
    """Without memory of the sizes of other networks, which would make it compile for any size."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def assert_compiled_equals_eager(build, backend):
    network, spectrogram = made(build)
    expected = outputs(network.eval(), spectrogram)
    network.compile(backend=backend, fullgraph=True)
    assert_same(outputs(network, spectrogram), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@every_network
def test_traced_as_one_graph_it_gives_the_same(build, fresh_compiler):
    assert_compiled_equals_eager(build, "aot_eager")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DeepSalience with harmonic layers", "HCNN with a head", "ConvolutionalVoicing"])
def test_compiled_it_gives_the_same(name, fresh_compiler):
    assert_compiled_equals_eager(NETWORKS[name], "inductor")
