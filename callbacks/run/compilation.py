"""A network that is compiled for training."""

from __future__ import annotations

import os
import shutil
from typing import Any, Literal

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from typing_extensions import override

_GRAPHS = ("reduce-overhead", "max-autotune")  # modes that record CUDA graphs
_COMPILERS = ("g++", "c++", "clang++")


class CompiledNetwork(Callback):
    """Compiles `model.network` for the steps of a fit, by `torch.compile`.

    Names in checkpoints stay as they are. Validation, prediction and everything after the fit compute without, so that
    their figures are those that `melisma validate` gives of the checkpoint, and a set's last, shorter batch compiles
    nothing anew. Losses differ from those of a fit that is not compiled as those of two kinds of processor do.

    Args:
        mode: None: do not compile. `default`, or, on a GPU, `reduce-overhead` and `max-autotune`, which record CUDA
            graphs: they help where kernels are so short that starting them takes longer, and need batches of one shape.
        backend: `inductor`, which needs a C++ compiler, or another name of torch's.
        dynamic: whether sizes may change without another compilation; None: after the first change.

    Raises:
        MisconfigurationException: when a fit begins that cannot be compiled so.
    """

    def __init__(
        self,
        mode: Literal["default", "reduce-overhead", "max-autotune"] | None = None,
        backend: str = "inductor",
        dynamic: bool | None = None,
    ) -> None:
        self.mode, self.backend, self.dynamic = mode, backend, dynamic

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit" or self.mode is None:
            return
        self._check(trainer.strategy.root_device)
        network = pl_module.network
        assert isinstance(network, nn.Module)
        network.compile(mode=self.mode, backend=self.backend, dynamic=self.dynamic)
        compiled = network._compiled_call_impl
        assert compiled is not None

        def call(*inputs: Any, **named: Any) -> Any:  # noqa: ANN401 - those of the network
            return (compiled if network.training else network._call_impl)(*inputs, **named)

        network._compiled_call_impl = call  # neither copied nor saved with the network

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        if self.mode in _GRAPHS:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and self.mode is not None and isinstance(pl_module.network, nn.Module):
            pl_module.network._compiled_call_impl = None

    def _check(self, device: torch.device) -> None:
        if self.mode in _GRAPHS and device.type != "cuda":
            raise MisconfigurationException(
                f"compile.mode: {self.mode} records CUDA graphs, but the trainer is on {device.type}; "
                "set --compile.mode to default"
            )
        if self.backend == "inductor" and "CXX" not in os.environ and not any(map(shutil.which, _COMPILERS)):
            raise MisconfigurationException(
                "compile.backend: inductor needs a C++ compiler, and there is none; install g++, or leave out "
                "--compile.mode"
            )
