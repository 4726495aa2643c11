"""Fourier transforms of real signals as a few products of small real matrices.

ONNX has a DFT, but onnxruntime computes it slowly and in less precision, and many other programs not at all. A
transform of a * b values is one of a values, a rotation, and one of b values (J. W. Cooley, J. W. Tukey, "An algorithm
for the machine calculation of complex Fourier series", Mathematics of Computation 19, 1965); with a and b near each
other, each is a small product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def real_spectrum(values: Tensor, size: int) -> Tensor:
    """`torch.fft.rfft(values, size)` of real values.

    Args:
        values: `(..., samples)`, at most `size` of them.
        size: of the transform.

    Returns:
        `(..., size // 2 + 1, 2)`: real and imaginary parts.
    """
    rows, columns = _factors(size)
    grid = _grid(functional.pad(values, (0, size - values.shape[-1])), columns)
    cosine, sine = _roots(rows, rows, rows, -1)
    parts = _rotated(cosine @ grid, sine @ grid, *_roots(rows, columns, size, -1))
    parts = _product(*parts, *_roots(columns, columns // 2 + 1, columns, -1))
    found = [part.transpose(-1, -2).flatten(-2)[..., : size // 2 + 1] for part in parts]
    return torch.stack(found, dim=-1)


def real_signal(real: Tensor, imaginary: Tensor | None, size: int) -> Tensor:
    """`torch.fft.irfft(spectrum, size)`.

    Args:
        real: `(..., bins)`, at least `size // 2 + 1` of them.
        imaginary: likewise; None: zeros.
        size: of the transform.

    Returns:
        `(..., size)`.
    """
    rows, columns = _factors(size)
    bins = size // 2 + 1
    used = -(-bins // columns)  # rows of the first transform that are not zeros
    place = torch.arange(bins)
    alone = (place == 0) | (2 * place == size)  # all others stand for two
    weight = (2.0 - alone.float()) / size

    def grid(part: Tensor) -> Tensor:
        return _grid(functional.pad(part[..., :bins] * weight, (0, used * columns - bins)), columns)

    cosine, sine = _roots(rows, used, rows, 1)
    first, second = cosine @ grid(real), sine @ grid(real)
    if imaginary is not None:
        first, second = first - sine @ grid(imaginary), second + cosine @ grid(imaginary)
    first, second = _rotated(first, second, *_roots(rows, columns, size, 1))
    cosine, sine = _roots(columns, columns, columns, 1)
    return (first @ cosine - second @ sine).transpose(-1, -2).flatten(-2)


def _grid(values: Tensor, columns: int) -> Tensor:
    """`(..., rows * columns)` as `(..., rows, columns)`."""
    return values.reshape(*values.shape[:-1], -1, columns)


def _factors(size: int) -> tuple[int, int]:
    """Two factors, the lesser one first, as near each other as there are."""
    lesser = next(factor for factor in range(math.isqrt(size), 0, -1) if size % factor == 0)
    return lesser, size // lesser


def _roots(rows: int, columns: int, period: int, sign: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines `(rows, columns)` of `sign * 2 pi * row * column / period`."""
    turns = torch.arange(rows)[:, None] * torch.arange(columns) % period
    angle = turns.double() * (sign * 2 * math.pi / period)
    return angle.cos().float(), angle.sin().float()


def _rotated(real: Tensor, imaginary: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor]:
    return real * cosine - imaginary * sine, real * sine + imaginary * cosine


def _product(real: Tensor, imaginary: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor]:
    return real @ cosine - imaginary @ sine, real @ sine + imaginary @ cosine


def _rfft(values: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    _check(values, dim, norm in (None, "backward"))
    size = values.shape[-1] if n is None else n
    return torch.view_as_complex(real_spectrum(values[..., :size], size).contiguous())


def _irfft(spectrum: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    _check(spectrum, dim, norm in (None, "backward"))
    size = 2 * (spectrum.shape[-1] - 1) if n is None else n
    if not spectrum.is_complex():
        return real_signal(spectrum, None, size)
    parts = torch.view_as_real(spectrum)
    return real_signal(parts[..., 0], parts[..., 1], size)


def _fft_r2c(values: Tensor, dim: list[int], normalization: int, onesided: bool) -> Tensor:
    _check(values, dim[0], onesided and normalization == 0 and len(dim) == 1)
    return _rfft(values)


def _fft_c2r(spectrum: Tensor, dim: list[int], normalization: int, last_dim_size: int) -> Tensor:
    _check(spectrum, dim[0], normalization == 2 and len(dim) == 1)
    return _irfft(spectrum, last_dim_size)


def _check(values: Tensor, dim: int, supported: bool) -> None:
    if not supported or dim not in (-1, values.dim() - 1):
        raise ValueError("only one-sided transforms of the last axis with the usual norm can be exported")


def decompositions() -> dict[Any, Callable[..., Tensor]]:
    """What `ExportedProgram.run_decompositions` takes to replace the transforms of a graph."""
    aten = torch.ops.aten
    return {
        aten.fft_rfft.default: _rfft,
        aten.fft_irfft.default: _irfft,
        aten._fft_r2c.default: _fft_r2c,
        aten._fft_c2r.default: _fft_c2r,
    }
