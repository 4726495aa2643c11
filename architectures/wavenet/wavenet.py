"""WaveNet for the transcription of pitch: gated dilated convolutions on the raw waveform.

A. van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016, arXiv:1609.03499; for the transcription of
music L. S. Martak, M. Sajgalik and W. Benesova, "Polyphonic Note Transcription of Time-Domain Audio Signal with Deep
WaveNet Architecture", IWSSIP 2018. The variants are those of the melody-extraction replication that the catalogue
follows.

Convolutions look to both sides, also those of two taps: nothing here is causal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from torch import Tensor, nn

from architectures.base import FrameNetwork
from architectures.layers import GlorotLinear, check_positive, standardise_windows
from architectures.wavenet.output import AveragePool, Convolution, OutputLayer, Places
from architectures.wavenet.parts import (
    Crop,
    CropContext,
    Cut,
    FusedConv1d,
    GatedLayer,
    InitialConvolution,
    Reach,
    Skips,
    Sum,
    plan_margins,
    trimmed,
)


class WaveNet(FrameNetwork):
    """A stack of dilated convolutions, a list of layers down to one step a frame and, if need be, a dense layer.

    The window is standardised and passes the stack (see DilatedStack); ReLU, dropout and the layers of `postprocessing`
    follow. If these give as many steps as there are frames and as many channels as `width`, these are the logits, and
    their places are checked against those of the frames. Otherwise ReLU and a dense layer over all steps and channels
    give the logits; no other argument decides this.

    The number of parameters is that of the stack, plus `(kernel before + 1) filters` of each convolution behind it,
    plus `(steps channels + 1) frames width` of the dense layer if there is one.

    Args:
        width: logits per frame, the bins of the pitch grid.
        hop: samples between label frames; that of the data.
        frames: label frames of one excerpt.
        context: samples on each side of the `frames * hop` in the middle, `window = frames * hop + 2 * context`; None:
            as many as the outputs of the stack depend on.
        channels: of the gated units and the residual connections.
        skip_channels: of each skip connection.
        kernel: taps of the dilated convolutions.
        max_dilation: a power of two; a stack has the dilations 1, 2, 4, ... up to it.
        stacks: one behind the other.
        initial: a convolution before the first; None: there is none.
        skips: what becomes of the skip connections; None: Sum.
        crop: what becomes of the context; None: CropContext.
        residual_dropout: probability that a value of a residual is dropped, before it is added.
        skip_dropout: probability that a value is dropped before the postprocessing.
        bias: whether the convolutions of the dilated layers have one.
        postprocessing: layers between stack and logits; None: the mean over each hop and a convolution over five of
            them, `[AveragePool(hop), Convolution(width, 5)]`.

    Raises:
        ValueError: a value is out of range, or the outputs would not stand at the frames; the message names which.
    """

    def __init__(
        self,
        width: int,
        hop: int = 160,
        frames: int = 5,
        context: int | None = None,
        channels: int = 16,
        skip_channels: int = 16,
        kernel: int = 3,
        max_dilation: int = 512,
        stacks: int = 1,
        initial: InitialConvolution | None = None,
        skips: Skips | None = None,
        crop: Crop | None = None,
        residual_dropout: float = 0.0,
        skip_dropout: float = 0.0,
        bias: bool = True,
        postprocessing: Sequence[OutputLayer] | None = None,
    ) -> None:
        super().__init__()
        check_positive(width=width, hop=hop, frames=frames, stacks=stacks)
        dilations = dilations_up_to(max_dilation) * stacks
        self.stack = DilatedStack(
            channels, skip_channels, kernel, dilations, context, initial, skips, crop, residual_dropout, bias
        )
        self.hop, self.frames, self.width = hop, frames, width
        self.window = frames * hop + 2 * self.stack.context
        self.rectifier, self.dropout = nn.ReLU(), nn.Dropout(skip_dropout)
        if postprocessing is None:
            postprocessing = [AveragePool(hop), Convolution(width, 5)]
        before, after = self.stack.margins
        places = Places(frames * hop + before + after, self.stack.context - before, 1)
        channels = self.stack.channels
        self.postprocessing = nn.Sequential()
        for layer in postprocessing:
            self.postprocessing.append(layer.module(channels))
            channels, places = layer.channels(channels), layer.places(places)
        self.readout: nn.Module
        if (places.steps, channels) == (frames, width):
            _check_places(places, self.window // 2, hop, frames)
            self.readout = StepReadout()
        else:
            self.readout = DenseReadout(channels * places.steps, frames, width)

    def forward(self, audio: Tensor) -> Tensor:
        """Logits `(batch, frames, width)` of excerpts `(batch, window)`, float, full scale at 1."""
        skips = self.stack(standardise_windows(audio).unsqueeze(1))
        logits: Tensor = self.readout(self.postprocessing(self.dropout(self.rectifier(skips))))
        return logits


class DilatedStack(nn.Module):
    """Dilated layers in a row, each of which reads the sum of its predecessor's residual and input.

    Takes `(batch, 1, n + 2 context)` and gives `(batch, skip channels, n)`, or more where a Crop keeps context. Each
    layer computes only what later layers and the result need.

    The number of parameters with bias is `(initial kernel + 1) channels`, and for each layer `2 (kernel before + 1)
    channels`, where `before` is `channels` or, in the first layer if there is no initial convolution, 1; plus
    `(channels + 1) skip channels` for each layer whose skip connection is used, and `(channels + 1) channels` for each
    layer but the last.

    Args:
        channels: see WaveNet.
        skip_channels: see WaveNet.
        kernel: see WaveNet.
        dilations: samples between the taps, of each layer.
        context: see WaveNet.
        initial: see WaveNet.
        skips: see WaveNet.
        crop: see WaveNet.
        dropout: see WaveNet's `residual_dropout`.
        bias: see WaveNet.

    Attributes:
        reach: samples to the left and right that an output depends on.
        context: samples on each side of those that outputs are for.
        margins: samples of these on the left and right that are still there behind the last layer.
        channels: of the output.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    def __init__(
        self,
        channels: int,
        skip_channels: int,
        kernel: int,
        dilations: Sequence[int],
        context: int | None = None,
        initial: InitialConvolution | None = None,
        skips: Skips | None = None,
        crop: Crop | None = None,
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_positive(channels=channels, skip_channels=skip_channels, kernel=kernel)
        self.skips, crop = skips or Sum(), crop or CropContext()
        self.channels = self.skips.channels(skip_channels, len(dilations))
        convolutions = [Reach.of(kernel, dilation) for dilation in dilations]
        if initial is not None:
            convolutions.insert(0, Reach.of(initial.kernel, padding=initial.padding))
        self.reach = sum(each.sides[0] for each in convolutions), sum(each.sides[1] for each in convolutions)
        self.context = max(self.reach) if context is None else context
        margins = plan_margins(convolutions, self.context, crop)
        cuts = [
            Cut.between(each, *pair, margins[-1]) for each, pair in zip(convolutions, pairwise(margins), strict=True)
        ]
        self.unread = self.context - margins[0][0], self.context - margins[0][1]
        self.margins = margins[-1]
        before = 1
        self.initial: nn.Module = nn.Identity()
        if initial is not None:
            self.initial = FusedConv1d(1, (channels,), initial.kernel, zeros=cuts.pop(0).zeros)
            before = channels
        self.cuts = cuts
        self.layers = nn.ModuleList()
        for number, (dilation, cut) in enumerate(zip(dilations, cuts, strict=True)):
            skip = skip_channels if self.skips.taken(number, len(dilations)) else 0
            residual = channels if number < len(dilations) - 1 else 0
            self.layers.append(GatedLayer(before, channels, skip, residual, kernel, dilation, cut.zeros, bias))
            before = channels
        self.dropout = nn.Dropout(dropout)

    def forward(self, audio: Tensor) -> Tensor:
        """Join the skip connections of `(batch, 1, samples)`."""
        return self.skips.join(self._each_skip(trimmed(audio, self.unread)))

    def _each_skip(self, audio: Tensor) -> Iterator[Tensor]:
        signal = self.initial(audio)
        for layer, cut in zip(self.layers, self.cuts, strict=True):
            skip, residual = layer(signal)
            yield trimmed(skip, cut.beyond)
            if layer is not self.layers[-1]:
                signal = trimmed(signal, cut.dropped) + self.dropout(residual)


class StepReadout(nn.Module):
    """Steps as frames and channels as bins."""

    def forward(self, input: Tensor) -> Tensor:
        """`(batch, width, frames)` to `(batch, frames, width)`."""
        return input.transpose(1, 2)


class DenseReadout(nn.Module):
    """ReLU and a dense layer over all steps and channels. Parameters: `(features + 1) frames width`."""

    def __init__(self, features: int, frames: int, width: int) -> None:
        super().__init__()
        self.frames, self.width = frames, width
        self.classifier = GlorotLinear(features, frames * width)

    def forward(self, input: Tensor) -> Tensor:
        """`(batch, channels, steps)` to `(batch, frames, width)`."""
        logits: Tensor = self.classifier(input.relu().flatten(1))
        return logits.view(-1, self.frames, self.width)


def dilations_up_to(greatest: int) -> list[int]:
    """1, 2, 4, ... up to a power of two.

    Raises:
        ValueError: it is none.
    """
    if greatest < 1 or greatest & (greatest - 1):
        raise ValueError(f"max_dilation: {greatest} is not a power of two")
    return [1 << power for power in range(greatest.bit_length())]


def _check_places(places: Places, middle: int, hop: int, frames: int) -> None:
    """Refuse steps that do not stand at the label frames, whose middle is that of the window."""
    if frames > 1 and places.spacing != hop:
        raise ValueError(
            f"postprocessing: its steps are {places.spacing} samples apart, the label frames {hop}; "
            f"let the product of all strides be {hop}"
        )
    off = places.first - (middle - (frames - 1) * hop // 2)
    # A window that is not a multiple of the stride moves them by a few samples.
    if abs(off) > places.unevenness + max(1.0, hop / 10):
        raise ValueError(
            f"postprocessing: its steps are centred {off:+.1f} samples off the label frames; "
            "crop the context, or use the padding Centred where a kernel is shorter than its stride"
        )
