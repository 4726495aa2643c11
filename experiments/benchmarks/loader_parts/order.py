"""How well the training loader shuffles a corpus of the size of MedleyDB: what it delivers in one epoch, all of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora import Audio, Corpus, Recording
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.windows.loaders import TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from experiments.benchmarks.shuffling import Population, ShuffleQuality, shuffle_quality

RATE = 100  # samples a second; a label frame is one sample long, since the order does not depend on the audio
BATCH = 32


@dataclass(frozen=True)
class Song:
    """Four minutes, give or take one, of notes around a key of their own; or as much silence.

    Attributes:
        seed: which one.
    """

    seed: int

    def fingerprint(self) -> str:
        """Its parameters."""
        return repr(self)

    def contour(self) -> NDArray[np.float64]:
        """f0 of every label frame, Hz: notes of 0.15 to 0.6 s."""
        rng = np.random.default_rng(self.seed)
        frames, key = int(rng.uniform(20_000, 28_000)), rng.normal(60, 6)
        lengths = rng.integers(15, 60, size=frames // 15)
        notes = np.repeat(key + rng.normal(0, 4, lengths.size), lengths)[:frames]
        hertz: NDArray[np.float64] = 440 * 2 ** ((notes - 69) / 12)
        return hertz


class Silence(Song):
    """As long as the song."""

    def read(self) -> Audio:
        """Zeros."""
        return Audio(np.zeros(self.contour().size, np.float32), RATE)


class Notes(Song):
    """The f0 of the song."""

    def read(self) -> F0Series:
        """A value for each label frame."""
        f0 = self.contour()
        return F0Series(np.arange(f0.size) / RATE, f0)


class SilentSongs(Corpus):
    """Songs to train on, without sound.

    Args:
        tracks: how many.
    """

    def __init__(self, tracks: int) -> None:
        self.tracks = tracks

    @override
    def recordings(self) -> Sequence[Recording]:
        return [Recording(f"song{k:05d}", Silence(k), Notes(k), f"{k}", "train") for k in range(self.tracks)]


def measure_order(tracks: int, streams: int, group: int) -> ShuffleQuality:
    """Same track, variance inflation and drift of an epoch in batches of 32, relative to a uniform permutation.

    Args:
        tracks: of the corpus.
        streams: of the reader.
        group: of the reader.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        prepare(ShardRecipe(SilentSongs(tracks), folder, RATE, 1, 10.0, context=0.05))
        index = SplitIndex([Path(folder)], "train")
        reader = PooledReader(WindowReader(index, 2, Windows()), 0, streams, group)
        loader = TrainingLoader(reader, BATCH, 0, 1, 0)
        rows = [(batch.track.numpy(), batch.f0.numpy()[:, 0]) for batch in tqdm(loader, "delivering", unit="batch")]
        track, label = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        everything = [index.read_f0(record)[: index.frames[record]] for record in range(len(index))]
        population = Population.of(np.repeat(index.track, index.frames), np.concatenate(everything))
        return shuffle_quality(track, label, BATCH, population)
