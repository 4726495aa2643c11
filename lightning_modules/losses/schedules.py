"""Weights of a loss that change during training."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from typing_extensions import override


class WeightSchedule(ABC):
    """A weight as a function of the number of optimiser steps alone, so that a resumed run continues it."""

    @abstractmethod
    def at(self, step: int) -> float:
        """The weight, at least 0, after `step` optimiser steps."""


class ExponentialDecay(WeightSchedule):
    """`weight * exp(-step / time_constant)`.

    Args:
        weight: at step 0.
        time_constant: steps until it has fallen to 1/e.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(self, weight: float = 1.0, time_constant: float = 1000.0) -> None:
        check_weight("weight", weight)
        if not (time_constant > 0 and math.isfinite(time_constant)):
            raise ValueError(f"time_constant: {time_constant} is not a finite number of steps greater than 0")
        self.weight, self.time_constant = weight, time_constant

    @override
    def at(self, step: int) -> float:
        return self.weight * math.exp(-step / self.time_constant)


def weight_at(weight: float | WeightSchedule, step: int) -> float:
    """The value of a constant or scheduled weight at a step."""
    return weight.at(step) if isinstance(weight, WeightSchedule) else weight


def check_weight(name: str, weight: float | WeightSchedule) -> None:
    """Raise ValueError, which names the weight, if a constant one is negative or not finite."""
    if not isinstance(weight, WeightSchedule) and not (weight >= 0 and math.isfinite(weight)):
        raise ValueError(f"{name}: {weight} is not a finite number of at least 0")
