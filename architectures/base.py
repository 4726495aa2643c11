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


class Sequences(NamedTuple):
    """A padded batch of sequences.

    Attributes:
        values: `(batch, frames, width)`, zeros behind each sequence's end if they are features.
        lengths: `(batch,)` int64, frames of each.
    """

    values: Tensor
    lengths: Tensor


class FrontEnd(nn.Module):
    """From whole signals to the features that a network reads.

    The features of a signal depend neither on the rest of the batch nor on the zeros behind the signal's end, unless a
    class says otherwise; behind the last frame of each stand zeros.

    Attributes:
        rate: samples per second that it is made for; None: what it takes is not audio.
        bins: of each frame.
    """

    rate: int | None
    bins: int

    @abstractmethod
    def frames(self, samples: int) -> int:
        """Frames of a signal of so many samples."""

    @abstractmethod
    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        """Features of a batch.

        Args:
            signal: `(batch, samples)` float, full scale at 1, or what else the class says; zeros behind each end.
            lengths: `(batch,)` int64, samples of each signal.

        Returns:
            `(batch, frames, bins)` and the frames of each signal.
        """


class ClipNetwork(nn.Module):
    """A network that gives one vector of logits for each clip.

    On the command line its arguments `classes`, `feature_bins` and `feature_frames` follow from data and front end.

    Attributes:
        classes: logits of a clip.
        bins: of each frame of features.
        frames: that every clip must have; None: clips of any length, whose logits do not depend on the padding.
    """

    classes: int
    bins: int
    frames: int | None = None

    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logits of each clip.

        Args:
            features: `(batch, frames, bins)`, zeros behind each clip's end.
            lengths: `(batch,)` int64, frames of each clip.

        Returns:
            `(batch, classes)`, before any softmax.
        """


class SequenceNetwork(nn.Module):
    """A network that gives a sequence of logits for each utterance, at its own frame rate.

    On the command line its arguments `symbols` and `feature_bins` follow from data and front end.

    Attributes:
        symbols: logits of a frame, the blank (0) among them.
        bins: of each frame of features.
        stride: frames of features from one frame of logits to the next.
        offset: the frame of features that the first logits are centred on.
    """

    symbols: int
    bins: int
    stride: int = 1
    offset: int = 0

    @abstractmethod
    def lengths(self, frames: Tensor) -> Tensor:
        """Frames of logits, at least 0, of utterances of so many frames of features; both `(batch,)` int64."""

    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor) -> Sequences:
        """Logits of each frame, which do not depend on the padding.

        Args:
            features: `(batch, frames, bins)`, zeros behind each utterance's end.
            lengths: `(batch,)` int64, frames of each utterance.

        Returns:
            `(batch, frames, symbols)`, before any softmax, and the frames of each utterance.
        """
