"""The class of every clip, as tables."""

import numpy as np
from lightning.pytorch import Trainer

from callbacks.passes import folder_of
from callbacks.predictions.tables import write_table
from callbacks.processes import gathered_rows
from callbacks.utterances import Clip, ClipCallback


class PredictedClasses(ClipCallback):
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
        self.top = top
        self._rows: dict[str, list[tuple[str, ...]]] = {}

    def begin(self, trainer: Trainer) -> None:
        """Forget what an interrupted pass left."""
        self._rows.clear()

    def collect(self, trainer: Trainer, clip: Clip) -> None:
        """Keep the line of a clip."""
        cells = [f"{cell:.6f}" if isinstance(cell, float) else cell for pair in top(clip, self.top) for cell in pair]
        truth = "" if clip["label"] is None else clip["classes"][clip["label"]]
        self._rows.setdefault(clip["dataset"], []).append((clip["id"], *cells, truth))

    def finish(self, trainer: Trainer) -> None:
        """Gather the lines, and write them on one process."""
        every = gathered_rows(self._rows)
        self._rows.clear()
        if trainer.is_global_zero:
            for dataset, rows in every.items():
                listed = (len(rows[0]) - 2) // 2
                write_table(folder_of(trainer, dataset) / "classes.tsv", ["id", *top_columns(listed), "truth"], rows)


def top(clip: Clip, count: int) -> list[tuple[str, float]]:
    """The most probable classes with their probabilities, the best first, of equal ones the first in their order."""
    places = np.argsort(-clip["probabilities"], kind="stable")[:count]
    return [(clip["classes"][place], float(clip["probabilities"][place])) for place in places]


def top_columns(count: int) -> list[str]:
    """Names of the columns that hold so many classes and their probabilities."""
    numbers = ["", *(f"_{number}" for number in range(2, count + 1))]
    return [f"{name}{number}" for number in numbers for name in ("class", "probability")]
