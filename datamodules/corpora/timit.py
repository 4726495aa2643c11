"""TIMIT: read sentences with hand-corrected phones.

J. S. Garofolo et al., "TIMIT Acoustic-Phonetic Continuous Speech Corpus", Linguistic Data Consortium LDC93S1, 1993.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.sources.audio_files import EXTENSIONS, AudioFile
from datamodules.corpora.sources.names import visible_files
from datamodules.errors import DataError
from datamodules.files import read_text

SPLITS = {"TRAIN": "train", "TEST": "test"}


class Timit(Corpus):
    """The folder of TIMIT, with `TRAIN/DR1/FCJF0/SI1027.WAV` beside `SI1027.PHN`, in capital or small letters.

    Transcripts are the phones of the .PHN files, 61 kinds. A recording has the id `FCJF0_SI1027`; its group is the
    speaker, its split `train` or `test`, as the folder says.

    Args:
        folder: holds `TRAIN` and `TEST`, at any depth.
        sentences: kinds of sentences to read. Every speaker reads the two `SA` sentences, in both folders, so they are
            usually left out.
    """

    def __init__(self, folder: str, sentences: list[Literal["SA", "SI", "SX"]] | None = None) -> None:
        self.folder = folder
        self.sentences = list(sentences) if sentences is not None else ["SI", "SX"]
        require(self, "sentences", bool(self.sentences), "name at least one kind")

    @override
    def recordings(self) -> Sequence[Recording]:
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
    """Third column of a .PHN file, whose columns are first sample, last sample and phone."""
    found = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        match line.split():
            case [begin, end, phone] if begin.isdigit() and end.isdigit() and phone.isascii():
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
