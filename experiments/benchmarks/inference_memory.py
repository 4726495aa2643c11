"""What pitch trackers hold at most: each in a fresh process, on recordings of several lengths."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datamodules.errors import DataError
from experiments.benchmarks.interleaved import in_fresh_process
from experiments.benchmarks.tones import RATE, ToneAudio
from experiments.trackers.base import Tracker

MEGABYTE = 1e6


def memory(
    trackers: Sequence[Tracker], lengths: Sequence[float], costs: Mapping[str, float], patience: float
) -> dict[tuple[str, float], float | None]:
    """The largest resident size of the process that tracks, MB, its libraries and the recording included.

    Args:
        trackers: not yet entered; of different names.
        lengths: of the recordings, s; each is an array in memory.
        costs: processor seconds of a second of audio, by tracker.
        patience: processor seconds; what would take longer is not measured.

    Returns:
        By tracker and length; None where it was not measured.

    Raises:
        DataError: a tracker's process ended; it has written why to the error stream.
    """
    held: dict[tuple[str, float], float | None] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        tqdm(desc="memory", total=len(trackers) * len(lengths), unit="process") as progress,
    ):
        for length in lengths:
            recording = Path(folder, "recording.npy")
            np.save(recording, ToneAudio(0, round(length * RATE)).read().samples)
            for tracker in trackers:
                within = costs[tracker.name] * length <= patience
                held[tracker.name, length] = _measure(tracker, recording) if within else None
                progress.update()
    return held


def _measure(tracker: Tracker, recording: Path) -> float:
    process, connection = in_fresh_process(_track, tracker, recording, preload=[__name__])
    try:
        return float(connection.recv())
    except EOFError as error:
        raise DataError(f"{tracker.name}: its process ended; its own message stands above") from error
    finally:
        process.join()


def _track(tracker: Tracker, recording: Path, connection: Connection) -> None:
    with tracker:
        tracker(np.load(recording), RATE)
        connection.send(peak(tracker.process))


def peak(process: int) -> float:
    """The largest resident size that a process has had, MB, as Linux counts it."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    raise DataError(f"/proc/{process}/status: no VmHWM; memory is measured on Linux alone")
