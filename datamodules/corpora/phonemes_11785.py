"""Phoneme recognition data of CMU's course 11-785 (homework 3, part 2, spring 2022): MFCCs of LibriSpeech."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.sources.names import identifier, visible_files
from datamodules.corpora.sources.npy_files import NpyFeatures, read_symbols
from datamodules.errors import DataError
from datamodules.files import read_text

SPLITS = {"train": "train", "dev": "validation", "test": "predict"}
FIRST, LAST = "<sos>", "<eos>"
UTTERANCE = re.compile(r"(\d+)-\d+-\d+")  # speaker, chapter, utterance


class Phonemes11785(Corpus):
    """The folder of the homework.

    Each subset has `mfcc/*.npy`, arrays `(frames, 13)` with a frame every 10 ms, and `transcript/*.npy`, arrays of
    strings (NumPy's `<U`) that begin with `<sos>` and end with `<eos>`; these two are dropped. Pickled objects are
    refused. The subset `test` has no transcripts: its split is `predict`, and the metadata `order` of a recording is
    its place in `test/test_order.csv`, from 0.

    A recording has the id `<subset>_<file name>`. Its group is the speaker if the file has LibriSpeech's name,
    `<speaker>-<chapter>-<utterance>`, else its id.

    Args:
        folder: holds the subsets.
        subsets: those to read.
    """

    def __init__(self, folder: str, subsets: list[Literal["train", "dev", "test"]] | None = None) -> None:
        self.folder = folder
        self.subsets = list(subsets) if subsets is not None else ["train", "dev", "test"]
        require(self, "subsets", bool(self.subsets), "name at least one")

    @override
    def recordings(self) -> Sequence[Recording]:
        made: list[Recording] = []
        for subset in self.subsets:
            made += self._predicted(subset) if subset == "test" else self._transcribed(subset)
        return unique_and_sorted(made, self.folder)

    def _transcribed(self, subset: str) -> list[Recording]:
        folder = Path(self.folder) / subset
        features = {path.name for path in visible_files(folder / "mfcc", "*.npy")}
        transcripts = {path.name for path in visible_files(folder / "transcript", "*.npy")}
        if not features:
            raise DataError(f"{folder / 'mfcc'}: no .npy file in it; subsets names what is there")
        for name in sorted(features ^ transcripts):
            has, lacks = ("mfcc", "transcript") if name in features else ("transcript", "mfcc")
            raise DataError(f"{folder / has / name}: there is no such file in {folder / lacks}")
        return [self._recording(subset, name, transcript=_phones(folder / "transcript" / name)) for name in features]

    def _predicted(self, subset: str) -> list[Recording]:
        folder = Path(self.folder) / subset
        names = _listed(folder / "test_order.csv")
        for name in names:
            if not (folder / "mfcc" / name).is_file():
                raise DataError(f"{folder / 'mfcc' / name}: test_order.csv lists it, but there is no such file")
        return [self._recording(subset, name, order=place) for place, name in enumerate(names)]

    def _recording(self, subset: str, name: str, transcript: str | None = None, **metadata: int) -> Recording:
        file = f"{subset}/mfcc/{name}"
        own = identifier(f"{subset}_{name}")
        utterance = UTTERANCE.fullmatch(Path(name).stem)
        return Recording(
            own,
            None,
            None,
            group=utterance[1] if utterance else own,
            split=SPLITS[subset],
            metadata={"file": file, **metadata},
            transcript=transcript,
            features=NpyFeatures(Path(self.folder) / file),
        )


def _phones(path: Path) -> str:
    symbols = read_symbols(path)
    if len(symbols) < 2 or (symbols[0], symbols[-1]) != (FIRST, LAST):
        raise DataError(f"{path}: {FIRST!r} is expected at its beginning and {LAST!r} at its end")
    return " ".join(symbols[1:-1])


def _listed(path: Path) -> list[str]:
    """File names in the first column, below a line that names the columns."""
    text = read_text(path, "subsets: [train, dev] leaves it out")
    try:
        rows = [row for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise DataError(f"{path}: not readable as CSV: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{path}: it lists no file below the name of its column")
    return [row[0] for row in rows[1:]]
