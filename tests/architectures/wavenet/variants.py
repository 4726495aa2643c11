"""A small WaveNet and its options."""

from torch import nn

from architectures.wavenet.output import Activation, AveragePool, Convolution, Dropout, MaxPool, Valid
from architectures.wavenet.parts import Concat, CropContext, InitialConvolution, KeepContext, Last, Sum

WIDTH = 6
SMALL = {"width": WIDTH, "hop": 8, "frames": 3, "channels": 3, "skip_channels": 4, "max_dilation": 4}
STRIDED = [AveragePool(2), Convolution(5, 4, 2), Activation(), Convolution(WIDTH, 8, 2)]
INITIAL = {
    "no initial convolution": None,
    "initial": InitialConvolution(4),
    "initial without padding": InitialConvolution(4, Valid()),
}
SKIPS = {"sum": Sum(), "concat": Concat(), "last": Last()}
CROPS = {"cropped": CropContext(), "kept": KeepContext()}
POSTPROCESSING = {
    "default": None,
    "strided": STRIDED,
    "dense": [MaxPool(4, 2), Dropout(0.0), Convolution(5, 3, 3, Valid()), Activation(nn.Tanh)],
    "nothing": [],
}
