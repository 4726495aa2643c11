"""Pictures, sounds and tables of a set, which are files in the run folder and go to the loggers that take them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray


class Picture(NamedTuple):
    """A picture, not yet saved.

    Attributes:
        name: of the file in the folder of the set, without extension, for example `pictures/confusion`.
        figure: the picture.
        key: names that end its key in a logger; neighbouring pictures of one key are logged together.
        caption: shown by a logger; only of pictures of which a set has a number that is not always the same.
    """

    name: str
    figure: Figure
    key: tuple[str, ...]
    caption: str | None = None


class Image(NamedTuple):
    """A picture in a file; `key` and `caption` as in Picture."""

    path: Path
    key: tuple[str, ...]
    caption: str | None


class Sound(NamedTuple):
    """A sound in a table.

    Attributes:
        name: of the WAV file in the folder of the set, without extension.
        samples: `(samples,)`, full scale at 32768.
        rate: Hz.
    """

    name: str
    samples: NDArray[np.int16]
    rate: int


class Table(NamedTuple):
    """A table.

    Attributes:
        name: of the TSV file in the folder of the set, without extension.
        key: names that end its key in a logger, which gets no table without rows.
        columns: names.
        rows: a number, text, Sound, path of a picture or None for each column.
    """

    name: str
    key: tuple[str, ...]
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def cell_text(cell: object, folder: Path) -> str:
    """A cell of a table as text: a picture or a sound is its file, below the folder of the set."""
    if isinstance(cell, Sound):
        return f"{cell.name}.wav"
    if isinstance(cell, Path):
        return cell.relative_to(folder).as_posix()
    if isinstance(cell, float):
        return f"{cell:.6g}"
    return "" if cell is None else str(cell)
