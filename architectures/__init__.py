"""Networks: tensors in, tensors out. No Lightning, no files, no data sets.

Words for dimensions, here and in every signature: batch, samples, frames, bins, channels, classes.
"""

import sys

from architectures.autocorrelation import Autocorrelation, AutocorrelationSequence, MagnitudeSpectrum, SpectralPeak
from architectures.base import (
    ClipNetwork,
    ConvolutionalNetwork,
    FrameNetwork,
    FrameOutput,
    FrontEnd,
    SequenceNetwork,
    Sequences,
    SpectrogramNetwork,
    VoicingNetwork,
)
from architectures.conv_lstm.conv_lstm import (
    BasicBlockEmbedding,
    BlockWithoutShortcut,
    BottleneckEmbedding,
    ConvLSTM,
    DiscardedBottleneck,
    Embedding,
    NoEmbedding,
    PlainConvolutions,
)
from architectures.conv_lstm.heads import FrameHead, LinearHead, NormalisedHead, TwoLinearHead
from architectures.conv_rnn.conv_rnn import (
    Arrangement,
    BidirectionalGRU,
    ChannelSequences,
    ConvRNN,
    ForwardGRU,
    RecurrentLayer,
    StrangeReshape,
    TimeSteps,
)
from architectures.conv_rnn.trunks import ConvolutionalTrunk, MobileNetV2Trunk, OverlappingPoolingTrunk, PoolingTrunk
from architectures.crepe.crepe import CREPE, ReconstructingCREPE
from architectures.crepe.kim import KimCREPE, TorchCREPE
from architectures.crepe.parts import (
    CREPEBlock,
    EarlyMultiResolution,
    FirstLayer,
    MultiResolution,
    PlainBlock,
    ResidualBlock,
    SingleResolution,
    VariableStride,
)
from architectures.deepspeech.deepspeech import (
    DeepSpeechBody,
    DeepSpeechClassifier,
    MaskedConvolutions,
    StandardisedSpectrum,
)
from architectures.deepspeech.published_transformer import (
    AttendToPadding,
    IgnorePadding,
    PublishedTransformer,
    RandomState,
    ZeroQueryTransformer,
    ZeroState,
)
from architectures.deepspeech.recurrent import RecurrentOutputAndState, RecurrentState
from architectures.deepspeech.transformer import QueryTransformer
from architectures.front_ends.compression import Amplitude, Compression, Decibels, LogPower, Power, Standardised
from architectures.front_ends.constant_q import ConstantQTransform, HarmonicConstantQTransform, SpectrogramTransform
from architectures.front_ends.mel import HTKMelSpectrogram, MelSpectrogram, SlaneyMelSpectrogram
from architectures.front_ends.mfcc import MFCC, LogMelFilterbank, StoredFeatures
from architectures.front_ends.normalisation import (
    CepstralMeanNormalisation,
    CepstralMeanVarianceNormalisation,
    FeatureNormalisation,
)
from architectures.front_ends.spec_augment import SpecAugment
from architectures.harmonic_tracker import HarmonicTracker
from architectures.layers import Samples, StandardisedWindow, WindowFeatures
from architectures.mel_cnn import MelCNN
from architectures.perceptron import Perceptron, VoicingPerceptron
from architectures.spectrogram.deep_salience import (
    DeepSalience,
    DeepSalienceWithoutBiases,
    NormAfterConvolution,
    NormBeforeConvolution,
    ResidualSalience,
)
from architectures.spectrogram.harmonics import Harmonics, HarmonicStacking
from architectures.spectrogram.hcnn import HCNN, AddedInput, ConcatenatedInput
from architectures.spectrogram.voicing import ConvolutionalVoicing, DropoutBeforeNorm, NormBeforeDropout
from architectures.spectrogram.voicing_heads import (
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
    "MFCC",
    "AddedInput",
    "Amplitude",
    "Arrangement",
    "AttendToPadding",
    "Autocorrelation",
    "AutocorrelationSequence",
    "BasicBlockEmbedding",
    "BidirectionalGRU",
    "BlockWithoutShortcut",
    "BottleneckEmbedding",
    "CREPEBlock",
    "CepstralMeanNormalisation",
    "CepstralMeanVarianceNormalisation",
    "ChannelSequences",
    "ClipNetwork",
    "Compression",
    "ConcatenatedInput",
    "ConstantQTransform",
    "ConvLSTM",
    "ConvRNN",
    "ConvolutionalNetwork",
    "ConvolutionalTrunk",
    "ConvolutionalVoicing",
    "Decibels",
    "DeepSalience",
    "DeepSalienceWithoutBiases",
    "DeepSpeechBody",
    "DeepSpeechClassifier",
    "DiscardedBottleneck",
    "DropoutBeforeNorm",
    "EarlyMultiResolution",
    "Embedding",
    "FeatureNormalisation",
    "FirstLayer",
    "ForwardGRU",
    "FrameHead",
    "FrameNetwork",
    "FrameOutput",
    "FromAudio",
    "FrontEnd",
    "HTKMelSpectrogram",
    "HarmonicConstantQTransform",
    "HarmonicStacking",
    "HarmonicTracker",
    "Harmonics",
    "IgnorePadding",
    "KimCREPE",
    "LinearHead",
    "LogMelFilterbank",
    "LogPower",
    "MagnitudeSpectrum",
    "MaskedConvolutions",
    "MelCNN",
    "MelSpectrogram",
    "MobileNetV2Trunk",
    "MultiResolution",
    "NoEmbedding",
    "NormAfterConvolution",
    "NormBeforeConvolution",
    "NormBeforeDropout",
    "NormalisedHead",
    "NoteOctaveVoicingHead",
    "OverlappingPoolingTrunk",
    "Perceptron",
    "PlainBlock",
    "PlainConvolutions",
    "PoolingTrunk",
    "Power",
    "PublishedTransformer",
    "QueryTransformer",
    "RandomState",
    "ReconstructingCREPE",
    "RecurrentLayer",
    "RecurrentOutputAndState",
    "RecurrentState",
    "ResidualBlock",
    "ResidualSalience",
    "SalienceAlone",
    "SalienceAndSpectrogram",
    "Samples",
    "SequenceNetwork",
    "Sequences",
    "SharedSalienceAndSpectrogram",
    "SingleResolution",
    "SlaneyMelSpectrogram",
    "SpecAugment",
    "SpectralPeak",
    "SpectrogramAlone",
    "SpectrogramNetwork",
    "SpectrogramTransform",
    "Standardised",
    "StandardisedSpectrum",
    "StandardisedWindow",
    "StoredFeatures",
    "StrangeReshape",
    "TemporalVoicingHead",
    "TimeSteps",
    "TorchCREPE",
    "TwoLinearHead",
    "VariableStride",
    "VoicingNetwork",
    "VoicingPerceptron",
    "WaveNet",
    "WholeAudio",
    "WholeSpectrogram",
    "WindowFeatures",
    "ZeroQueryTransformer",
    "ZeroState",
]

# The config.yaml of an earlier run names classes by the modules of its day.
for _earlier, _now in (
    ("wavenet_parts", "wavenet"),
    ("wavenet_output", "wavenet"),
    ("frontends", "front_ends.spec_augment"),
):
    sys.modules[f"{__name__}.{_earlier}"] = sys.modules[f"{__name__}.{_now}"]
