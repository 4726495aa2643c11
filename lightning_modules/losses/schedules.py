"""Weights of a loss that change while it trains."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod


class WeightSchedule(ABC):
    """A weight as a function of the optimiser's steps, and of nothing else: a resumed run goes on with the same."""

    @abstractmethod
    def at(self, step: int) -> float:
        """The weight, at least 0, after so many steps of the optimiser."""


class ExponentialDecay(WeightSchedule):
    """`weight * exp(-step / time_constant)`.

    Args:
        weight: at the first step.
        time_constant: steps in which it falls to 1/e.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(self, weight: float = 1.0, time_constant: float = 1000.0) -> None:
        check_weight("weight", weight)
        if not (time_constant > 0 and math.isfinite(time_constant)):
            raise ValueError(f"time_constant: {time_constant} is not a finite number of steps greater than 0")
        self.weight, self.time_constant = weight, time_constant

    def at(self, step: int) -> float:
        """See WeightSchedule."""
        return self.weight * math.exp(-step / self.time_constant)


def weight_at(weight: float | WeightSchedule, step: int) -> float:
    """A weight that may be constant."""
    return weight.at(step) if isinstance(weight, WeightSchedule) else weight


def check_weight(name: str, weight: float | WeightSchedule) -> None:
    """Refuse a constant weight that is negative or not finite.

    Raises:
        ValueError: names it.
    """
    if not isinstance(weight, WeightSchedule) and not (weight >= 0 and math.isfinite(weight)):
        raise ValueError(f"{name}: {weight} is not a finite number of at least 0")
