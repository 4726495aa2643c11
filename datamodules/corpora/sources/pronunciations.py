"""A pronouncing dictionary: from words to phones."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datamodules.errors import DataError
from datamodules.files import read_bytes

MOST_BYTES = 1 << 26  # of a dictionary; CMUdict has 4 MB
ALTERNATIVE = re.compile(r"\(\d+\)$")  # WORD(2): another pronunciation of WORD
REMARK = re.compile(r"\s#.*$")  # newer editions of CMUdict have comments behind the phones
STRESSED = re.compile(r"([A-Z]+)[012]")  # an ARPAbet vowel
NAMED = 10  # utterances and words that a warning names


@dataclass(frozen=True)
class Pronunciations:
    """A pronouncing dictionary in the format of CMUdict, and how it is used.

    A line has a word and its phones, separated by blanks. `WORD(2)` is another pronunciation of `WORD`; the first one
    is used. Lines that begin with `;;;` and text behind ` #` are comments. Upper and lower case are the same. The file
    is UTF-8 or, like CMUdict 0.7b, Latin-1.

    Attributes:
        path: the dictionary; `torchaudio.datasets.CMUDict(FOLDER, download=True)` fetches CMUdict as
            FOLDER/cmudict-0.7b.
        stress: `keep` or `strip` the digit at the end of ARPAbet's vowels (0 unstressed, 1 primary, 2 secondary).
        silence: symbol before the first word and after the last one; null: none.
        unknown: `refuse` an utterance with a word that is not in the dictionary, or `leave_out` all such utterances,
            with a warning that names them.
    """

    path: str
    stress: Literal["keep", "strip"] = "keep"
    silence: str | None = None
    unknown: Literal["refuse", "leave_out"] = "refuse"

    def transcribe(self, utterances: Mapping[str, str]) -> dict[str, str]:
        """Utterances as phones.

        Args:
            utterances: words separated by blanks, by utterance id.

        Returns:
            Phones separated by single blanks, by utterance id, without the utterances that are left out.

        Raises:
            DataError: the dictionary cannot be read, or lacks a word of an utterance.
        """
        phones = self.read()
        found: dict[str, str] = {}
        lacking: dict[str, str] = {}
        for name, text in utterances.items():
            words = text.upper().split()
            missing = next((word for word in words if word not in phones), None)
            if missing is None:
                spoken = [phones[word] for word in words]
                found[name] = " ".join([self.silence, *spoken, self.silence] if self.silence else spoken)
            elif self.unknown == "refuse":
                raise DataError(
                    f"utterance {name!r}: the word {missing!r} is not in the dictionary {self.path}; add it there, or "
                    "leave such utterances out (dictionary.unknown: leave_out)"
                )
            else:
                lacking[name] = missing
        if lacking:
            self._warn(lacking, len(utterances))
        return found

    def read(self) -> dict[str, str]:
        """The dictionary: phones separated by single blanks, by word in upper case.

        Raises:
            DataError: the file is missing or holds no word, or a word has no phones; the message names the line.
        """
        found: dict[str, str] = {}
        for number, line in enumerate(self._text().split("\n"), start=1):
            parts = [] if line.startswith(";;;") else REMARK.sub("", line).split()
            if len(parts) == 1:
                raise DataError(f"{self.path}, line {number}: {parts[0]!r} has no phones")
            if parts:
                found.setdefault(ALTERNATIVE.sub("", parts[0]).upper(), " ".join(map(self._phone, parts[1:])))
        if not found:
            raise DataError(f"{self.path}: no word in this dictionary")
        return found

    def _phone(self, symbol: str) -> str:
        stressed = STRESSED.fullmatch(symbol) if self.stress == "strip" else None
        return stressed[1] if stressed else symbol

    def _text(self) -> str:
        hint = "CMUdict is fetched by torchaudio.datasets.CMUDict(FOLDER, download=True)"
        content = read_bytes(Path(self.path), hint, MOST_BYTES)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return content.decode("latin-1")

    def _warn(self, lacking: Mapping[str, str], total: int) -> None:
        def some(names: list[str]) -> str:
            return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")

        warnings.warn(
            f"{self.path} lacks words of {len(lacking)} of {total} utterances, and they are left out: "
            f"{some(list(lacking))}; the words: {some(sorted(set(lacking.values())))}",
            stacklevel=3,
        )
