"""Tables of a tracker: f0 with confidence and voicing, as pitch trackers commonly write them; `read_f0` reads them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files import write_atomically

TRACKED = ["time", "frequency", "confidence", "voiced"]  # the header


def write_tracked(
    path: str | os.PathLike[str],
    times: NDArray[np.float64],
    f0: NDArray[np.float64],
    confidence: NDArray[np.float64],
    voiced: NDArray[np.bool_],
) -> None:
    """Write a table with the header `time,frequency,confidence,voiced`, whole or not at all.

    Args:
        path: of the table.
        times: `(frames,)`, s; written so that they are read back bit by bit.
        f0: `(frames,)`, Hz, the best guess, also where unvoiced; 0 where there is none.
        confidence: `(frames,)`, 0 to 1.
        voiced: `(frames,)`.

    Raises:
        DataError: times do not increase, a number is not finite or negative, or the file cannot be written.
    """
    if not all(np.isfinite(column).all() and (np.asarray(column) >= 0).all() for column in (times, f0, confidence)):
        raise DataError(f"{path}: not written: a time, a frequency or a confidence is negative or not finite")
    if (np.diff(times) <= 0).any():
        raise DataError(f"{path}: not written: times must be increasing")
    columns = (column.tolist() for column in (times, f0, confidence, voiced))
    rows = (f"{time!r},{f + 0.0:.9g},{c:.7g},{v:d}\n" for time, f, c, v in zip(*columns, strict=True))
    try:
        with write_atomically(Path(path)) as file:
            file.write(f"{','.join(TRACKED)}\n".encode())
            file.writelines(row.encode() for row in rows)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error
