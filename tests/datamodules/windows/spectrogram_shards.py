"""Recordings with stored spectrograms, whose frames all differ, as shards and as melody data."""

import numpy as np
import pytest

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.spectrograms import ConstantQ, HarmonicConstantQ
from datamodules.windows.compatibility import SpectrogramShape
from tests.given_corpus import Given, GivenCorpus

RATE, HOP = 8000, 80
FRAMES = (237, 100, 57, 205)  # of the tracks, in records of 100
KINDS = {
    "one channel": ConstantQ(minimum=110.0, bins_per_octave=12, octaves=3),
    "three channels": HarmonicConstantQ(minimum=55.0, bins_per_octave=12, octaves=2, harmonics=[1.0, 2.0, 4.0]),
}
SHAPES = {"one channel": SpectrogramShape(1, 36, 45.0, 1), "three channels": SpectrogramShape(3, 24, 33.0, 1)}


def noise(frames):
    """Noise whose loudness changes, so that no two frames are alike."""
    rng = np.random.default_rng(frames)
    loudness = np.repeat(rng.uniform(0.01, 0.9, frames), HOP)
    return Audio((loudness * rng.uniform(-1, 1, frames * HOP)).astype(np.float32), RATE)


def counting(frames):
    """f0 that is 100 Hz at the first frame and rises by 1 Hz each."""
    return F0Series(np.arange(frames) * HOP / RATE, 100.0 + np.arange(frames))


def prepared(directory, kind, **options):
    corpus = GivenCorpus(
        Recording(f"{split}_{number}", Given(noise(frames)), Given(counting(frames)), f"{split}_{number}", split)
        for split in ("train", "validation")
        for number, frames in enumerate(FRAMES)
    )
    values = {"rate": RATE, "hop": HOP, "segment": 1.0, "context": 0.2, "records_per_shard": 3, **options}
    prepare(ShardRecipe(corpus, str(directory), spectrogram=kind, **values), progress=False)
    return directory


def melody(directory, kind="one channel", frames=1, context=0, **options):
    directories = {"train": [str(directory)], "validation": {"mine": str(directory)}}
    values = {"spectrogram": SHAPES[kind], "batch_size": 1, "evaluation_frames": 64, **options}
    return MelodyData(frames + 2 * context, frames, **directories, **values)


def refused(message, data):
    for load in (data.train_dataloader, data.val_dataloader):
        with pytest.raises(DataError, match=message):
            load()
