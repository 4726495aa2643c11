"""Is there a melody in the frame at all? Learned and scored without its pitch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from architectures import VoicingNetwork
from datamodules.batches import PitchBatch
from lightning_modules.base import LossPart
from lightning_modules.inputs import network_input
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.losses.terms import voicing_loss
from lightning_modules.metrics import VOICING_METRICS
from lightning_modules.tracks import ScoredTrack, TrackModule


class VoicingDetector(TrackModule):
    """Learns whether each frame is voiced by the binary cross-entropy of one logit, a mean over the valid frames.

    The steps return `{"tracks": [...]}` with a dictionary for each track that the batch completes: `dataset`, `track`
    (names), `times` (s), `reference` (Hz, 0 where unvoiced; None in prediction without annotation), `confidence`
    (0 ... 1, the sigmoid of the logit), and in prediction `threshold`. Logged as `val/<set>/...` or `test/<set>/...`:
    `voicing_recall`, `voicing_false_alarm`, `voicing_accuracy`, `loss` and `voicing_threshold`.

    There is no pitch: callbacks that write or draw f0 have nothing to do here.

    Args:
        network: gives the logits.
        optimizer: see AudioModule.
        scheduler: see AudioModule.
        voicing_threshold: see TrackModule.
        penalty: see AudioModule.
        augment: see TrackModule.

    Raises:
        ValueError: an argument does not fit the network; the message names it.
    """

    network: VoicingNetwork
    metric_names = VOICING_METRICS

    def __init__(
        self,
        network: VoicingNetwork,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        voicing_threshold: float | None = None,
        penalty: L2Penalty | None = None,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(network, optimizer, scheduler, voicing_threshold, penalty, augment)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Probabilities `(batch, frames)` that a frame is voiced, of what the network takes."""
        return torch.sigmoid(self.network(spectrogram))

    def training_step(self, batch: PitchBatch, batch_index: int) -> Tensor:
        """The loss of a batch of windows."""
        logits = self.network(self.training_input(batch))
        loss = voicing_loss(logits, batch.f0, batch.valid)
        return self.training_loss({"voicing": LossPart(loss)}, len(batch.signal))

    def frame_logits(self, batch: PitchBatch) -> dict[str, Tensor]:
        """`voicing` `(batch, frames)`."""
        logits: Tensor = self.network(network_input(batch, self.network))
        return {"voicing": logits.float()}

    def score(self, logits: Mapping[str, Tensor], f0: Tensor) -> ScoredTrack:
        """Loss and confidence of a whole track."""
        voicing = logits["voicing"]
        loss = voicing_loss(voicing[None], f0[None], torch.ones_like(f0[None], dtype=torch.bool))
        return ScoredTrack(loss, torch.ones_like(f0), torch.sigmoid(voicing), {})
