"""The contract of an augmentation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.acoustics import levels
from datamodules.augment.draws import Doubles, Draws, Ints, Singles
from datamodules.errors import DataError


class Others(Protocol):
    """Recordings that `Mix` may add to items."""

    def draw(self, items: Ints, which: Doubles, where: Doubles) -> tuple[Singles, Doubles]:
        """Parts of other recordings than the items', at the items' scale.

        Args:
            items: `(chosen,)` indices of the items.
            which: `(chosen,)` in [0, 1), chooses the recording.
            where: `(chosen,)` in [0, 1), chooses the part of it.

        Returns:
            Audio `(chosen, samples)`, as long as the items, and the mean square of its whole recording `(chosen,)`.
        """
        ...


class Sounds(NamedTuple):
    """Items of one length, to be changed in place.

    Attributes:
        audio: `(items, samples)` float32, at any scale.
        power: `(items,)` mean square of each item's recording (of an excerpt: its record) at the same scale, after the
            changes so far. Levels are relative to it, not to the item's own power: a rest gets as much noise as the
            notes around it, and a silent recording stays silent.
        others: what `Mix` may add; None if nothing is mixed.
        rate: samples per second; None where no augmentation has to know.
    """

    audio: Singles
    power: Doubles
    others: Others | None = None
    rate: int | None = None

    @property
    def hertz(self) -> int:
        """The rate, for augmentations that need it."""
        assert self.rate is not None, "this augmentation needs Sounds.rate"
        return self.rate


class Augmentation:
    """Changes some of the items.

    Args:
        p: probability that an item is changed.

    Raises:
        DataError: an argument is out of range; so in all subclasses.
    """

    def __init__(self, p: float = 1.0) -> None:
        self.p = p
        self._require("p", 0 <= p <= 1, "a probability")

    def chosen(self, draws: Draws) -> NDArray[np.bool_]:
        """`(items,)` bool, which items are changed."""
        return draws.uniform() < self.p

    def _require(self, key: str, condition: bool, hint: str) -> None:
        if not condition:
            raise DataError(f"data.augment: {type(self).__name__}: {key} = {getattr(self, key)!r}: give {hint}")

    def _require_bounds(self, key: str, least: float = -math.inf, most: float = math.inf) -> None:
        low, high = getattr(self, key)
        self._require(key, -math.inf < low <= high < math.inf, "two finite numbers, the lower one first")
        self._require(key, least <= low and high <= most, f"numbers from {least:g} to {most:g}")


class WaveformAugmentation(Augmentation, ABC):
    """Changes audio so that every label stays true: f0, class and transcript."""

    @abstractmethod
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        """Change the items in place."""

    def _put(self, sounds: Sounds, items: Ints, changed: Singles) -> None:
        """Put items that sound otherwise in their places; the power of their recordings changes as theirs does."""
        before, after = levels.power(sounds.audio[items]), levels.power(changed)
        sounds.power[items] *= np.divide(after, before, out=np.ones_like(before), where=before > 0)
        sounds.audio[items] = changed
