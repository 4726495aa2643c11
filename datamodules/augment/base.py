"""What an augmentation is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.augment.draws import Doubles, Draws, Ints, Singles
from datamodules.errors import DataError


class Others(Protocol):
    """Recordings that items may be mixed with."""

    def draw(self, items: Ints, which: Doubles, where: Doubles) -> tuple[Singles, Doubles]:
        """Parts of recordings that the items are no parts of, at the items' scale.

        Args:
            items: `(chosen,)` places of the items.
            which: `(chosen,)` 0 <= value < 1, chooses the recording.
            where: `(chosen,)` 0 <= value < 1, chooses the place in it.

        Returns:
            Audio `(chosen, samples)`, as long as the items, and the mean square of each one's recording `(chosen,)`.
        """
        ...


class Sounds(NamedTuple):
    """Items of one length, to be changed in place.

    Attributes:
        audio: `(items, samples)` float32, at any scale.
        power: `(items,)` mean square of the recording that each is of (of excerpts: the record that is stored in one
            piece), at the same scale, as far as it is changed by now. Levels are relative to it, not to the item's own
            power: a rest gets as much noise as the notes around it do, and what is silent throughout stays silent.
        others: what `Mix` takes its partners from; None where nothing is mixed.
    """

    audio: Singles
    power: Doubles
    others: Others | None = None


class Augmentation:
    """Changes some of the items.

    Args:
        p: probability with which an item is changed.

    Raises:
        DataError: `p` is not a probability.
    """

    def __init__(self, p: float = 1.0) -> None:
        self.p = p
        self._require("p", 0 <= p <= 1, "a probability")

    def chosen(self, draws: Draws) -> NDArray[np.bool_]:
        """`(items,)` which are changed."""
        return draws.uniform() < self.p

    def _require(self, key: str, condition: bool, hint: str) -> None:
        if not condition:
            raise DataError(f"data.augment: {type(self).__name__}: {key} = {getattr(self, key)!r}: give {hint}")

    def _require_bounds(self, key: str) -> None:
        low, high = getattr(self, key)
        self._require(key, -math.inf < low <= high < math.inf, "two finite numbers, the lower one first")


class WaveformAugmentation(Augmentation, ABC):
    """Changes audio in a way that no label notices, be it of pitch, of a class or a transcript."""

    @abstractmethod
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        """Change the items in place."""
