"""Strategies: what a model or a device does not allow is refused, and a precision means the same under all of them."""

from __future__ import annotations

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import FSDPStrategy
from torch.distributed.fsdp import MixedPrecision

from callbacks import AveragedWeights, CompiledNetwork, ExcerptValidation
from lightning_modules import AudioModule

# What needs all weights on one process, and why.
_WHOLE = {
    AveragedWeights: "averages whole weights",
    ExcerptValidation: "validates between two steps, where no process has all weights",
    CompiledNetwork: "compiles a network whose weights are all there",
}


def settle(trainer: Trainer, model: AudioModule) -> None:
    """Refuse a strategy that does not go with the rest, and set what its precision leaves to guess.

    Raises:
        MisconfigurationException: the message names the key and what to change.
    """
    if why := refusal(trainer, model):
        raise MisconfigurationException(why)
    if isinstance(trainer.strategy, FSDPStrategy) and str(trainer.precision).endswith("-mixed"):
        # FSDP alone would round the f0 of a batch to 8 bits, which is 7 cents, and the tables of front ends. Autocast
        # computes in 16 bits as under every other strategy; weights and gradients travel in 32.
        full = torch.float32
        trainer.strategy.mixed_precision = MixedPrecision(
            full, full, full, cast_forward_inputs=False, cast_root_forward_inputs=False
        )


def refusal(trainer: Trainer, model: AudioModule) -> str | None:
    """Why a model cannot be trained under the strategy of a trainer, and the remedy; None if it can."""
    strategy = trainer.strategy
    if getattr(strategy, "_layer_sync", None) is not None and strategy.root_device.type != "cuda":
        return (
            "trainer.sync_batchnorm: true, but torch synchronises batch normalisation on GPUs only, and the trainer is "
            f"on {strategy.root_device.type}; leave it out"
        )
    if not isinstance(strategy, FSDPStrategy):
        return None
    if strategy._state_dict_type != "full":
        return (
            "trainer.strategy.state_dict_type: sharded, but checkpoints are one file here, which validate, transcribe "
            "and release read, and torch cannot resume tuned thresholds from shards; leave it out"
        )
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for kind, why in _WHOLE.items():
            if isinstance(callback, kind) and not (isinstance(callback, CompiledNetwork) and callback.mode is None):
                key = "compile.mode" if kind is CompiledNetwork else f"trainer.callbacks: {kind.__name__}"
                return f"{key} {why}, but trainer.strategy fsdp shares them among the processes; leave one of them out"
    if model.penalty is not None and strategy.kwargs.get("auto_wrap_policy") is not None:
        return (
            "model.penalty: it adds up whole weights, but trainer.strategy.auto_wrap_policy shares those of each part "
            "among the processes; leave one of them out, or take weight_decay of the optimiser"
        )
    return None
