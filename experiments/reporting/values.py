"""JSON as it is read and written: numbers, and text that names no place of the machine."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules import documents
from datamodules.documents import as_mapping

SEPARATORS = "/\\"
_SEPARATOR = re.compile(r"[/\\]")
_ROOT = r"(?:file://)?(?:~|[A-Za-z]:)?[/\\]"
# Within a text a path ends at a blank; what stands alone in a line, as a value of YAML does, may hold blanks.
_ALONE = re.compile(rf"(?m)(?:(?<=: )|(?<=- )|^)(?P<quote>['\"]?){_ROOT}[^\n,{{}}\[\]'\"]+(?P=quote)$")
_WITHIN = re.compile(rf"(?<![\w.:/]){_ROOT}(?:[\w.@+~-]+[/\\])*[\w.@+~-]+[/\\]?")


def read_json(path: Path) -> dict[str, Any]:
    """A file that holds a JSON object.

    Raises:
        DataError: it does not; the message names it.
    """
    return as_mapping(documents.read_json(path), str(path))


def number(value: float) -> float | None:
    """A number to six digits; None where it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def in_words(value: Any) -> str:  # noqa: ANN401 -- JSON values
    """JSON values as a line for a reader, numbers to five digits."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {in_words(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or "none"
    if isinstance(value, float):
        return f"{value:.5g}"
    return "none" if value is None else str(value)


def step_of(times: NDArray[np.float64]) -> float:
    """Seconds from one frame to the next, the median; 0 of a single frame."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def without_places(value: Any) -> Any:  # noqa: ANN401 -- JSON values
    """JSON values in whose texts every absolute path is cut to its last name, as in `.../fda`."""
    if isinstance(value, str):
        alone = _ALONE.sub(lambda found: _shortened(found.group(), found["quote"]), value)
        return _WITHIN.sub(lambda found: _shortened(found.group()), alone)
    if isinstance(value, dict):
        return {without_places(key): without_places(each) for key, each in value.items()}
    return [without_places(each) for each in value] if isinstance(value, list | tuple) else value


def _shortened(path: str, quote: str = "") -> str:
    return f"{quote}.../{_SEPARATOR.split(path.strip(quote).rstrip(SEPARATORS))[-1]}{quote}"
