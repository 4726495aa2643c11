"""CREPE: six convolutions on the raw waveform and a dense layer over pitch bins.

J. W. Kim, J. Salamon, P. Li and J. P. Bello, "CREPE: A Convolutional Representation for Pitch Estimation",
ICASSP 2018.

Differences from the paper, those of the melody-extraction replication that the catalogue follows:
- convolution, normalisation, ReLU, pooling, dropout in this order (the paper's code: ReLU before normalisation);
- convolutions have no bias, since a normalisation follows each;
- one excerpt may carry several label frames, and the excerpt may be of any length.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from architectures.base import FrameNetwork
from architectures.layers import GlorotLinear, SameConv1d, standardise_windows, tf_batch_norm


class CREPE(FrameNetwork):
    """The six-layer CREPE with a capacity multiplier.

    The number of parameters is `20480 c² + (16520 + 16 T frames width) c + frames width`, where c is the capacity and
    T the frames left of the window after the stride of 4 and six halvings (2 for 1024 samples).

    Args:
        width: logits per frame, the bins of the pitch grid.
        window: samples of one excerpt; 1024 (64 ms at 16 kHz) in the paper. At least 253, so that one frame is left.
        capacity: multiplier of all channels; 4 is the published `tiny`, 32 the published `full`.
        frames: label frames of one excerpt.
        dropout: probability that an output of a block is dropped.

    Raises:
        ValueError: the window is too short or a size is not positive.
    """

    def __init__(
        self, width: int, window: int = 1024, capacity: int = 4, frames: int = 1, dropout: float = 0.25
    ) -> None:
        super().__init__()
        steps = -(-window // 4) // 2**6
        if steps < 1:
            raise ValueError(f"window: {window} samples leave nothing after six halvings; use at least 253")
        if min(width, capacity, frames) < 1:
            raise ValueError(f"width, capacity and frames must be positive: got {width}, {capacity} and {frames}")
        self.window, self.frames, self.width = window, frames, width
        channels = [1, *(multiple * capacity for multiple in (32, 4, 4, 4, 8, 16))]
        kernels, strides = [512, 64, 64, 64, 64, 64], [4, 1, 1, 1, 1, 1]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    SameConv1d(before, after, kernel, stride, bias=False),
                    tf_batch_norm(after),
                    nn.ReLU(),
                    nn.MaxPool1d(2),
                    nn.Dropout(dropout),
                )
                for (before, after), kernel, stride in zip(pairwise(channels), kernels, strides, strict=True)
            )
        )
        self.classifier = GlorotLinear(channels[-1] * steps, frames * width)

    def forward(self, audio: Tensor) -> Tensor:
        """Logits `(batch, frames, width)` of excerpts `(batch, window)`, float, full scale at 1."""
        features = self.blocks(standardise_windows(audio).unsqueeze(1))
        logits: Tensor = self.classifier(features.flatten(1))
        return logits.view(-1, self.frames, self.width)
