"""`VoiceResynthesis`: recordings of real voices, synthesised again with contours that are known.

Like MDB-stem-synth (J. Salamon et al., "An analysis/synthesis framework for automatic f0 annotation of multitrack
datasets", ISMIR 2017), but by WORLD (M. Morise et al., IEICE Transactions 2016), which keeps formants, breath and
consonants, and with other contours than those of the recordings.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.sources.audio_files import EXTENSIONS, AudioFile
from datamodules.corpora.sources.lists import splits_of_tracks
from datamodules.corpora.sources.names import by_identifier, compiled, group_of, visible_files
from datamodules.corpora.synthetic.computed import ComputedAudio, ComputedTruth
from datamodules.corpora.synthetic.voices.analysis import world
from datamodules.corpora.synthetic.voices.rendering import SHORTEST, VoiceRendering
from datamodules.corpora.synthetic.voices.variation import Compass
from datamodules.errors import DataError

SLOWEST = 16000  # samples per second; WORLD measures breath in bands of 3 kHz


class VoiceResynthesis(Corpus):
    """Every recording of a folder, spoken or sung again by WORLD with other contours; their f0 is exact.

    The id of a recording is that of its file (the path below the folder, without extension, as one word), with
    `_r<number>` if there are several renderings. It needs `pip install 'melisma[world]'`.

    Each rendering draws one of five ways: the natural contour, transposed by less than two semitones (18 %); other
    contours (37 %), also at another tempo (13 %); a low, creaky voice in the lowest octave (12 %); singing, with long
    vowels, a melody and vibrato (20 %). Where no voice is found, the rendering is noise, unvoiced throughout.

    Args:
        folder: where the recordings are, each of one voice without accompaniment.
        audio: pattern of the audio files below the folder; only files with the extension of an audio format count.
        rate: samples per second of the audio, at least 16000.
        renderings: how many of each recording; they are one group.
        group_pattern: regular expression searched in a file's id; its first group names the group (the speaker).
            Recordings of one group are always in the same split. Null: every file is a group of its own.
        tracks: JSON file with a list of groups, or an object of such lists by split: files of other groups are left
            out, and recordings get the split. Null: all files.
        splits: the splits of `tracks` to read; null: all.
        longest: s from the beginning of each file that are used.
        transpose: standard deviation of the transposition, octaves.
        lowest: limit of f0, Hz; the median of a low, creaky rendering lies in the octave above it, that of others at
            least a fifth above it.
        highest: limit of f0, Hz; medians lie at least a fifth below it, unless the natural voice is higher.
        seed: of all random numbers, 0 or more.
    """

    def __init__(
        self,
        folder: str,
        audio: str = "**/*",
        rate: int = 16000,
        renderings: int = 1,
        group_pattern: str | None = None,
        tracks: str | None = None,
        splits: list[str] | None = None,
        longest: float = 15.0,
        transpose: float = 0.45,
        lowest: float = 40.0,
        highest: float = 1000.0,
        seed: int = 0,
    ) -> None:
        self.folder = folder
        self.audio = audio
        self.rate = rate
        self.renderings = renderings
        self.group_pattern = group_pattern
        self.tracks = tracks
        self.splits = splits
        self.longest = longest
        self.transpose = transpose
        self.lowest = lowest
        self.highest = highest
        self.seed = seed
        self._check()

    @override
    def recordings(self) -> Sequence[Recording]:
        world()  # here, because one message is better than one for each recording
        root = Path(self.folder)
        paths = [path for path in visible_files(root, self.audio) if path.suffix.lower() in EXTENSIONS]
        if not paths:
            raise DataError(f"{root}: no audio file matches {self.audio!r}")
        splits = None if self.tracks is None else splits_of_tracks(Path(self.tracks), self.splits)
        made: list[Recording] = []
        for name, relative in by_identifier((path.relative_to(root).as_posix() for path in paths), root).items():
            group = group_of(name, self._group_pattern)
            if splits is None or group in splits:
                made.extend(self._renderings(name, relative, group, None if splits is None else splits[group]))
        if not made:
            raise DataError(f"{self.tracks}: none of its tracks is a group of the files in {root}; see group_pattern")
        return unique_and_sorted(made, self.folder)

    def _renderings(self, name: str, relative: str, group: str, split: str | None) -> Iterator[Recording]:
        compass = Compass(self.lowest, self.highest, self.transpose)
        for number in range(self.renderings):
            rendering = VoiceRendering(
                file=AudioFile(Path(self.folder) / relative),
                rate=self.rate,
                longest=self.longest,
                compass=compass,
                stream=(self.seed, zlib.crc32(name.encode()), number),
            )
            yield Recording(
                name if self.renderings == 1 else f"{name}_r{number}",
                ComputedAudio(rendering),
                ComputedTruth(rendering),
                group=group,
                split=split,
                metadata={"file": relative, "rendering": number},
            )

    def _check(self) -> None:
        self._group_pattern = compiled(self.group_pattern, "VoiceResynthesis", "group_pattern")
        require(self, "rate", self.rate >= SLOWEST, f"samples per second, at least {SLOWEST}")
        require(self, "renderings", self.renderings >= 1, "at least 1")
        require(self, "longest", SHORTEST <= self.longest < math.inf, f"seconds, at least {SHORTEST:g}")
        require(self, "transpose", 0 <= self.transpose < math.inf, "octaves, finite and not negative")
        require(self, "lowest", 30 <= self.lowest < math.inf, "Hz, at least 30: WORLD knows no longer periods")
        wide = 4 * self.lowest <= self.highest <= self.rate / 8
        require(self, "highest", wide, f"Hz, two octaves above lowest and at most {self.rate / 8:g}, an eighth of rate")
        require(self, "seed", self.seed >= 0, "it must not be negative")
        listed = self.tracks is not None or self.splits is None
        require(self, "splits", listed, "it needs tracks, the file that states them")
