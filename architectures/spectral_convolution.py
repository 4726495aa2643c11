"""One-dimensional convolutions with long kernels as products of spectra, which a CPU computes several times faster.

By the convolution theorem; J. W. Cooley, J. W. Tukey, "An algorithm for the machine calculation of complex Fourier
series", Mathematics of Computation 19, 1965. The direct sum of CREPE's second layer, 64 taps on 128 steps, has 8192
products for each pair of channels; its spectra have 97 complex ones.
"""

from __future__ import annotations

from functools import lru_cache
from math import log2

import torch
from torch import Tensor

# Multiplications by which the direct sum must exceed the spectral one: MKL's products of small matrices are slower.
_GAIN = 2.0
_SHORTEST = 32  # taps


@lru_cache(maxsize=256)
def transform_length(least: int) -> int:
    """The smallest even number of at least `least` whose only prime factors are 2, 3 and 5."""
    length = least + least % 2
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 2


def is_spectral(steps: int, kernel: int, channels: int, filters: int) -> bool:
    """Whether a convolution takes clearly fewer multiplications by spectra.

    Args:
        steps: of the output, and of the input without its padding.
        kernel: taps.
        channels: of the input.
        filters: channels of the output.
    """
    if kernel < _SHORTEST or steps < 1:
        return False
    length = transform_length(steps + kernel - 1)
    spectral = 4 * (length // 2 + 1) * channels * filters + 5 * length * log2(length) * (channels + filters)
    return steps * kernel * channels * filters > _GAIN * spectral


def kernel_spectrum(weight: Tensor, length: int) -> Tensor:
    """The conjugate spectra of kernels.

    Args:
        weight: `(filters, channels, taps)`.
        length: of the transform.

    Returns:
        `(length // 2 + 1, channels, filters)` complex.
    """
    spectrum: Tensor = torch.fft.rfft(weight, length).conj()
    return spectrum.permute(2, 1, 0)


def spectral_conv1d(input: Tensor, spectrum: Tensor, length: int, before: int) -> Tensor:
    """A convolution, in torch's sense, with zeros beyond both ends of the input.

    Args:
        input: `(batch, channels, steps)`.
        spectrum: of the kernels, by `kernel_spectrum`.
        length: of the transform, at least the steps and taps together, less one.
        before: zeros before the first step; behind the last are so many that there are as many outputs as steps.

    Returns:
        `(batch, filters, steps)`.
    """
    product = torch.bmm(torch.fft.rfft(input, length).permute(2, 0, 1), spectrum)
    circular = torch.fft.irfft(product.permute(1, 2, 0), length)
    shifted: Tensor = torch.roll(circular, before, -1)
    return shifted[..., : input.shape[-1]]
