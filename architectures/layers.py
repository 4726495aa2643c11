"""Layers, initialisations and checks of arguments that several networks share."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.spectral_convolution import is_spectral, kernel_spectrum, spectral_conv1d, transform_length


def check_positive(**sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        ValueError: names the first such size.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {size} is not positive")


def check_probability(**probabilities: float) -> None:
    """Refuse probabilities that are not from 0 to below 1.

    Raises:
        ValueError: names the first such argument.
    """
    for name, probability in probabilities.items():
        if not 0 <= probability < 1:
            raise ValueError(f"{name}: {probability} is not a probability from 0 to below 1")


def check_features(features: Tensor, bins: int, frames: int | None = None) -> None:
    """Refuse features that a network was not made for.

    Args:
        features: `(batch, frames, bins)`.
        bins: that the network was made for.
        frames: likewise; None: any.

    Raises:
        ValueError: the message says what is given, what is needed and what to change.
    """
    if features.ndim != 3 or features.shape[2] != bins:
        raise ValueError(
            f"features: shape {tuple(features.shape)}, but the network was made for (batch, frames, {bins}); "
            "give it the bins of its front end"
        )
    if frames is not None and features.shape[1] != frames:
        raise ValueError(
            f"features: {features.shape[1]} frames, but the network was made for clips of {frames}; "
            "set data.seconds so that all clips are as long as that, or give the network the frames of its front end"
        )


def parameter_count(network: nn.Module) -> int:
    """Number of trainable weights, normalisation scales and offsets included."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def same_padding(length: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Zeros to the left and right that give `ceil(length / stride)` outputs, TensorFlow's 'same'.

    The odd zero goes to the right, as in torch's own `padding='same'`, which allows no stride.

    Args:
        length: samples of the input.
        kernel: taps.
        stride: samples between outputs.
        dilation: samples between taps.
    """
    outputs = -(-length // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
    return total // 2, total - total // 2


def initialise_glorot(layer: nn.Linear | nn.Conv1d | nn.Conv2d) -> None:
    """Weights Glorot-uniform, bias 0: TensorFlow's defaults, which the published systems use."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class SameConv1d(nn.Conv1d):
    """A 1-d convolution with TensorFlow's 'same' padding for any stride and dilation, and its initialisation.

    Takes `(batch, channels, samples)` and gives `(batch, channels, ceil(samples / stride))`. On a CPU, long kernels are
    applied by spectra (`spectral_convolution`), equal within the rounding of float32.
    """

    _spectrum: tuple[tuple[int, int, int], Tensor] | None = None

    @override
    def reset_parameters(self) -> None:
        initialise_glorot(self)

    @override
    def forward(self, input: Tensor) -> Tensor:
        steps = input.shape[-1]
        padding = same_padding(steps, self.kernel_size[0], self.stride[0], self.dilation[0])
        if not self._is_spectral(input):
            return super().forward(functional.pad(input, padding))
        length = transform_length(steps + self.kernel_size[0] - 1)
        output = spectral_conv1d(input, self._spectrum_of(length), length, padding[0])
        return output if self.bias is None else output + self.bias[:, None]

    def _is_spectral(self, input: Tensor) -> bool:
        plain = self.stride[0] == self.dilation[0] == self.groups == 1 and input.ndim == 3
        # Exported and compiled graphs keep the convolution, and reduced precisions theirs.
        return (
            plain
            and input.device.type == "cpu"
            and input.dtype in (torch.float32, torch.float64)
            and not (torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling())
            and is_spectral(input.shape[-1], self.kernel_size[0], self.in_channels, self.out_channels)
        )

    def _spectrum_of(self, length: int) -> Tensor:
        """Of the kernels; without gradients it is kept until they change."""
        if torch.is_grad_enabled() or self.weight.is_inference():
            return kernel_spectrum(self.weight, length)
        key = length, self.weight.data_ptr(), self.weight._version
        if self._spectrum is None or self._spectrum[0] != key:
            self._spectrum = key, kernel_spectrum(self.weight, length).resolve_conj().contiguous()
        return self._spectrum[1]


class SameConv2d(nn.Conv2d):
    """A 2-d convolution with TensorFlow's 'same' padding for any stride and dilation, and its initialisation.

    Takes `(batch, channels, frames, bins)` and gives `(batch, channels, ceil(frames / stride), ceil(bins / stride))`.
    """

    @override
    def reset_parameters(self) -> None:
        initialise_glorot(self)

    @override
    def forward(self, input: Tensor) -> Tensor:
        (top, bottom), (left, right) = (
            same_padding(length, kernel, stride, dilation)
            for length, kernel, stride, dilation in zip(
                input.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True
            )
        )
        # Where it can, the convolution pads without a copy of the input. Not where a kernel is longer than its input:
        # on CPUs torch 2.11 computes wrong bfloat16 gradients of the weights there if there is a stride as well.
        fits = all(kernel <= length for kernel, length in zip(self.kernel_size, input.shape[-2:], strict=True))
        if fits and (top, left) == (bottom, right):
            return functional.conv2d(
                input, self.weight, self.bias, self.stride, (top, left), self.dilation, self.groups
            )
        return super().forward(functional.pad(input, (left, right, top, bottom)))


class MirroredConv2d(nn.Conv2d):
    """A convolution whose kernel is the same forwards and backwards in time, the third dimension of its input.

    Then rising and falling pitches are followed alike: no estimate is early or late.
    """

    @override
    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self._conv_forward(input, (self.weight + self.weight.flip(2)) / 2, self.bias)
        return result


class TimeConvolution(nn.Module):
    """A convolution over f0 and time, or over time, without padding in time, added to its input.

    Args:
        convolution: of an odd number of taps in time, its third dimension from the end of `(batch, channels, frames,
            bins)`, or the last of `(batch, channels, frames)`.
        later: frames after a frame that it reads.
    """

    def __init__(self, convolution: nn.Conv1d | nn.Conv2d, later: int) -> None:
        super().__init__()
        self.convolution, self.later = convolution, later
        self.earlier = convolution.dilation[0] * (convolution.kernel_size[0] - 1) - later

    @override
    def forward(self, signal: Tensor) -> Tensor:
        own = signal[:, :, self.earlier : signal.shape[2] - self.later]
        return functional.relu_(self.convolution(signal)).add(own)


class GlorotLinear(nn.Linear):
    """A dense layer with TensorFlow's default initialisation."""

    @override
    def reset_parameters(self) -> None:
        initialise_glorot(self)


def tf_batch_norm(channels: int) -> nn.BatchNorm1d:
    """Batch normalisation with TensorFlow's defaults: epsilon 1e-3; its momentum 0.99 is torch's 0.01."""
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


def tf_batch_norm_2d(channels: int) -> nn.BatchNorm2d:
    """As `tf_batch_norm`, for `(batch, channels, frames, bins)`."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def standardise_windows(audio: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Each window less its mean, over its standard deviation.

    Args:
        audio: `(batch, samples)`.
        epsilon: added to the (biased) variance, so that silence stays silent.

    Returns:
        `(batch, samples)`.
    """
    variance, mean = torch.var_mean(audio, dim=-1, correction=0, keepdim=True)
    return (audio - mean) * torch.rsqrt(variance + epsilon)


def sounding_frames(audio: Tensor, size: int, hop: int) -> tuple[int, int]:
    """First frame, and the one after the last, of those to compute: all but one at either end of digital silence.

    What is computed of digital silence is always the same. Elsewhere than on a CPU all frames count, since to look for
    silence would be to wait for the device; so they do in a traced graph, which does not depend on data.

    Args:
        audio: `(batch, samples)`; frame t is of `size` samples from `t * hop` on.
        size: samples.
        hop: samples.
    """
    frames = (audio.shape[1] - size) // hop + 1
    if audio.device.type != "cpu" or torch.compiler.is_compiling():
        return 0, frames
    sounds = audio.ne(0).any(dim=0).nonzero()
    if not len(sounds):
        return 0, 1
    first = (int(sounds[0]) - size) // hop  # the last frame that ends before the sound does begin
    last = int(sounds[-1]) // hop + 1  # the first one after it
    return max(0, first), min(frames, last + 1)


def hold_ends(signal: Tensor, dim: int, before: int, after: int) -> Tensor:
    """The signal, whose first and last value along a dimension are given some more times."""
    if before == after == 0:
        return signal
    places = torch.arange(-before, signal.shape[dim] + after, device=signal.device)
    return signal.index_select(dim, places.clamp(0, signal.shape[dim] - 1))


def running_mean(values: Tensor, size: int) -> Tensor:
    """Means of `size` neighbours, `(batch, values - size + 1)`, of `(batch, values)`.

    From sums of 1, 2, 4... of them: in few steps, with nothing subtracted, and for each mean in the same order.
    """
    count, width, taken = values.shape[1] - size + 1, 1, 0
    total = torch.zeros_like(values[:, :count])
    while True:
        if size & width:
            total = total + values[:, taken : taken + count]
            taken += width
        if 2 * width > size:
            return total / size
        values = values[:, :-width] + values[:, width:]
        width *= 2


class Concatenation(nn.ModuleList):
    """Modules side by side on the same input; their outputs `(batch, channels, ...)` are concatenated by channel."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        return torch.cat([module(input) for module in self], dim=1)


class Residual(nn.Module):
    """A residual connection: the output of a module plus its input.

    Args:
        body: the module.
        shortcut: projects the input to the shape of the output; None: the shapes agree.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    @override
    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self.body(input) + self.shortcut(input)
        return result


class WindowFeatures(nn.Module):
    """A vector computed from each window of audio, without parameters; the input of a dense network.

    Takes `(batch, window)` and gives `(batch, size(window))`.
    """

    @abstractmethod
    def size(self, window: int) -> int:
        """Length of the vector for a window of so many samples."""

    @override
    @abstractmethod
    def forward(self, audio: Tensor) -> Tensor: ...


class Samples(WindowFeatures):
    """The samples of the window as they are."""

    @override
    def size(self, window: int) -> int:
        return window

    @override
    def forward(self, audio: Tensor) -> Tensor:
        return audio


class StandardisedWindow(Samples):
    """The samples of the window, of mean 0 and, unless it is nearly silent, variance 1 (`standardise_windows`)."""

    @override
    def forward(self, audio: Tensor) -> Tensor:
        return standardise_windows(audio)
