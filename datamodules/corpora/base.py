"""The contract of a corpus: a list of recordings, each with its audio and annotation, read only when asked for."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.errors import DataError

RECORDING_ID = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*")


class Audio(NamedTuple):
    """Decoded audio as its source has it, before any resampling.

    Attributes:
        samples: float32 `(samples,)` or `(samples, channels)`, full scale at 1.
        rate: samples per second.
    """

    samples: NDArray[np.float32]
    rate: int


class Source(Protocol):
    """Something of a recording that is read, decoded or computed on demand; picklable, because workers read it."""

    def fingerprint(self) -> str:
        """A string that changes whenever the content would: a file's SHA-256, a generator's parameters.

        It is part of cache keys: the same content with another fingerprint is computed again.
        """
        ...


class AudioSource(Source, Protocol):
    """The audio of a recording."""

    def read(self) -> Audio:
        """Decode or make the audio.

        Raises:
            DataError: the source cannot be read; the message names it.
        """
        ...


class PitchSource(Source, Protocol):
    """The f0 of one or several voices."""

    def read(self) -> F0Series | MultiF0Series:
        """Read or compute the f0.

        Raises:
            DataError: the source cannot be read; the message names it and, for a table, the line.
        """
        ...


class FeatureSource(Source, Protocol):
    """Features of a recording without audio, such as MFCCs."""

    def read(self) -> NDArray[np.float32]:
        """Read the features, `(frames, dimensions)`, at the corpus' own frame rate.

        Raises:
            DataError: the source cannot be read; the message names it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a corpus; cheap to hold, because nothing is decoded until a source's `read()`.

    Attributes:
        id: unique within the corpus, of letters, digits, `_`, `-` and inner dots, because it names output files.
        audio: where the samples come from; None if there are features instead.
        truth: where the f0 comes from; None if there is no such annotation.
        group: recordings of one group (a song, an artist, a speaker) are always in the same split.
        split: the corpus' own split of the recording; None if it has none.
        metadata: JSON values that are stored with every record of the recording.
        label: class of the recording (a word, a language); None if it has none.
        transcript: symbols (phones or words) separated by single blanks; None if it is not known.
        features: where the features come from; None if there is audio.

    Raises:
        DataError: the id has other characters, or there are both audio and features, or neither.
    """

    id: str
    audio: AudioSource | None
    truth: PitchSource | None
    group: str
    split: str | None = None
    metadata: Mapping[str, str | int | float] = field(default_factory=dict)
    label: str | None = None
    transcript: str | None = None
    features: FeatureSource | None = None

    def __post_init__(self) -> None:
        if not RECORDING_ID.fullmatch(self.id):
            raise DataError(
                f"recording id {self.id!r}: use letters, digits, '_', '-' and inner dots only, because it names files"
            )
        if (self.audio is None) == (self.features is None):
            raise DataError(f"recording {self.id!r}: it needs either audio or features, and not both")


class Corpus(ABC):
    """A set of recordings in a fixed order; README.md beside this file says how to add one.

    Public attributes without a leading underscore are the corpus' description in `dataset.json`: `prepare` compares
    them to know whether shards were made with the same options.
    """

    @abstractmethod
    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by id; lists files but decodes nothing.

        Raises:
            DataError: the corpus is empty or not laid out as expected; the message names the folder or file.
        """


def require(corpus: Corpus, key: str, condition: bool, hint: str) -> None:
    """Refuse the value of a corpus' option.

    Args:
        corpus: has the value as an attribute of the option's name.
        key: name of the option.
        condition: what has to be true.
        hint: what the value has to be.

    Raises:
        DataError: the condition is false; the message names corpus, key and value.
    """
    if not condition:
        raise DataError(f"{type(corpus).__name__}: {key} = {getattr(corpus, key)!r}: {hint}")


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
