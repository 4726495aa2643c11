"""Numbers of parameters of CREPE and its variants: widths are bins of 128 semitones unless the row says otherwise."""

from functools import partial

from architectures import (
    CREPE,
    EarlyMultiResolution,
    KimCREPE,
    MultiResolution,
    ReconstructingCREPE,
    ResidualBlock,
    VariableStride,
)
from tests.architectures.counts import Count, as_published

# Capacity, window, bins per semitone.
PLAIN = {
    (4, 1024, 5): 558_240,
    (8, 1024, 5): 1_771_200,
    (16, 1024, 5): 6_163_200,
    (32, 1024, 5): 22_811_520,
    (4, 1024, 1): 426_656,
    (8, 1024, 1): 1_508_544,
    (16, 1024, 1): 5_638_400,
    (32, 1024, 1): 21_762_432,
    (16, 1024, 3): 5_900_800,
    (16, 1024, 7): 6_425_600,
    (16, 1024, 9): 6_688_000,
    (8, 512, 5): 1_607_360,
    (8, 2048, 5): 2_098_880,
    (8, 4096, 5): 2_754_240,
    (8, 8192, 5): 4_064_960,
}
# Branches, at capacity 8 and 5 bins per semitone.
MULTI_2048 = dict(enumerate([2098880, 2066112, 2041918, 2029248, 2016350, 2001944, 1996184, 2000448], start=1))
MULTI_1024 = dict(enumerate([1738432, 1714238, 1701568, 1688670, 1674264, 1668504, 1672768], start=2))
EARLY_1024 = dict(enumerate([1738432, 1679008, 1701568, 1654944, 1647648, 1607040, 1672768], start=2))
RESIDUAL = {4: 808_496, 8: 3_035_104, 16: 11_743_040}  # by capacity, 1 bin per semitone
TORCHCREPE = {4: 486_552, 32: 22_239_976}  # by capacity, 360 bins

CREPE_COUNTS = [
    *(
        as_published(
            f"CREPE c{capacity} W{window} {bins} bins", partial(CREPE, 128 * bins, window, capacity), published
        )
        for (capacity, window, bins), published in PLAIN.items()
    ),
    *(
        as_published(
            f"{rule.__name__} {branches} c8 W{window}",
            partial(CREPE, 640, window, 8, first=rule(branches)),
            published,
        )
        for rule, window, counts in (
            (MultiResolution, 2048, MULTI_2048),
            (MultiResolution, 1024, MULTI_1024),
            (EarlyMultiResolution, 1024, EARLY_1024),
        )
        for branches, published in counts.items()
    ),
    as_published("MultiResolution 6 c16 W4096", partial(CREPE, 640, 4096, 16, first=MultiResolution(6)), 7_944_620),
    as_published(
        "EarlyMultiResolution 6 c16 W4096", partial(CREPE, 640, 4096, 16, first=EarlyMultiResolution(6)), 7_816_640
    ),
    as_published(
        "MultiResolution 6 first capacity 2", partial(CREPE, 640, 1024, 8, first=MultiResolution(6, 2)), 2_246_508
    ),
    *(
        as_published(
            f"ResidualBlock c{capacity}", partial(CREPE, 128, 1024, capacity, block=ResidualBlock()), published
        )
        for capacity, published in RESIDUAL.items()
    ),
    Count(
        "VariableStride c8",
        partial(CREPE, 640, 8192, 8, first=VariableStride()),
        1_771_200,
        1_771_200 + (11 - 4) * 16 * 8 * 640,
        "the published segments give one output each (270 in all, 4 steps after six halvings), as if for 1024 samples; "
        "ours give one each stride (720 in all, 11 steps), and the dense layer reads 16 c channels of each step",
    ),
    Count(
        "ReconstructingCREPE c8",
        partial(ReconstructingCREPE, 640, 1024, 8),
        None,
        1_771_200 + 36_864 * 8**2 + (16_384 + 136) * 8,
        "the original is lost: CREPE, and its mirror of 64 (16 16 + 16 8 + 8 4 + 4 4 + 4 4 + 4 32) c² weights, "
        "2 (16 + 8 + 4 + 4 + 4 + 32) c of normalisation and 512 32 c of the transposed convolution",
    ),
    *(
        as_published(f"KimCREPE c{capacity}", partial(KimCREPE, capacity=capacity), published)
        for capacity, published in TORCHCREPE.items()
    ),
    *(
        Count(
            f"KimCREPE c{capacity}",
            partial(KimCREPE, capacity=capacity),
            None,
            20_480 * capacity**2 + (16_588 + 16 * 4 * 360) * capacity + 360,
            "by the formula of its neighbours; these sizes are named by the authors' code, without a count",
        )
        for capacity in (8, 16, 24)
    ),
]
