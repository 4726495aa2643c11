"""What models are handed in Python, samples as NumPy or torch has them, and how they answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.corpora.base import Audio
from datamodules.errors import DataError

Samples = NDArray[Any] | Tensor
Answer = TypeVar("Answer")
_BLOCK = 1 << 20  # samples: what is made of a block is a small part of what a long recording takes
_FULL_SCALE = {np.dtype(np.int16): 32768.0, np.dtype(np.int32): 2147483648.0}


class Hearer(ABC, Generic[Answer]):
    """A model that is called with a recording."""

    def __call__(self, samples: Samples, rate: int) -> Answer:
        """The answer about a recording.

        Args:
            samples: as `audio_of` takes them.
            rate: samples per second.

        Raises:
            DataError: it is no audio, or too short for the model.
        """
        return self.of_blocks(blocks_of(samples, rate))

    @abstractmethod
    def of_blocks(self, blocks: Iterable[Audio]) -> Answer:
        """The answer about a recording whose audio comes in blocks, in order; errors are those of a call."""


def audio_of(samples: Samples, rate: int) -> Audio:
    """A recording.

    Args:
        samples: `(samples,)`, or several channels, of which the mean is taken: an array `(samples, channels)` as
            soundfile gives it, or a tensor `(channels, samples)` as torchaudio does. Floats have their full scale at
            1, int16 and int32 at their own.
        rate: samples per second.

    Raises:
        DataError: another number of dimensions or type, a sample that is not finite, or a rate that is not positive.
    """
    return _audio(_array(samples, rate), rate)


def blocks_of(samples: Samples, rate: int) -> Iterator[Audio]:
    """A recording in blocks, at least one, so that no more than a block of it is converted at a time.

    Arguments and errors are those of `audio_of`.
    """
    array = _array(samples, rate)
    for first in range(0, max(len(array), 1), _BLOCK):
        yield _audio(array[first : first + _BLOCK], rate)


def _array(samples: Samples, rate: int) -> NDArray[Any]:
    if not rate > 0 or rate != int(rate):
        raise DataError(f"rate: {rate}; samples per second, a whole number, are expected")
    array = samples.detach().cpu().numpy().T if isinstance(samples, Tensor) else np.asarray(samples)
    if array.ndim not in (1, 2):
        raise DataError(f"audio: {array.ndim} dimensions; (samples,) or several channels of them are expected")
    if array.dtype not in _FULL_SCALE and not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"audio: {array.dtype}; floats, int16 or int32 are expected")
    return array


def _audio(array: NDArray[Any], rate: int) -> Audio:
    if array.dtype in _FULL_SCALE:
        array = array / _FULL_SCALE[array.dtype]
    array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise DataError("audio: a sample is not a finite number")
    return Audio(array, int(rate))


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads within; None: as many as torch has."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count is not None:
            torch.set_num_threads(before)
