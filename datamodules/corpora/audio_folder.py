"""A folder of audio files, with f0 tables, labels or transcripts beside them, in their names or in a manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from typing_extensions import override

from datamodules.annotations.f0_tables import check_options
from datamodules.corpora.base import Corpus, PitchSource, Recording, require, unique_and_sorted
from datamodules.corpora.sources.audio_files import EXTENSIONS, AudioFile
from datamodules.corpora.sources.f0_files import F0File, MultiF0File, TableOptions
from datamodules.corpora.sources.listing import Present, is_pairable, partners, visible_names
from datamodules.corpora.sources.lists import Row, read_manifest
from datamodules.corpora.sources.names import by_identifier, compiled, first_group, group_of
from datamodules.corpora.sources.pronunciations import Pronunciations
from datamodules.errors import DataError


@dataclass(frozen=True, slots=True)
class _Files:
    """What folder or manifest say of a recording; audio and table by their paths below the folder."""

    audio: str
    origin: str  # file or line of the manifest, for messages
    table: str | None = None
    group: str | None = None
    split: str | None = None
    label: str | None = None
    transcript: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


COLUMNS = ("table_column", "group_column", "split_column", "label_column", "transcript_column")


class AudioFolder(Corpus):
    """Audio files in a folder, each with an f0 table, a label, a transcript, several of these or none.

    Every audio file is a recording, unless a manifest lists the recordings: a UTF-8 file with tab-separated columns,
    their names in the first line, audio and tables by their paths below the folder. The id of a recording is its path
    below the folder, without extension; characters other than letters, digits, `-` and inner dots become `_`.

    Args:
        folder: where the files are.
        audio: pattern of the audio files below the folder; only files with the extension of an audio format count.
        table_suffix: ending of the f0 table beside an audio file, added to its name without extension: `.csv`,
            `.f0ref`, `_f0.csv`; null: no tables are found so.
        table: pattern of the f0 table's path below the folder; `{}` stands for what matched the one `*` in the file
            name in `audio`, as in `audio: wav/*_MIX.wav` with `table: f0/{}_STEM_*.csv`; null: `table_suffix` says
            where tables are.
        manifest: path of the manifest below the folder; null: every file that matches `audio` is a recording.
        audio_column: column of the manifest with the audio file.
        table_column: column with the f0 table; null: recordings have no f0.
        group_column: column with the group; recordings of one group (a song, a speaker) are always in the same split;
            null: `group_pattern` gives the group.
        split_column: column with the split of each recording; null: the recipe's `splits` decide.
        group_pattern: regular expression searched in a recording's id; its first group names the group. Null: every
            recording is a group of its own.
        step: s between rows of tables that have one column and no times.
        offset: s added to the tables' times.
        gap: s; where rows of a table are further apart than this, there is silence between them.
        voices: `one`, or `several` for multi-f0 tables.
        label_column: column with the class of each recording; null: `label_pattern` gives the class.
        label_pattern: regular expression searched in a recording's path below the folder, without extension; its first
            group is the label: `([^/]+)/[^/]+$` is the name of the file's folder. Null: recordings have no labels.
        transcript_column: column with the words or phones that are spoken, separated by blanks; null: no transcripts.
        dictionary: turns the words of transcripts into phones; null: transcripts stay as they are.
        metadata_columns: columns to store with every record; a value may be empty.
    """

    def __init__(
        self,
        folder: str,
        audio: str = "**/*",
        table_suffix: str | None = None,
        table: str | None = None,
        manifest: str | None = None,
        audio_column: str = "audio",
        table_column: str | None = None,
        group_column: str | None = None,
        split_column: str | None = None,
        group_pattern: str | None = None,
        step: float | None = None,
        offset: float = 0.0,
        gap: float | None = None,
        voices: Literal["one", "several"] = "one",
        label_column: str | None = None,
        label_pattern: str | None = None,
        transcript_column: str | None = None,
        dictionary: Pronunciations | None = None,
        metadata_columns: list[str] | None = None,
    ) -> None:
        self.folder = folder
        self.audio = audio
        self.table_suffix = table_suffix
        self.table = table
        self.manifest = manifest
        self.audio_column = audio_column
        self.table_column = table_column
        self.group_column = group_column
        self.split_column = split_column
        self.group_pattern = group_pattern
        self.step = step
        self.offset = offset
        self.gap = gap
        self.voices = voices
        self.label_column = label_column
        self.label_pattern = label_pattern
        self.transcript_column = transcript_column
        self.dictionary = dictionary
        self.metadata_columns = list(metadata_columns or ())
        self._check()

    @override
    def recordings(self) -> Sequence[Recording]:
        root = Path(self.folder)
        entries = self._found() if self.manifest is None else self._listed(self.manifest)
        names = by_identifier((entry.audio for entry in entries), root)
        named = dict(zip(names, entries, strict=True))
        transcripts = self._transcripts(named)
        present = Present(root)
        made = (self._recording(name, named[name], transcript, present) for name, transcript in transcripts.items())
        return unique_and_sorted(made, self.folder)

    def _found(self) -> list[_Files]:
        root = Path(self.folder)
        names = [name for name in visible_names(root, self.audio) if PurePosixPath(name).suffix.lower() in EXTENSIONS]
        if not names:
            raise DataError(f"{root}: no audio file matches {self.audio!r}")
        tables = self._beside(root, names)
        return [_Files(name, os.path.join(root, name), table) for name, table in zip(names, tables, strict=True)]

    def _beside(self, root: Path, names: Sequence[str]) -> Sequence[str | None]:
        if self.table is not None:
            return partners(root, names, self.audio, self.table)
        if self.table_suffix is not None:
            return [f"{os.path.splitext(name)[0]}{self.table_suffix}" for name in names]
        return [None] * len(names)

    def _listed(self, manifest: str) -> list[_Files]:
        named = [getattr(self, key) for key in COLUMNS]
        columns = [self.audio_column, *(column for column in named if column is not None), *self.metadata_columns]
        return [self._entry(row) for row in read_manifest(Path(self.folder) / manifest, columns)]

    def _entry(self, row: Row) -> _Files:
        return _Files(
            audio=row.required(self.audio_column),
            origin=row.origin,
            table=row.optional(self.table_column),
            group=row.optional(self.group_column),
            split=row.optional(self.split_column),
            label=row.optional(self.label_column),
            transcript=row.optional(self.transcript_column),
            metadata={column: row.values[column] or "" for column in self.metadata_columns},
        )

    def _transcripts(self, entries: Mapping[str, _Files]) -> dict[str, str | None]:
        if self.transcript_column is None:
            return dict.fromkeys(entries)
        words = {name: " ".join((entry.transcript or "").split()) for name, entry in entries.items()}
        return {**(words if self.dictionary is None else self.dictionary.transcribe(words))}

    def _recording(self, name: str, entry: _Files, transcript: str | None, present: Present) -> Recording:
        root = Path(self.folder)
        for kind, file in (("audio file", entry.audio), ("f0 table", entry.table)):
            if file is not None and not present(file):
                raise DataError(f"{entry.origin}: its {kind} {root / file} is missing")
        label = entry.label
        if self._label_pattern is not None:
            path = Path(entry.audio).with_suffix("").as_posix()
            label = first_group(path, self._label_pattern, "label_pattern", name)
        return Recording(
            name,
            AudioFile(root / entry.audio),
            None if entry.table is None else self._truth(root / entry.table),
            group=entry.group or group_of(name, self._group_pattern),
            split=entry.split,
            metadata={"file": entry.audio, **entry.metadata},
            label=label,
            transcript=transcript,
        )

    def _truth(self, table: Path) -> PitchSource:
        if self.voices == "several":
            return MultiF0File(table, self.offset, self.gap)
        return F0File(table, TableOptions(self.step, self.offset, self.gap))

    def _check(self) -> None:
        check_options(self.step, self.offset, self.gap)
        self._group_pattern = compiled(self.group_pattern, "AudioFolder", "group_pattern")
        require(self, "table_suffix", self.table_suffix != "", "a table cannot have the name of its audio")
        require(self, "table_suffix", None in (self.table_suffix, self.manifest), "a manifest has a table_column")
        require(self, "table", None in (self.table, self.manifest), "a manifest has a table_column")
        require(self, "table", None in (self.table, self.table_suffix), "not together with table_suffix")
        paired = self.table is None or is_pairable(self.audio, self.table)
        require(self, "table", paired, "it needs {} for the one * in the name in audio")
        require(self, "voices", self.voices in ("one", "several"), "one or several")
        timed = self.voices == "one" or self.step is None
        require(self, "step", timed, "tables of several voices have times")
        self._label_pattern = compiled(self.label_pattern, "AudioFolder", "label_pattern")
        for kind in ("group", "label"):
            both = getattr(self, f"{kind}_column") is not None and getattr(self, f"{kind}_pattern") is not None
            require(self, f"{kind}_pattern", not both, f"not together with {kind}_column")
        for key in (*COLUMNS, "metadata_columns"):
            require(self, key, self.manifest is not None or not getattr(self, key), "it needs a manifest")
        spoken = self.dictionary is None or self.transcript_column is not None
        require(self, "dictionary", spoken, "it needs the transcript_column")
        require(self, "metadata_columns", "file" not in self.metadata_columns, "'file' is the path of the audio")
