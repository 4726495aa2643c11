"""A folder of audio with annotations that mirdata can read, without mirdata's index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.mirdata.corpus import choose
from datamodules.corpora.mirdata.f0 import mirdata_truth
from datamodules.corpora.sources.audio_files import EXTENSIONS
from datamodules.corpora.sources.listing import Present, is_pairable, partners, visible_names
from datamodules.corpora.sources.names import by_identifier, compiled, group_of
from datamodules.errors import DataError


class MirdataFiles(Corpus):
    """Audio files paired by name with annotations that mirdata's functions read.

    For parts of a data set, for folders with another layout than mirdata's, and where mirdata's index is missing. The
    id of a recording is its path below the folder, without extension, as one word.

    Args:
        dataset: name of the data set in the table of `MirdataCorpus`.
        folder: where the files are.
        audio: pattern of the audio files below the folder, with one `*` in the file name.
        table: pattern of the annotation's path below the folder; `{}` stands for what matched the `*`.
        annotation: name of the annotation in the table of `MirdataCorpus`; null: the first.
        signal: name of the audio there, which says which channel to read; null: the first.
        group_pattern: regular expression searched in a recording's id; its first group names the group. Recordings of
            one group are always in the same split. Null: every recording is a group of its own.
    """

    def __init__(
        self,
        dataset: str,
        folder: str,
        audio: str,
        table: str,
        annotation: str | None = None,
        signal: str | None = None,
        group_pattern: str | None = None,
    ) -> None:
        self.dataset = dataset
        self.folder = folder
        self.audio = audio
        self.table = table
        self.annotation = annotation
        self.signal = signal
        self.group_pattern = group_pattern
        self._check()

    @override
    def recordings(self) -> Sequence[Recording]:
        root = Path(self.folder)
        names = [name for name in visible_names(root, self.audio) if PurePosixPath(name).suffix.lower() in EXTENSIONS]
        if not names:
            raise DataError(f"{root}: no audio file matches {self.audio!r}")
        relatives = by_identifier(names, root)
        tables = partners(root, list(relatives.values()), self.audio, self.table)
        present = Present(root)
        made = (
            self._recording(name, relative, table, present)
            for (name, relative), table in zip(relatives.items(), tables, strict=True)
        )
        return unique_and_sorted(made, self.folder)

    def _recording(self, name: str, relative: str, table: str, present: Present) -> Recording:
        root = Path(self.folder)
        annotation = root / table
        if not present(table):
            raise DataError(f"{root / relative}: its annotation {annotation} is missing")
        return Recording(
            name,
            self._choice.audio(root / relative),
            mirdata_truth(self.dataset, self._choice.annotation, annotation),
            group=group_of(name, self._group_pattern),
            metadata={"file": relative},
        )

    def _check(self) -> None:
        self._choice = choose(self, self.dataset, self.annotation, self.signal)
        self._group_pattern = compiled(self.group_pattern, "MirdataFiles", "group_pattern")
        require(self, "table", is_pairable(self.audio, self.table), "it needs {} for the one * in the name in audio")
