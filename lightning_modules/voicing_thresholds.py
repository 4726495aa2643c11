"""Voicing thresholds, one for each named set: tuned during fitting, frozen afterwards."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn
from typing_extensions import override

UNTUNED = 0.5  # the threshold if none was tuned


class Threshold(NamedTuple):
    """A threshold and its origin.

    Attributes:
        value: a frame is voiced, or one of several pitches sounds, if its confidence is greater.
        origin: `tuned here`, on the same frames that are reported (optimistic), or `frozen`.
    """

    value: float
    origin: str


class VoicingThresholds(nn.Module):
    """The thresholds of a model, in its state dict by the names of the sets.

    They are extra state rather than buffers, because the data decide the names.

    Args:
        fixed: the value for every set, never tuned; None: tune.
        name: of the argument that fixes it, for messages.

    Raises:
        ValueError: `fixed` is not one of 0, 0.01 ... 0.99, the thresholds that the metrics are counted for.
    """

    def __init__(self, fixed: float | None = None, name: str = "voicing_threshold") -> None:
        super().__init__()
        if fixed is not None and (not 0 <= fixed < 1 or abs(fixed * 100 - round(fixed * 100)) > 1e-9):
            raise ValueError(f"{name}: {fixed} is not one of 0, 0.01 ... 0.99")
        self.fixed = fixed
        self.tuned: dict[str, float] = {}

    @override
    def get_extra_state(self) -> dict[str, float]:
        return dict(self.tuned)

    @override
    def set_extra_state(self, state: dict[str, float]) -> None:
        self.tuned = dict(state)

    def tune(self, name: str, best: float) -> Threshold:
        """Keep the best threshold of a set's validation during fitting, unless a value is fixed."""
        if self.fixed is not None:
            return Threshold(self.fixed, "frozen")
        self.tuned[name] = best
        return Threshold(best, "tuned here")

    def frozen(self, name: str) -> Threshold:
        """The threshold of a set: the fixed one, else its own, else the one of the first tuned set, else 0.5."""
        if self.fixed is not None:
            return Threshold(self.fixed, "frozen")
        if name in self.tuned:
            return Threshold(self.tuned[name], "frozen")
        if self.tuned:
            other, value = next(iter(self.tuned.items()))
            return Threshold(value, f"frozen, from {other}")
        return Threshold(UNTUNED, "frozen, never tuned")
