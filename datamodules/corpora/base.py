"""What a corpus gives: recordings, each with its audio and its truth, read only when asked for."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.f0_tables import F0Series

RECORDING_ID = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*")


class Audio(NamedTuple):
    """Decoded audio as its source has it, before any resampling.

    Attributes:
        samples: float32 `(samples,)` or `(samples, channels)`, full scale at 1.
        rate: samples per second.
    """

    samples: NDArray[np.float32]
    rate: int


class AudioSource(Protocol):
    """Audio that is decoded or made on demand; picklable, because workers read it."""

    def fingerprint(self) -> str:
        """A string that changes whenever the audio would (a file's sha256, a generator's parameters)."""
        ...

    def read(self) -> Audio:
        """Decode or make the audio.

        Raises:
            DataError: the source cannot be read; the message names it.
        """
        ...


class PitchSource(Protocol):
    """An f0 contour that is read or computed on demand; picklable, because workers read it."""

    def fingerprint(self) -> str:
        """A string that changes whenever the contour would."""
        ...

    def read(self) -> F0Series:
        """Read or compute the contour.

        Raises:
            DataError: the source cannot be read; the message names it and, for a table, the line.
        """
        ...


@dataclass(frozen=True)
class Recording:
    """One recording of a corpus; cheap to hold, nothing is decoded until `audio.read()` or `truth.read()`.

    Attributes:
        id: unique within the corpus, of letters, digits, `_`, `-` and inner dots: it names output files.
        audio: where the samples come from.
        truth: where the f0 contour comes from; None where there is no annotation.
        group: recordings of one group (a song, an artist, a speaker) never stand in two splits.
        split: the split that the corpus itself puts the recording in, or None if it has no opinion.
        metadata: JSON values that travel with every record of the recording.
    """

    id: str
    audio: AudioSource
    truth: PitchSource | None
    group: str
    split: str | None = None
    metadata: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not RECORDING_ID.fullmatch(self.id):
            raise DataError(
                f"recording id {self.id!r}: use letters, digits, '_', '-' and inner dots only, because it names files"
            )


class Corpus(ABC):
    """A set of recordings in a fixed order. One subclass per data set or source."""

    @abstractmethod
    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by id; lists files but decodes nothing.

        Raises:
            DataError: the corpus is empty or not laid out as expected; the message names the folder or file.
        """


def unique_and_sorted(recordings: Iterable[Recording], origin: str) -> list[Recording]:
    """Recordings sorted by id.

    Args:
        recordings: in any order.
        origin: folder or file that the messages name.

    Raises:
        DataError: there is none, or two share an id.
    """
    found = sorted(recordings, key=lambda recording: recording.id)
    if not found:
        raise DataError(f"{origin}: no recordings found")
    for one, other in pairwise(found):
        if one.id == other.id:
            raise DataError(f"{origin}: two recordings have the id {one.id!r}")
    return found
