"""AN4: spelled words, names and numbers of CMU's Census database.

A. Acero, "Acoustical and environmental robustness in automatic speech recognition", Kluwer, 1993.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from typing_extensions import override

from datamodules.corpora.base import Audio, AudioSource, Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.corpora.sources.pronunciations import Pronunciations
from datamodules.errors import DataError
from datamodules.files import read_text, sha256_of

RATE = 16000  # of files without a header
LINE = re.compile(r"(?P<words>.*)\((?P<name>[^()\s]+)\)\s*")
FILLERS = frozenset({"<s>", "</s>", "<sil>"})
SUFFIXES = (".wav", ".flac", ".sph", ".raw")


@dataclass(frozen=True)
class RawAudio(AudioSource):
    """A file without a header: 16-bit samples of one channel at 16 kHz; `order` is that of a sample's bytes."""

    path: Path
    order: Literal["big", "little"]

    @override
    def fingerprint(self) -> str:
        return f"{sha256_of(self.path)} {self.order}"

    @override
    def read(self) -> Audio:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}") from error
        if not content or len(content) % 2:
            raise DataError(f"{self.path}: {len(content)} bytes are not a number of samples of two bytes")
        samples = np.frombuffer(content, ">i2" if self.order == "big" else "<i2")
        return Audio(samples.astype(np.float32) / 32768, RATE)


class AN4(Corpus):
    """AN4 as it is distributed for SphinxTrain.

    The folder holds `etc/an4_train.fileids`, `etc/an4_train.transcription`, the same two of `an4_test`, `etc/an4.dic`,
    and `wav/<file id>` as .wav, .flac, .sph or .raw. A recording has the id of its utterance, `an251-fash-b`; its group
    is the speaker, `fash`.

    Args:
        folder: holds `etc` and `wav`.
        lists: `train`, `test` or both: the lists to read, and the splits of their recordings.
        units: transcripts in `phones` (looked up in `etc/an4.dic`) or in `words`.
        silence: symbol before the first word and after the last one in transcripts of phones; null: none.
        byte_order: of the samples in .raw files; both are in circulation.
    """

    def __init__(
        self,
        folder: str,
        lists: list[Literal["train", "test"]] | None = None,
        units: Literal["phones", "words"] = "phones",
        silence: str | None = None,
        byte_order: Literal["big", "little"] = "big",
    ) -> None:
        self.folder = folder
        self.lists = list(lists) if lists is not None else ["train", "test"]
        self.units = units
        self.silence = silence
        self.byte_order = byte_order
        require(self, "silence", silence is None or units == "phones", "words have no symbol for it")

    @override
    def recordings(self) -> Sequence[Recording]:
        made: list[Recording] = []
        for split in self.lists:
            made += self._listed(split)
        return unique_and_sorted(made, self.folder)

    def _listed(self, split: str) -> list[Recording]:
        path = Path(self.folder) / "etc" / f"an4_{split}.fileids"
        files = [PurePosixPath(line.strip()) for line in _lines(path)]
        transcripts = self._transcripts(split)
        audio = self._audio(files, path)
        for file in files:
            if file.name not in transcripts:
                raise DataError(f"{path.with_suffix('.transcription')}: no transcription of {file.name!r}")
        return [
            Recording(
                file.name,
                source,
                None,
                group=file.parent.name or file.name,
                split=split,
                metadata={"file": source.path.relative_to(self.folder).as_posix()},
                transcript=transcripts[file.name],
            )
            for file, source in zip(files, audio, strict=True)
        ]

    def _transcripts(self, split: str) -> dict[str, str]:
        path = Path(self.folder) / "etc" / f"an4_{split}.transcription"
        words: dict[str, str] = {}
        for number, line in enumerate(_lines(path), start=1):
            match = LINE.fullmatch(line)
            if match is None:
                raise DataError(f"{path}, line {number}: words and an utterance's id in parentheses are expected")
            words[match["name"]] = " ".join(word for word in match["words"].split() if word not in FILLERS)
        if self.units == "words":
            return words
        return Pronunciations(str(Path(self.folder) / "etc" / "an4.dic"), silence=self.silence).transcribe(words)

    def _audio(self, files: Sequence[PurePosixPath], path: Path) -> list[AudioFile | RawAudio]:
        found = [self._source(file) for file in files]
        missing = [str(file) for file, source in zip(files, found, strict=True) if source is None]
        if missing:
            raise DataError(
                f"{path}: {len(missing)} of its {len(files)} files are not in {Path(self.folder) / 'wav'} "
                f"({', '.join(SUFFIXES)}), first {missing[0]}; in lists, name only those whose audio is there"
            )
        return [source for source in found if source is not None]

    def _source(self, file: PurePosixPath) -> AudioFile | RawAudio | None:
        for suffix in SUFFIXES:
            path = Path(self.folder) / "wav" / f"{file}{suffix}"
            if path.is_file():
                return RawAudio(path, self.byte_order) if suffix == ".raw" else AudioFile(path)
        return None


def _lines(path: Path) -> list[str]:
    text = read_text(path, "the folder of AN4 holds etc and wav")
    return [line for line in text.splitlines() if line.strip()]
