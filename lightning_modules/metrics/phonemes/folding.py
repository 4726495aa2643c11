"""Foldings: maps of a phone inventory to fewer phones, for scoring."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

_STRESSED = re.compile(r"([A-Z]+)[012]")  # an ARPAbet vowel

_KEPT_48 = (
    "aa ae ah ao aw ax ay b ch cl d dh dx eh el en epi er ey f g hh ih ix iy jh k l m n ng ow oy p r s sh sil t th uh "
    "uw v vcl w y z zh"
).split()
_INTO_48 = {
    "ax": "ax-h",
    "cl": "pcl tcl kcl",
    "er": "axr",
    "hh": "hv",
    "m": "em",
    "n": "nx",
    "ng": "eng",
    "sil": "h# pau",
    "uw": "ux",
    "vcl": "bcl dcl gcl",
}
_INTO_39 = {"aa": "ao", "ah": "ax", "ih": "ix", "l": "el", "n": "en", "sh": "zh", "sil": "cl vcl epi"}


def _members(groups: Mapping[str, str]) -> dict[str, str]:
    return {phone: group for group, phones in groups.items() for phone in phones.split()}


_TO_48: dict[str, str | None] = {phone: phone for phone in _KEPT_48} | _members(_INTO_48) | {"q": None}
_48_TO_39 = {phone: phone for phone in _KEPT_48} | _members(_INTO_39)
_TO_39 = {phone: None if group is None else _48_TO_39[group] for phone, group in _TO_48.items()}


class FoldedPhones(NamedTuple):
    """A folded inventory.

    Attributes:
        names: the phones after folding, in the order of the inventory.
        number: `(phones + 1,)` int64: target k is folded to phone `number[k]` of `names`, counted from 1; 0 for the
            blank and for phones that are left out.
    """

    names: tuple[str, ...]
    number: NDArray[np.int64]


class Folding(ABC):
    """Maps phones to others, or leaves them out, in reference and hypothesis alike.

    Phones are mapped one by one: neighbours that become equal are not merged.
    """

    @abstractmethod
    def folded(self, phone: str) -> str | None:
        """The phone that this one counts as; None: it is left out.

        Raises:
            ValueError: the phone is not known.
        """

    def __call__(self, phones: Sequence[str]) -> FoldedPhones:
        """Fold an inventory.

        Args:
            phones: phone k is target k + 1.

        Raises:
            ValueError: a phone is not known, or none is left.
        """
        into = [self.folded(phone) for phone in phones]
        names = tuple(dict.fromkeys(name for name in into if name is not None))
        if not names:
            raise ValueError(f"phones: {[*phones]} are all left out by {type(self).__name__}")
        place = {name: number for number, name in enumerate(names, start=1)}
        return FoldedPhones(names, np.array([0, *(0 if name is None else place[name] for name in into)], np.int64))


class Unfolded(Folding):
    """Every phone counts as itself."""

    @override
    def folded(self, phone: str) -> str | None:
        return phone


class FoldedBy(Folding):
    """Folding by a table.

    Args:
        table: the phone that each phone of the inventory counts as; null: it is left out.
    """

    def __init__(self, table: dict[str, str | None]) -> None:
        self.table = table

    @override
    def folded(self, phone: str) -> str | None:
        if phone not in self.table:
            raise ValueError(
                f"phones: {type(self).__name__} does not know {phone!r}; it folds {' '.join(sorted(self.table))}"
            )
        return self.table[phone]


class LeeHon48(FoldedBy):
    """TIMIT's 61 phones folded to 48, without the glottal stop q.

    K.-F. Lee and H.-W. Hon, "Speaker-independent phone recognition using hidden Markov models", IEEE Transactions on
    Acoustics, Speech and Signal Processing 37(11), 1989.
    """

    def __init__(self) -> None:
        super().__init__(_TO_48)


class LeeHon39(FoldedBy):
    """TIMIT's 61 phones, or the 48 of `LeeHon48`, folded to the 39 of scoring, without the glottal stop q."""

    def __init__(self) -> None:
        super().__init__(_TO_39)


class WithoutStress(Folding):
    """ARPAbet vowels without their stress digit: AH for AH0; other phones count as themselves."""

    @override
    def folded(self, phone: str) -> str | None:
        match = _STRESSED.fullmatch(phone)
        return match[1] if match else phone
