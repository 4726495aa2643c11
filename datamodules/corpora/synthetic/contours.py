"""Audio synthesised from f0 tables, so that the table is the exact f0 of the audio.

After MDB-stem-synth: J. Salamon, R. M. Bittner, J. Bonada, J. J. Bosch, E. Gómez, J. P. Bello, "An
analysis/synthesis framework for automatic f0 annotation of multitrack datasets", ISMIR 2017. Deviation: the timbre is
drawn at random, not measured on the recording that was annotated.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import check_options
from datamodules.corpora.base import Audio, AudioSource, Corpus, PitchSource, Recording, require, unique_and_sorted
from datamodules.corpora.sources.f0_files import F0File, TableOptions
from datamodules.corpora.sources.lists import splits_of_tracks
from datamodules.corpora.sources.names import by_identifier, compiled, group_of, visible_files
from datamodules.corpora.synthetic.harmonics import FADE_BEGINS
from datamodules.corpora.synthetic.mixing import mix
from datamodules.corpora.synthetic.timbres import SteadyTimbres, Timbres
from datamodules.errors import DataError

VERSION = 1  # part of cache keys: raise it when the same table and parameters give other audio or another contour
LOWEST, HIGHEST = 28.0, 2200.0  # Hz; transposed contours stay between them


@dataclass(frozen=True)
class Contour(PitchSource):
    """The f0 of a table; the audio begins at time 0.

    Attributes:
        table: where the f0 is from.
        trim: longest silence at each end, s; None: all of it.
        octaves: by which the f0 is transposed, or less, so that it stays between 28 and 2200 Hz.
    """

    table: F0File
    trim: float | None
    octaves: float = 0.0

    @override
    def fingerprint(self) -> str:
        parts = {"Contour": VERSION, "table": self.table.fingerprint(), "trim": self.trim}
        # What later versions added is named only where it is used, so that earlier keys stay valid.
        return json.dumps({**parts, **({"octaves": self.octaves} if self.octaves else {})}, sort_keys=True)

    @override
    def read(self) -> F0Series:
        series = self.table.read()
        series = series if self.trim is None else _trimmed(series, self.trim)
        return _transposed(series, self.octaves) if self.octaves else series


@dataclass(frozen=True)
class ResynthesizedAudio(AudioSource):
    """A contour rendered in a timbre of its own, up to its last frame.

    Attributes:
        contour: f0 of the oscillators.
        rate: samples per second.
        harmonics: how many, if there are no timbres.
        snr_db: level of the voice relative to noise, dB; None: no noise.
        stream: seed, hash of the table's id, and number of the rendering: the seed of the recording's random numbers.
        timbres: of the voice and of all others; None: those of unchanging harmonics.
        others: contours of the accompaniment.
        accompaniment_db: level of the accompaniment relative to the voice, dB, lowest and highest.
    """

    contour: Contour
    rate: int
    harmonics: int
    snr_db: float | None
    stream: tuple[int, int, int]
    timbres: Timbres | None = None
    others: tuple[Contour, ...] = ()
    accompaniment_db: tuple[float, float] = (0.0, 0.0)

    @override
    def fingerprint(self) -> str:
        parts: dict[str, object] = {
            "ResynthesizedAudio": VERSION,
            "contour": self.contour.fingerprint(),
            **{key: getattr(self, key) for key in ("rate", "harmonics", "snr_db", "stream")},
        }
        if self.timbres is not None:
            parts["timbres"] = self.timbres.fingerprint()
        if self.others:
            parts["others"] = [other.fingerprint() for other in self.others]
            parts["accompaniment_db"] = self.accompaniment_db
        return json.dumps(parts, sort_keys=True)

    @override
    def read(self) -> Audio:
        generator = np.random.default_rng(self.stream)
        series = self.contour.read()
        samples = max(1, math.floor(series.times[-1] * self.rate) + 1)
        voice = self._play(self.contour, series, generator, samples)
        accompaniment = None
        if self.others:
            accompaniment = np.sum([self._other(other, generator, samples) for other in self.others], axis=0)
        return mix(
            voice,
            rate=self.rate,
            generator=generator,
            accompaniment=accompaniment,
            accompaniment_db=generator.uniform(*self.accompaniment_db) if self.others else 0.0,
            snr_db=self.snr_db,
        )

    def _other(self, other: Contour, generator: np.random.Generator, samples: int) -> NDArray[np.float64]:
        series = _rotated(other.read(), generator)
        length = max(1, math.floor(series.times[-1] * self.rate) + 1)
        return np.resize(self._play(other, series, generator, min(samples, length)), samples)

    def _play(
        self, contour: Contour, series: F0Series, generator: np.random.Generator, samples: int
    ) -> NDArray[np.float64]:
        highest, limit = float(series.f0.max()), FADE_BEGINS * self.rate / 2
        if highest > limit:
            raise DataError(f"{contour.table.path}: f0 of {highest:g} Hz is above {limit:g} Hz; raise rate")
        timbres = self.timbres or SteadyTimbres(self.harmonics)
        return timbres.play(series, generator, samples=samples, rate=self.rate)


@dataclass(frozen=True)
class _Table:
    """A table of the folder: its id, path, group and split, and how it is read."""

    name: str
    relative: str
    group: str
    split: str | None
    file: F0File


class ContourResynthesis(Corpus):
    """Every f0 table of a folder, rendered by harmonic oscillators in random timbres.

    The id of a recording is that of its table (the path below the folder, without extension, as one word), with
    `_r<number>` if there are several renderings.

    Args:
        folder: where the tables are.
        tables: pattern of the tables below the folder.
        rate: samples per second of the audio.
        step: s between rows of tables that have one column and no times.
        offset: s added to the tables' times.
        gap: s; where rows of a table are further apart than this, there is silence between them.
        trim: longest silence kept before the first and after the last voiced frame, s; null: all of it.
        harmonics: number of harmonics, if `timbres` is null.
        snr_db: level of the voice relative to white or pink noise, dB; null: no noise.
        renderings: how many timbres each contour is rendered in; they are one group.
        timbres: what voices sound like, as `datamodules.Instruments`; null: harmonics of unchanging amplitude.
        transpose: standard deviation of a random transposition of each rendering and of its truth, octaves; f0 stays
            between 28 and 2200 Hz.
        accompaniment_db: level of the accompaniment relative to the voice, each where it sounds, dB: it is drawn
            between these two for each rendering; null: none. The accompaniment is one to three tables of other groups
            of the same split, each in a timbre of its own.
        group_pattern: regular expression searched in a table's id; its first group names the group. Recordings of one
            group are always in the same split. Null: every table is a group of its own.
        tracks: JSON file with a list of groups, or an object of such lists by split: tables of other groups are left
            out, and recordings get the split. Null: all tables.
        splits: the splits of `tracks` to read; null: all.
        seed: of all random numbers, 0 or more.
    """

    def __init__(
        self,
        folder: str,
        tables: str = "**/*.csv",
        rate: int = 16000,
        step: float | None = None,
        offset: float = 0.0,
        gap: float | None = None,
        trim: float | None = None,
        harmonics: int = 12,
        snr_db: float | None = None,
        renderings: int = 1,
        group_pattern: str | None = None,
        tracks: str | None = None,
        splits: list[str] | None = None,
        seed: int = 0,
        timbres: Timbres | None = None,
        transpose: float = 0.0,
        accompaniment_db: tuple[float, float] | None = None,
    ) -> None:
        self.folder = folder
        self.tables = tables
        self.rate = rate
        self.step = step
        self.offset = offset
        self.gap = gap
        self.trim = trim
        self.harmonics = harmonics
        self.snr_db = snr_db
        self.renderings = renderings
        self.group_pattern = group_pattern
        self.tracks = tracks
        self.splits = splits
        self.seed = seed
        self.timbres = timbres
        self.transpose = transpose
        self.accompaniment_db = accompaniment_db
        self._check()

    @override
    def recordings(self) -> Sequence[Recording]:
        root = Path(self.folder)
        relatives = [path.relative_to(root).as_posix() for path in visible_files(root, self.tables)]
        if not relatives:
            raise DataError(f"{root}: no f0 table matches {self.tables!r}")
        splits = None if self.tracks is None else splits_of_tracks(Path(self.tracks), self.splits)
        options = TableOptions(self.step, self.offset, self.gap)
        tables: list[_Table] = []
        for name, relative in by_identifier(relatives, root).items():
            group = group_of(name, self._group_pattern)
            if splits is None or group in splits:
                split = None if splits is None else splits[group]
                tables.append(_Table(name, relative, group, split, F0File(root / relative, options)))
        if not tables:
            raise DataError(f"{self.tracks}: none of its tracks is a group of the tables in {root}; see group_pattern")
        made = (rendering for table in tables for rendering in self._renderings(table, tables))
        return unique_and_sorted(made, self.folder)

    def _renderings(self, table: _Table, tables: Sequence[_Table]) -> Iterator[Recording]:
        for number in range(self.renderings):
            stream = (self.seed, zlib.crc32(table.name.encode()), number)
            generator = np.random.default_rng([*stream, 1])  # of another stream, so that timbre and noise stay
            contour = self._contour(table, generator)
            yield Recording(
                table.name if self.renderings == 1 else f"{table.name}_r{number}",
                ResynthesizedAudio(
                    contour,
                    self.rate,
                    self.harmonics,
                    self.snr_db,
                    stream,
                    self.timbres,
                    self._others(table, tables, generator),
                    self.accompaniment_db or (0.0, 0.0),
                ),
                contour,
                group=table.group,
                split=table.split,
                metadata={"table": table.relative, "rendering": number},
            )

    def _contour(self, table: _Table, generator: np.random.Generator) -> Contour:
        octaves = generator.normal(0.0, self.transpose) if self.transpose else 0.0
        return Contour(table.file, self.trim, octaves)

    def _others(self, table: _Table, tables: Sequence[_Table], generator: np.random.Generator) -> tuple[Contour, ...]:
        if self.accompaniment_db is None:
            return ()
        others = [other for other in tables if other.group != table.group and other.split == table.split]
        if not others:
            raise DataError(
                f"{self.folder}: accompaniment_db needs tables of at least two groups in every split; "
                f"{table.name!r} has no other group beside it"
            )
        count = min(int(generator.integers(1, 4)), len(others))
        chosen = generator.choice(len(others), count, replace=False)
        return tuple(self._contour(others[number], generator) for number in chosen)

    def _check(self) -> None:
        check_options(self.step, self.offset, self.gap)
        self._group_pattern = compiled(self.group_pattern, "ContourResynthesis", "group_pattern")
        for key in ("rate", "harmonics", "renderings"):
            require(self, key, getattr(self, key) >= 1, "at least 1")
        require(self, "trim", self.trim is None or 0 <= self.trim < math.inf, "seconds, not negative; null: none")
        audible = self.snr_db is None or math.isfinite(self.snr_db)
        require(self, "snr_db", audible, "it must be finite; null: no noise")
        require(self, "transpose", 0 <= self.transpose < math.inf, "octaves, finite and not negative")
        between = self.accompaniment_db
        ordered = between is None or (-math.inf < between[0] <= between[1] < math.inf)
        require(self, "accompaniment_db", ordered, "lowest and highest level, dB; null: none")
        require(self, "seed", self.seed >= 0, "it must not be negative")
        listed = self.tracks is not None or self.splits is None
        require(self, "splits", listed, "it needs tracks, the file that states them")


def _trimmed(series: F0Series, trim: float) -> F0Series:
    voiced = np.flatnonzero(series.f0 > 0)
    if not len(voiced):
        return series
    start = max(0.0, series.times[voiced[0]] - trim)
    end = series.times[min(voiced[-1] + 1, len(series.times) - 1)] + trim
    # Voiced frames before time 0, which a negative offset leaves, shape the first samples.
    kept = (series.f0 > 0) | ((series.times >= start) & (series.times <= end))
    return F0Series(series.times[kept] - start, series.f0[kept])


def _transposed(series: F0Series, octaves: float) -> F0Series:
    voiced = series.f0[series.f0 > 0]
    if not len(voiced):
        return series
    down, up = np.log2(LOWEST / voiced.min()), np.log2(HIGHEST / voiced.max())
    # A contour that is wider than the limits, or lies beyond them, stays where it is.
    allowed = np.clip(octaves, min(down, 0.0), max(up, 0.0))
    return F0Series(series.times, series.f0 * 2.0**allowed)


def _rotated(series: F0Series, generator: np.random.Generator) -> F0Series:
    """The series from a random voiced frame to the end, and then from the beginning to that frame."""
    voiced = np.flatnonzero(series.f0 > 0)
    if len(voiced) < 2:
        return series
    start, times = generator.choice(voiced), series.times
    hop = np.median(np.diff(times))
    after, before = times[start:] - times[start], times[:start] - times[0]
    return F0Series(np.concatenate([after, after[-1] + hop + before]), np.roll(series.f0, -start))
