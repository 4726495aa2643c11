"""Long recordings of another corpus as clips of one length."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence

from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.sources.audio_files import AudioClip, AudioFile
from datamodules.errors import DataError


class ConsecutiveClips(Corpus):
    """The recordings of another corpus, cut into consecutive clips of one length.

    The defaults are those of deepLID, which tells languages from 5 s: a rest of 3.5 s or more is filled up with zeros
    at its end, a shorter one is left out, and so are recordings that are shorter than that. Its recordings from YouTube
    have a margin of 5 s.

    The id of a clip is that of its recording and its number from 0, as in `anna_clip00002`. It has the group, split,
    label and metadata of the recording, so that the clips of one recording are in one split, and `recording` (the id),
    `clip` (the number) and `start` (s) as metadata. A clip reads its own part of the file alone. Its length is exact at
    the file's own rate.

    Args:
        corpus: the recordings, in audio files, without f0 and transcripts.
        seconds: length of a clip, s.
        shortest_rest: s; a rest of this length or more is filled up with zeros, a shorter one is left out. With the
            length of a clip itself, no clip has zeros.
        margin: s that are left out at both ends of every recording.
        margins: other margins, s, by the value of `margin_key`, as in `{youtube: 5.0}`.
        margin_key: of the metadata, for example a column of a manifest that `metadata_columns` lists; null: there are
            no other margins.

    Raises:
        DataError: an option is out of range; or in `recordings()`, a recording cannot be cut, or none is long enough.
    """

    def __init__(
        self,
        corpus: Corpus,
        seconds: float = 5.0,
        shortest_rest: float = 3.5,
        margin: float = 0.0,
        margins: dict[str, float] | None = None,
        margin_key: str | None = None,
    ) -> None:
        self.corpus = corpus
        self.seconds, self.shortest_rest, self.margin = seconds, shortest_rest, margin
        self.margins, self.margin_key = dict(margins or {}), margin_key
        require(self, "seconds", 0 < seconds < math.inf, "more than 0 s is expected")
        require(self, "shortest_rest", 0 < shortest_rest <= seconds, f"more than 0 s is expected, {seconds:g} at most")
        require(self, "margin", 0 <= margin < math.inf, "0 s or more is expected")
        known = all(0 <= value < math.inf for value in self.margins.values())
        require(self, "margins", known, "0 s or more is expected of each")
        require(self, "margin_key", (margin_key is None) == (not self.margins), "it goes with margins")

    @override
    def recordings(self) -> Sequence[Recording]:
        whole = self.corpus.recordings()
        self._warn_of_unused_margins(whole)
        clips = [clip for recording in whole for clip in self._clips(recording)]
        if whole and not clips:
            raise DataError(
                f"ConsecutiveClips: shortest_rest: none of {len(whole)} recordings has {self.shortest_rest:g} s"
            )
        return unique_and_sorted(clips, "ConsecutiveClips")

    def _clips(self, recording: Recording) -> Iterator[Recording]:
        file = recording.audio
        if not isinstance(file, AudioFile) or recording.truth is not None or recording.transcript is not None:
            raise DataError(
                f"ConsecutiveClips: recording {recording.id!r}: only recordings in audio files, without f0 and "
                "transcript, can be cut; records of melody are cut by the recipe's segment"
            )
        samples, rate = file.length()
        margin = self._margin(recording)
        inside = samples - 2 * round(margin * rate)
        length, shortest = round(self.seconds * rate), max(round(self.shortest_rest * rate), 1)
        if length < 1:
            raise DataError(f"ConsecutiveClips: seconds = {self.seconds:g}: less than a sample of {file.path}")
        for number, first in enumerate(range(0, max(inside - shortest + 1, 0), length)):
            here = min(length, inside - first)
            start = margin + number * self.seconds
            zeros = 0.0 if here == length else self.seconds - here / rate
            yield Recording(
                f"{recording.id}_clip{number:05d}",
                AudioClip(file, start, here / rate, zeros),
                None,
                recording.group,
                recording.split,
                {**recording.metadata, "recording": recording.id, "clip": number, "start": start},
                recording.label,
            )

    def _warn_of_unused_margins(self, whole: Sequence[Recording]) -> None:
        values = {str(recording.metadata.get(self.margin_key or "")) for recording in whole}
        unused = sorted(set(self.margins) - values)
        if unused:
            warnings.warn(
                f"ConsecutiveClips: margins: no recording has the {self.margin_key} {', '.join(unused)}", stacklevel=3
            )

    def _margin(self, recording: Recording) -> float:
        if self.margin_key is None:
            return self.margin
        if self.margin_key not in recording.metadata:
            raise DataError(
                f"ConsecutiveClips: margin_key = {self.margin_key!r}: recording {recording.id!r} has no such metadata; "
                "an AudioFolder has those of its metadata_columns"
            )
        return self.margins.get(str(recording.metadata[self.margin_key]), self.margin)
