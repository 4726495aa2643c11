"""An utterance classifier on DeepSpeech's convolutions, and the spectrum that they read.

D. Amodei et al., "Deep Speech 2: End-to-End Speech Recognition in English and Mandarin", ICML 2016, in the version of
the public PyTorch code of 2019. The output of the convolutions is read by a `DeepSpeechBody`, of
`architectures.deepspeech.recurrent` or `architectures.deepspeech.transformer`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.functional import spectrogram
from typing_extensions import override

from architectures.base import ClipNetwork, FrontEnd, Sequences
from architectures.layers import check_features, check_positive
from architectures.masked import MaskedBatchNorm, frame_mask

SILENT = 1e-10  # variance below which a spectrum counts as constant
CEILING = 20.0


class StandardisedSpectrum(FrontEnd):
    """`log(1 + magnitude)` of Hamming windows, standardised over the utterance's frames and bins.

    Beyond both ends the signal is 0, not mirrored: an utterance has the same frames alone and in a padded batch, and
    may be shorter than a window. There are `samples // hop + 1` frames of `window // 2 + 1` bins, in float32.

    Args:
        rate: samples per second.
        window: samples of a window (periodic) and of its Fourier transform; 20 ms.
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

    @override
    def extra_repr(self) -> str:
        return f"{self.rate} Hz, window={self.window}, hop={self.hop}"

    @override
    def frames(self, samples: int) -> int:
        return samples // self.hop + 1

    @override
    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        lengths = lengths // self.hop + 1
        with torch.autocast(signal.device.type, enabled=False):
            magnitude = spectrogram(
                functional.pad(signal.float(), (self.window // 2, self.window - self.window // 2)),
                pad=0,
                window=self.fft_window,
                n_fft=self.window,
                hop_length=self.hop,
                win_length=self.window,
                power=1.0,
                normalized=False,
                center=False,
            )
            values = magnitude.log1p().transpose(1, 2)
            return Sequences(_standardised(values, frame_mask(lengths, values.shape[1])), lengths)


def _standardised(values: Tensor, mask: Tensor) -> Tensor:
    """With mean 0 and variance 1 where the mask `(batch, frames)` is True, 0 elsewhere; constant values become 0."""
    count = mask.sum(1)[:, None, None] * values.shape[2]
    outside = ~mask[..., None]
    mean = values.masked_fill(outside, 0.0).sum((1, 2), keepdim=True) / count
    deviation = (values - mean).masked_fill(outside, 0.0)
    variance = deviation.square().sum((1, 2), keepdim=True) / count
    return deviation * variance.clamp(min=SILENT).rsqrt()


class MaskedConvolutions(nn.Module):
    """DeepSpeech 2's two convolutions, without influence of the padding.

    Takes `(batch, frames, bins)` and lengths `(batch,)`; gives `(batch, (frames + 1) // 2, features(bins))`. Input and
    output are 0 in the padding.

    Kernels of 41 by 11 and 21 by 11 (bins by frames) with strides 2 by 2 and 2 by 1, each followed by normalisation and
    a ReLU clipped at 20. 161 bins become 41.

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
                nn.Conv2d(1, channels, kernel_size=(41, 11), stride=(2, 2), padding=(20, 5)),
                nn.Conv2d(channels, channels, kernel_size=(21, 11), stride=(2, 1), padding=(10, 5)),
            )
        )
        self.norms = nn.ModuleList(MaskedBatchNorm(channels) for _ in self.convolutions)

    def features(self, bins: int) -> int:
        """Values of a frame of the output, channel by channel, for frames of so many bins."""
        return self.channels * -(-bins // 4)

    def lengths(self, frames: Tensor) -> Tensor:
        """Frames of the output for so many of the input."""
        return (frames + 1) // 2

    @override
    def forward(self, features: Tensor, lengths: Tensor) -> Sequences:
        lengths = self.lengths(lengths)
        maps = features.transpose(1, 2).unsqueeze(1)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            maps = convolution(maps)
            maps = norm(maps, frame_mask(lengths, maps.shape[3])).clamp(0.0, CEILING)
        return Sequences(maps.flatten(1, 2).transpose(1, 2), lengths)


class BodyNetwork(nn.Module):
    """From a sequence to the logits of the utterance."""

    @override
    @abstractmethod
    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Logits, which do not depend on the padding.

        Args:
            values: `(batch, frames, features)`, zeros in the padding.
            lengths: `(batch,)` frames of each, at least 1.

        Returns:
            `(batch, classes)`, before any softmax.
        """


class DeepSpeechBody(ABC):
    """The part of the classifier that reads the output of DeepSpeech's convolutions."""

    @abstractmethod
    def network(self, features: int, classes: int) -> BodyNetwork:
        """The network for frames of so many features."""


class DeepSpeechClassifier(ClipNetwork):
    """DeepSpeech's convolutions, and a body from their output to the logits of an utterance.

    Args:
        classes: logits of a clip.
        feature_bins: of each frame of features; 161 in the published networks.
        body: recurrent layers or a Transformer.
        convolutions: None: the published ones, of 32 channels.

    Raises:
        ValueError: a size is not positive or does not fit the body.
    """

    def __init__(
        self, classes: int, feature_bins: int, body: DeepSpeechBody, convolutions: MaskedConvolutions | None = None
    ) -> None:
        super().__init__()
        check_positive(classes=classes, feature_bins=feature_bins)
        self.classes, self.bins = classes, feature_bins
        self.convolutions = convolutions or MaskedConvolutions()
        self.body = body.network(self.convolutions.features(feature_bins), classes)

    @override
    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        check_features(features, self.bins)
        logits: Tensor = self.body(*self.convolutions(features, lengths))
        return logits
