import numpy as np
import pytest
import soundfile


@pytest.fixture
def write_tone():
    """Writes a second of 440 Hz, or other samples, to a file in any of soundfile's formats."""

    def write(path, samples=None, rate=8000, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = 0.5 * np.sin(2.0 * np.pi * 440.0 * np.arange(rate) / rate)
        soundfile.write(path, tone if samples is None else samples, rate, **options)
        return path

    return write


@pytest.fixture
def write_table():
    """Writes an f0 table of these rows."""

    def write(path, text="0,440\n0.5,440\n1,440\n"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write
