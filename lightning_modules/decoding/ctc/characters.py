"""One character for each phone, as the transcripts of competitions are written."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# CMU 11-785, homework 3 part 2, spring 2022: the blank, silence, and ARPAbet without stress, in the order of outputs.
_NAMES = (
    "SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
CHARACTERS_11785: Mapping[str, str] = MappingProxyType(
    dict(zip(["", *_NAMES], " .aAhowybcdDerEfgHiIjklmnNOYpRsStTuUvW?zZ", strict=True))
)
