"""Numbers of parameters of WaveNet: 360 bins, 5 frames of 160 samples, unless the row says otherwise."""

from functools import partial

from architectures import WaveNet
from architectures.wavenet.output import Activation, AveragePool, Centred, Convolution, OutputLayer, Valid
from architectures.wavenet.parts import Concat, InitialConvolution, KeepContext, Last
from tests.architectures.counts import Count

CONTEXT = 8192


def count(name: str, published: int, reason: str = "", **arguments: object) -> Count:
    """Published, less what the original builds and never reads."""
    channels, skip = arguments["channels"], arguments["skip_channels"]
    layers = arguments.get("stacks", 1) * arguments.get("max_dilation", 512).bit_length()
    dead = (channels + 1) * channels
    reasons = [
        *([reason] if reason else ()),
        "without the residual of the last layer, which nothing reads: (channels + 1) channels",
    ]
    if isinstance(arguments.get("skips"), Last):
        dead += (layers - 1) * (channels + 1) * skip
        reasons.append("without the skip connections of all layers but the last: (channels + 1) skip channels each")
    return Count(f"WaveNet {name}", partial(WaveNet, **arguments), published, published - dead, "; ".join(reasons))


def initial(kernel: int) -> InitialConvolution | None:
    return InitialConvolution(kernel) if kernel else None


def mean_of_logits(width: int) -> list[OutputLayer]:
    return [Convolution(width, 1), Activation(), Convolution(width, 1), AveragePool(160)]


STRIDED = [AveragePool(5), Convolution(180, 16, 4), Activation(), Convolution(360, 64, 8)]
BASE = {
    "width": 360,
    "context": CONTEXT,
    "channels": 16,
    "skip_channels": 16,
    "postprocessing": STRIDED,
}
THESIS = partial(count, **BASE)
WITH_LAST = {4: 4160628, 8: 4175884, 16: 4213500, 24: 4260588, 32: 4317148, 40: 4383180, 48: 4458684}  # by channels
KERNELS = {2: 4208860, 3: 4213500, 4: 4218140, 5: 4222780}
INITIAL = {0: 4213500, 8: 4215084, 16: 4215212, 32: 4215468, 64: 4215980, 256: 4219052, 1024: 4231340}
# By stacks, with the greatest dilations 64, 128, 256, ...
GRID = {
    1: [4483644, 4531836, 4580028, 4628220, 4676412, 4724604, 4772796],
    2: [4820988, 4917372, 5013756, 5110140, 5206524, 5302908],
    3: [5158332, 5302908, 5447484, 5592060, 5736636],
    4: [5495676, 5688444, 5881212, 6073980],
}
# Mean over so many samples (1: none), taps and stride of the convolution to 360 channels.
LAST_LAYERS = {
    (1, 160, 160): 9236040,
    (1, 320, 160): 18452040,
    (5, 32, 32): 1863240,
    (5, 64, 32): 3706440,
    (5, 128, 32): 7392840,
    (5, 256, 32): 14765640,
    (10, 16, 16): 941640,
    (10, 32, 16): 1863240,
    (10, 64, 16): 3706440,
    (20, 8, 8): 480840,
    (20, 16, 8): 941640,
    (20, 32, 8): 1863240,
    (20, 64, 8): 3706440,
    (80, 5, 2): 308040,
    (80, 10, 2): 596040,
    (160, 1, 1): 77640,
    (160, 3, 1): 192840,
    (160, 5, 1): 308040,
}


def two_convolutions(filters: int, kernel: int, strides: tuple[int, int] = (16, 16)) -> list[OutputLayer]:
    return [layer for stride in strides for layer in (Convolution(filters, kernel, stride), Activation())]


# March: 640 bins, frames of 93 samples, the context kept.
MARCH = partial(
    count,
    width=640,
    hop=93,
    kernel=2,
    channels=64,
    skip_channels=64,
    crop=KeepContext(),
)
OF_FOUR = partial(MARCH, frames=4, context=838, initial=initial(32), postprocessing=two_convolutions(256, 32))
WIDE = partial(OF_FOUR, channels=128, skip_channels=128, postprocessing=two_convolutions(256, 128))
THREE_STACKS = partial(WIDE, context=1862, stacks=3)
# 8 steps of 256 samples were taken for frames of 93; that they are not is refused, so the hop is that of the steps.
MISPLACED = partial(
    MARCH,
    reason="in a window of 2048 samples its 8 steps are 256 samples apart; ours takes them for frames of that hop",
    hop=256,
    frames=8,
    context=0,
    initial=initial(32),
)
STEP_A_FRAME = partial(
    MARCH,
    initial=initial(32),
    postprocessing=[AveragePool(93, padding=Valid()), Convolution(640, 3), Activation(), Convolution(640, 3)],
)

WAVENET_COUNTS = [
    THESIS(
        "of Martak et al.",
        2_009_728,
        width=128,
        context=2047,
        channels=128,
        skip_channels=128,
        kernel=2,
        stacks=2,
        initial=initial(2),
        postprocessing=mean_of_logits(128),
    ),
    *(
        THESIS(
            f"of Martak et al., small, {width} bins",
            published,
            width=width,
            context=1024,
            kernel=2,
            initial=initial(2),
            postprocessing=mean_of_logits(width),
        )
        for width, published in {128: 34_736, 360: 152_128}.items()
    ),
    *(
        THESIS(f"{channels} channels, last", published, channels=channels, skip_channels=channels, skips=Last())
        for channels, published in WITH_LAST.items()
    ),
    THESIS("sum", 4_213_500),
    THESIS("last", 4_213_500, skips=Last()),
    THESIS("concat", 4_628_220, skips=Concat()),
    *(
        THESIS(f"kernel {kernel}, last", published, kernel=kernel, skips=Last())
        for kernel, published in KERNELS.items()
    ),
    *(
        THESIS(f"initial convolution {kernel}, last", published, initial=initial(kernel), skips=Last())
        for kernel, published in INITIAL.items()
    ),
    *(
        THESIS(f"{stacks} stacks to {64 << n}, concat", published, stacks=stacks, max_dilation=64 << n, skips=Concat())
        for stacks, row in GRID.items()
        for n, published in enumerate(row)
    ),
    *(
        THESIS(
            f"concat, mean of {mean}, {kernel} taps every {stride}",
            published,
            skips=Concat(),
            postprocessing=[AveragePool(mean), Convolution(360, kernel, stride)],
        )
        for (mean, kernel, stride), published in LAST_LAYERS.items()
    ),
    THESIS(
        "concat, 80 taps every 160",
        4_628_040,
        skips=Concat(),
        postprocessing=[Convolution(360, 80, 160, Centred())],
    ),
    THESIS("concat, mean of 160 and dense", 1_461_480, skips=Concat(), postprocessing=[AveragePool(160)]),
    THESIS("concat, 720 filters and dense", 43_366_200, skips=Concat(), postprocessing=[Convolution(720, 320, 160)]),
    *(
        MARCH(
            f"March, frames {frames}",
            published,
            frames=frames,
            context=context,
            initial=initial(2),
            postprocessing=two_convolutions(256, 32),
        )
        for frames, context, published in ((1, 944, 4_181_824), (2, 931, 5_493_184), (4, 838, 8_115_904))
    ),
    OF_FOUR("March, frames 4, initial 32", 8_117_824),
    OF_FOUR("March, frames 8, initial 32", 13_363_264, frames=8, context=652),
    OF_FOUR(
        "March, mean of 4",
        8_117_824,
        postprocessing=[AveragePool(4), *two_convolutions(256, 32, (4, 16))],
    ),
    OF_FOUR("March, 64 taps", 10_739_264, postprocessing=two_convolutions(256, 64)),
    OF_FOUR("March, 2 stacks", 8_366_144, stacks=2),
    WIDE("March, 128 channels, initial 2", 18_817_408, initial=initial(2)),
    WIDE("March, 128 channels, initial 32", 18_821_248),
    *(
        THREE_STACKS(f"March, 3 stacks, {channels} channels", published, channels=channels, skip_channels=channels)
        for channels, published in {32: 20_115_232, 64: 21_721_664, 128: 26_040_448}.items()
    ),
    MISPLACED(
        "March, the failed run",
        6_016_576,
        initial=initial(2),
        postprocessing=[Convolution(256, 32, 16), Activation(), Convolution(640, 32, 16)],
    ),
    *(
        MISPLACED(f"March, 640 filters of {kernel} taps", published, postprocessing=two_convolutions(640, kernel)[:-1])
        for kernel, published in {32: 14_669_632, 64: 29_087_552}.items()
    ),
    STEP_A_FRAME("March, a step a frame", 1_427_296, frames=22, context=1, channels=32),
    *(
        STEP_A_FRAME(
            f"March, a step a frame, kernel {kernel}",
            published,
            frames=44,
            context=2,
            kernel=kernel,
            channels=16,
            max_dilation=1024,
            stacks=2,
        )
        for kernel, published in {2: 1_406_640, 3: 1_417_904}.items()
    ),
]
