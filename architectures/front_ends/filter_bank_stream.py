"""Magnitudes of constant-Q transforms of recordings that come block by block."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from architectures.front_ends import filter_banks
from architectures.front_ends.filter_banks import FilterBanks, Halving, exactly


class FilterBankStream:
    """What FilterBanks gives for a recording, whose audio is pushed block by block, in memory that does not grow.

    How the audio is cut into blocks changes nothing, except where rounding of Fourier transforms does.

    Args:
        banks: the transforms.
    """

    def __init__(self, banks: FilterBanks) -> None:
        self.banks = banks
        self._levels = [_Samples() for _ in range(banks.levels + 1)]
        self._halved = [_Halved(banks.halving, *pair) for pair in zip(self._levels, self._levels[1:], strict=False)]
        self._frame = 0  # the first of the next chunk

    @property
    def samples(self) -> int:
        """Of the audio that was pushed."""
        return self._levels[0].stop

    def push(self, block: Tensor) -> Iterator[Tensor]:
        """Take audio.

        Args:
            block: `(samples,)` float, of any length.

        Yields:
            `(channels, frames, bins)` of the chunks of frames that are complete now.
        """
        with exactly(block.device):
            self._levels[0].append(block.to(self.banks.halving.response.dtype))
            for halved in self._halved:
                halved.advance(last=False)
        while all(level.stop >= self._reach(number)[1] for number, level in enumerate(self._levels)):
            yield self._chunk(filter_banks.CHUNK)

    def finish(self) -> Iterator[Tensor]:
        """The remaining chunks; nothing can be pushed any more."""
        with exactly(self._levels[0].device):
            for halved in self._halved:
                halved.advance(last=True)
        frames = 1 + self.samples // self.banks.hop
        while self.samples and self._frame < frames:
            yield self._chunk(min(filter_banks.CHUNK, frames - self._frame))

    def _reach(self, level: int) -> tuple[int, int]:
        return self.banks.reach(level, self._frame, self._frame + filter_banks.CHUNK)

    def _chunk(self, frames: int) -> Tensor:
        def excerpt(level: int, first: int, after: int) -> Tensor:
            return self._levels[level].between(first, after)[None]

        with exactly(self._levels[0].device):
            found = self.banks.magnitudes(excerpt, self._frame, self._frame + frames)[0]
        self._frame += frames
        for number, level in enumerate(self._levels):
            needed = [self._reach(number)[0]] if self._reach(number)[1] else []
            needed += [halved.needed for halved in self._halved[number : number + 1]]
            level.forget(min(needed))
        return found


class _Samples:
    """The last samples of a signal.

    Attributes:
        stop: how many there have been.
    """

    def __init__(self) -> None:
        self._parts: list[Tensor] = []
        self._first = self.stop = 0

    @property
    def device(self) -> torch.device:
        return self._parts[0].device if self._parts else torch.device("cpu")

    def append(self, samples: Tensor) -> None:
        self._parts.append(samples)
        self.stop += len(samples)

    def between(self, first: int, after: int) -> Tensor:
        """The samples from `first` to before `after`, none of which is forgotten; 0 beyond both ends."""
        self._parts = [torch.cat(self._parts)]
        held = self._parts[0][max(first - self._first, 0) : max(after - self._first, 0)]
        before = min(max(-first, 0), after - first)
        return functional.pad(held, (before, after - first - before - len(held)))

    def forget(self, before: int) -> None:
        """Free the samples before the given one."""
        forgotten = min(before, self.stop) - self._first
        if forgotten > 0:
            self._parts = [torch.cat(self._parts)[forgotten:].clone()]  # a view would keep all of it
            self._first += forgotten


class _Halved:
    """Halves the rate of a signal as it grows, block by block.

    Args:
        halving: how.
        source: the signal.
        target: the signal at half of the rate.
    """

    def __init__(self, halving: Halving, source: _Samples, target: _Samples) -> None:
        self.halving, self.source, self.target = halving, source, target
        self._done = 0  # samples of the source

    @property
    def needed(self) -> int:
        """The first sample of the source that is needed."""
        return self._done - self.halving.margin

    def advance(self, last: bool) -> None:
        """Halve all blocks that are complete with their margin, or all that is left."""
        block, margin = filter_banks.BLOCK, self.halving.margin
        while self._done < self.source.stop and (last or self.source.stop >= self._done + block + margin):
            halved = self.halving.of_blocks(self.source.between(self.needed, self._done + block + margin)[None])[0]
            self._done += block
            self.target.append(halved[: -(-self.source.stop // 2) - self.target.stop] if last else halved)
