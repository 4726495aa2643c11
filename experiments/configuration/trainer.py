"""Numbers of the trainer that Lightning takes without a word, to stumble over them at a step or a validation."""

from __future__ import annotations

from jsonargparse import Namespace

from datamodules.errors import check_range

_MOST = 2**53
_RANGES = {
    "num_nodes": (1, 100_000),
    "accumulate_grad_batches": (1, _MOST),
    "check_val_every_n_epoch": (1, _MOST),
    "val_check_interval": (1e-9, _MOST),  # steps, or a part of an epoch; a time is a text
    "log_every_n_steps": (0, _MOST),
    "gradient_clip_val": (0, 1e300),
    "min_epochs": (0, _MOST),
    "min_steps": (0, _MOST),
}


def check_trainer(trainer: Namespace) -> None:
    """Refuse numbers out of their ranges.

    Args:
        trainer: of the configuration.

    Raises:
        DataError: names the key, the number and the range.
    """
    for key, (lowest, highest) in _RANGES.items():
        if isinstance(number := trainer.get(key), (int, float)):
            check_range(f"trainer.{key}", number, lowest, highest)
