"""f0 and multi-f0 tables as the annotation of a recording."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from typing_extensions import override

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.annotations.f0_tables import read_f0, read_multi_f0
from datamodules.corpora.base import PitchSource
from datamodules.files import MOST, sha256_of

VERSION = 1  # part of cache keys: raise it when the same table is read as another series


@dataclass(frozen=True)
class TableOptions:
    """How `read_f0` reads the tables of a corpus.

    Attributes:
        step: s between rows of tables that have no times; None: they have.
        offset: s added to every time.
        gap: s between rows from which on the voice is silent; None: never.
    """

    step: float | None = None
    offset: float = 0.0
    gap: float | None = None


@dataclass(frozen=True)
class F0File(PitchSource):
    """An f0 table."""

    path: Path
    options: TableOptions

    @override
    def fingerprint(self) -> str:
        return json.dumps(
            {"F0File": VERSION, "sha256": sha256_of(self.path, MOST), **asdict(self.options)}, sort_keys=True
        )

    @override
    def read(self) -> F0Series:
        return read_f0(self.path, step=self.options.step, offset=self.options.offset, gap=self.options.gap)


@dataclass(frozen=True)
class MultiF0File(PitchSource):
    """A multi-f0 table.

    Attributes:
        path: of the file.
        offset: s added to every time.
        gap: s between rows from which on nothing sounds; None: never.
    """

    path: Path
    offset: float = 0.0
    gap: float | None = None

    @override
    def fingerprint(self) -> str:
        options = {"offset": self.offset, "gap": self.gap}
        return json.dumps({"MultiF0File": VERSION, "sha256": sha256_of(self.path, MOST), **options}, sort_keys=True)

    @override
    def read(self) -> MultiF0Series:
        return read_multi_f0(self.path, offset=self.offset, gap=self.gap)
