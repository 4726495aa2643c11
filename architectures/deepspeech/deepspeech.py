"""DeepSpeech's convolutions as the front of an utterance classifier, and the spectrum that they read.

D. Amodei et al., "Deep Speech 2: End-to-End Speech Recognition in English and Mandarin", ICML 2016, in the shape of the
public PyTorch code of 2019. What reads the convolutions' output is a `DeepSpeechBody`, of
`architectures.deepspeech.recurrent` or `architectures.deepspeech.transformer`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from architectures.base import ClipNetwork, FrontEnd, Sequences
from architectures.feature_shapes import check_features
from architectures.layers import check_positive
from architectures.masked import MaskedBatchNorm, frame_mask

SILENT = 1e-10  # variance below which a spectrum counts as constant
CEILING = 20.0


class StandardisedSpectrum(FrontEnd):
    """`log(1 + magnitude)` of Hamming windows, less its mean over the utterance's frames and bins, over the deviation.

    Beyond both ends stand zeros, not a mirrored signal, so that an utterance has the same frames alone and in a padded
    batch; it may be shorter than a window.

    Args:
        rate: samples per second.
        window: samples of a window (periodic) and of its Fourier transform; 20 ms. There are `window // 2 + 1` bins.
        hop: samples between frames; 10 ms.

    Raises:
        ValueError: a size is not positive.
    """

    rate: int
    fft_window: Tensor

    def __init__(self, rate: int = 16000, window: int = 320, hop: int = 160) -> None:
        super().__init__()
        check_positive(rate=rate, window=window, hop=hop)
        self.rate, self.window, self.hop, self.bins = rate, window, hop, window // 2 + 1
        self.register_buffer("fft_window", torch.hamming_window(window), persistent=False)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.rate} Hz, window={self.window}, hop={self.hop}"

    def frames(self, samples: int) -> int:
        """`samples // hop + 1`."""
        return samples // self.hop + 1

    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        """Features of a batch.

        Args:
            signal: `(batch, samples)` float, full scale at 1, zeros behind each end.
            lengths: `(batch,)` int64, samples of each.

        Returns:
            `(batch, samples // hop + 1, bins)` float32, zeros behind each end, and the frames of each.
        """
        lengths = lengths // self.hop + 1
        with torch.autocast(signal.device.type, enabled=False):
            signal = functional.pad(signal.float(), (self.window // 2, self.window - self.window // 2))
            spectrum = torch.stft(
                signal, self.window, self.hop, window=self.fft_window, center=False, return_complex=True
            )
            values = spectrum.abs().log1p().transpose(1, 2)
            return Sequences(_standardised(values, frame_mask(lengths, values.shape[1])), lengths)


def _standardised(values: Tensor, mask: Tensor) -> Tensor:
    """Of mean 0 and variance 1 where the mask `(batch, frames)` is True, 0 elsewhere; constant values become 0."""
    count = mask.sum(1)[:, None, None] * values.shape[2]
    outside = ~mask[..., None]
    mean = values.masked_fill(outside, 0.0).sum((1, 2), keepdim=True) / count
    deviation = (values - mean).masked_fill(outside, 0.0)
    variance = deviation.square().sum((1, 2), keepdim=True) / count
    return deviation * variance.clamp(min=SILENT).rsqrt()


class MaskedConvolutions(nn.Module):
    """DeepSpeech 2's two convolutions; what lies behind an utterance's end is zero after each, and in no statistics.

    Kernels of 41 by 11 and 21 by 11 (bins by frames) with strides 2 by 2 and 2 by 1, each followed by normalisation and
    a ReLU clipped at 20. 161 bins become 41, T frames `(T + 1) // 2`.

    Args:
        channels: of both convolutions; 32 is published (251,168 parameters).

    Raises:
        ValueError: there are none.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        check_positive(channels=channels)
        self.channels = channels
        self.convolutions = nn.ModuleList(
            (
                nn.Conv2d(1, channels, (41, 11), (2, 2), (20, 5)),
                nn.Conv2d(channels, channels, (21, 11), (2, 1), (10, 5)),
            )
        )
        self.norms = nn.ModuleList(MaskedBatchNorm(channels) for _ in self.convolutions)

    def features(self, bins: int) -> int:
        """Values of a frame of the output, channel by channel, for frames of so many bins."""
        return self.channels * -(-bins // 4)

    def lengths(self, frames: Tensor) -> Tensor:
        """Frames of the output for so many of the input."""
        return (frames + 1) // 2

    def forward(self, features: Tensor, lengths: Tensor) -> Sequences:
        """The output of a batch.

        Args:
            features: `(batch, frames, bins)`, zeros behind each end.
            lengths: `(batch,)` frames of each.

        Returns:
            `(batch, (frames + 1) // 2, features(bins))`, zeros behind each end, and the frames of each.
        """
        lengths = self.lengths(lengths)
        maps = features.transpose(1, 2).unsqueeze(1)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            maps = convolution(maps)
            maps = norm(maps, frame_mask(lengths, maps.shape[3])).clamp(0.0, CEILING)
        return Sequences(maps.flatten(1, 2).transpose(1, 2), lengths)


class BodyNetwork(nn.Module):
    """From a sequence to the logits of the utterance."""

    @abstractmethod
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Logits, which do not depend on the padding.

        Args:
            values: `(batch, frames, features)`, zeros behind each end.
            lengths: `(batch,)` frames of each, at least 1.

        Returns:
            `(batch, classes)`, before any softmax.
        """


class DeepSpeechBody(ABC):
    """What reads DeepSpeech's convolutions."""

    @abstractmethod
    def network(self, features: int, classes: int) -> BodyNetwork:
        """The network for frames of so many features."""


class DeepSpeechClassifier(ClipNetwork):
    """DeepSpeech's convolutions and a body that makes the logits of an utterance from them.

    Args:
        classes: logits of a clip.
        feature_bins: of each frame of features; 161 in the published networks.
        body: what reads the convolutions.
        convolutions: None: the published ones, of 32 channels.

    Raises:
        ValueError: a size is not positive, or does not fit the body.
    """

    def __init__(
        self, classes: int, feature_bins: int, body: DeepSpeechBody, convolutions: MaskedConvolutions | None = None
    ) -> None:
        super().__init__()
        check_positive(classes=classes, feature_bins=feature_bins)
        self.classes, self.bins = classes, feature_bins
        self.convolutions = convolutions or MaskedConvolutions()
        self.body = body.network(self.convolutions.features(feature_bins), classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logits of each clip.

        Args:
            features: `(batch, frames, bins)`, zeros behind each clip's end.
            lengths: `(batch,)` int64, frames of each clip.

        Returns:
            `(batch, classes)`.

        Raises:
            ValueError: the features have other bins.
        """
        check_features(features, self.bins)
        logits: Tensor = self.body(*self.convolutions(features, lengths))
        return logits
