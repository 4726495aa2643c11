"""Which precisions the machine at hand cannot compute, and what to ask for instead."""

from __future__ import annotations

from functools import cache

import torch


def refusal(precision: str, device: torch.device) -> str | None:
    """Why `precision`, as `trainer.precision` says it, is not for `device`, and the remedy; None if it is."""
    kind = precision.partition("-")[0]
    if kind == "bf16" and device.type == "cpu" and not cpu_has_bfloat16():
        why, instead = "this CPU has no kernels of bfloat16 (AVX-512)", "32-true"
    elif kind == "bf16" and device.type == "cpu" and not cpu_is_right_in_bfloat16():
        why = "oneDNN computes it wrongly on this CPU (AMX), unless ONEDNN_MAX_CPU_ISA is AVX512_CORE_BF16 or not set"
        instead = "32-true"
    elif kind == "16" and device.type == "cpu":
        why, instead = "16-bit floats are for GPUs", "32-true or bf16-mixed" if cpu_has_bfloat16() else "32-true"
    elif kind == "bf16" and device.type == "cuda" and not gpu_has_bfloat16(device):
        why, instead = "this GPU does not compute in bfloat16 (compute capability 8.0)", "32-true or 16-mixed"
    elif kind == "64":
        why, instead = "audio is read and front ends are computed in 32 bits", "32-true"
    else:
        return None
    return f"trainer.precision: {precision}, but {why}; set --trainer.precision to {instead}"


def cpu_has_bfloat16() -> bool:
    """Whether oneDNN computes in bfloat16 on this CPU, on x86 with AVX-512.

    Elsewhere an LSTM raises and a convolution takes about ten times as long as in 32 bits. With AVX-512 BF16 it is
    faster than 32 bits; older AVX-512 imitates it, up to three times as slow.
    """
    present: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return present and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@cache
def cpu_is_right_in_bfloat16() -> bool:
    """Whether a convolution of few channels with a long kernel comes near to that in 32 bits on this CPU."""
    signal, kernel = (torch.linspace(-1, 1, 4 * length).sin().view(1, 4, length) for length in (32, 16))
    exact = torch.conv1d(signal, kernel)
    error = torch.conv1d(signal.bfloat16(), kernel.bfloat16()).float() - exact
    return bool(error.abs().max() < 0.1 * exact.abs().max())


def gpu_has_bfloat16(device: torch.device) -> bool:
    """Whether this CUDA device computes in bfloat16 rather than imitating it."""
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
