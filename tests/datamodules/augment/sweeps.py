"""Recordings of known frequency and level, and what reads windows of them."""

from dataclasses import dataclass

import numpy as np

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.augment import (
    Augmentations,
    Gain,
    Mix,
    Noise,
    PitchShift,
    Polarity,
    item_seeds,
)
from datamodules.corpora.base import Audio, Recording
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.windows.augmented import AugmentedReader
from datamodules.windows.loaders import TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from tests.given_corpus import Given, GivenCorpus

RATE, HOP, WINDOW = 8000, 80, 256
EVERYTHING = (PitchShift((-2, 2), p=0.7), Mix((0, 20), p=0.5), Noise((5, 30), 0.5, "pink"), Gain((-6, 6)), Polarity())


@dataclass(frozen=True)
class Sweep:
    """A sine whose frequency changes linearly; silent from `until` on."""

    begin: float  # Hz
    slope: float  # Hz/s
    seconds: float
    until: float = np.inf  # s
    level: float = 0.3

    def f0(self, times):
        return np.where(times < self.until, self.begin + self.slope * times, 0.0)

    def sound(self, times):
        phase = self.begin * times + self.slope * times**2 / 2
        return self.level * np.sin(2 * np.pi * phase) * (times < self.until)

    def audio(self):
        return Audio(self.sound(np.arange(round(self.seconds * RATE)) / RATE).astype(np.float32), RATE)

    def one_voice(self):
        times = np.arange(round(self.seconds * RATE / HOP)) * HOP / RATE
        return F0Series(times, self.f0(times))

    def octaves(self):
        times, f0 = self.one_voice()
        return MultiF0Series(times, np.stack([f0, 2 * f0], axis=1))


def shards(directory, *sweeps, context=0.2, truth=Sweep.one_voice):
    corpus = GivenCorpus(
        Recording(f"{split}{k}", Given(sweep.audio()), Given(truth(sweep)), f"{split}{k}", split)
        for split in ("train", "validation")
        for k, sweep in enumerate(Sweep(*values) for values in sweeps)
    )
    prepare(ShardRecipe(corpus, str(directory), RATE, HOP, 1.0, context, records_per_shard=4), progress=False)
    return directory


def reader(directory, *chain, windows=None, window=WINDOW, seed=0, streams=4, group=2):
    index, windows = SplitIndex([directory], "train"), windows or Windows()
    return AugmentedReader(index, window, windows, Augmentations(chain), seed, streams, group)


def plain_reader(directory, windows=None, window=WINDOW):
    return PooledReader(WindowReader(SplitIndex([directory], "train"), window, windows or Windows()), 0, 4, 2)


def whole_epoch(reader, epoch=0):
    return reader.read(epoch, np.arange(reader.total))


def loader(reader, rank=0, ranks=1, workers=0, batch_size=16, epoch=0, start=0):
    return TrainingLoader(reader, batch_size, rank, ranks, workers, lambda: (epoch, start))


def contents(loaders):
    """What the loaders deliver for each (track, frame)."""
    found = {}
    for batch in (batch for loader in loaders for batch in loader):
        fields = (batch.signal, batch.f0, batch.valid, batch.seed)
        for item, key in enumerate(zip(batch.track.tolist(), batch.frame.tolist(), strict=True)):
            assert key not in found
            found[key] = tuple(field[item].numpy().tobytes() for field in fields)
    return found


def seeds(items):
    return item_seeds(0, 0, np.arange(items), np.zeros(items, np.int64))


def sine(items=1, samples=4096, frequency=500.0, level=8000.0):
    wave = level * np.sin(2 * np.pi * frequency * np.arange(samples) / RATE)
    return np.tile(wave.astype(np.float32), (items, 1))


def decibels(ratio):
    return 10 * np.log10(ratio)


def peak(sound):
    """Frequency of the strongest component of a sound, Hz, from a parabola over the logarithmic spectrum."""
    spectrum = np.log(np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound))) + 1e-9)
    top = int(spectrum[1:-1].argmax()) + 1
    left, middle, right = spectrum[top - 1 : top + 2]
    return (top + (left - right) / (2 * (left - 2 * middle + right))) * RATE / (8 * len(sound))


# Draws
