"""Audio of any rate and number of channels as the int16 samples of one channel: at once, or block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from datamodules.corpora.base import Audio

QUALITY = "VHQ"


def to_mono_int16(audio: Audio, rate: int) -> NDArray[np.int16]:
    """Mean of the channels, resampled by soxr at its highest quality, rounded and clipped to int16 `(samples,)`."""
    samples = _mono(audio)
    if audio.rate != rate:
        samples = soxr.resample(samples, audio.rate, rate, quality=QUALITY)
    return _rounded(samples)


def mono_int16_blocks(blocks: Iterable[Audio], rate: int) -> Iterator[NDArray[np.int16]]:
    """What `to_mono_int16` makes of a recording, sample by sample the same, when its audio comes in blocks.

    Args:
        blocks: of one rate, at least one sample each, in order.
        rate: samples per second that are wanted.

    Yields:
        `(samples,)`, of other lengths than the blocks, perhaps 0; the resampler holds a few back until the end.
    """
    stream: MonoStream | None = None
    for block in blocks:
        stream = stream or MonoStream(block.rate, rate)
        yield stream.push(block.samples)
    if stream is not None:
        yield stream.finish()


class MonoStream:
    """What `to_mono_int16` makes of a recording, sample by sample the same, whose audio is pushed block by block.

    Args:
        source: samples per second of the recording.
        rate: samples per second that are wanted.
    """

    def __init__(self, source: int, rate: int) -> None:
        self.source, self.rate = source, rate
        self._stream: soxr.ResampleStream | None = None

    def push(self, samples: NDArray[Any]) -> NDArray[np.int16]:
        """Take float samples `(samples,)` or `(samples, channels)`, at least one; the resampler holds a few back."""
        mono = _mono(Audio(samples, self.source))
        if self.source == self.rate:
            return _rounded(mono)
        if self._stream is None:
            self._stream = soxr.ResampleStream(self.source, self.rate, 1, dtype=mono.dtype.name, quality=QUALITY)
        return _rounded(self._stream.resample_chunk(np.ascontiguousarray(mono)))

    def finish(self) -> NDArray[np.int16]:
        """What was held back; nothing can be pushed any more."""
        if self._stream is None:
            return np.zeros(0, np.int16)
        return _rounded(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))


@lru_cache(maxsize=32)
def resampling_delay(source: int, rate: int) -> float:
    """What a MonoStream holds back at most, s, found by trial: soxr works in chunks of its own."""
    stream, block = MonoStream(source, rate), np.zeros(max(source // 1000, 1), np.float32)
    pushed, given, most = 0, 0, 0.0
    while pushed < 2 * source:
        given += len(stream.push(block))
        pushed += len(block)
        most = max(most, pushed / source - given / rate)
    return most


def _mono(audio: Audio) -> NDArray[Any]:
    samples: NDArray[Any] = audio.samples.mean(axis=1) if audio.samples.ndim == 2 else audio.samples
    return samples


def _rounded(samples: NDArray[Any]) -> NDArray[np.int16]:
    whole: NDArray[np.float64] = np.rint(np.asarray(samples, np.float64) * 32768)
    return np.clip(whole, -32768, 32767).astype(np.int16)
