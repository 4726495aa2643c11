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
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import check_options
from datamodules.corpora.base import Audio, AudioSource, Corpus, PitchSource, Recording, require, unique_and_sorted
from datamodules.corpora.sources.f0_files import F0File, TableOptions
from datamodules.corpora.sources.lists import splits_of_tracks
from datamodules.corpora.sources.names import by_identifier, compiled, group_of, visible_files
from datamodules.corpora.synthetic.harmonics import FADE_BEGINS, Articulation, Timbre, render
from datamodules.corpora.synthetic.mixing import mix
from datamodules.errors import DataError

VERSION = 1  # part of cache keys: raise it when the same table and parameters give other audio or another contour


@dataclass(frozen=True)
class Contour(PitchSource):
    """The f0 of a table, with at most `trim` s of silence (None: all of it) at each end; the audio begins at time 0."""

    table: F0File
    trim: float | None

    @override
    def fingerprint(self) -> str:
        parts = {"Contour": VERSION, "table": self.table.fingerprint(), "trim": self.trim}
        return json.dumps(parts, sort_keys=True)

    @override
    def read(self) -> F0Series:
        series = self.table.read()
        return series if self.trim is None else _trimmed(series, self.trim)


@dataclass(frozen=True)
class ResynthesizedAudio(AudioSource):
    """A contour rendered in a timbre of its own, up to its last frame.

    Attributes:
        contour: f0 of the oscillators.
        rate: samples per second.
        harmonics: how many.
        snr_db: level of the voice relative to noise, dB; None: no noise.
        stream: seed, hash of the table's id, and number of the rendering: the seed of the recording's random numbers.
    """

    contour: Contour
    rate: int
    harmonics: int
    snr_db: float | None
    stream: tuple[int, int, int]

    @override
    def fingerprint(self) -> str:
        parts = {**asdict(self), "contour": self.contour.fingerprint(), "ResynthesizedAudio": VERSION}
        return json.dumps(parts, sort_keys=True)

    @override
    def read(self) -> Audio:
        series = self.contour.read()
        self._check_rate(series)
        generator = np.random.default_rng(self.stream)
        voice = render(
            series,
            Timbre.draw(generator, self.harmonics),
            Articulation.draw(generator),
            samples=max(1, math.floor(series.times[-1] * self.rate) + 1),
            rate=self.rate,
        )
        return mix(voice, rate=self.rate, generator=generator, snr_db=self.snr_db)

    def _check_rate(self, series: F0Series) -> None:
        highest, limit = float(series.f0.max()), FADE_BEGINS * self.rate / 2
        if highest > limit:
            raise DataError(f"{self.contour.table.path}: f0 of {highest:g} Hz is above {limit:g} Hz; raise rate")


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
        harmonics: number of harmonics.
        snr_db: level of the voice relative to white or pink noise, dB; null: no noise.
        renderings: how many timbres each contour is rendered in; they are one group.
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
        self._check()

    @override
    def recordings(self) -> Sequence[Recording]:
        root = Path(self.folder)
        relatives = [path.relative_to(root).as_posix() for path in visible_files(root, self.tables)]
        if not relatives:
            raise DataError(f"{root}: no f0 table matches {self.tables!r}")
        splits = None if self.tracks is None else splits_of_tracks(Path(self.tracks), self.splits)
        made: list[Recording] = []
        for name, relative in by_identifier(relatives, root).items():
            group = group_of(name, self._group_pattern)
            if splits is None or group in splits:
                made.extend(self._renderings(name, relative, group, None if splits is None else splits[group]))
        if not made:
            raise DataError(f"{self.tracks}: none of its tracks is a group of the tables in {root}; see group_pattern")
        return unique_and_sorted(made, self.folder)

    def _renderings(self, name: str, relative: str, group: str, split: str | None) -> Iterator[Recording]:
        table = F0File(Path(self.folder) / relative, TableOptions(self.step, self.offset, self.gap))
        contour = Contour(table, self.trim)
        for number in range(self.renderings):
            stream = (self.seed, zlib.crc32(name.encode()), number)
            yield Recording(
                name if self.renderings == 1 else f"{name}_r{number}",
                ResynthesizedAudio(contour, self.rate, self.harmonics, self.snr_db, stream),
                contour,
                group=group,
                split=split,
                metadata={"table": relative, "rendering": number},
            )

    def _check(self) -> None:
        check_options(self.step, self.offset, self.gap)
        self._group_pattern = compiled(self.group_pattern, "ContourResynthesis", "group_pattern")
        for key in ("rate", "harmonics", "renderings"):
            require(self, key, getattr(self, key) >= 1, "at least 1")
        require(self, "trim", self.trim is None or 0 <= self.trim < math.inf, "seconds, not negative; null: none")
        audible = self.snr_db is None or math.isfinite(self.snr_db)
        require(self, "snr_db", audible, "it must be finite; null: no noise")
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
