"""Layers for padded batches whose results do not depend on the padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """`(batch, frames)` bool, True before each sequence's end; `lengths`: `(batch,)` frames."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the frames that exist; S. Ioffe, C. Szegedy, ICML 2015.

    Takes `(batch, channels, frames)` or `(batch, channels, ..., frames)` and a mask `(batch, frames)` that is False in
    the padding; gives the same shape, 0 in the padding. Padding counts neither for the statistics of a batch nor for
    the running ones. In training the statistics are those of the process.
    """

    @override
    def forward(self, values: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        shape = [1, -1, *[1] * (values.ndim - 2)]
        mask = mask.view(mask.shape[0], *[1] * (values.ndim - 2), mask.shape[1])
        if self.training:
            # Sums of many values, which half precision would round.
            wide = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
            mean, variance = self._batch_statistics(wide, mask)
        else:
            assert self.running_mean is not None and self.running_var is not None
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised = values * scale.view(shape) + (self.bias - mean * scale).view(shape)
        return normalised.to(values.dtype).masked_fill(~mask, 0.0)

    def _batch_statistics(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        others = [axis for axis in range(values.ndim) if axis != 1]
        count = (mask.sum() * values[0, 0, ..., 0].numel()).clamp(min=1)
        mean = values.masked_fill(~mask, 0.0).sum(others) / count
        shape = [1, -1, *[1] * (values.ndim - 2)]
        deviation = (values - mean.view(shape)).masked_fill(~mask, 0.0)
        variance = deviation.square().sum(others) / count
        with torch.no_grad():
            unbiased = variance * count / (count - 1).clamp(min=1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
        return mean, variance
