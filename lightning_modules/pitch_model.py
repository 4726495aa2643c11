"""A pitch tracker without its training: what turns audio into f0. It is loaded without Lightning."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from architectures import FrameNetwork, FrameOutput
from lightning_modules.decoding.pitch.peaks import DecodedPitch, PitchDecoder
from lightning_modules.losses.salience import PitchLoss
from lightning_modules.pitch_grid import PitchGrid
from lightning_modules.voicing_thresholds import VoicingThresholds


class PitchModel(nn.Module):
    """The parts of a MelodyTracker that are used after training.

    Args:
        network: from audio or spectrograms to logits, whose width must be the grid's number of bins.
        grid: the pitch of each bin.
        loss: turns logits into a salience.
        decoder: from the salience of a track to f0 and confidence.
        voicing_threshold: a frame is voiced if its confidence is greater; one of 0, 0.01 ... 0.99.

    Raises:
        ValueError: network and grid do not agree, or the threshold is another.
    """

    def __init__(
        self, network: FrameNetwork, grid: PitchGrid, loss: PitchLoss, decoder: PitchDecoder, voicing_threshold: float
    ) -> None:
        super().__init__()
        if network.width != grid.bins:
            raise ValueError(f"network.width: {network.width}, but the pitch grid has {grid.bins} bins")
        self.network, self.grid, self.loss, self.decoder = network, grid, loss, decoder
        self.voicing_threshold = VoicingThresholds(voicing_threshold).frozen("").value

    def decode(self, logits: Tensor | FrameOutput) -> DecodedPitch:
        """f0 and confidence of a whole track, or of a run of its frames if the decoder is frame-wise.

        Args:
            logits: `(frames, bins)`, or all outputs of the network, of the frames in order.
        """
        return decode(logits, self.loss, self.decoder, self.grid)


def decode(logits: Tensor | FrameOutput, loss: PitchLoss, decoder: PitchDecoder, grid: PitchGrid) -> DecodedPitch:
    """f0 and confidence, which is the decoder's or, if there is a voicing output, the sigmoid of its logit.

    Args:
        logits: `(frames, bins)`, or all outputs of a network, of frames in order.
        loss: turns logits into a salience.
        decoder: from salience to f0.
        grid: the pitch of each bin.
    """
    output = logits if isinstance(logits, FrameOutput) else FrameOutput(logits)
    decoded = decoder(loss.salience(output.pitch), grid)
    if output.voicing is None:
        return decoded
    return decoded._replace(confidence=torch.sigmoid(output.voicing.float()))
