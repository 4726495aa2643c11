"""The class of every clip, as tables."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from typing_extensions import override

from callbacks.items import ClipCallback
from callbacks.predictions.tables import TableCallback, write_table
from lightning_modules.outputs import ClipOutput


class PredictedClasses(TableCallback[ClipOutput, tuple[str, ...]], ClipCallback):
    """Writes one table per set, a line for each clip, in the order of their ids.

    The file is `RUN/<validation|validate|test|predict>/<dataset>/classes.tsv`, columns `id`, `class`, `probability`,
    `class_2`, `probability_2`, ... and `truth`, which is empty where it is not known; `validation` holds the latest
    validation of fit.

    Args:
        top: classes listed of each clip, the most probable first; at most as many as there are.

    Raises:
        ValueError: `top` is below 1.
    """

    def __init__(self, top: int = 3) -> None:
        if top < 1:
            raise ValueError(f"top: {top}; it must be 1 or more")
        super().__init__()
        self.top = top

    @override
    def row(self, item: ClipOutput) -> tuple[str, ...]:
        cells = (cell for name, part in top_classes(item, self.top) for cell in (name, f"{part:.6f}"))
        return item["id"], *cells, true_class(item) or ""

    @override
    def write_rows(self, folder: Path, rows: Sequence[tuple[str, ...]]) -> None:
        listed = (len(rows[0]) - 2) // 2
        write_table(folder / "classes.tsv", ["id", *top_columns(listed), "truth"], rows)


def true_class(clip: ClipOutput) -> str | None:
    """The name of the true class; None where it is not known."""
    return None if clip["label"] is None else clip["classes"][clip["label"]]


def top_classes(clip: ClipOutput, count: int) -> list[tuple[str, float]]:
    """The most probable classes with their probabilities, the best first; of equal ones, the first in their order."""
    places = np.argsort(-clip["probabilities"], kind="stable")[:count]
    return [(clip["classes"][place], float(clip["probabilities"][place])) for place in places]


def top_columns(count: int) -> list[str]:
    """Names of the columns of `count` classes and their probabilities."""
    numbers = ["", *(f"_{number}" for number in range(2, count + 1))]
    return [f"{name}{number}" for number in numbers for name in ("class", "probability")]
