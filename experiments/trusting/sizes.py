"""The weights of a checkpoint and a configured model, compared before the model takes any memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError
from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from callbacks.saved.reading import read_checkpoint
from datamodules.errors import DataError
from lightning_modules import AudioModule, CheckpointMismatch

TABLES = 1 << 29  # bytes of filter banks, windows and the like that a model may have besides its weights
_PARTS = 100  # layers for each tensor of a checkpoint; some have no weights, some are made and thrown away
_FEW = 10_000


def check_shapes(build: Callable[[], AudioModule], checkpoint: Mapping[str, Any]) -> None:
    """Refuse a checkpoint whose weights are not those of a model, or one that would take more memory than they say.

    The model is built on the meta device, where tensors have shapes and no numbers. A class that computes with the
    numbers of its weights cannot be built there; it is left to the comparison that follows when it is loaded.

    Args:
        build: makes the model; what it raises is raised.
        checkpoint: with `state_dict`.

    Raises:
        CheckpointMismatch: names the first parameter that is of another shape.
        DataError: the model has tables that take too much memory.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), _bounded(len(checkpoint["state_dict"])):
            model = build()
    except (RuntimeError, TypeError, ValueError) as error:
        if "meta" in str(error):
            return
        raise
    AudioModule.on_load_checkpoint(model, dict(checkpoint))
    size = sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())
    if size > TABLES:
        raise DataError(
            f"model: its filter banks and windows would take {size / 2**30:.1f} GiB, which no model needs; make them "
            "smaller"
        )


def check_built(build: Callable[[], AudioModule], path: Path) -> None:
    """`check_shapes` of the checkpoint of a path; what else may be wrong with the model is said when it is built."""
    checkpoint = read_checkpoint(path, mapped=True)
    try:
        check_shapes(build, checkpoint)
    except (ArgumentError, TypeError, ValueError, ArithmeticError, RuntimeError):
        return


@contextmanager
def _bounded(tensors: int) -> Iterator[None]:
    """Stop who registers layers or parameters without end."""
    most, made = _PARTS * tensors + _FEW, 0

    def count(module: nn.Module, name: str, part: object) -> None:
        nonlocal made
        made += 1
        if made > most:
            raise CheckpointMismatch(
                f"checkpoint: it has {tensors} tensors, the configured model more than {most} layers; use the "
                "config.yaml of the run that wrote it"
            )

    hooks = (register_module_module_registration_hook(count), register_module_parameter_registration_hook(count))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
