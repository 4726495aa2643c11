"""The contract between a network and the rest: what each family of networks takes, gives and states of itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn
from typing_extensions import override


class FrameOutput(NamedTuple):
    """The outputs of a network that has others besides pitch.

    Attributes:
        pitch: `(batch, frames, width)` logits.
        voicing: `(batch, frames)` logits that the frame is voiced; None: no such output.
        reconstruction: `(batch, window)`, the standardised input again; None: no such output.
    """

    pitch: Tensor
    voicing: Tensor | None = None
    reconstruction: Tensor | None = None


class FrameNetwork(nn.Module):
    """A network that gives one vector of logits for each label frame of an excerpt of audio.

    On the command line the argument `width` follows from the pitch grid, and so do `lowest_note` and
    `bins_per_semitone` where a network has them. The data module cuts excerpts as the attributes say.

    Attributes:
        signal: what an excerpt consists of.
        window: length of an excerpt: samples of audio, or label frames of a spectrogram. Its middle `window // 2` is
            the middle of the label frames that it covers.
        frames: label frames that have logits.
        width: logits per frame (bins of the pitch grid).
        hop: samples between label frames; None: any.
        rate: samples per second; None: any.
    """

    signal: ClassVar[Literal["audio", "spectrogram"]] = "audio"
    window: int
    frames: int
    width: int
    hop: int | None = None
    rate: int | None = None

    @override
    @abstractmethod
    def forward(self, audio: Tensor) -> Tensor | FrameOutput:
        """Logits of each frame.

        Args:
            audio: `(batch, window)` float, full scale at 1.

        Returns:
            `(batch, frames, width)` logits, before any sigmoid or softmax, alone or with other outputs.
        """


class ConvolutionalNetwork(FrameNetwork):
    """A network of audio that is fully convolutional over time, without padding: it takes excerpts of any length.

    The logits of a frame depend only on the audio within the network's reach, never on where an excerpt begins or
    ends. `forward` takes `(batch, window_of(n))` for any number n of frames, at least 1, and gives those of n frames;
    `window` is `window_of(frames)`. A frame more is `hop` samples more.
    """

    hop: int

    @abstractmethod
    def window_of(self, frames: int) -> int:
        """Samples of a window of so many label frames; its middle `// 2` is the middle of these frames."""


class SpectrogramNetwork(FrameNetwork):
    """A network that reads spectrograms with frames of context on both sides: `window = frames + 2 * context`.

    Attributes:
        channels: of the spectrogram.
        bins: of each channel.
        context: label frames on each side of those that have logits.
        bins_per_semitone: of the spectrogram.
    """

    signal: ClassVar[Literal["audio", "spectrogram"]] = "spectrogram"
    channels: int
    bins: int
    context: int
    bins_per_semitone: int

    @override
    @abstractmethod
    def forward(self, spectrogram: Tensor) -> Tensor | FrameOutput:
        """Logits of each frame.

        Args:
            spectrogram: `(batch, channels, window, bins)` float, 0 to 1.

        Returns:
            `(batch, frames, width)` logits, before any sigmoid or softmax, alone or with other outputs.
        """


class VoicingNetwork(nn.Module):
    """A network that gives one logit for each label frame of an excerpt of a spectrogram, and no pitch.

    Attributes:
        signal: what an excerpt consists of.
        channels: of the spectrogram.
        bins: of each channel.
        frames: label frames that have logits.
        context: label frames on each side of those.
        window: `frames + 2 * context`.
        bins_per_semitone: of the spectrogram.
    """

    signal: ClassVar[Literal["audio", "spectrogram"]] = "spectrogram"
    channels: int
    bins: int
    frames: int
    context: int
    window: int
    bins_per_semitone: int

    @override
    @abstractmethod
    def forward(self, spectrogram: Tensor) -> Tensor:
        """Logits `(batch, frames)` that a frame is voiced.

        Args:
            spectrogram: `(batch, channels, window, bins)` float, 0 to 1.
        """


class Sequences(NamedTuple):
    """A padded batch of sequences.

    Attributes:
        values: `(batch, frames, width)`; features are 0 in the padding.
        lengths: `(batch,)` int64, frames of each.
    """

    values: Tensor
    lengths: Tensor


class FrontEnd(nn.Module):
    """Features of whole signals, which a network reads.

    Unless a class says otherwise, the features of a signal depend neither on the rest of the batch nor on its own
    padding. They are 0 in the padding.

    Attributes:
        rate: samples per second; None: the input is not audio.
        bins: of each frame.
    """

    rate: int | None
    bins: int

    @abstractmethod
    def frames(self, samples: int) -> int:
        """Frames of a signal of so many samples."""

    @override
    @abstractmethod
    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        """Features of a batch.

        Args:
            signal: `(batch, samples)` float, full scale at 1, zeros in the padding, unless the class says otherwise.
            lengths: `(batch,)` int64, samples of each signal.

        Returns:
            `(batch, frames, bins)` and the frames of each signal.
        """


class ClipNetwork(nn.Module):
    """A network that gives one vector of logits for each clip.

    On the command line the arguments `classes`, `feature_bins` and `feature_frames` follow from data and front end.

    Attributes:
        classes: logits of a clip.
        bins: of each frame of features.
        frames: that every clip must have; None: clips of any length, whose logits do not depend on the padding.
    """

    classes: int
    bins: int
    frames: int | None = None

    @override
    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logits of each clip.

        Args:
            features: `(batch, frames, bins)`, zeros in the padding.
            lengths: `(batch,)` int64, frames of each clip.

        Returns:
            `(batch, classes)`, before any softmax.

        Raises:
            ValueError: the features have other bins, or other frames than the network requires.
        """


class SequenceNetwork(nn.Module):
    """A network that gives a sequence of logits for each utterance, at its own frame rate.

    On the command line the arguments `symbols` and `feature_bins` follow from data and front end.

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

    @override
    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor) -> Sequences:
        """Logits of each frame, which do not depend on the padding.

        Args:
            features: `(batch, frames, bins)`, zeros in the padding.
            lengths: `(batch,)` int64, frames of each utterance.

        Returns:
            `(batch, frames, symbols)`, before any softmax, and the frames of each utterance.

        Raises:
            ValueError: the features have other bins.
        """
