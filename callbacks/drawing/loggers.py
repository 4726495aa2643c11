"""What loggers take besides figures: the configuration all, pictures, sounds and tables two of them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from matplotlib.image import imread

from callbacks.drawing.media import Image, Sound, Table, cell_text
from callbacks.guards.loggers import logging_to
from callbacks.passes import folder_of, stage_of
from datamodules.files import file_name

_FULL_SCALE = 32768


def log_configuration(trainer: Trainer, stated: Mapping[str, Any], text: str) -> None:
    """Give the configuration to every logger, as its hyperparameters; to TensorBoard also as text, `config`.

    Args:
        trainer: whose loggers get it.
        stated: nested, JSON values.
        text: the same in YAML.
    """
    for logger in trainer.loggers:
        with logging_to(trainer, logger) as listens:
            if not listens:
                continue
            logger.log_hyperparams(dict(stated))
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_text("config", f"```yaml\n{text.rstrip()}\n```", trainer.global_step)


def log_media(trainer: Trainer, dataset: str, media: Sequence[Image | Table]) -> None:
    """Give the pictures and tables of a set to every logger that takes them, under `<stage>/<dataset>/<key>`.

    Weights & Biases and TensorBoard get the same at the same step of training. Any other logger gets nothing of this,
    and no error; the files in the run folder hold it all.
    """
    shown = [each for each in media if isinstance(each, Image) or each.rows]
    for logger in trainer.loggers:
        with logging_to(trainer, logger) as listens:
            if listens and isinstance(logger, WandbLogger):
                _to_wandb(logger, trainer, dataset, shown)
            elif listens and isinstance(logger, TensorBoardLogger):
                _to_tensorboard(logger, trainer, dataset, shown)


def _by_key(
    trainer: Trainer, dataset: str, media: Sequence[Image | Table]
) -> Iterator[tuple[str, list[Image], list[Table]]]:
    """Neighbouring pictures and tables of one key; a slash of an id is not one of the key."""
    for names, group in groupby(media, lambda each: each.key):
        of_key = list(group)
        images = [each for each in of_key if isinstance(each, Image)]
        tables = [each for each in of_key if isinstance(each, Table)]
        yield "/".join([stage_of(trainer), *map(file_name, (dataset, *names))]), images, tables


def _to_wandb(logger: WandbLogger, trainer: Trainer, dataset: str, media: Sequence[Image | Table]) -> None:
    step = trainer.global_step
    for key, images, tables in _by_key(trainer, dataset, media):
        if images:
            captions = [image.caption for image in images]
            logger.log_image(key, [str(image.path) for image in images], step=step, caption=captions)
        for table in tables:
            rows = [[_wandb_cell(cell) for cell in row] for row in table.rows]
            logger.log_table(key, columns=list(table.columns), data=rows, step=step)


def _wandb_cell(cell: object) -> Any:  # noqa: ANN401 - whatever a table of Weights & Biases takes
    import wandb

    if isinstance(cell, Sound):
        return wandb.Audio(cell.samples, sample_rate=cell.rate)
    return wandb.Image(str(cell)) if isinstance(cell, Path) else cell


def _to_tensorboard(logger: TensorBoardLogger, trainer: Trainer, dataset: str, media: Sequence[Image | Table]) -> None:
    """Pictures with a caption end in their number, `<key>/1`, sounds in column and row, `<key>/audio/1`."""
    writer, step = logger.experiment, trainer.global_step
    for key, images, tables in _by_key(trainer, dataset, media):
        for number, image in enumerate(images, start=1):
            pixels = np.rint(255 * imread(image.path)[..., :3]).astype(np.uint8)
            tag = key if image.caption is None else f"{key}/{number}"
            writer.add_image(tag, pixels, step, dataformats="HWC")
        for table in tables:
            writer.add_text(key, _markdown(table, folder_of(trainer, dataset)), step)
            for number, row in enumerate(table.rows, start=1):
                for column, cell in zip(table.columns, row, strict=True):
                    if isinstance(cell, Sound):
                        sound = cell.samples[None] / _FULL_SCALE
                        writer.add_audio(f"{key}/{column}/{number}", sound, step, sample_rate=cell.rate)


def _markdown(table: Table, folder: Path) -> str:
    rows = [table.columns, ["---"] * len(table.columns)]
    rows += [[_escaped(cell_text(cell, folder)) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escaped(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
