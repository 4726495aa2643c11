"""LibriSpeech: read audio books with transcripts in words.

V. Panayotov, G. Chen, D. Povey, S. Khudanpur, "Librispeech: an ASR corpus based on public domain audio books", ICASSP
2015.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.corpora.sources.pronunciations import Pronunciations
from datamodules.errors import DataError

SPLITS = {"train": "train", "dev": "validation", "test": "test"}


class LibriSpeech(Corpus):
    """The tree that `torchaudio.datasets.LIBRISPEECH` unpacks.

    A recording has the id `<speaker>-<chapter>-<utterance>`; its group is the speaker. The subset's name gives its
    split: `train`, `validation` (of `dev`) or `test`.

    Args:
        folder: holds `LibriSpeech/<subset>`.
        subsets: those to read: `train-clean-100`, `dev-clean`, `test-other` and so on.
        dictionary: turns the words into phones; null: transcripts are words.
        download: let torchaudio fetch subsets (up to 30 GB each) that are not in the folder.
    """

    def __init__(
        self,
        folder: str,
        subsets: list[str],
        dictionary: Pronunciations | None = None,
        download: bool = False,
    ) -> None:
        self.folder = folder
        self.subsets = list(subsets)
        self.dictionary = dictionary
        self.download = download
        named = all(subset.split("-")[0] in SPLITS for subset in self.subsets)
        require(self, "subsets", bool(self.subsets) and named, "name subsets such as train-clean-100 or dev-clean")

    @override
    def recordings(self) -> Sequence[Recording]:
        made = {recording.id: recording for subset in self.subsets for recording in self._subset(subset)}
        if self.dictionary is not None:
            words = {name: recording.transcript or "" for name, recording in made.items()}
            phones = self.dictionary.transcribe(words)
            made = {name: replace(made[name], transcript=transcript) for name, transcript in phones.items()}
        return unique_and_sorted(made.values(), self.folder)

    def _subset(self, subset: str) -> Iterator[Recording]:
        root = Path(self.folder) / "LibriSpeech"
        rows = self._metadata(subset)
        if not rows:
            raise DataError(f"{root / subset}: no recording in it")
        for relative, _, words, speaker, _, _ in rows:
            yield Recording(
                Path(relative).stem,
                AudioFile(root / relative),
                None,
                group=str(speaker),
                split=SPLITS[subset.split("-")[0]],
                metadata={"file": relative},
                transcript=" ".join(words.split()),
            )

    def _metadata(self, subset: str) -> list[tuple[str, int, str, int, int, int]]:
        from torchaudio.datasets import LIBRISPEECH  # here, for `melisma prepare --help` does without torch

        try:
            if self.download:
                Path(self.folder).mkdir(parents=True, exist_ok=True)
            data = LIBRISPEECH(self.folder, subset, download=self.download)
            return [data.get_metadata(number) for number in range(len(data))]
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(
                f"{Path(self.folder) / 'LibriSpeech' / subset}: not a subset of LibriSpeech as torchaudio unpacks it: "
                f"{error}; give the folder that holds LibriSpeech, or fetch the subset with download: true"
            ) from error
