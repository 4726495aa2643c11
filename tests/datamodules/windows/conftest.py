"""Shards with spectrograms, made once."""

import pytest

from tests.datamodules.windows.spectrogram_shards import KINDS, prepared


@pytest.fixture(scope="session")
def shards(tmp_path_factory):
    """A directory for each kind of spectrogram; read-only."""
    return {name: prepared(tmp_path_factory.mktemp("spectra"), kind) for name, kind in KINDS.items()}
