"""Names that are read where they are needed: millions of strings would take minutes and gigabytes of Python objects."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.errors import DataError

_AT_ONCE = 4096  # names that iteration decodes together


class LazyNames(Sequence[str]):
    """Strings that are made when they are asked for. Equal to any sequence of the same strings; pickled as a tuple."""

    @abstractmethod
    def at(self, place: int) -> str:
        """The string at a place from 0."""

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...
    @override
    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        if isinstance(place, slice):
            return tuple(self.at(each) for each in range(*place.indices(len(self))))
        number = int(place)
        if not -len(self) <= number < len(self):
            raise IndexError(f"{number} is not one of {len(self)} names")
        return self.at(number % len(self))

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == each for mine, each in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # it would have to read all of them

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self),)

    @override
    def __repr__(self) -> str:
        return f"<{len(self)} names, {', '.join(map(repr, self[:3]))}{', ...' if len(self) > 3 else ''}>"


class Text(NamedTuple):
    """Strings behind each other.

    Attributes:
        text: `(bytes,)` UTF-8.
        ends: `(strings + 1,)` where each begins, and where the last one ends.
        lead: stands before each.
    """

    text: NDArray[np.uint8]
    ends: NDArray[np.int64]
    lead: str = ""

    def some(self, first: int, last: int) -> list[str]:
        """The strings `first ... last - 1`.

        Raises:
            DataError: the column file is damaged there.
        """
        bounds = self.ends[first : last + 1].tolist()
        data, begin = self.text[bounds[0] : bounds[-1]].tobytes(), bounds[0]
        try:
            return [
                self.lead + data[low - begin : high - begin].decode(errors="surrogatepass")
                for low, high in pairwise(bounds)
            ]
        except UnicodeDecodeError as error:
            raise DataError(
                f"a column file (SPLIT.index beside the shards) is damaged: name {first} or a later one is not UTF-8; "
                "delete it, and it is made again"
            ) from error


class Names(LazyNames):
    """The strings of some texts behind each other.

    Args:
        texts: where they are.
        ordered: they are sorted, so that `index` need not read them all.
    """

    def __init__(self, texts: Sequence[Text], ordered: bool = False) -> None:
        self._texts, self._ordered = texts, ordered
        self._ends = np.cumsum([len(text.ends) - 1 for text in texts]).tolist()

    @override
    def __len__(self) -> int:
        return int(self._ends[-1])

    @override
    def at(self, place: int) -> str:
        number = next(number for number, end in enumerate(self._ends) if place < end)
        within = place - (self._ends[number - 1] if number else 0)
        return self._texts[number].some(within, within + 1)[0]

    @override
    def __iter__(self) -> Iterator[str]:
        for text in self._texts:
            for first in range(0, len(text.ends) - 1, _AT_ONCE):
                yield from text.some(first, min(first + _AT_ONCE, len(text.ends) - 1))

    @override
    def index(self, value: str, start: int = 0, stop: int | None = None) -> int:
        if not self._ordered:
            return super().index(value, start, len(self) if stop is None else stop)
        place = bisect_left(self, value)
        if place == len(self) or self.at(place) != value or place < start or (stop is not None and place >= stop):
            raise ValueError(f"{value!r} is not one of these names")
        return place

    @override
    def __contains__(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        try:
            self.index(value)
        except ValueError:
            return False
        return True


class PickedNames(LazyNames):
    """Some names in another order.

    Args:
        names: to pick from.
        places: `(picked,)` in them.
    """

    def __init__(self, names: Sequence[str], places: NDArray[Any]) -> None:
        self._names, self._places = names, places

    @override
    def __len__(self) -> int:
        return len(self._places)

    @override
    def at(self, place: int) -> str:
        return self._names[int(self._places[place])]
