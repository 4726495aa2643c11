"""Recordings of clips of known samples and classes, and shards of them."""

import numpy as np
import soundfile

from datamodules.corpora import AudioFolder
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe

RATE = 8000
CLASSES = ["no", "yes", "up"]  # not in the order of the alphabet
SECONDS = {"train": np.linspace(0.02, 0.3, 41), "validation": np.linspace(0.02, 0.3, 9), "predict": [0.1, 0.2]}


def clip(number, seconds):
    """A rising ramp that begins at 250 times the clip's number: every part of it says where it is from."""
    return (250 * number + np.arange(round(seconds * RATE)) // 10).astype(np.int16)


def record(folder):
    """Write clips whose names say split, number and class."""
    for split, durations in SECONDS.items():
        for number, seconds in enumerate(durations):
            path = folder / f"{split}-{number:02d}-{CLASSES[number % 3]}.wav"
            soundfile.write(path, clip(number, seconds), RATE, subtype="PCM_16")
    return folder


def prepared(recordings, directory, classes=CLASSES, labelled=True, **options):
    """Shards of such recordings: their directory."""
    corpus = AudioFolder(str(recordings), group_pattern="^([a-z]+)-", label_pattern="-([a-z]+)$" if labelled else None)
    values = {"rate": RATE, "hop": 80, "segment": None, "context": 0.0, "records_per_shard": 16, **options}
    splits = {split: [split] for split in SECONDS}
    prepare(ShardRecipe(corpus, str(directory), splits=splits, classes=classes, **values), progress=False)
    return str(directory)
