"""Numbers of parameters of the networks of phoneme recognition, on 13 cepstral coefficients; none was published."""

from functools import partial

from architectures import (
    BasicBlockEmbedding,
    BlockWithoutShortcut,
    BottleneckEmbedding,
    ConvLSTM,
    DiscardedBottleneck,
    LinearHead,
    NoEmbedding,
    PlainConvolutions,
    TwoLinearHead,
)
from tests.architectures.counts import Count

SYMBOLS, BINS = 41, 13
REASON = "no number was published: this one follows from the layers that the code names"

ONE_LAYER = {"head": LinearHead(), "layers": 1, "directions": "forward", "dropout": 0.0, "embedding_dropout": 0.0}
TWO_CONVOLUTIONS = {"embedding": PlainConvolutions([64, 256]), "dropout": 0.1, "embedding_dropout": 0.0}
WITHOUT_SHORTCUT = {"embedding": BlockWithoutShortcut()}
KAIMING = {"initialisation": "kaiming"}

# Options of ConvLSTM and the number. The runs whose names end in f have the network of the same name without it.
NETWORKS = {
    "base01": ({"embedding": NoEmbedding(), **ONE_LAYER}, 288_041),
    "base02": ({"embedding": PlainConvolutions([64]), **ONE_LAYER}, 342_825),
    "base03": ({"head": TwoLinearHead(), **TWO_CONVOLUTIONS}, 6_970_153),
    "base04": ({"head": TwoLinearHead(dropout=0.1), **TWO_CONVOLUTIONS}, 6_970_153),
    "resnet34_01": (
        {"head": TwoLinearHead(dropout=0.2), "dropout": 0.2, "embedding_dropout": 0.2, **WITHOUT_SHORTCUT},
        7_191_849,
    ),
    "resnet34_02": (WITHOUT_SHORTCUT, 7_195_945),
    "resnet34_03": ({"embedding": BasicBlockEmbedding(stride=1)}, 7_133_737),
    "resnet34_04": ({}, 7_133_737),
    "resnet34_05": (KAIMING, 7_133_737),
    "resnet50_01": ({"embedding": BottleneckEmbedding()}, 7_193_129),
    "resnet50_02f": ({"embedding": BottleneckEmbedding(), **KAIMING}, 7_193_129),
    "resnet50_03f as coded": ({"embedding": DiscardedBottleneck(), **KAIMING}, 9_578_537),
    "resnet50_03f as described": ({"embedding": BottleneckEmbedding([512, 256], [2, 1]), **KAIMING}, 8_514_601),
}

COUNTS = [
    Count(name, partial(ConvLSTM, SYMBOLS, BINS, **options), None, ours, REASON)
    for name, (options, ours) in NETWORKS.items()
]
