"""Numbers for JSON, and text that names no place of the machine."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEPARATORS = "/\\"
_SEPARATOR = re.compile(r"[/\\]")
_ABSOLUTE = re.compile(r"(?<![\w.:/])(?:file://)?(?:~|[A-Za-z]:)?(?:[/\\][\w.@+ ~-]*[\w.@+~-])+[/\\]?")


def number(value: float) -> float | None:
    """A number to six digits; None where it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def step_of(times: NDArray[np.float64]) -> float:
    """Seconds from one frame to the next, the median; 0 of a single frame."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def without_places(value: Any) -> Any:  # noqa: ANN401 -- JSON values
    """JSON values in whose texts every absolute path is cut to its last name, as in `.../fda`."""
    if isinstance(value, str):
        return _ABSOLUTE.sub(lambda found: _shortened(found.group()), value)
    if isinstance(value, dict):
        return {without_places(key): without_places(each) for key, each in value.items()}
    return [without_places(each) for each in value] if isinstance(value, list | tuple) else value


def _shortened(path: str) -> str:
    return f".../{_SEPARATOR.split(path.rstrip(SEPARATORS))[-1]}"
