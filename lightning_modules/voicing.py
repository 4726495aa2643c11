"""Voicing thresholds: one for each named set, tuned while fitting and frozen ever after."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

# Without any tuning: the middle of a probability.
UNTUNED = 0.5


class Threshold(NamedTuple):
    """A threshold and where it comes from.

    Attributes:
        value: a frame is voiced if its confidence is greater.
        origin: `tuned here` on the very figures that are reported (optimistic), or `frozen`.
    """

    value: float
    origin: str


class VoicingThresholds(nn.Module):
    """The thresholds of a model, kept in its state dict under the names of the sets.

    They are extra state rather than buffers, because the names of the sets belong to the data.

    Args:
        fixed: use this value for every set and never tune.

    Raises:
        ValueError: `fixed` is not one of 0, 0.01 ... 0.99, for which alone the metrics are counted.
    """

    def __init__(self, fixed: float | None = None) -> None:
        super().__init__()
        if fixed is not None and (not 0 <= fixed < 1 or abs(fixed * 100 - round(fixed * 100)) > 1e-9):
            raise ValueError(f"voicing_threshold: {fixed} is not one of 0, 0.01 ... 0.99")
        self.fixed = fixed
        self.tuned: dict[str, float] = {}

    def get_extra_state(self) -> dict[str, float]:
        """For the state dict."""
        return dict(self.tuned)

    def set_extra_state(self, state: dict[str, float]) -> None:
        """From the state dict."""
        self.tuned = dict(state)

    def tune(self, name: str, best: float) -> Threshold:
        """Take the best threshold of a validation that belongs to fitting, unless a value is fixed."""
        if self.fixed is not None:
            return Threshold(self.fixed, "frozen")
        self.tuned[name] = best
        return Threshold(best, "tuned here")

    def frozen(self, name: str) -> Threshold:
        """The threshold of a set: the fixed one, its own, that of the first set that was tuned, or 0.5."""
        if self.fixed is not None:
            return Threshold(self.fixed, "frozen")
        if name in self.tuned:
            return Threshold(self.tuned[name], "frozen")
        if self.tuned:
            other, value = next(iter(self.tuned.items()))
            return Threshold(value, f"frozen, from {other}")
        return Threshold(UNTUNED, "frozen, never tuned")
