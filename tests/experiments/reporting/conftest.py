"""An evaluation of two methods whose errors are known, with its recordings; tables as a run writes them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from datamodules.annotations.f0_tables import F0Series, write_f0
from datamodules.annotations.tracked_tables import write_tracked
from experiments.commands import evaluate

RATE, HOP = 16000, 0.01
HOSTILE = "<script>alert(1)<script>"
TRACKS = {"glide": 4.0, HOSTILE: 3.0, "long & 'slow'": 34.0}  # s


class Evaluated(NamedTuple):
    """Folders of an evaluation."""

    report: Path
    recordings: Path
    tables: Path


def truth_of(seconds: float) -> F0Series:
    """Rises and falls around 220 Hz; silent in the first half second and in the last quarter of every second."""
    times = np.arange(round(seconds / HOP)) * HOP
    f0 = 220 * 2 ** (np.sin(2 * np.pi * times / 4) / 3)
    return F0Series(times, np.where((times < 0.5) | (times % 1 >= 0.75), 0.0, f0))


def write_tables(folder: Path, tracks: dict[str, float]) -> None:
    """The truth, `sharp` (10.5 cents too high) and `jumpy` (an octave up in the third second, silent in the second)."""
    for name in ("truth", "sharp", "jumpy"):
        (folder / name).mkdir(parents=True)
    for name, seconds in tracks.items():
        times, f0 = truth_of(seconds)
        write_f0(folder / "truth" / f"{name}.csv", F0Series(times, f0))
        guess = np.where(f0 > 0, f0, 150.0)
        confidence = np.where(f0 > 0, 0.9, 0.1)
        write_tracked(folder / "sharp" / f"{name}.csv", times, guess * 2 ** (10.5 / 1200), confidence, f0 > 0)
        octave, silent = (times >= 2) & (times < 3), (times >= 1) & (times < 2)
        voiced = (f0 > 0) & ~silent
        write_tracked(
            folder / "jumpy" / f"{name}.csv",
            times,
            np.where(octave, 2 * guess, guess),
            np.where(voiced, 0.8, 0.2),
            voiced,
        )


def write_recordings(folder: Path, tracks: dict[str, float]) -> None:
    """The truth as tones."""
    folder.mkdir(parents=True)
    for name, seconds in tracks.items():
        f0 = np.interp(np.arange(int(seconds * RATE)) / RATE, *truth_of(seconds))
        samples = 0.3 * np.sin(2 * np.pi * np.cumsum(f0) / RATE) * (f0 > 0)
        soundfile.write(folder / f"{name}.wav", samples, RATE)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """Evaluated tables and their recordings."""
    folder = tmp_path_factory.mktemp("evaluated")
    tables, report = folder / "tables", folder / "report"
    write_tables(tables, TRACKS)
    write_recordings(folder / "recordings", TRACKS)
    methods = [str(tables / name) for name in ("sharp", "jumpy")]
    evaluate.main([str(tables / "truth"), *methods, "--out", str(report), "--bootstrap=100"])
    return Evaluated(report, folder / "recordings", tables)
