"""WaveNet as a pitch tracker, and the parts that recipes name by class, such as `architectures.wavenet.Concat`."""

from architectures.wavenet.legacy_grid import LegacyGridWaveNet
from architectures.wavenet.output import (
    Activation,
    AveragePool,
    Centred,
    Convolution,
    Dropout,
    MaxPool,
    OutputLayer,
    Padding,
    Same,
    Valid,
)
from architectures.wavenet.parts import Concat, Crop, CropContext, InitialConvolution, KeepContext, Last, Skips, Sum
from architectures.wavenet.wavenet import WaveNet

__all__ = [
    "Activation",
    "AveragePool",
    "Centred",
    "Concat",
    "Convolution",
    "Crop",
    "CropContext",
    "Dropout",
    "InitialConvolution",
    "KeepContext",
    "Last",
    "LegacyGridWaveNet",
    "MaxPool",
    "OutputLayer",
    "Padding",
    "Same",
    "Skips",
    "Sum",
    "Valid",
    "WaveNet",
]
