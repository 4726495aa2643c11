"""Numbers of parameters of the networks that label clips: languages (3), keywords (35), DeepSpeech (3 classes)."""

from functools import partial

from architectures import (
    BidirectionalGRU,
    ChannelSequences,
    ConvRNN,
    DeepSpeechClassifier,
    ForwardGRU,
    MelCNN,
    MobileNetV2Trunk,
    OverlappingPoolingTrunk,
    PoolingTrunk,
    QueryTransformer,
    RecurrentOutputAndState,
    RecurrentState,
    StrangeReshape,
    ZeroQueryTransformer,
)
from tests.architectures.counts import Count, as_published

NARROW = [16, 16, 32, 32, 32]
BIASES = "a GRU of torch has two biases for each gate and unit, Keras' has one: 3 more per unit"
UNPUBLISHED = "no number was published: this one follows from the layers"


def language(bins=32, frames=313, **parts):
    """Parts are made by the call, so that a test can build a network as often as it likes."""
    return lambda: ConvRNN(3, bins, frames, **{name: make() for name, make in parts.items()})


# What Keras counts (one row of it was published), ours.
LANGUAGE = {
    "basis": (
        language(trunk=partial(PoolingTrunk, NARROW), arrangement=StrangeReshape, recurrent=partial(ForwardGRU, 32)),
        30_147 + 3 * 32,
    ),
    "dropout": (language(trunk=partial(PoolingTrunk, NARROW), recurrent=partial(ForwardGRU, 32)), 18_243 + 3 * 32),
    "wider, 1e-4, strange reshape": (language(arrangement=StrangeReshape), 74_227 + 3 * 64),
    "smaller bidirectional": (language(recurrent=BidirectionalGRU), 50_419 + 3 * 2 * 32),
    "share weights": (language(arrangement=ChannelSequences, recurrent=partial(ForwardGRU, 1)), 31_804 + 3),
    "model 2": (
        language(
            223,
            trunk=OverlappingPoolingTrunk,
            arrangement=ChannelSequences,
            recurrent=partial(ForwardGRU, 15),
        ),
        35_190,
    ),
    "model 3": (language(223, 223, trunk=MobileNetV2Trunk), 1_970_963 + 3 * 64),
}

KEYWORDS = {
    "M1 8 kHz": partial(MelCNN, 35, 128, 81, 0.5, 0.5, 0.0),
    "M2 8 and 16 kHz": partial(MelCNN, 35, 128, 81, 0.5, 0.5, 0.0),
    "M3 8 kHz": partial(MelCNN, 35, 128, 81),
    "M3 16 kHz": partial(MelCNN, 35, 128, 81, 0.3, 0.3, 0.3, 0.3),
}


def classifier(body, *arguments, **options):
    return lambda: DeepSpeechClassifier(3, 161, body(*arguments, **options))


CONVOLUTIONS = 251_168
# Of 1,312 features in two layers of so many units; those of a layer normalisation and a dense layer come on top.
RECURRENT = {("LSTM", 800): 23_784_000, ("LSTM", 1024): 35_948_544, ("GRU", 800): 17_838_400, ("GRU", 1024): 26_961_920}
# Positions of the decoder; layers of the encoder and as many of the decoder.
TRANSFORMERS = {(16, 2): 108_278_688, (16, 6): 234_037_152, (64, 6): 363_137_952}


def query_transformer_parameters(width, layers, queries, feedforward, hidden, classes=3, features=1312):
    """By formula, for one hidden dense layer; layers of encoder and decoder each."""
    attention = 4 * width * (width + 1)
    dense = 2 * width * feedforward + feedforward + width
    norm = 2 * width
    stacks = layers * (attention + dense + 2 * norm) + layers * (2 * attention + dense + 3 * norm) + 2 * norm
    head = 2 * queries * width + (queries * width + 1) * hidden + 2 * hidden + (hidden + 1) * classes
    return CONVOLUTIONS + (features + 1) * width + stacks + queries * width + head


COUNTS = [
    *(Count(f"languages, {name}", build, None, ours, UNPUBLISHED) for name, (build, ours) in LANGUAGE.items()),
    Count("languages, wider, 1e-3, correct reshape", language(), 56_563, 56_563 + 3 * 64, BIASES),
    *(as_published(f"keywords, {name}", build, 464_899) for name, build in KEYWORDS.items()),
    as_published("keywords, M1 16 kHz, the dense layer as stated", partial(MelCNN, 35, 80, 81, 0.5, 0.5, 0.0), 301_059),
    Count(
        "keywords, M1 16 kHz",
        partial(MelCNN, 35, 40, 101, 0.5, 0.5, 0.0),
        301_059,
        301_059 - 256 * (1024 - 480),
        "published with a dense layer of 1,024 inputs, for which its own features of 40 bins by 101 frames give 480",
    ),
    Count(
        "keywords, true 8 kHz",
        partial(MelCNN, 35, 128, 41),
        464_899,
        464_899 - 256 * (1664 - 624),
        "the published one reads 16 kHz as if they were 8: 81 frames instead of 41",
    ),
    as_published("DeepSpeech, 64 positions, 2 + 2 layers", classifier(ZeroQueryTransformer), 237_379_488),
    *(
        Count(
            f"DeepSpeech, {positions} positions, {layers} + {layers} layers",
            classifier(ZeroQueryTransformer, positions, layers, layers),
            None,
            ours,
            UNPUBLISHED,
        )
        for (positions, layers), ours in TRANSFORMERS.items()
    ),
    Count(
        "DeepSpeech, learned queries",
        classifier(QueryTransformer),
        None,
        query_transformer_parameters(256, 2, 4, 1024, 256),
        "ours: the printed Transformer has mistakes and 237 million parameters",
    ),
    *(
        Count(
            f"DeepSpeech, last state of two {cell} of {hidden}",
            classifier(RecurrentState, hidden, cell=cell),
            None,
            CONVOLUTIONS + body + 2 * hidden + 3 * (hidden + 1),
            UNPUBLISHED,
        )
        for (cell, hidden), body in RECURRENT.items()
    ),
    *(
        Count(
            f"DeepSpeech, outputs and last state of two {cell} of {hidden}",
            classifier(RecurrentOutputAndState, hidden, cell=cell),
            None,
            CONVOLUTIONS + body + 4 * hidden + 3 * (2 * hidden + 1),
            UNPUBLISHED,
        )
        for (cell, hidden), body in RECURRENT.items()
    ),
]
