"""The weights of a checkpoint and a configured model, compared before the model takes any memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError

from callbacks.saved.reading import read_checkpoint
from experiments.trusting.bounds import check_tables, without_memory
from lightning_modules import AudioModule


def check_shapes(build: Callable[[], AudioModule], checkpoint: Mapping[str, Any]) -> None:
    """Refuse a checkpoint whose weights are not those of a model, or one that would take more memory than they say.

    A class that computes with the numbers of its weights cannot be built without them; it is left to the comparison
    that follows when it is loaded.

    Args:
        build: makes the model; what it raises is raised.
        checkpoint: with `state_dict`.

    Raises:
        CheckpointMismatch: names the first parameter that is of another shape.
        DataError: the model has far more layers, or tables that take too much memory.
    """
    try:
        with without_memory(len(checkpoint["state_dict"])):
            model = build()
    except (RuntimeError, TypeError, ValueError) as error:
        if "meta" in str(error):
            return
        raise
    AudioModule.on_load_checkpoint(model, dict(checkpoint))
    check_tables(model)


def check_built(build: Callable[[], AudioModule], path: Path) -> None:
    """`check_shapes` of the checkpoint of a path; what else may be wrong with the model is said when it is built."""
    checkpoint = read_checkpoint(path, mapped=True)
    try:
        check_shapes(build, checkpoint)
    except (ArgumentError, TypeError, ValueError, ArithmeticError, RuntimeError):
        return
