"""Shards of sweeps; read-only."""

import numpy as np
import pytest

from tests.datamodules.augment.sweeps import shards


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    """Four tracks of 2.5 s, each of one frequency and level, the last one silent in its second half."""
    tracks = [(500, 0, 2.5), (700, 0, 2.5, np.inf, 0.1), (900, 0, 2.5, np.inf, 0.05), (1100, 0, 2.5, 1.25, 0.2)]
    return shards(tmp_path_factory.mktemp("tones"), *tracks)


@pytest.fixture(scope="session")
def glides(tmp_path_factory):
    return shards(tmp_path_factory.mktemp("glides"), (300, 600, 2.5), (1800, -500, 2.5, 2.0))
