"""What a model that a file describes may take before its weights are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from datamodules.errors import DataError

TABLES = 1 << 29  # bytes of filter banks, windows and the like that a model may have besides its weights
_PARTS = 100  # layers for each tensor of a checkpoint; some have no weights, some are made and thrown away
_FEW = 10_000


@contextmanager
def without_memory(tensors: int) -> Iterator[None]:
    """Build models on the meta device, where tensors have shapes and no numbers, and stop who builds without end.

    Args:
        tensors: that the weights have for it.

    Raises:
        DataError: it registers many times more layers and parameters.
    """
    most, made = _PARTS * tensors + _FEW, 0

    def count(module: nn.Module, name: str, part: object) -> None:
        nonlocal made
        made += 1
        if made > most:
            raise DataError(
                f"model: its configuration asks for more than {most} layers, but its weights are {tensors} tensors; "
                "use the config.yaml that was written with them"
            )

    hooks = (register_module_module_registration_hook(count), register_module_parameter_registration_hook(count))
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            yield
    finally:
        for hook in hooks:
            hook.remove()


def check_tables(model: nn.Module) -> None:
    """Refuse a model, built without memory, whose buffers would take what no model needs.

    Raises:
        DataError: they would.
    """
    size = sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())
    if size > TABLES:
        raise DataError(
            f"model: its filter banks and windows would take {size / 2**30:.1f} GiB, which no model needs; make them "
            "smaller"
        )
