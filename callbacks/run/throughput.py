"""How fast a training is, what of its time it waits for data, and how much of the machine it uses."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from typing_extensions import override

from callbacks.passes import in_trial
from callbacks.run.curves import RunCurves
from callbacks.run.matrix_rate import computed_in, matrix_rate, step_operations, without_weights
from callbacks.run.waiting import DataWait

_GIB = 2**30


class Stretch(NamedTuple):
    """A stretch of training without validations, or several.

    Attributes:
        seconds: of all processes together.
        waiting: of these, waiting for data.
        examples: windows or utterances of all processes.
        frames: label frames of windows, or samples or frames of utterances, without padding.
        elements: of the signal of this process, with padding.
        device_seconds: of this process.
    """

    seconds: float = 0.0
    waiting: float = 0.0
    examples: float = 0.0
    frames: float = 0.0
    elements: float = 0.0
    device_seconds: float = 0.0

    def joined(self, other: Stretch) -> Stretch:
        """Both together."""
        return Stretch(*(one + another for one, another in zip(self, other, strict=True)))


class Throughput(Callback):
    """Logs how fast the training is, every `trainer.log_every_n_steps` optimiser steps, and leaves it in the record.

    | `throughput/...` | |
    |---|---|
    | `windows_per_second` or `utterances_per_second` | over all processes |
    | `audio_seconds_per_second` | annotated frames of windows, or whole utterances, over all processes |
    | `waiting_for_data` | share of the time in which nothing is computed because the next batch is not there |
    | `memory_gib` | peak of the first process: memory of the GPU that tensors took, or resident memory |
    | `matrix_rate_share` | operations of the network over what the device does on large matrices, see below |

    The values are means since they were last logged. Validations and the first batches, in which memory is taken and
    networks are compiled, are left out. Between two logs nothing waits for a GPU.

    The matrix rate is measured once, before the first log, in the precision of the trainer, and takes a fifth of a
    second. The operations are those of matrix products and convolutions of the network, forward and backward, in
    proportion to the size of the signals; a front end is not counted, and a convolution counts as such where it is
    computed by Fourier transforms, which can give shares over 1 on a CPU. There is no share of recurrent networks.

    Lightning's ThroughputMonitor synchronises the GPU after every batch, has no time of waiting, needs the operations
    from the model and compares them with data sheets, in which there is no CPU and no precision that TF32 hides.

    Args:
        warm_up: batches that are left out when the training begins or goes on.
        matrix_rate: whether to measure the matrix rate.

    Raises:
        ValueError: `warm_up` is negative.
    """

    def __init__(self, warm_up: int = 10, matrix_rate: bool = True) -> None:
        if warm_up < 0:
            raise ValueError(f"warm_up: {warm_up}; it must be 0 or more")
        self.warm_up, self.matrix_rate = warm_up, matrix_rate
        self._forget(torch.device("cpu"))

    def _forget(self, device: torch.device) -> None:
        self._device, self._wait = device, DataWait(device)
        self._left, self._step, self._begun = self.warm_up, 0, -1.0  # negative: nothing is measured
        self._examples, self._frames, self._elements = 0, torch.zeros((), dtype=torch.int64), 0
        self._unit, self._frame_seconds = "examples", 0.0
        self._total = Stretch()
        self._meta: nn.Module | None = None
        self._unwatch: Callable[[], None] = _nothing
        self._inputs: tuple[Any, ...] = ()
        self._signal = 0  # elements of the batch whose operations are counted
        self._rate: float | None = None
        self._operations: float | None = None  # for each element of a signal

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._forget(trainer.strategy.root_device)
        network = getattr(pl_module, "network", None)
        if stage == "fit" and self.matrix_rate and isinstance(network, nn.Module):
            # Before a strategy cuts the weights into shards.
            self._meta = without_weights(network)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if in_trial(trainer):
            return
        self._step = trainer.global_step
        self._wait.attach(trainer.profiler)  # type: ignore[attr-defined]
        if self._meta is not None:
            network: nn.Module = pl_module.network  # type: ignore[assignment]
            self._watch(network)
        if self.warm_up == 0:
            self._begin()

    def _watch(self, network: nn.Module) -> None:
        """Keep the shapes of the network's first inputs."""
        compiled = network._compiled_call_impl

        def see(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            shapes = (torch.empty_like(each, device="meta") if isinstance(each, Tensor) else each for each in inputs)
            self._inputs = tuple(shapes)
            self._unwatch()

        def call(*inputs: Any, **named: Any) -> Any:  # noqa: ANN401 - those of the network
            see(network, inputs)
            assert compiled is not None
            return compiled(*inputs, **named)

        def uncall() -> None:
            network._compiled_call_impl = compiled

        if compiled is None:
            self._unwatch = network.register_forward_pre_hook(see).remove
        else:  # which would be compiled again when a hook goes
            network._compiled_call_impl, self._unwatch = call, uncall

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if in_trial(trainer):
            return
        elements = self._count(trainer, batch)
        if self._inputs and not self._signal:
            self._signal = elements
        if self._left > 0:
            self._left -= 1
            if self._left == 0:
                self._begin()
        every, before, self._step = int(trainer.log_every_n_steps), self._step, trainer.global_step  # type: ignore[attr-defined]
        if every and self._step // every > before // every and self._begun >= 0:
            self._log(trainer, self._end(trainer))
            self._begin()

    def _count(self, trainer: Trainer, batch: Any) -> int:  # noqa: ANN401 - of the data module
        """Count a batch; nothing is brought to the host. Returns the elements of its signal."""
        signal = batch if isinstance(batch, Tensor) else batch[0]
        index = getattr(getattr(trainer, "datamodule", None), "training_index", None)
        grid = getattr(index, "grid", None)
        f0, lengths = getattr(batch, "f0", None), getattr(batch, "lengths", None)
        if f0 is not None:
            self._unit = "windows"
            self._frames = self._frames + f0.shape[0] * f0.shape[1]
            self._frame_seconds = grid.hop / grid.rate if grid else 0.0
        elif lengths is not None:
            self._unit = "utterances"
            self._frames = self._frames + lengths.sum()
            self._frame_seconds = (1 if signal.ndim == 2 else grid.hop) / grid.rate if grid else 0.0
        self._examples += len(signal)
        self._elements += signal.numel()
        return int(signal.numel())

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and self._begun >= 0:
            self._end(trainer)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not in_trial(trainer) and self._left == 0:
            self._begin()

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._begun >= 0:
            self._end(trainer)
        self._stop()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        self._begun = -1.0
        self._wait.detach()
        self._unwatch()
        self._unwatch = _nothing

    def _begin(self) -> None:
        self._synchronise()
        self._wait.take()
        self._examples, self._elements = 0, 0
        self._frames = torch.zeros((), dtype=torch.int64)
        self._begun = time.perf_counter()

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _end(self, trainer: Trainer) -> Stretch:
        """The stretch since `_begin`, of all processes, which have to be here at once."""
        self._synchronise()
        seconds = time.perf_counter() - self._begun
        self._begun = -1.0
        if not self._examples:
            return Stretch()
        own = [seconds, self._wait.take(), float(self._examples), float(self._frames)]
        summed = trainer.strategy.reduce(torch.tensor(own, dtype=torch.float64, device=self._device), reduce_op="sum")
        assert isinstance(summed, Tensor)
        stretch = Stretch(*summed.tolist())._replace(elements=float(self._elements), device_seconds=seconds)
        self._total = self._total.joined(stretch)
        return stretch

    def _log(self, trainer: Trainer, stretch: Stretch) -> None:
        if self._meta is not None:
            self._count_operations(trainer)
        named = {f"throughput/{name}": value for name, value in self._figures(stretch, trainer.world_size).items()}
        for logger in trainer.loggers:
            logger.log_metrics(named, step=trainer.global_step)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, RunCurves):
                callback.add(trainer, named)

    def _count_operations(self, trainer: Trainer) -> None:
        """Once; nothing is measured meanwhile."""
        assert self._meta is not None
        operations = step_operations(self._meta, self._inputs) if self._inputs else None
        self._meta, self._inputs = None, ()
        if operations is not None:
            self._operations = operations / self._signal
            self._rate = matrix_rate(self._device, computed_in(str(trainer.precision)))

    def _figures(self, stretch: Stretch, processes: int) -> dict[str, float]:
        if not stretch.seconds:
            return {}
        seconds = stretch.seconds / processes
        figures = {f"{self._unit}_per_second": stretch.examples / seconds}
        if self._frame_seconds:
            figures["audio_seconds_per_second"] = stretch.frames * self._frame_seconds / seconds
        figures |= {"waiting_for_data": stretch.waiting / stretch.seconds, "memory_gib": _peak_memory(self._device)}
        if self._operations is not None and self._rate is not None:
            done = self._operations * stretch.elements
            figures["matrix_rate_share"] = done / stretch.device_seconds / self._rate
        return {name: float(f"{value:.4g}") for name, value in figures.items()}

    def summary(self, trainer: Trainer) -> Mapping[str, float] | None:
        """The figures of the whole training since it began or was resumed, as a record has them; None without any.

        Besides those that are logged, `matrix_rate` (operations a second of a device) where it was measured.
        """
        figures = self._figures(self._total, trainer.world_size)
        if figures and self._rate is not None:
            figures["matrix_rate"] = float(f"{self._rate:.4g}")
        return figures or None


def _nothing() -> None:
    pass


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _GIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB on Linux, bytes on macOS
    return peak / _GIB if sys.platform == "darwin" else peak * 1024 / _GIB
