"""Audio of any rate and number of channels as the int16 samples of one channel: at once, or block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    stream: soxr.ResampleStream | None = None
    for block in blocks:
        samples = _mono(block)
        if block.rate == rate:
            yield _rounded(samples)
            continue
        if stream is None:
            stream = soxr.ResampleStream(block.rate, rate, 1, dtype=samples.dtype.name, quality=QUALITY)
        yield _rounded(stream.resample_chunk(np.ascontiguousarray(samples)))
    if stream is not None:
        yield _rounded(stream.resample_chunk(np.zeros(0, samples.dtype), last=True))


def _mono(audio: Audio) -> NDArray[Any]:
    samples: NDArray[Any] = audio.samples.mean(axis=1) if audio.samples.ndim == 2 else audio.samples
    return samples


def _rounded(samples: NDArray[Any]) -> NDArray[np.int16]:
    whole: NDArray[np.float64] = np.rint(np.asarray(samples, np.float64) * 32768)
    return np.clip(whole, -32768, 32767).astype(np.int16)
