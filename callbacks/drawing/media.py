"""Pictures, sounds and tables of a set, and the loggers that take them."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from matplotlib.figure import Figure
from numpy.typing import NDArray

from callbacks.passes import stage_of
from datamodules.files import file_name


class Picture(NamedTuple):
    """A picture, not yet saved.

    Attributes:
        name: of the file in the folder of the set, without extension, for example `pictures/confusion`.
        figure: the picture.
        key: names that end its key in a logger; neighbouring pictures of one key are logged together.
        caption: shown by a logger.
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
    """A sound in a table: samples `(samples,)`, int16, and their rate, Hz."""

    samples: NDArray[np.int16]
    rate: int


class Table(NamedTuple):
    """A table for loggers.

    Attributes:
        key: names that end its key.
        columns: names.
        rows: a number, text, Sound, path of a picture or None for each column.
    """

    key: tuple[str, ...]
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def log_media(trainer: Trainer, dataset: str, media: Sequence[Image | Table]) -> None:
    """Give the pictures and tables of a set to every logger that can take them, under `<stage>/<dataset>/<key>`.

    Only Weights & Biases does: another logger is a branch here and a function like `_to_wandb`.
    """
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            _to_wandb(logger, trainer, dataset, media)


def _to_wandb(logger: WandbLogger, trainer: Trainer, dataset: str, media: Sequence[Image | Table]) -> None:
    step = trainer.global_step
    for names, group in groupby(media, lambda each: each.key):
        # Weights & Biases makes paths of files from keys.
        key = "/".join([stage_of(trainer), *map(file_name, (dataset, *names))])
        of_key = list(group)
        images = [each for each in of_key if isinstance(each, Image)]
        if images:
            captions = [image.caption for image in images]
            logger.log_image(key, [str(image.path) for image in images], step=step, caption=captions)
        for table in of_key:
            if isinstance(table, Table):
                rows = [[_wandb_cell(cell) for cell in row] for row in table.rows]
                logger.log_table(key, columns=list(table.columns), data=rows, step=step)


def _wandb_cell(cell: object) -> Any:  # noqa: ANN401 - whatever a table of Weights & Biases takes
    import wandb

    if isinstance(cell, Sound):
        return wandb.Audio(cell.samples, sample_rate=cell.rate)
    return wandb.Image(str(cell)) if isinstance(cell, Path) else cell
