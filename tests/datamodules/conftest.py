"""Shards of given contours, so that tests of the loaders choose every track's length and labels."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio, Recording
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from tests.datamodules.clip_shards import prepared, record
from tests.given_corpus import Given, GivenCorpus

RATE = 100  # frames are 10 ms apart and one sample long


def silence_under(f0: np.ndarray, name: str, split: str) -> Recording:
    """As many zeros as there are label frames: shards of hours are made in seconds."""
    silence, truth = Audio(np.zeros(f0.size, np.float32), RATE), F0Series(np.arange(f0.size) / RATE, f0)
    return Recording(name, Given(silence), Given(truth), name, split)


def contour_shards(directory: Path, segment: int, **splits: Sequence[np.ndarray]) -> Path:
    """Shards with one track per contour (Hz, one value a frame) in records of `segment` frames."""
    corpus = GivenCorpus(
        silence_under(f0, f"{split}_{number:03d}", split)
        for split, contours in sorted(splits.items())
        for number, f0 in enumerate(contours)
    )
    prepare(ShardRecipe(corpus, str(directory), RATE, 1, segment / RATE, context=0.05), progress=False)
    return directory


@pytest.fixture(scope="session")
def prepare_contours() -> Callable[..., Path]:
    """`contour_shards`."""
    return contour_shards


@pytest.fixture(scope="session")
def clip_recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips whose names say split, number and class; read-only."""
    return record(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="session")
def clip_shards(clip_recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory prepared from them; read-only."""
    return prepared(clip_recordings, tmp_path_factory.mktemp("clips"))
