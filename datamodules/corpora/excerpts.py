"""Excerpts of the recordings of another corpus, cut where their annotation has frames."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.annotations.f0_tables import SAME_TIME
from datamodules.corpora.base import Audio, AudioSource, Corpus, PitchSource, Recording, Source, unique_and_sorted
from datamodules.errors import DataError

VERSION = 1  # part of cache keys: raise it when the same limits give other audio or another contour

Whole = TypeVar("Whole", AudioSource, PitchSource)


class Limits(NamedTuple):
    """Start and end of an excerpt as they are asked for, s, and the option that asks for them, for messages."""

    start: float
    end: float
    key: str


@dataclass(frozen=True)
class _PartOfSource(Source, Generic[Whole]):
    """A part of a source, cut at frames of the recording's annotation; without annotation at the limits themselves."""

    source: Whole
    truth: PitchSource | None
    limits: Limits

    @override
    def fingerprint(self) -> str:
        parts = {
            type(self).__name__: VERSION,
            "source": self.source.fingerprint(),
            "truth": None if self.truth is None else self.truth.fingerprint(),
            "limits": [self.limits.start, self.limits.end],
        }
        return json.dumps(parts, sort_keys=True)


class AudioExcerpt(_PartOfSource[AudioSource], AudioSource):
    """Audio from the first annotated frame within the limits up to the last one, to the nearest sample."""

    @override
    def read(self) -> Audio:
        audio = self.source.read()
        seconds = len(audio.samples) / audio.rate
        if self.limits.end > seconds + 0.5 / audio.rate:
            raise DataError(f"{self.limits.key}: it ends at {self.limits.end:g} s, the audio at {seconds:g} s")
        start, end = self.limits.start, self.limits.end
        if self.truth is not None:
            start, end = _cut(self.truth.read(), self.limits).times[[0, -1]]
        return Audio(audio.samples[round(start * audio.rate) : round(end * audio.rate)], audio.rate)


class PitchExcerpt(_PartOfSource[PitchSource], PitchSource):
    """The annotated frames within the limits, of which the first is at time 0."""

    @override
    def read(self) -> F0Series | MultiF0Series:
        series = _cut(self.source.read(), self.limits)
        return series._replace(times=series.times - series.times[0])


def _cut(series: F0Series | MultiF0Series, limits: Limits) -> F0Series | MultiF0Series:
    inside = (series.times >= limits.start - SAME_TIME) & (series.times <= limits.end + SAME_TIME)
    if np.count_nonzero(inside) < 2:
        raise DataError(f"{limits.key}: the annotation has no two frames from {limits.start:g} to {limits.end:g} s")
    return series._replace(times=series.times[inside], f0=series.f0[inside])


class Excerpts(Corpus):
    """Excerpts of some recordings of another corpus.

    Audio and annotation are cut at the same time: the start moves to the first annotated frame at or after it, the end
    to the last one at or before it, and audio is cut at the nearest sample. The id of an excerpt is made of the id of
    its recording and its limits, as in `song_10-20`. It has the group, split, label and metadata of the recording, and
    `start` and `end` as metadata. Recordings with a transcript cannot be cut.

    Args:
        corpus: the corpus to cut.
        excerpts: start and end of each excerpt, s, by the recording's id.
    """

    def __init__(self, corpus: Corpus, excerpts: dict[str, tuple[float, float]]) -> None:
        self.corpus = corpus
        self.excerpts = {name: (float(start), float(end)) for name, (start, end) in excerpts.items()}
        for name, (start, end) in self.excerpts.items():
            if not 0 <= start < end < math.inf:
                raise DataError(f"Excerpts: excerpts.{name} = [{start:g}, {end:g}]: 0 <= start < end is expected")
        if not excerpts:
            raise DataError("Excerpts: excerpts: at least one is needed")

    @override
    def recordings(self) -> Sequence[Recording]:
        found = {recording.id: recording for recording in self.corpus.recordings()}
        for name in self.excerpts:
            if name not in found:
                raise DataError(f"Excerpts: excerpts.{name}: the corpus has no recording of this id")
        made = (self._excerpt(found[name], *limits) for name, limits in self.excerpts.items())
        return unique_and_sorted(made, "Excerpts")

    def _excerpt(self, recording: Recording, start: float, end: float) -> Recording:
        key = f"Excerpts: excerpts.{recording.id}"
        if recording.audio is None or recording.transcript is not None:
            raise DataError(f"{key}: only recordings with audio and without a transcript can be cut")
        limits = Limits(start, end, key)
        truth = recording.truth
        return Recording(
            f"{recording.id}_{start:.9g}-{end:.9g}",
            AudioExcerpt(recording.audio, truth, limits),
            None if truth is None else PitchExcerpt(truth, truth, limits),
            group=recording.group,
            split=recording.split,
            metadata={**recording.metadata, "start": start, "end": end},
            label=recording.label,
        )
