"""Shards of given contours, so that tests of the loaders choose every track's length and labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio, Corpus, Recording
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe

RATE = 100  # frames are 10 ms apart and one sample long


@dataclass(frozen=True)
class Silence:
    """As many zeros as there are label frames."""

    frames: int

    def fingerprint(self) -> str:
        return f"silence {self.frames}"

    def read(self) -> Audio:
        return Audio(np.zeros(self.frames, np.float32), RATE)


@dataclass(frozen=True)
class Contour:
    """The f0 of every label frame."""

    f0: np.ndarray

    def fingerprint(self) -> str:
        return self.f0.tobytes().hex()

    def read(self) -> F0Series:
        return F0Series(np.arange(self.f0.size) / RATE, self.f0)


class Contours(Corpus):
    """Silence under given contours: shards of hours are made in seconds."""

    def __init__(self, splits: Mapping[str, Sequence[np.ndarray]]) -> None:
        self._splits = splits

    def recordings(self) -> list[Recording]:
        return [
            Recording(f"{split}_{number:03d}", Silence(f0.size), Contour(f0), f"{split}_{number:03d}", split)
            for split, contours in sorted(self._splits.items())
            for number, f0 in enumerate(contours)
        ]


def contour_shards(directory: Path, segment: int, **splits: Sequence[np.ndarray]) -> Path:
    """Shards with one track per contour (Hz, one value a frame) in records of `segment` frames."""
    recipe = ShardRecipe(Contours(splits), str(directory), RATE, 1, segment / RATE, context=0.05)
    prepare(recipe, progress=False)
    return directory


@pytest.fixture(scope="session")
def prepare_contours() -> Callable[..., Path]:
    """`contour_shards`."""
    return contour_shards
