"""Tables of f0 and multi-f0 as the truth of a recording."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.annotations.f0_tables import read_f0, read_multi_f0
from datamodules.corpora.sources.files import sha256

VERSION = 1  # to be raised whenever the same table is read as another series


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
class F0File:
    """An f0 table.

    Attributes:
        path: of the file.
        options: how it is read.
    """

    path: Path
    options: TableOptions

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes and the options, as canonical JSON."""
        return json.dumps({"F0File": VERSION, "sha256": sha256(self.path), **asdict(self.options)}, sort_keys=True)

    def read(self) -> F0Series:
        """Read the table.

        Raises:
            DataError: the table cannot be read; the message names the file and the line.
        """
        return read_f0(self.path, step=self.options.step, offset=self.options.offset, gap=self.options.gap)


@dataclass(frozen=True)
class MultiF0File:
    """A multi-f0 table.

    Attributes:
        path: of the file.
        offset: s added to every time.
        gap: s between rows from which on nothing sounds; None: never.
    """

    path: Path
    offset: float = 0.0
    gap: float | None = None

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes and the options, as canonical JSON."""
        options = {"offset": self.offset, "gap": self.gap}
        return json.dumps({"MultiF0File": VERSION, "sha256": sha256(self.path), **options}, sort_keys=True)

    def read(self) -> MultiF0Series:
        """Read the table.

        Raises:
            DataError: the table cannot be read; the message names the file and the line.
        """
        return read_multi_f0(self.path, offset=self.offset, gap=self.gap)
