"""Random numbers that are a hash of seed, epoch, recording and window, for whole batches at once.

The hash is the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA
2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]

STEP = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio: SplitMix64's increment
ROWS = 16  # items whose noise is made at once, so that the intermediate arrays fit into the processor's cache


def _mixed(bits: Words) -> Words:
    """A bijection in which every bit of the result depends on all bits of the argument."""
    bits = bits ^ (bits >> np.uint64(30))
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def _branch(keys: Words, numbers: int | Ints) -> Words:
    """Keys of numbered sub-streams of each key."""
    return _mixed(keys + STEP * (np.atleast_1d(numbers).astype(np.uint64) + np.uint64(1)))


def item_seeds(seed: int, epoch: int, records: Ints, windows: Ints) -> Ints:
    """The seed of every item, from which all its random numbers are drawn.

    Args:
        seed: of the run.
        epoch: from 0.
        records: `(items,)` number of the item's recording.
        windows: `(items,)` number of the item within its recording.

    Returns:
        `(items,)`, 63 random bits each.
    """
    keys = _branch(_branch(np.zeros(1, np.uint64), seed), epoch)
    return (_branch(_branch(keys, records), windows) >> np.uint64(1)).astype(np.int64)


class Draws:
    """Random numbers of some items; a number depends on the item's seed, the stream, and how many calls came before.

    Args:
        seeds: `(items,)` of `item_seeds`.
        stream: different streams of the same seeds are independent.
    """

    def __init__(self, seeds: Ints, stream: int) -> None:
        self._keys, self._drawn = _branch(seeds.astype(np.uint64), stream), 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Doubles:
        """`(items,)` numbers in [low, high)."""
        return low + (high - low) * (self._next() >> np.uint64(11)) * 2.0**-53

    def normal(self, items: Ints, samples: int) -> Singles:
        """Independent standard normal values for some items only, by Box and Muller's method.

        Args:
            items: `(chosen,)` indices of the items.
            samples: values for each of them.

        Returns:
            `(chosen, samples)`.
        """
        keys, pairs = self._next()[items], -(-samples // 2)
        steps = STEP * np.arange(1, pairs + 1, dtype=np.uint64)
        values = np.empty((items.size, 2 * pairs), np.float32)
        for low in range(0, items.size, ROWS):
            bits = _mixed(keys[low : low + ROWS, None] + steps).view(np.uint32)
            uniform = (bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)
            radius = np.sqrt(np.float32(-2) * np.log(uniform[:, :pairs]))
            angle = np.float32(2 * np.pi) * uniform[:, pairs:]
            values[low : low + ROWS, :pairs] = radius * np.cos(angle)
            values[low : low + ROWS, pairs:] = radius * np.sin(angle)
        return values[:, :samples]

    def _next(self) -> Words:
        self._drawn += 1
        return _branch(self._keys, self._drawn)
