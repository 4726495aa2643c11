"""What a LightningModule needs to know of a network, by family."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class FrameNetwork(nn.Module):
    """A network that gives one vector of logits for each annotation frame of an excerpt of audio.

    Attributes:
        window: samples of one input excerpt. The excerpt is centred: its middle sample `window // 2` stands at the
            middle of the label frames that it covers.
        frames: label frames that one excerpt is given logits for.
        width: logits per frame (bins of the pitch grid).
    """

    window: int
    frames: int
    width: int

    @abstractmethod
    def forward(self, audio: Tensor) -> Tensor:
        """Logits of each frame.

        Args:
            audio: `(batch, window)` float, full scale at 1.

        Returns:
            `(batch, frames, width)` logits, before any sigmoid or softmax.
        """
