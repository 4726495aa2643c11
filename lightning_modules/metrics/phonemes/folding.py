"""Phones that count as one when a recogniser is scored."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    """An inventory and what is left of it.

    Attributes:
        names: of the phones that are left, in the order in which the inventory first has them.
        number: `(phones + 1,)` int64: of target k, the place from 1 of its phone in `names`; 0 if it is left out, as
            the blank is.
    """

    names: tuple[str, ...]
    number: NDArray[np.int64]


class Folding(ABC):
    """Takes several phones for one, or leaves some out, in reference and hypothesis alike.

    Every phone is folded by itself: equal phones that come to stand side by side stay two.
    """

    @abstractmethod
    def folded(self, phone: str) -> str | None:
        """What a phone counts as; None: it is left out.

        Raises:
            ValueError: the phone is not known.
        """

    def __call__(self, phones: Sequence[str]) -> FoldedPhones:
        """Fold an inventory.

        Args:
            phones: phone k is target k + 1.

        Raises:
            ValueError: one of the phones is not known, or none is left.
        """
        into = [self.folded(phone) for phone in phones]
        names = tuple(dict.fromkeys(name for name in into if name is not None))
        if not names:
            raise ValueError(f"phones: {[*phones]} are all left out by {type(self).__name__}")
        place = {name: number for number, name in enumerate(names, start=1)}
        return FoldedPhones(names, np.array([0, *(0 if name is None else place[name] for name in into)], np.int64))


class Unfolded(Folding):
    """Every phone counts as itself."""

    def folded(self, phone: str) -> str | None:
        """See Folding."""
        return phone


class FoldedBy(Folding):
    """By a table.

    Args:
        table: what each phone of the inventory counts as; null: it is left out.
    """

    def __init__(self, table: dict[str, str | None]) -> None:
        self.table = table

    def folded(self, phone: str) -> str | None:
        """See Folding."""
        if phone not in self.table:
            raise ValueError(
                f"phones: {type(self).__name__} does not know {phone!r}; it folds {' '.join(sorted(self.table))}"
            )
        return self.table[phone]


class LeeHon48(FoldedBy):
    """TIMIT's 61 phones as 48, without the glottal stop q.

    K.-F. Lee and H.-W. Hon, "Speaker-independent phone recognition using hidden Markov models", IEEE Transactions on
    Acoustics, Speech and Signal Processing 37(11), 1989.
    """

    def __init__(self) -> None:
        super().__init__(_TO_48)


class LeeHon39(FoldedBy):
    """TIMIT's 61 phones, or the 48 of LeeHon48, as the 39 that recognisers are scored by, without the glottal stop q.

    See LeeHon48.
    """

    def __init__(self) -> None:
        super().__init__(_TO_39)


class WithoutStress(Folding):
    """ARPAbet's vowels without the digit that says their stress, as AH for AH0; what has none counts as itself."""

    def folded(self, phone: str) -> str | None:
        """See Folding."""
        match = _STRESSED.fullmatch(phone)
        return match[1] if match else phone
