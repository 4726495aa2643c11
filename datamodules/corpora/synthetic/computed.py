"""Recordings that are computed from parameters: audio and truth of the same parameters as sources of a corpus."""

from __future__ import annotations

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import (
    Audio,
    AudioSource,
    Corpus,
    PitchSource,
    Recording,
    Source,
    require,
    unique_and_sorted,
)
from datamodules.errors import DataError


class ComputedRecording(ABC):
    """Parameters of one recording, from which its audio and f0 are computed; a frozen dataclass."""

    @abstractmethod
    def fingerprint(self) -> str:
        """All parameters as canonical JSON."""

    @abstractmethod
    def contour(self) -> F0Series:
        """The f0, always the same."""

    @abstractmethod
    def audio(self) -> Audio:
        """The audio, always the same."""


@dataclass(frozen=True)
class _Computed(Source):
    recording: ComputedRecording

    @override
    def fingerprint(self) -> str:
        return self.recording.fingerprint()


class ComputedAudio(_Computed, AudioSource):
    """The audio of a computed recording."""

    @override
    def read(self) -> Audio:
        return self.recording.audio()


class ComputedTruth(_Computed, PitchSource):
    """The f0 of a computed recording."""

    @override
    def read(self) -> F0Series:
        return self.recording.contour()


LONGEST = 1 << 27  # samples of a recording, which is computed as a whole


class ComputedCorpus(Corpus):
    """Recordings that are computed at random.

    A recording depends only on the seed, the name of its split and its number. So splits share no recording, and a
    split can grow, or a new one be added, without a change to the others. Every recording, `<split>_<number>`, is a
    group.

    Args:
        recordings: how many in each split, by the split's name.
        seconds: length of each.
        rate: samples per second.
        seed: of all random numbers, 0 or more.
    """

    def __init__(self, recordings: dict[str, int], seconds: float, rate: int, seed: int) -> None:
        self.counts = dict(recordings)
        self.seconds = seconds
        self.rate = rate
        self.seed = seed
        if min(self.counts.values(), default=0) < 0 or sum(self.counts.values()) < 1:
            raise DataError(
                f"{type(self).__name__}: recordings = {self.counts}: at least one is needed, and none negative"
            )
        require(self, "rate", self.rate >= 1, "samples per second, at least 1")
        require(self, "seconds", 1 <= self.seconds * self.rate < math.inf, "it must be finite and hold a sample")
        require(self, "seconds", self.seconds * self.rate <= LONGEST, f"more than {LONGEST} samples are not computed")
        require(self, "seed", self.seed >= 0, "it must not be negative")

    @abstractmethod
    def computed(self, stream: tuple[int, int, int]) -> ComputedRecording:
        """A recording.

        Args:
            stream: seed, hash of the split's name, and number: the seed of the recording's random numbers.
        """

    @override
    def recordings(self) -> Sequence[Recording]:
        return unique_and_sorted(
            (self._recording(split, number) for split, count in self.counts.items() for number in range(count)),
            type(self).__name__,
        )

    def _recording(self, split: str, number: int) -> Recording:
        parameters = self.computed((self.seed, zlib.crc32(split.encode()), number))
        name = f"{split}_{number:05d}"
        return Recording(name, ComputedAudio(parameters), ComputedTruth(parameters), group=name, split=split)
