"""Audio from a pipe, and its pitch as it arrives, line by line."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from typing import BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.tracked_tables import TRACKED
from datamodules.errors import DataError
from experiments.transcription.loading import load
from experiments.transcription.streaming import streamed
from experiments.transcription.transcriber import Transcriber

SECONDS = 0.05  # of audio that are taken at once
LIVE = "tracker_live"  # whose latency is bounded
_WIDTHS = {1: "u1", 2: "<i2", 4: "<i4"}  # bytes of a sample of a WAV file
_NAME = "standard input"


def transcribe_pipe(
    source: BinaryIO,
    sink: TextIO,
    model: str | None,
    rate: int | None,
    device: str = "cpu",
    voicing_threshold: float | None = None,
) -> None:
    """Write the table of a pitch tracker, each row as soon as its frame is known.

    Args:
        source: a WAV file as it is written, or, with a `rate`, samples of 16 bits, the low byte first, of one channel.
        sink: gets the table with its header.
        model: as `load` takes it; None: `tracker_live`.
        rate: samples per second of bare samples; None: of a WAV file.
        device: where the model runs.
        voicing_threshold: None: that of the model.

    Raises:
        DataError: the model does not give pitch or needs whole recordings, or the source is no audio.
    """
    tracker = load(LIVE if model is None else model, device, voicing_threshold=voicing_threshold)
    if not isinstance(tracker, Transcriber):
        raise DataError(f"{model}: a {type(tracker).__name__} answers about whole recordings; name a pitch tracker")
    rate, blocks = (rate, _bare(source, rate)) if rate is not None else _wave(source)
    print(",".join(TRACKED), file=sink, flush=True)
    frames = 0
    for found in streamed(tracker.stream(rate), blocks):
        frames += len(found.times)
        rows = zip(*(column.tolist() for column in found), strict=True)
        sink.writelines(f"{time:.6g},{f0:.9g},{sure:.7g},{voiced:d}\n" for time, f0, sure, voiced in rows)
        sink.flush()
    if not frames:
        raise DataError(f"{_NAME}: no samples in it")


def _bare(source: BinaryIO, rate: int) -> Iterator[NDArray[np.int16]]:
    """Samples of 16 bits; an odd byte at the end is half a sample, and left."""
    size = 2 * max(int(rate * SECONDS), 1)
    while content := source.read(size):
        yield np.frombuffer(content[: len(content) // 2 * 2], "<i2")


def _wave(source: BinaryIO) -> tuple[int, Iterator[NDArray[np.float64]]]:
    try:
        file = wave.open(source, "rb")
    except (wave.Error, EOFError) as error:
        raise DataError(
            f"{_NAME}: no WAV file of integers ({str(error) or 'empty'}); of bare samples of 16 bits, say --rate"
        ) from error
    width, channels = file.getsampwidth(), file.getnchannels()
    if width not in _WIDTHS:
        raise DataError(f"{_NAME}: samples of {8 * width} bits; 8, 16 and 32 can be read from a pipe")
    return file.getframerate(), _frames(file, width, channels)


def _frames(file: wave.Wave_read, width: int, channels: int) -> Iterator[NDArray[np.float64]]:
    step, scale = max(int(file.getframerate() * SECONDS), 1), 2.0 ** (8 * width - 1)
    while content := file.readframes(step):
        samples = np.frombuffer(content[: len(content) // (width * channels) * width * channels], _WIDTHS[width])
        yield (samples.reshape(-1, channels) - (scale if width == 1 else 0.0)) / scale
