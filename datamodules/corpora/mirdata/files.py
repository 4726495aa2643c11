"""Some files of a data set that mirdata knows, without its index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datamodules.corpora.base import Corpus, Recording, unique_and_sorted
from datamodules.corpora.checks import require
from datamodules.corpora.mirdata.corpus import choose
from datamodules.corpora.mirdata.f0 import mirdata_truth
from datamodules.corpora.sources.audio_files import EXTENSIONS
from datamodules.corpora.sources.files import by_identifier, group_of, group_pattern, visible_files
from datamodules.corpora.sources.pairs import is_pairable, partner
from datamodules.errors import DataError


class MirdataFiles(Corpus):
    """Audio files with annotations that mirdata's functions read, paired by their names.

    For parts of a data set, other folders than mirdata's, and machines without mirdata's index.

    Args:
        dataset: see `MirdataCorpus`.
        folder: where the files are.
        audio: pattern of the audio files below the folder, with one `*` in their name.
        table: pattern of the annotation's path below the folder, with `{}` for what the `*` stands for.
        annotation: see `MirdataCorpus`; null: the first.
        signal: see `MirdataCorpus`; null: the first.
        group_pattern: regular expression that is searched in a recording's id (its path below the folder, without
            extension, as one word); its first group names the group of recordings that never stand in two splits.
            Null: every recording is a group of its own.
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

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by id.

        Raises:
            DataError: the folder, the audio or an annotation is missing, or two files give the same id.
        """
        root = Path(self.folder)
        paths = [path for path in visible_files(root, self.audio) if path.suffix.lower() in EXTENSIONS]
        if not paths:
            raise DataError(f"{root}: no audio file matches {self.audio!r}")
        names = by_identifier((path.relative_to(root).as_posix() for path in paths), root)
        return unique_and_sorted((self._recording(name, relative) for name, relative in names.items()), self.folder)

    def _recording(self, name: str, relative: str) -> Recording:
        root = Path(self.folder)
        annotation = root / partner(root, Path(relative), self.audio, self.table)
        if not annotation.is_file():
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
        self._group_pattern = group_pattern(self.group_pattern, "MirdataFiles")
        require(self, "table", is_pairable(self.audio, self.table), "it needs {} for the one * in the name in audio")
