"""Numbers of parameters of the networks that read spectrograms: deep salience, HCNN, voicing; 360 bins are given."""

from functools import partial

from architectures import (
    HCNN,
    ConvolutionalVoicing,
    DeepSalience,
    DeepSalienceWithoutBiases,
    Harmonics,
    HarmonicTracker,
    NormAfterConvolution,
    NormBeforeConvolution,
    NoteOctaveVoicingHead,
    ResidualSalience,
    SalienceAlone,
    SalienceAndSpectrogram,
    SharedSalienceAndSpectrogram,
    SpectrogramAlone,
    TemporalVoicingHead,
)
from architectures.layers import tf_batch_norm_2d
from architectures.spectrogram.voicing import Kernel
from tests.architectures.counts import Count, as_published

WIDTH = 360

# By capacity. The last convolution but one has an eighth of it, at least two filters.
DEEP_SALIENCE = {
    4: 4049, 8: 10253, 12: 18633, 16: 29189, 20: 41921, 24: 61873, 28: 79797, 32: 106621,
    36: 129737, 40: 163433, 44: 191741, 48: 232309, 52: 265809, 56: 313249, 60: 351941, 64: 406253,
}  # fmt: skip
# The same with harmonic stacking in the network, of 1/2, 1/3, 1, 2, 3.
DEEP_SALIENCE_STACKED = {
    4: 15129, 6: 26759, 8: 41109, 10: 58179, 12: 77969, 14: 100479,
    16: 125709, 18: 153659, 20: 184329, 22: 217719, 24: 279037, 26: 319967, 28: 363617,
}  # fmt: skip
# The same in runs where it is at least one filter.
DEEP_SALIENCE_ONE_FILTER = {4: 10921, 6: 20451, 8: 32701, 10: 47671, 12: 65361, 14: 85771}

# The kernels of `cqt_voicing_residual_batchnorm` and of `spectrogram_replicate`.
LONG = {"kernels": [(5, 5), (5, 5), (9, 3), (9, 3), (5, 70)], "last_kernel": (10, 1), "context": 14}
RESIDUAL = {
    "cqt_resid": (partial(ResidualSalience, WIDTH, block=NormBeforeConvolution(0.0)), 1_046_604),
    "cqt_resid_dropout": (partial(ResidualSalience, WIDTH, context=10), 1_046_604),
    "cqt_voicing_residual_batchnorm, pitch": (partial(ResidualSalience, WIDTH, **LONG), 1_768_076),
    "cqt_voicing_residual_batchnorm": (
        partial(ResidualSalience, WIDTH, **LONG, voicing=TemporalVoicingHead()),
        1_768_076 + 1_875_777,
    ),
    "spectrogram_replicate": (partial(ResidualSalience, WIDTH, **LONG, block=NormAfterConvolution()), 1_768_192),
    "spectrogram_replicate with a head": (
        partial(ResidualSalience, WIDTH, **LONG, block=NormAfterConvolution(), voicing=TemporalVoicingHead()),
        1_768_192 + 1_875_777,
    ),
}

CONTEXT = {"filters": 16, "kernels": [1, 3, 3, 3], "dilations": [1, 2, 4, 8], "frames": 10, "context": 14}
FINAL_HCNN = {
    "HCNN without context": (partial(HCNN, WIDTH), 27_857),
    "HCNN with context": (partial(HCNN, WIDTH, 3, layer_harmonics=Harmonics(1, 2), **CONTEXT), 23_153),
    "HCNN of MIREX without context": (partial(HCNN, WIDTH, filters=12, layer_harmonics=Harmonics(3, 5)), 24_961),
    "HCNN of MIREX with context": (
        partial(HCNN, WIDTH, layer_harmonics=Harmonics(5, 6), **{**CONTEXT, "filters": 8}),
        19_513,
    ),
}
# Channels of the spectrogram, harmonics in the network: numbers by filters (rows) and blocks (columns).
FILTERS, BLOCKS = (8, 16, 32), (4, 8, 16)
HCNN_GRID = {
    (1, Harmonics(0, 1)): [1001, 1801, 3401, 3153, 6289, 12561, 10913, 23329, 48161],
    (1, Harmonics(1, 2)): [2169, 4505, 9177, 7793, 17073, 35633, 29409, 66401, 140385],
    (1, Harmonics(2, 3)): [3337, 7209, 14953, 12433, 27857, 58705, 47905, 109473, 232609],
    (3, Harmonics(1, 2)): [2937, 5273, 9945, 9329, 18609, 37169, 32481, 69473, 143457],
}
# Taps and dilations along the frames of the blocks that have any, and where these are; numbers of parameters for 8
# filters and 4 blocks, 16 and 4, 8 and 8, 16 and 8.
CONTEXT_STUDY = {
    "none": ([], [], "first", [2169, 7793, 4505, 17073]),
    "3 in all": (None, None, "all", [6393, 23153, 13337, 50865]),
    "9 7 5 first": ([9, 7, 5], [1, 1, 1], "first", [11001, 36977, 13337, 46257]),
    "5 7 9 last": ([5, 7, 9], [1, 1, 1], "last", [12537, 49265, 14873, 58545]),
    "1 dilated": ([3], [2], "last", [3321, 12401, 5657, 21681]),
    "2 dilated": ([3, 3], [2, 2], "last", [4473, 17009, 6809, 26289]),
    "3 dilated": ([3, 3, 3], [2, 2, 2], "last", [5625, 21617, 7961, 30897]),
    "2 as a wavenet": ([3, 3], [2, 4], "last", [4473, 17009, 6809, 26289]),
    "3 as a wavenet": ([3, 3, 3], [2, 4, 8], "last", [5625, 21617, 7961, 30897]),
}
STUDY_SIZES = [(8, 4), (16, 4), (8, 8), (16, 8)]


def per_block(values, where, blocks):
    """One number for each block: these first or last, 1 in the others."""
    others = [1] * (blocks - len(values))
    return [*values, *others] if where == "first" else [*others, *values]


def study(taps, dilations, where, filters, blocks):
    if where == "all":
        kernels, dilated = [3] * blocks, [1] * blocks
    else:
        kernels, dilated = per_block(taps, where, blocks), per_block(dilations, where, blocks)
    sizes = {"filters": filters, "kernels": kernels, "dilations": dilated, "context": 14}
    return partial(HCNN, WIDTH, layer_harmonics=Harmonics(1, 2), **sizes)


# Inputs of the HCNN's head beside a spectrogram of 16 channels.
HEAD = {
    SalienceAndSpectrogram: 124_865,
    SalienceAlone: 119_745,
    SharedSalienceAndSpectrogram: 124_865,
    SpectrogramAlone: 124_545,
}

NOTE, NOTES, OCTAVE, OCTAVES = Kernel(5), Kernel(5, 5), Kernel(12), Kernel(12, 12)
# Kernels; numbers for 1 channel and for 6.
VOICING = {
    "full_1layer": ([Kernel(360, 360)], 23169, 138369),
    "octave_1layer": ([Kernel(60, 60)], 4289, 23489),
    "note_1layer": ([NOTES], 4993, 6593),
    "octave_octave": ([Kernel(60, 60), Kernel(60, 60)], 249793, 268993),
    "note_note": ([NOTES, NOTES], 21889, 23489),
    "note_dilated": ([NOTES, Kernel(6, dilation=60)], 29633, 31233),
    "dilated_note": ([Kernel(6, dilation=60), NOTES], 25601, 27521),
    "note_octave": ([NOTES, Kernel(60, 60)], 246337, 247937),
    "octave_note": ([Kernel(60, 60), NOTES], 24577, 43777),
    "note_octave_fix": ([NOTES, OCTAVES], 49985, 51585),
    "note_note_octave": ([NOTE, NOTES, OCTAVES], 70529, 72129),
    "note_note_octave_octave": ([NOTE, NOTES, OCTAVE, OCTAVES], 119745, 121345),
    "note_note_note_octave": ([NOTE, NOTE, NOTES, OCTAVES], 91073, 92673),
    "note_note_note_octave_octave": ([NOTE, NOTE, NOTES, OCTAVE, OCTAVES], 140289, 141889),
    "note_octave_octave_temporal": ([NOTE, Kernel(60, 5), OCTAVES, Kernel(3)], 308161, 309761),
}

SALIENCE_COUNTS = [
    *(
        as_published(f"DeepSalience c{capacity}", partial(DeepSalience, WIDTH, capacity=capacity), published)
        for capacity, published in DEEP_SALIENCE.items()
    ),
    *(
        as_published(
            f"DeepSalience c{capacity}, harmonic layers{name}",
            partial(DeepSalience, WIDTH, capacity=capacity, layer_harmonics=Harmonics(2, 3), **options),
            published,
        )
        for name, counts, options in (
            ("", DEEP_SALIENCE_STACKED, {}),
            (", one filter of an octave", DEEP_SALIENCE_ONE_FILTER, {"octave_filters": 1}),
        )
        for capacity, published in counts.items()
    ),
    as_published(
        "DeepSalienceWithoutBiases",
        partial(DeepSalienceWithoutBiases, WIDTH, 6, 360, harmonics=Harmonics()),
        405_924,
    ),
    *(as_published(name, build, published) for name, (build, published) in RESIDUAL.items()),
    *(as_published(name, build, published) for name, (build, published) in FINAL_HCNN.items()),
    *(
        as_published(
            f"HCNN f{filters} s{blocks}, {channels} channels, {harmonics}",
            partial(HCNN, WIDTH, channels, filters=filters, kernels=[1] * blocks, layer_harmonics=harmonics),
            counts[row * len(BLOCKS) + column],
        )
        for (channels, harmonics), counts in HCNN_GRID.items()
        for row, filters in enumerate(FILTERS)
        for column, blocks in enumerate(BLOCKS)
    ),
    *(
        as_published(
            f"HCNN f{filters} s{blocks}, context: {name}", study(taps, dilations, where, filters, blocks), published
        )
        for name, (taps, dilations, where, counts) in CONTEXT_STUDY.items()
        for (filters, blocks), published in zip(STUDY_SIZES, counts, strict=True)
    ),
    *(
        as_published(
            f"HCNN with NoteOctaveVoicingHead, {input.__name__}",
            partial(HCNN, WIDTH, voicing=NoteOctaveVoicingHead(input())),
            27_857 + published,
        )
        for input, published in HEAD.items()
    ),
    *(
        as_published(
            f"voicing {name}, {harmonics.overtones} channels",
            partial(ConvolutionalVoicing, kernels, harmonics=harmonics),
            published,
        )
        for name, (kernels, alone, stacked) in VOICING.items()
        for harmonics, published in ((Harmonics(), alone), (Harmonics(0, 6), stacked))
    ),
    Count(
        "HCNN with batch normalisation",
        partial(HCNN, WIDTH, normalisation=tf_batch_norm_2d),
        None,
        27_857 + 8 * 2 * 16 * 5,
        "an option without a published number: scale and offset of 16 * 5 stacked channels in each of 8 blocks",
    ),
    Count(
        "HarmonicTracker",
        partial(HarmonicTracker, 225, 22.5, 3),
        None,
        (18 * 5 + 1) * 16
        + 3 * (16 * 9 + 1) * 16
        + (16 * 3 + 1) * 16
        + 17
        + (16 + 18 + 2 + 18 + 1) * 48
        + 3 * (48 * 5 + 1) * 48
        + 49,
        "ours: 18 channels of features, 2 + 16 levels of a frame, 16 channels for pitch and 48 for voicing",
    ),
]
