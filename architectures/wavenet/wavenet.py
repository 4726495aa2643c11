"""WaveNet for the transcription of pitch: gated dilated convolutions on the raw waveform.

A. van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016, arXiv:1609.03499; for the transcription of
music L. S. Martak, M. Sajgalik and W. Benesova, "Polyphonic Note Transcription of Time-Domain Audio Signal with Deep
WaveNet Architecture", IWSSIP 2018. The variants are those of the melody-extraction replication that the catalogue
follows.

Unlike in the paper, convolutions are not causal: they read samples on both sides, even those of two taps.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from typing_extensions import override

from architectures.base import FrameNetwork
from architectures.layers import GlorotLinear, check_positive, standardise_windows
from architectures.wavenet.output import AveragePool, Convolution, OutputLayer, Places
from architectures.wavenet.parts import Crop, InitialConvolution, Skips
from architectures.wavenet.stack import DilatedStack, dilations_up_to


class WaveNet(FrameNetwork):
    """A stack of dilated convolutions, a list of layers down to one step a frame and, if necessary, a dense layer.

    The window is standardised and passes the stack (DilatedStack), ReLU, dropout and the layers of `postprocessing`. If
    the result has as many steps as there are frames and `width` channels, these are the logits, and the positions of
    the steps are checked against those of the frames. Otherwise ReLU and a dense layer over all steps and channels
    follow.

    The number of parameters is that of the stack, plus `(kernel before + 1) filters` of each convolution after it, plus
    `(steps channels + 1) frames width` of the dense layer if there is one.

    Args:
        width: logits per frame, the bins of the pitch grid.
        hop: samples between label frames; that of the data.
        frames: label frames of one excerpt.
        context: samples on each side of the `frames * hop` in the middle, `window = frames * hop + 2 * context`; None:
            the receptive field of the stack.
        channels: of the gated units and the residual connections.
        skip_channels: of each skip connection.
        kernel: taps of the dilated convolutions.
        max_dilation: a power of two; a stack has the dilations 1, 2, 4, ... up to it.
        stacks: how many, in series.
        initial: a convolution before the first; None: there is none.
        skips: how the skip connections are joined; None: Sum.
        crop: the context that is kept from layer to layer; None: CropContext.
        residual_dropout: probability that a value of a residual is dropped, before it is added.
        skip_dropout: probability that a value is dropped before the postprocessing.
        bias: whether the convolutions of the dilated layers have one.
        postprocessing: layers from stack to logits; None: the mean over each hop and a convolution over five of these,
            `[AveragePool(hop), Convolution(width, 5)]`.

    Raises:
        ValueError: a value is out of range, or the outputs are not centred on the frames; the message names which.
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
            channels,
            skip_channels,
            kernel=kernel,
            dilations=dilations,
            context=context,
            initial=initial,
            skips=skips,
            crop=crop,
            dropout=residual_dropout,
            bias=bias,
        )
        self.hop, self.frames, self.width = hop, frames, width
        self.window = frames * hop + 2 * self.stack.context
        self.rectifier, self.dropout = nn.ReLU(), nn.Dropout(skip_dropout)
        if postprocessing is None:
            postprocessing = [AveragePool(hop), Convolution(width, 5)]
        before, after = self.stack.margins
        places = Places(frames * hop + before + after, first=self.stack.context - before, spacing=1)
        channels = self.stack.channels
        self.postprocessing = nn.Sequential()
        for layer in postprocessing:
            self.postprocessing.append(layer.module(channels))
            channels, places = layer.channels(channels), layer.places(places)
        self.readout: nn.Module
        if (places.steps, channels) == (frames, width):
            self.check_places(places, hop)
            self.readout = StepReadout()
        else:
            self.readout = DenseReadout(channels * places.steps, frames, width)

    def check_places(self, places: Places, hop: int) -> None:
        """Refuse steps that are not centred on the label frames, whose middle is that of the window.

        Raises:
            ValueError: they are not; the message says by how much.
        """
        if self.frames > 1 and places.spacing != hop:
            raise ValueError(
                f"postprocessing: its steps are {places.spacing} samples apart, the label frames {hop}; "
                f"let the product of all strides be {hop}"
            )
        off = places.first - (self.window // 2 - (self.frames - 1) * hop // 2)
        # If the window is not a multiple of the stride, they are off by a few samples.
        if abs(off) > places.unevenness + max(1.0, hop / 10):
            raise ValueError(
                f"postprocessing: its steps are centred {off:+.1f} samples off the label frames; "
                "crop the context, or use the padding Centred where a kernel is shorter than its stride"
            )

    @override
    def forward(self, audio: Tensor) -> Tensor:
        skips = self.stack(standardise_windows(audio).unsqueeze(1))
        logits: Tensor = self.readout(self.postprocessing(self.dropout(self.rectifier(skips))))
        return logits


class StepReadout(nn.Module):
    """Steps as frames and channels as bins: `(batch, width, frames)` to `(batch, frames, width)`."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        return input.transpose(1, 2)


class DenseReadout(nn.Module):
    """ReLU and a dense layer over all steps and channels: `(batch, channels, steps)` to `(batch, frames, width)`.

    Parameters: `(features + 1) frames width`.
    """

    def __init__(self, features: int, frames: int, width: int) -> None:
        super().__init__()
        self.frames, self.width = frames, width
        self.classifier = GlorotLinear(features, frames * width)

    @override
    def forward(self, input: Tensor) -> Tensor:
        logits: Tensor = self.classifier(input.relu().flatten(1))
        return logits.view(-1, self.frames, self.width)
