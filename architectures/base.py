"""What a LightningModule needs to know of a network, by family."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn


class FrameOutput(NamedTuple):
    """What a network may give besides the logits of pitch.

    Attributes:
        pitch: `(batch, frames, width)` logits.
        voicing: `(batch, frames)` logits that the frame is voiced; None: there is no such output.
        reconstruction: `(batch, window)`, the standardised input again; None: there is no such output.
    """

    pitch: Tensor
    voicing: Tensor | None = None
    reconstruction: Tensor | None = None


class FrameNetwork(nn.Module):
    """A network that gives one vector of logits for each annotation frame of an excerpt of audio.

    Attributes:
        signal: what an excerpt consists of.
        window: length of one input excerpt: samples of audio, or label frames of a spectrogram. The excerpt is
            centred: its middle `window // 2` stands at the middle of the label frames that it covers.
        frames: label frames that one excerpt is given logits for.
        width: logits per frame (bins of the pitch grid).
        hop: samples between label frames that it is made for; None: any.
        rate: samples per second that it is made for; None: any.
    """

    signal: ClassVar[Literal["audio", "spectrogram"]] = "audio"
    window: int
    frames: int
    width: int
    hop: int | None = None
    rate: int | None = None

    @abstractmethod
    def forward(self, audio: Tensor) -> Tensor | FrameOutput:
        """Logits of each frame.

        Args:
            audio: `(batch, window)` float, full scale at 1.

        Returns:
            `(batch, frames, width)` logits, before any sigmoid or softmax, or these among others.
        """


class SpectrogramNetwork(FrameNetwork):
    """A network that reads spectrograms, with frames of context on both sides: `window = frames + 2 * context`.

    Attributes:
        channels: of the spectrogram.
        bins: of each channel.
        context: label frames on each side of those that logits are given for.
        bins_per_semitone: of the spectrogram.
    """

    signal: ClassVar[Literal["audio", "spectrogram"]] = "spectrogram"
    channels: int
    bins: int
    context: int
    bins_per_semitone: int

    @abstractmethod
    def forward(self, spectrogram: Tensor) -> Tensor | FrameOutput:
        """Logits of each frame.

        Args:
            spectrogram: `(batch, channels, window, bins)` float, 0 to 1.

        Returns:
            `(batch, frames, width)` logits, before any sigmoid or softmax, or these among others.
        """
