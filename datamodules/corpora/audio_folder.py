"""A folder of audio files with f0 tables beside them or listed in a manifest."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from datamodules.corpora.audio_files import EXTENSIONS, AudioFile
from datamodules.corpora.base import Corpus, Recording, unique_and_sorted
from datamodules.corpora.checks import require
from datamodules.corpora.f0_files import F0File, TableOptions
from datamodules.corpora.files import by_identifier, group_of, group_pattern, visible_files
from datamodules.errors import DataError
from datamodules.f0_tables import check_options


class _Entry(NamedTuple):
    audio: str  # below the folder
    table: str | None
    group: str | None
    split: str | None
    origin: str  # of the entry, for messages


class AudioFolder(Corpus):
    """Audio files in a folder, each with its f0 table, or without truth.

    Either every audio file's table has the same name but for `table_suffix` in the place of the extension, or a
    manifest (tab-separated columns, names in the first line) lists audio and tables by their paths below the folder.
    The id of a recording is its path below the folder, without extension, with `_` for every other character than
    letters, digits, `-` and inner dots.

    Args:
        folder: where the files are.
        audio: pattern of the audio files below the folder; only files with the extension of an audio format count.
        table_suffix: what follows the audio file's stem in its table's name: `.csv`, `.f0ref`, `_f0.csv`; null: there
            are no tables, and the recordings have no truth.
        manifest: the list, below the folder; null: every file that matches `audio` is a recording.
        audio_column: of the manifest.
        table_column: of the manifest; null: there are no tables, and the recordings have no truth.
        group_column: of the manifest: recordings with the same value never stand in two splits; null: see
            `group_pattern`.
        split_column: of the manifest: the split each recording belongs to; null: the corpus has no opinion.
        group_pattern: regular expression that is searched in a recording's id; its first group names the group of
            recordings that never stand in two splits. Null: every recording is a group of its own.
        step: s between rows of tables that have one column and no times.
        offset: s added to the tables' times.
        gap: rows of a table that are more than this many seconds apart have silence between them.
    """

    def __init__(
        self,
        folder: str,
        audio: str = "**/*",
        table_suffix: str | None = ".csv",
        manifest: str | None = None,
        audio_column: str = "audio",
        table_column: str | None = "f0",
        group_column: str | None = None,
        split_column: str | None = None,
        group_pattern: str | None = None,
        step: float | None = None,
        offset: float = 0.0,
        gap: float | None = None,
    ) -> None:
        self.folder = folder
        self.audio = audio
        self.table_suffix = table_suffix
        self.manifest = manifest
        self.audio_column = audio_column
        self.table_column = table_column
        self.group_column = group_column
        self.split_column = split_column
        self.group_pattern = group_pattern
        self.step = step
        self.offset = offset
        self.gap = gap
        self._check()

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by id.

        Raises:
            DataError: folder, manifest, audio or table is missing, or two files give the same id.
        """
        root = Path(self.folder)
        entries = self._found() if self.manifest is None else self._listed(self.manifest)
        names = by_identifier((entry.audio for entry in entries), root)
        made = (self._recording(name, entry) for name, entry in zip(names, entries, strict=True))
        return unique_and_sorted(made, self.folder)

    def _found(self) -> list[_Entry]:
        root = Path(self.folder)
        paths = [path for path in visible_files(root, self.audio) if path.suffix.lower() in EXTENSIONS]
        if not paths:
            raise DataError(f"{root}: no audio file matches {self.audio!r}")
        return [self._beside(path.relative_to(root)) for path in paths]

    def _beside(self, audio: Path) -> _Entry:
        table = None if self.table_suffix is None else audio.with_name(audio.stem + self.table_suffix).as_posix()
        return _Entry(audio.as_posix(), table, None, None, str(Path(self.folder) / audio))

    def _listed(self, manifest: str) -> list[_Entry]:
        path = Path(self.folder) / manifest
        rows = csv.DictReader(io.StringIO(_text(path), newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
        header = rows.fieldnames or ()
        for column in self._columns():
            if column not in header:
                raise DataError(f"{path}: no column {column!r}; its columns are {', '.join(map(repr, header))}")
        entries = [self._entry(row, f"{path}, line {rows.line_num}") for row in rows]
        if not entries:
            raise DataError(f"{path}: the manifest lists no recording")
        return entries

    def _columns(self) -> list[str]:
        columns = (self.audio_column, self.table_column, self.group_column, self.split_column)
        return [column for column in columns if column is not None]

    def _entry(self, row: dict[str, str | None], origin: str) -> _Entry:
        def value(column: str | None) -> str | None:
            if column is None:
                return None
            found = row[column]
            if not found:
                raise DataError(f"{origin}: column {column!r} is empty")
            return found

        audio = value(self.audio_column) or ""
        return _Entry(audio, value(self.table_column), value(self.group_column), value(self.split_column), origin)

    def _recording(self, name: str, entry: _Entry) -> Recording:
        root = Path(self.folder)
        for kind, file in (("audio file", entry.audio), ("f0 table", entry.table)):
            if file is not None and not (root / file).is_file():
                raise DataError(f"{entry.origin}: its {kind} {root / file} is missing")
        truth = None
        if entry.table is not None:
            truth = F0File(root / entry.table, TableOptions(self.step, self.offset, self.gap))
        return Recording(
            name,
            AudioFile(root / entry.audio),
            truth,
            group=entry.group or group_of(name, self._group_pattern),
            split=entry.split,
            metadata={"file": entry.audio},
        )

    def _check(self) -> None:
        check_options(self.step, self.offset, self.gap)
        self._group_pattern = group_pattern(self.group_pattern, "AudioFolder")
        require(self, "table_suffix", self.table_suffix != "", "a table cannot have the name of its audio")
        both = self.group_column is not None and self.group_pattern is not None
        require(self, "group_pattern", not both, "not together with group_column")
        for key in ("group_column", "split_column"):
            require(self, key, self.manifest is not None or getattr(self, key) is None, "it needs a manifest")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: the manifest cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the manifest is not UTF-8 text") from error
