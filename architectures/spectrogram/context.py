"""Receptive field of 'same' convolutions over time, and the frames of context that it needs."""

from __future__ import annotations

from torch import Tensor, nn

from architectures.layers import SameConv2d, check_positive, same_padding


def receptive_field(layers: nn.Module) -> tuple[int, int]:
    """Frames before and after an output frame that it depends on, if all convolutions of `layers` are in series."""
    pads = [
        same_padding(1, module.kernel_size[0], dilation=module.dilation[0])
        for module in layers.modules()
        if isinstance(module, SameConv2d)
    ]
    return sum(before for before, _ in pads), sum(after for _, after in pads)


class ContextWindow:
    """A window of a spectrogram whose context the layers read, and which is cropped from their output.

    Frames that no output depends on are cropped before the layers, which saves time and changes nothing else. If the
    context is smaller than the receptive field, the layers read zeros beyond the window: its outermost outputs fade.

    Args:
        channels: of the spectrogram.
        bins: of each channel.
        frames: label frames that have an output.
        context: label frames on each side of them.
        layers: all convolutions that read the window.

    Raises:
        ValueError: a size is not positive, or the context is negative.
    """

    def __init__(self, channels: int, bins: int, frames: int, context: int, layers: nn.Module) -> None:
        check_positive(channels=channels, bins=bins, frames=frames)
        if context < 0:
            raise ValueError(f"context: {context} is negative")
        before, after = receptive_field(layers)
        self.channels, self.bins, self.context = channels, bins, context
        self.before, self.after = min(before, context), min(after, context)
        self.length = frames + 2 * context

    def trim(self, spectrogram: Tensor) -> Tensor:
        """`(batch, channels, frames + 2 * context, bins)` without the frames that no output depends on.

        There may be any number of frames.

        Raises:
            ValueError: the spectrogram has other channels or bins, or nothing but context.
        """
        _, channels, length, bins = spectrogram.shape
        if (channels, bins) != (self.channels, self.bins) or length <= 2 * self.context:
            raise ValueError(
                f"spectrogram: {channels} channels, {length} frames and {bins} bins, but the network takes "
                f"{self.channels} channels, more than {2 * self.context} frames and {self.bins} bins"
            )
        return spectrogram[:, :, self.context - self.before : length - self.context + self.after]

    def crop(self, output: Tensor) -> Tensor:
        """The frames `(batch, frames, ...)` of the layers' output for a trimmed window."""
        return output[:, self.before : output.shape[1] - self.after]
