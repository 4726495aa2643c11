"""Several augmentations in a row, applied to batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datamodules.augment.base import Augmentation, Others, Sounds, WaveformAugmentation
from datamodules.augment.draws import Doubles, Draws, Ints, Singles
from datamodules.augment.pitch_shift import ExcerptLayout, Margin, PitchShift, move_labels
from datamodules.augment.waveforms import Mix, TimeShift
from datamodules.errors import DataError


class Augmentations:
    """Augmentations in a row, each with random numbers of its own.

    Args:
        chain: the augmentations, in the order in which they are applied.

    Raises:
        DataError: a PitchShift is not the first.
    """

    def __init__(self, chain: Sequence[Augmentation] = ()) -> None:
        self.chain = tuple(chain)
        if any(isinstance(augmentation, PitchShift) for augmentation in self.chain[1:]):
            raise DataError("data.augment: PitchShift decides what is read of a recording; put one at most, and first")
        self.shift = self.chain[0] if self.chain and isinstance(self.chain[0], PitchShift) else None

    @property
    def mixes(self) -> bool:
        """Whether there is a Mix, which needs other recordings."""
        return any(isinstance(augmentation, Mix) for augmentation in self.chain)

    def refuse_shifts(self) -> None:
        """Refuse a TimeShift, for data with labels in time.

        Raises:
            DataError: there is one.
        """
        if any(isinstance(augmentation, TimeShift) for augmentation in self.chain):
            raise DataError("data.augment: TimeShift is for clips of one label; leave it out")

    def margin(self, layout: ExcerptLayout) -> Margin:
        """What has to be read beyond windows and their labels."""
        return self.shift.margin(layout) if self.shift else Margin()

    def shifted(
        self, audio: NDArray[np.int16], f0: Singles, valid: NDArray[np.bool_], seeds: Ints, layout: ExcerptLayout
    ) -> tuple[Singles, Singles, NDArray[np.bool_]]:
        """Windows and their labels, shifted in pitch if there is a PitchShift.

        Args:
            audio: `(items, window + 2 * margin.samples)` int16.
            f0: `(items, frames + 2 * margin.frames)` or with pitches behind, Hz.
            valid: `(items, frames + 2 * margin.frames)`.
            seeds: `(items,)` of `item_seeds`.
            layout: of the windows.

        Returns:
            Audio `(items, window)`, full scale at 32768, f0 `(items, frames)` or with pitches behind, and validity
            `(items, frames)`.
        """
        if self.shift is None:
            return audio.astype(np.float32), f0, valid
        windows, factor = self.shift.shift(audio, Draws(seeds, 0), layout.window)
        return windows, *move_labels(f0, valid, factor, layout)

    def waveforms(
        self,
        audio: Singles,
        seeds: Ints,
        power: Doubles | None = None,
        others: Others | None = None,
        rate: int | None = None,
    ) -> NDArray[np.int16]:
        """Apply the WaveformAugmentations of the chain.

        Items of different lengths take several calls: the result for an item does not depend on the others in its call.

        Args:
            audio: `(items, samples)`, full scale at 32768; changed in place.
            seeds: `(items,)` of `item_seeds`.
            power: `(items,)` mean square of the items' recordings; changed in place. None: the items are whole
                recordings.
            others: what `Mix` may add.
            rate: samples per second, which filters, rooms and coders need.

        Returns:
            `(items, samples)`, rounded and clipped.
        """
        if power is None:
            power = np.mean(audio**2, axis=1, dtype=np.float64)
        sounds = Sounds(audio, power, others, rate)
        for place, augmentation in enumerate(self.chain):
            if isinstance(augmentation, WaveformAugmentation):
                augmentation.apply(sounds, Draws(seeds, place))
        np.clip(np.rint(audio, out=audio), -32768, 32767, out=audio)
        return audio.astype(np.int16)
