"""Networks: tensors in, tensors out. No Lightning, no files, no data sets.

Words for dimensions, here and in every signature: batch, samples, frames, bins, channels, classes.
"""

from architectures.autocorrelation import Autocorrelation, AutocorrelationSequence, MagnitudeSpectrum, SpectralPeak
from architectures.base import (
    ClipNetwork,
    FrameNetwork,
    FrameOutput,
    FrontEnd,
    SequenceNetwork,
    Sequences,
    SpectrogramNetwork,
)
from architectures.constant_q import ConstantQTransform, HarmonicConstantQTransform, SpectrogramTransform
from architectures.crepe import CREPE, ReconstructingCREPE
from architectures.crepe_parts import (
    CREPEBlock,
    EarlyMultiResolution,
    FirstLayer,
    MultiResolution,
    PlainBlock,
    ResidualBlock,
    SingleResolution,
    VariableStride,
)
from architectures.deep_salience import (
    DeepSalience,
    DeepSalienceWithoutBiases,
    NormAfterConvolution,
    NormBeforeConvolution,
    ResidualSalience,
)
from architectures.frontends import SpecAugment
from architectures.harmonics import Harmonics, HarmonicStacking
from architectures.hcnn import HCNN, AddedInput, ConcatenatedInput
from architectures.kim_crepe import KimCREPE, TorchCREPE
from architectures.layers import Samples, StandardisedWindow, WindowFeatures
from architectures.perceptron import Perceptron, VoicingPerceptron
from architectures.voicing import ConvolutionalVoicing, DropoutBeforeNorm, NormBeforeDropout, VoicingNetwork
from architectures.voicing_heads import (
    NoteOctaveVoicingHead,
    SalienceAlone,
    SalienceAndSpectrogram,
    SharedSalienceAndSpectrogram,
    SpectrogramAlone,
    TemporalVoicingHead,
)
from architectures.wavenet import WaveNet
from architectures.whole_recordings import FromAudio, WholeAudio, WholeSpectrogram

__all__ = [
    "CREPE",
    "HCNN",
    "AddedInput",
    "Autocorrelation",
    "AutocorrelationSequence",
    "CREPEBlock",
    "ClipNetwork",
    "ConcatenatedInput",
    "ConstantQTransform",
    "ConvolutionalVoicing",
    "DeepSalience",
    "DeepSalienceWithoutBiases",
    "DropoutBeforeNorm",
    "EarlyMultiResolution",
    "FirstLayer",
    "FrameNetwork",
    "FrameOutput",
    "FromAudio",
    "FrontEnd",
    "HarmonicConstantQTransform",
    "HarmonicStacking",
    "Harmonics",
    "KimCREPE",
    "MagnitudeSpectrum",
    "MultiResolution",
    "NormAfterConvolution",
    "NormBeforeConvolution",
    "NormBeforeDropout",
    "NoteOctaveVoicingHead",
    "Perceptron",
    "PlainBlock",
    "ReconstructingCREPE",
    "ResidualBlock",
    "ResidualSalience",
    "SalienceAlone",
    "SalienceAndSpectrogram",
    "Samples",
    "SequenceNetwork",
    "Sequences",
    "SharedSalienceAndSpectrogram",
    "SingleResolution",
    "SpecAugment",
    "SpectralPeak",
    "SpectrogramAlone",
    "SpectrogramNetwork",
    "SpectrogramTransform",
    "StandardisedWindow",
    "TemporalVoicingHead",
    "TorchCREPE",
    "VariableStride",
    "VoicingNetwork",
    "VoicingPerceptron",
    "WaveNet",
    "WholeAudio",
    "WholeSpectrogram",
    "WindowFeatures",
]
