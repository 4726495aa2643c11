"""How fast a device multiplies matrices, and how many such operations a network's step takes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

_SIZES = {"cuda": 8192, "cpu": 1024}
_SECONDS = {"cuda": 0.2, "cpu": 0.1}
_PRECISIONS = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16, "64-true": torch.float64}


def computed_in(precision: str) -> torch.dtype:
    """What matrices are multiplied in under a precision of the trainer."""
    return _PRECISIONS.get(precision, torch.float32)


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of this device on large square matrices: the best of some products.

    The rate is that of this process with its threads and its neighbours, so that a share of it is comparable where the
    figures of a data sheet are not. It takes a fifth of a second.
    """
    size = _SIZES.get(device.type, _SIZES["cpu"])
    # Drawn from no generator, whose state a training depends on; of all magnitudes, because constants cost less power.
    matrix = torch.arange(size * size, device=device).remainder(1009).sub(504).div(1009).to(dtype).view(size, size)
    seconds: list[float] = []
    end = time.perf_counter() + _SECONDS.get(device.type, _SECONDS["cpu"])
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        _timed(lambda: matrix @ matrix, device)
        while not seconds or time.perf_counter() < end:
            seconds.append(_timed(lambda: matrix @ matrix, device))
    return 2 * size**3 / min(seconds)


def _timed(compute: Callable[[], Tensor], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    begun = time.perf_counter()
    compute()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun


def without_weights(network: nn.Module) -> nn.Module:
    """A copy of a network on the meta device; the weights are never copied."""
    tensors = [*network.parameters(), *network.buffers()]
    memo: dict[int, Any] = {}
    for tensor in tensors:
        empty = torch.empty_like(tensor, device="meta")
        is_parameter = isinstance(tensor, nn.Parameter)
        memo[id(tensor)] = nn.Parameter(empty, requires_grad=tensor.requires_grad) if is_parameter else empty
    return copy.deepcopy(network, memo).train()


def step_operations(network: nn.Module, inputs: tuple[Any, ...]) -> int | None:
    """Floating-point operations of matrix products and convolutions in a forward and a backward pass.

    Args:
        network: on the meta device, where nothing is computed.
        inputs: tensors are taken by their shapes.

    Returns:
        None where torch cannot count them: recurrent kernels, or what depends on the values of tensors.
    """
    if any(isinstance(part, nn.RNNBase) for part in network.modules()):
        return None
    shapes = tuple(torch.empty_like(each, device="meta") if isinstance(each, Tensor) else each for each in inputs)
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.enable_grad(), torch.autocast("cpu", enabled=False):
            outputs = network(*shapes)
            found = [outputs] if isinstance(outputs, Tensor) else [each for each in outputs if isinstance(each, Tensor)]
            torch.stack([each.sum() for each in found if each.requires_grad]).sum().backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, TypeError, ValueError):  # the network looks at values, which nothing on that device has
        return None
    return int(counter.get_total_flops()) or None
