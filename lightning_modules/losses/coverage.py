"""A warning about annotated notes outside the pitch grid."""

from __future__ import annotations

from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, stack

from lightning_modules.pitch_grid import PitchGrid


class UncoveredNotes:
    """Counts training frames with notes outside the pitch grid, and warns of them once.

    The counts stay on their device until then, so that no step waits for them. Each process counts its own frames.
    """

    def __init__(self) -> None:
        self._counts: Tensor | None = None
        self._told = False

    def count(self, f0: Tensor, valid: Tensor, covered: Tensor) -> None:
        """Count the frames of a batch.

        Args:
            f0: `(batch, frames)` or `(batch, frames, pitches)`, Hz, 0 or negative where unvoiced.
            valid: `(batch, frames)` bool.
            covered: bool, same shape as f0: where the note can be learned.
        """
        if self._told:
            return
        voiced = (f0 > 0) & (valid if f0.ndim == valid.ndim else valid[..., None])
        counts = stack([(voiced & ~covered).sum(), voiced.sum()])
        self._counts = counts if self._counts is None else self._counts + counts

    def tell(self, grid: PitchGrid) -> None:
        """Warn if there are any, unless this was done before."""
        outside, voiced = (0, 0) if self._told or self._counts is None else self._counts.tolist()
        if outside == 0:
            return
        self._told = True
        highest = grid.lowest_note + grid.semitones - 1 / grid.bins_per_semitone
        rank_zero_warn(
            f"model.grid: {outside} of {voiced} voiced frames seen in training ({outside / voiced:.1%}) have notes "
            f"beyond MIDI notes {grid.lowest_note:g} to {highest:g} and teach nothing; widen the grid to learn them"
        )
