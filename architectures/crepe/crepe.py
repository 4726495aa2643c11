"""CREPE: six convolutions on the raw waveform and a dense layer over pitch bins.

J. W. Kim, J. Salamon, P. Li and J. P. Bello, "CREPE: A Convolutional Representation for Pitch Estimation",
ICASSP 2018.

Differences from the paper, those of the melody-extraction replication that the catalogue follows:
- convolution, normalisation, ReLU, pooling, dropout in this order (the paper's code: ReLU before normalisation);
- convolutions have no bias, since a normalisation follows each;
- one excerpt may carry several label frames, and the excerpt may be of any length.

The paper's own order is that of `KimCREPE`.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures.base import FrameNetwork, FrameOutput
from architectures.crepe.parts import (
    FIRST_KERNEL,
    FIRST_STRIDE,
    KERNEL,
    CREPEBlock,
    FirstLayer,
    PlainBlock,
    SingleResolution,
    normalised_convolution,
)
from architectures.layers import GlorotLinear, check_positive, same_padding, standardise_windows

CHANNELS = (4, 4, 4, 8, 16)  # of the second to sixth layer, for each unit of capacity
HALVINGS = 6


class CREPE(FrameNetwork):
    """The six-layer CREPE with a capacity multiplier.

    The number of parameters is `20480 c² + (16520 + 16 T frames width) c + frames width`, where c is the capacity and
    T the steps left of the window after the first layer and six halvings (4 for 1024 samples). With other parts, where
    each of n branches has b filters, it is:

    - MultiResolution:
      `12288 c² + (72 + 256 n b + 16 T frames width) c + b (1024 - 2**(10 - n)) + 2 n b + frames width`;
    - VariableStride: the paper's formula, with T = 11 of 720 outputs of the first layer;
    - ResidualBlock (with SingleResolution): `44320 c² + (16620 + 16 T frames width) c + frames width`.

    Args:
        width: logits per frame, the bins of the pitch grid.
        window: samples of one excerpt, at least 253, so that one step is left; 1024 (64 ms at 16 kHz) in the paper.
        capacity: multiplier of all channels; 4 is the published `tiny`, 32 the published `full`.
        frames: label frames of one excerpt.
        dropout: probability that an output of a block is dropped.
        first: the first layer; None: SingleResolution, the paper's.
        block: the other five; None: PlainBlock, the paper's.

    Raises:
        ValueError: the window is too short or a size is not positive.
    """

    def __init__(
        self,
        width: int,
        window: int = 1024,
        capacity: int = 4,
        frames: int = 1,
        dropout: float = 0.25,
        first: FirstLayer | None = None,
        block: CREPEBlock | None = None,
    ) -> None:
        super().__init__()
        check_positive(width=width, capacity=capacity, frames=frames)
        first, block = first or SingleResolution(), block or PlainBlock()
        steps = first.steps(window) // 2**HALVINGS
        if steps < 1:
            raise ValueError(f"window: {window} samples leave nothing after six halvings; use at least 253")
        self.window, self.frames, self.width = window, frames, width
        channels = [first.channels(capacity), *(multiple * capacity for multiple in CHANNELS)]
        parts = [first.layers(capacity), *(block.layers(before, after) for before, after in pairwise(channels))]
        self.blocks = nn.Sequential(*(nn.Sequential(*part, nn.MaxPool1d(2), nn.Dropout(dropout)) for part in parts))
        self.classifier = GlorotLinear(channels[-1] * steps, frames * width)

    @override
    def forward(self, audio: Tensor) -> Tensor:
        return self.classify(self.encode(standardise_windows(audio)))

    def encode(self, standardised: Tensor) -> Tensor:
        """Output of the six layers for standardised windows: `(batch, window)` to `(batch, 16 c, T)`."""
        features: Tensor = self.blocks(standardised.unsqueeze(1))
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Logits `(batch, frames, width)` of the output of `encode`."""
        logits: Tensor = self.classifier(features.flatten(1))
        return logits.view(-1, self.frames, self.width)


class ReconstructingCREPE(FrameNetwork):
    """An auto-encoder of the window whose encoder is CREPE and whose code also gives the pitch.

    Its `reconstruction` is to be compared with `architectures.layers.standardise_windows(audio)`.

    Of the replication's experiment only the idea is known ("bottleneck"; less confident outputs, a regulariser). The
    decoder is ours and mirrors CREPE: six times an upsampling by two, a convolution of 64 taps, normalisation and ReLU,
    with the channels `(16, 8, 4, 4, 4, 32) c`; then a transposed convolution of 512 taps with stride 4. It has no
    dropout, and `36864 c² + 16520 c` parameters.

    The arguments are those of CREPE; `first` must have an output every 4 samples.

    Raises:
        ValueError: as CREPE, or the outputs of the first layer are not 4 samples apart.
    """

    def __init__(
        self,
        width: int,
        window: int = 1024,
        capacity: int = 4,
        frames: int = 1,
        dropout: float = 0.25,
        first: FirstLayer | None = None,
        block: CREPEBlock | None = None,
    ) -> None:
        super().__init__()
        if first is not None and first.steps(window) != -(-window // FIRST_STRIDE):
            raise ValueError(f"first: the outputs of {type(first).__name__} are not {FIRST_STRIDE} samples apart")
        self.window, self.frames, self.width = window, frames, width
        self.crepe = CREPE(
            width, window=window, capacity=capacity, frames=frames, dropout=dropout, first=first, block=block
        )
        self.decoder = WaveformDecoder(window, capacity)

    @override
    def forward(self, audio: Tensor) -> FrameOutput:
        features = self.crepe.encode(standardise_windows(audio))
        return FrameOutput(self.crepe.classify(features), reconstruction=self.decoder(features))


class WaveformDecoder(nn.Module):
    """The mirror of CREPE's six layers, from `(batch, 16 c, T)` to the standardised window `(batch, window)`.

    Args:
        window: of CREPE.
        capacity: of CREPE.
    """

    def __init__(self, window: int, capacity: int) -> None:
        super().__init__()
        steps = [-(-window // FIRST_STRIDE) >> halvings for halvings in range(HALVINGS)]
        channels = [multiple * capacity for multiple in (CHANNELS[-1], *reversed(CHANNELS), 32)]
        self.blocks = nn.Sequential(
            *(
                # The lengths are those of the encoder, because upsampling by two would lose the odd ones.
                nn.Sequential(nn.Upsample(length), *normalised_convolution(before, after, KERNEL), nn.ReLU())
                for length, (before, after) in zip(reversed(steps), pairwise(channels), strict=True)
            )
        )
        # Without bias: a standardised window has mean 0.
        self.waveform = nn.ConvTranspose1d(channels[-1], 1, FIRST_KERNEL, FIRST_STRIDE, bias=False)
        nn.init.xavier_uniform_(self.waveform.weight)
        self.window = window

    @override
    def forward(self, features: Tensor) -> Tensor:
        padded: Tensor = self.waveform(self.blocks(features)).squeeze(1)
        # The adjoint of padding is cropping.
        left, right = same_padding(self.window, FIRST_KERNEL, FIRST_STRIDE)
        return functional.pad(padded, (-left, -right))
