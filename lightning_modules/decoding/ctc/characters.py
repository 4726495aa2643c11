"""Transcripts with one character for each phone, as competitions take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

# CMU 11-785, homework 3 part 2, spring 2022: the blank, silence, and ARPAbet without stress, in the order of outputs.
_NAMES = (
    "SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
CHARACTERS_11785: Mapping[str, str] = MappingProxyType(
    dict(zip(["", *_NAMES], " .aAhowybcdDerEfgHiIjklmnNOYpRsStTuUvW?zZ", strict=True))
)


def as_characters(phones: Iterable[str], characters: Mapping[str, str] = CHARACTERS_11785) -> str:
    """Write phones with one character each, without blanks between them.

    Args:
        phones: what is spoken.
        characters: of each phone.

    Raises:
        ValueError: a phone has no character.
    """
    written = []
    for phone in phones:
        if phone not in characters:
            raise ValueError(
                f"phone {phone!r} has no character; those that have one: {' '.join(filter(None, characters))}"
            )
        written.append(characters[phone])
    return "".join(written)
