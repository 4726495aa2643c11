"""A small convolutional network for keywords, on mel spectrograms.

After the MEL notebooks of the FinalProjectAIDL project (Speech Commands, 2021): M1, M2 and M3 are the same network
with dropout in different layers.
"""

from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import override

from architectures.base import ClipNetwork
from architectures.layers import check_features, check_positive, check_probability

LEAST = 17  # frames or bins of which both blocks leave one


class MelCNN(ClipNetwork):
    """Two blocks of convolution, ReLU and pooling by three, and three dense layers.

    The second block has `F = 16 h(frames) h(bins)` outputs with `h(n) = ((n - 2) // 3 - 2) // 3`: 1,664 for 81 frames
    of 128 bins (464,899 parameters with 35 classes), 624 for 41 of 128, 480 for 101 of 40. Parameters:
    `256 F + 34,400 + 129 classes`.

    Args:
        classes: logits of a clip.
        feature_bins: of each frame of features; at least 17.
        feature_frames: of every clip; at least 17.
        first_block_dropout: probability that an output of the first block is dropped.
        second_block_dropout: the same for the second block.
        first_dense_dropout: the same for the first dense layer.
        second_dense_dropout: the same for the second dense layer.

    Raises:
        ValueError: a size is too small or a probability out of range; the message names it.
    """

    frames: int

    def __init__(
        self,
        classes: int,
        feature_bins: int,
        feature_frames: int,
        first_block_dropout: float = 0.0,
        second_block_dropout: float = 0.3,
        first_dense_dropout: float = 0.3,
        second_dense_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_positive(classes=classes)
        for name, size in {"feature_bins": feature_bins, "feature_frames": feature_frames}.items():
            if size < LEAST:
                raise ValueError(f"{name}: {size}, at least {LEAST} are needed")
        check_probability(
            first_block_dropout=first_block_dropout,
            second_block_dropout=second_block_dropout,
            first_dense_dropout=first_dense_dropout,
            second_dense_dropout=second_dense_dropout,
        )
        self.classes, self.bins, self.frames = classes, feature_bins, feature_frames
        self.convolutions = nn.Sequential(
            *_block(1, 8, first_block_dropout), *_block(8, 16, second_block_dropout), nn.Flatten()
        )
        values = 16 * _blocks(feature_frames) * _blocks(feature_bins)
        self.dense = nn.Sequential(
            *(nn.Linear(values, 256), nn.ReLU(), nn.Dropout(first_dense_dropout)),
            *(nn.Linear(256, 128), nn.ReLU(), nn.Dropout(second_dense_dropout)),
            nn.Linear(128, classes),
        )

    @override
    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        check_features(features, self.bins, self.frames)
        logits: Tensor = self.dense(self.convolutions(features.unsqueeze(1)))
        return logits


def _block(before: int, after: int, dropout: float) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3), nn.ReLU(), nn.MaxPool2d(3), nn.Dropout(dropout)]


def _blocks(size: int) -> int:
    """Frames or bins that both blocks leave of so many."""
    for _ in range(2):
        size = (size - 2) // 3
    return size
