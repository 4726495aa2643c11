"""A folder of audio files, with f0 tables, labels or transcripts beside them, in their names or in a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from datamodules.annotations.f0_tables import check_options
from datamodules.corpora.base import Corpus, PitchSource, Recording, unique_and_sorted
from datamodules.corpora.checks import require
from datamodules.corpora.sources.audio_files import EXTENSIONS, AudioFile
from datamodules.corpora.sources.f0_files import F0File, MultiF0File, TableOptions
from datamodules.corpora.sources.files import by_identifier, group_of, group_pattern, visible_files
from datamodules.corpora.sources.manifests import Row, read_manifest
from datamodules.corpora.sources.pairs import is_pairable, partner
from datamodules.corpora.sources.patterns import compiled, first_group
from datamodules.corpora.sources.pronunciations import Pronunciations
from datamodules.errors import DataError


@dataclass(frozen=True)
class _Entry:
    audio: str  # below the folder
    origin: str  # of the entry, for messages
    table: str | None = None
    group: str | None = None
    split: str | None = None
    label: str | None = None
    transcript: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


COLUMNS = ("table_column", "group_column", "split_column", "label_column", "transcript_column")


class AudioFolder(Corpus):
    """Audio files in a folder: each with an f0 table, a label, a transcript, several of these, or nothing.

    Every audio file is a recording, or those that a manifest lists (tab-separated columns, names in the first line;
    audio and tables by their paths below the folder). The id of a recording is its path below the folder, without
    extension, with `_` for every other character than letters, digits, `-` and inner dots.

    Args:
        folder: where the files are.
        audio: pattern of the audio files below the folder; only files with the extension of an audio format count.
        table_suffix: what follows the audio file's stem in its f0 table's name: `.csv`, `.f0ref`, `_f0.csv`; null:
            there are no tables with such names.
        table: where the audio file's f0 table is that has another name: pattern of its path below the folder, with
            `{}` for what the one `*` in the name in `audio` stands for, as in `audio: wav/*_MIX.wav` and
            `table: f0/{}_STEM_*.csv`; null: see `table_suffix`.
        manifest: the list, below the folder; null: every file that matches `audio` is a recording.
        audio_column: of the manifest.
        table_column: of the manifest: the f0 tables; null: there are none, and the recordings have no truth.
        group_column: of the manifest: recordings with the same value never stand in two splits; null: see
            `group_pattern`.
        split_column: of the manifest: the split each recording belongs to; null: the corpus has no opinion.
        group_pattern: regular expression that is searched in a recording's id; its first group names the group of
            recordings that never stand in two splits. Null: every recording is a group of its own.
        step: s between rows of tables that have one column and no times.
        offset: s added to the tables' times.
        gap: rows of a table that are more than this many seconds apart have silence between them.
        voices: `one`, or `several` for multi-f0 tables.
        label_column: of the manifest: the class of each recording; null: see `label_pattern`.
        label_pattern: regular expression that is searched in a recording's path below the folder, without extension;
            its first group is the label: `([^/]+)/[^/]+$` is the name of the folder that the file is in. Null:
            recordings have no labels.
        transcript_column: of the manifest: what is said, words or phones between blanks; null: that is not known.
        dictionary: makes phones of the transcripts' words; null: the transcripts stay as they are.
        metadata_columns: of the manifest, to be kept with every record; a value may be empty.
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

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by id.

        Raises:
            DataError: folder, manifest, audio, table or dictionary is missing, a file's group or label is not found,
                the dictionary lacks a word, or two files give the same id.
        """
        root = Path(self.folder)
        entries = self._found() if self.manifest is None else self._listed(self.manifest)
        names = by_identifier((entry.audio for entry in entries), root)
        named = dict(zip(names, entries, strict=True))
        transcripts = self._transcripts(named)
        made = (self._recording(name, named[name], transcript) for name, transcript in transcripts.items())
        return unique_and_sorted(made, self.folder)

    def _found(self) -> list[_Entry]:
        root = Path(self.folder)
        paths = [path for path in visible_files(root, self.audio) if path.suffix.lower() in EXTENSIONS]
        if not paths:
            raise DataError(f"{root}: no audio file matches {self.audio!r}")
        return [self._beside(path.relative_to(root)) for path in paths]

    def _beside(self, audio: Path) -> _Entry:
        root, table = Path(self.folder), None
        if self.table is not None:
            table = partner(root, audio, self.audio, self.table)
        elif self.table_suffix is not None:
            table = audio.with_name(audio.stem + self.table_suffix).as_posix()
        return _Entry(audio.as_posix(), str(root / audio), table)

    def _listed(self, manifest: str) -> list[_Entry]:
        named = [getattr(self, key) for key in COLUMNS]
        columns = [self.audio_column, *(column for column in named if column is not None), *self.metadata_columns]
        return [self._entry(row) for row in read_manifest(Path(self.folder) / manifest, columns)]

    def _entry(self, row: Row) -> _Entry:
        return _Entry(
            row.required(self.audio_column),
            row.origin,
            row.optional(self.table_column),
            row.optional(self.group_column),
            row.optional(self.split_column),
            row.optional(self.label_column),
            row.optional(self.transcript_column),
            {column: row.values[column] or "" for column in self.metadata_columns},
        )

    def _transcripts(self, entries: Mapping[str, _Entry]) -> dict[str, str | None]:
        if self.transcript_column is None:
            return dict.fromkeys(entries)
        words = {name: " ".join((entry.transcript or "").split()) for name, entry in entries.items()}
        return {**(words if self.dictionary is None else self.dictionary.transcribe(words))}

    def _recording(self, name: str, entry: _Entry, transcript: str | None) -> Recording:
        root = Path(self.folder)
        for kind, file in (("audio file", entry.audio), ("f0 table", entry.table)):
            if file is not None and not (root / file).is_file():
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
        self._group_pattern = group_pattern(self.group_pattern, "AudioFolder")
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
