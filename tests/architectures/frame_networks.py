"""Small networks that read windows of audio or of a spectrogram, an input for each, and their outputs by name."""

from functools import partial

import torch

from architectures import (
    CREPE,
    HCNN,
    Autocorrelation,
    AutocorrelationSequence,
    ConcatenatedInput,
    ConvolutionalVoicing,
    DeepSalience,
    DeepSalienceWithoutBiases,
    DropoutBeforeNorm,
    FrameOutput,
    Harmonics,
    HarmonicTracker,
    KimCREPE,
    MagnitudeSpectrum,
    MultiResolution,
    NormAfterConvolution,
    NormBeforeConvolution,
    NormBeforeDropout,
    NoteOctaveVoicingHead,
    Perceptron,
    ReconstructingCREPE,
    ResidualBlock,
    ResidualSalience,
    SalienceAlone,
    SpectralPeak,
    StandardisedWindow,
    TemporalVoicingHead,
    VariableStride,
    VoicingNetwork,
    VoicingPerceptron,
    WaveNet,
)
from architectures.layers import tf_batch_norm_2d
from architectures.spectrogram.voicing import Kernel
from architectures.wavenet.output import Activation, AveragePool, Convolution
from architectures.wavenet.parts import Concat, InitialConvolution, KeepContext, Last

AUDIO_WIDTH = 30

TINY_WAVENET = {"hop": 8, "frames": 3, "channels": 3, "skip_channels": 4, "max_dilation": 4}

AUDIO = {
    "CREPE": partial(CREPE, window=512, capacity=1, frames=3, dropout=0.0),
    "CREPE with many resolutions": partial(CREPE, window=512, capacity=1, dropout=0.0, first=MultiResolution(8)),
    "CREPE with variable stride": partial(CREPE, window=8192, capacity=1, dropout=0.0, first=VariableStride()),
    "CREPE with residual blocks": partial(CREPE, window=512, capacity=1, dropout=0.0, block=ResidualBlock()),
    "ReconstructingCREPE": partial(ReconstructingCREPE, window=300, capacity=1, frames=2, dropout=0.0),
    "KimCREPE": partial(KimCREPE, window=512, capacity=1, frames=2, dropout=0.0),
    "Perceptron": partial(Perceptron, window=101, hidden=20, frames=2),
    "Perceptron of a standardised window": partial(Perceptron, window=101, hidden=20, features=StandardisedWindow()),
    "Perceptron of a spectrum": partial(Perceptron, window=101, hidden=20, features=MagnitudeSpectrum()),
    "Perceptron of an autocorrelation": partial(Perceptron, window=100, hidden=20, features=AutocorrelationSequence()),
    "VoicingPerceptron": partial(VoicingPerceptron, window=101, hidden=20, frames=2),
    "WaveNet": partial(WaveNet, **TINY_WAVENET, initial=InitialConvolution(4), stacks=2),
    "WaveNet with concatenated skips": partial(
        WaveNet,
        **TINY_WAVENET,
        skips=Concat(),
        postprocessing=[AveragePool(2), Activation(), Convolution(AUDIO_WIDTH, 4, 4)],
    ),
    "WaveNet with its last skip and a dense layer": partial(
        WaveNet, **TINY_WAVENET, kernel=2, skips=Last(), crop=KeepContext(), postprocessing=[Convolution(5, 3, 3)]
    ),
    "Autocorrelation": partial(Autocorrelation, window=512, lowest_note=48.0),
    "SpectralPeak": partial(SpectralPeak, window=512, lowest_note=48.0, harmonics=3),
    "HarmonicTracker": partial(
        HarmonicTracker, lowest_note=48.0, bins_per_semitone=1, frames=3, channels=3, voicing_channels=4
    ),
}

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
SPECTROGRAM = {**FOR_PITCH, **FOR_VOICING}


def on_audio(build, **options):
    """A network that reads audio, and five windows for it."""
    torch.manual_seed(0)
    network = build(AUDIO_WIDTH, **options)
    return network, torch.randn(5, network.window)


def on_spectrogram(build, **options):
    """A network that reads spectrograms, and five windows for it."""
    torch.manual_seed(0)
    network = build(width=WIDTH, **{**SIZES, **options})
    # Anything but the zeros and ones that all layers begin with.
    for parameter in network.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.1, 0.5)
    return network, torch.rand(5, 2, network.window, BINS)


# Makes the network and its windows.
EVERY = {
    **{name: partial(on_audio, build) for name, build in AUDIO.items()},
    **{name: partial(on_spectrogram, build) for name, build in SPECTROGRAM.items()},
}


def outputs(network, windows):
    """Everything that the network gives, by name."""
    output = network(windows)
    if isinstance(network, VoicingNetwork):
        return {"voicing": output}
    if not isinstance(output, FrameOutput):
        output = FrameOutput(output)
    return {name: value for name, value in output._asdict().items() if value is not None}


def assert_same(ours, expected, **tolerance):
    assert ours.keys() == expected.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, expected[name], **{"rtol": 1e-4, "atol": 1e-5, **tolerance})
