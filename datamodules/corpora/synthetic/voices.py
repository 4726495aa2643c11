"""Recordings of real voices synthesised again with contours that are known, so that the f0 is exact.

Like MDB-stem-synth (J. Salamon et al., "An analysis/synthesis framework for automatic f0 annotation of multitrack
datasets", ISMIR 2017), but by WORLD (M. Morise et al., IEICE Transactions 2016), which keeps formants, breath and
consonants, and with other contours than those of the recordings.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray
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
from datamodules.corpora.sources.audio_files import EXTENSIONS, AudioFile
from datamodules.corpora.sources.lists import splits_of_tracks
from datamodules.corpora.sources.names import by_identifier, compiled, group_of, visible_files
from datamodules.corpora.synthetic.mixing import mix
from datamodules.corpora.synthetic.voice_analysis import FRAME, Voice, analyse, world
from datamodules.corpora.synthetic.voice_synthesis import audible, synthesise
from datamodules.corpora.synthetic.voice_variation import Compass, vary
from datamodules.errors import DataError

VERSION = 1  # part of cache keys: raise it when the same file and parameters give other audio or another contour
SHORTEST = 0.1  # s of a recording
SILENT = 1e-4  # relative to full scale
SLOWEST = 16000  # samples per second; WORLD measures breath in bands of 3 kHz


@dataclass(frozen=True)
class VoiceRendering:
    """One rendering of a recording: file and parameters, from which audio and f0 are computed.

    Attributes:
        file: the recording.
        rate: samples per second, of analysis and synthesis.
        longest: s from the recording's beginning that are used.
        compass: where the pitch may lie.
        stream: seed, hash of the recording's id, and number of the rendering: the seed of the random numbers.
    """

    file: AudioFile
    rate: int
    longest: float
    compass: Compass
    stream: tuple[int, int, int]

    def fingerprint(self) -> str:
        """The content of the file and all parameters as canonical JSON."""
        parts = {**asdict(self), "file": self.file.fingerprint(), "VoiceResynthesis": VERSION}
        return json.dumps(parts, sort_keys=True)


class Rendered(NamedTuple):
    """What one computation gives."""

    audio: Audio
    truth: F0Series


@dataclass(frozen=True)
class _Rendered(Source):
    rendering: VoiceRendering

    @override
    def fingerprint(self) -> str:
        return self.rendering.fingerprint()


class ResynthesizedVoice(_Rendered, AudioSource):
    """The sound of a rendering."""

    @override
    def read(self) -> Audio:
        return _render(self.rendering, self.rendering.file.fingerprint()).audio


class ResynthesizedContour(_Rendered, PitchSource):
    """The f0 of a rendering, every 5 ms."""

    @override
    def read(self) -> F0Series:
        return _render(self.rendering, self.rendering.file.fingerprint()).truth


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
                ResynthesizedVoice(rendering),
                ResynthesizedContour(rendering),
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


# Audio and truth come from one computation and neighbouring renderings share an analysis. The content of the file is
# part of the key, and there are several places, because threads may prepare several recordings at once.
@lru_cache(maxsize=8)
def _render(rendering: VoiceRendering, content: str) -> Rendered:
    generator = np.random.default_rng(rendering.stream)
    voice = vary(_analysis(rendering.file, content, rendering.rate, rendering.longest), rendering.compass, generator)
    sound = synthesise(voice, rendering.rate)
    truth = F0Series(FRAME * np.arange(len(voice.f0)), audible(voice.f0, sound, rendering.rate))
    return Rendered(mix(sound, rate=rendering.rate, generator=generator), truth)


@lru_cache(maxsize=4)
def _analysis(file: AudioFile, content: str, rate: int, longest: float) -> Voice:
    audio = file.read()
    samples = audio.samples if audio.samples.ndim == 1 else audio.samples.mean(axis=1)
    samples = samples[: round(longest * audio.rate)]
    if len(samples) < SHORTEST * audio.rate:
        raise DataError(f"{file.path}: shorter than {SHORTEST:g} s; leave it out by the pattern audio")
    if np.abs(samples).max() < SILENT:
        raise DataError(f"{file.path}: silent; leave it out by the pattern audio")
    return analyse(_resampled(samples, audio.rate, rate), rate)


def _resampled(samples: NDArray[np.float32], have: int, want: int) -> NDArray[np.float64]:
    values = np.asarray(samples, np.float64)
    return values if have == want else np.asarray(soxr.resample(values, have, want, quality="VHQ"))
