"""TIMIT: read sentences with hand-corrected phones.

J. S. Garofolo et al., "TIMIT Acoustic-Phonetic Continuous Speech Corpus", Linguistic Data Consortium LDC93S1, 1993.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from datamodules.corpora.base import Corpus, Recording, unique_and_sorted
from datamodules.corpora.checks import require
from datamodules.corpora.sources.audio_files import EXTENSIONS, AudioFile
from datamodules.corpora.sources.files import visible_files
from datamodules.errors import DataError

SPLITS = {"TRAIN": "train", "TEST": "test"}


class Timit(Corpus):
    """The folder of TIMIT, `TRAIN/DR1/FCJF0/SI1027.WAV` beside `SI1027.PHN`; capitals do not matter.

    Transcripts are the 61 phones of the .PHN files as they stand. The id of a recording is `FCJF0_SI1027`, its group
    the speaker, its split `train` or `test` after the folder.

    Args:
        folder: holds `TRAIN` and `TEST`, at any depth.
        sentences: kinds that are read. `SA` are two sentences that every speaker reads, in both folders, so that they
            are usually left out.
    """

    def __init__(self, folder: str, sentences: list[Literal["SA", "SI", "SX"]] | None = None) -> None:
        self.folder = folder
        self.sentences = list(sentences) if sentences is not None else ["SI", "SX"]
        require(self, "sentences", bool(self.sentences), "name at least one kind")

    def recordings(self) -> Sequence[Recording]:
        """All recordings, sorted by id.

        Raises:
            DataError: the folder is not laid out as TIMIT, audio is missing, or a .PHN file is damaged.
        """
        root = Path(self.folder)
        files = visible_files(root, "**/*")
        audio = {path.with_suffix(""): path for path in files if path.suffix.lower() in EXTENSIONS}
        phones = [path for path in files if path.suffix.lower() == ".phn" and path.stem[:2].upper() in self.sentences]
        if not phones:
            kinds = " or ".join(self.sentences)
            raise DataError(f"{root}: no .PHN file of a sentence {kinds}; the folder of TIMIT holds TRAIN and TEST")
        return unique_and_sorted((self._recording(path, audio) for path in phones), self.folder)

    def _recording(self, path: Path, audio: dict[Path, Path]) -> Recording:
        *_, part, dialect, speaker, file = ("", "", "", *path.relative_to(self.folder).parts)
        if part.upper() not in SPLITS:
            raise DataError(f"{path}: it should be below TRAIN or TEST, as in TRAIN/DR1/FCJF0/{file}")
        source = audio.get(path.with_suffix(""))
        if source is None:
            raise DataError(f"{path}: no audio file of the same name beside it")
        return Recording(
            f"{speaker}_{path.stem}".upper(),
            AudioFile(source),
            None,
            group=speaker.upper(),
            split=SPLITS[part.upper()],
            metadata={"file": source.relative_to(self.folder).as_posix(), "dialect": dialect.upper()},
            transcript=" ".join(_phones(path)),
        )


def _phones(path: Path) -> list[str]:
    """Third column of a .PHN file: first and last sample, and the phone between them."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not ASCII text") from error
    found = []
    for number, line in enumerate(lines, start=1):
        match line.split():
            case [begin, end, phone] if begin.isdigit() and end.isdigit():
                found.append(phone)
            case []:
                pass
            case _:
                raise DataError(
                    f"{path}, line {number}: first sample, last sample and phone are expected, not {line!r}"
                )
    if not found:
        raise DataError(f"{path}: no phone in it")
    return found
