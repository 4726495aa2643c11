"""Voicing detection: whether there is a melody in a frame, whatever its pitch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from typing_extensions import override

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

    The steps return `outputs.TrackOutput`, whose confidence is the sigmoid of the logit; callbacks that write or draw
    f0 refuse a module without pitch. Logged as `val/<set>/...` or `test/<set>/...`: `voicing_recall`,
    `voicing_false_alarm`, `voicing_accuracy`, `loss` and `voicing_threshold`. `forward` gives probabilities
    `(batch, frames)`.

    Args:
        network: from spectrograms to logits.

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
        super().__init__(
            network,
            optimizer=optimizer,
            scheduler=scheduler,
            voicing_threshold=voicing_threshold,
            penalty=penalty,
            augment=augment,
        )

    @override
    def forward(self, spectrogram: Tensor) -> Tensor:
        return torch.sigmoid(self.network(spectrogram))

    @override
    def training_step(self, batch: PitchBatch, batch_index: int) -> Tensor:
        logits = self.network(self.training_input(batch))
        loss = voicing_loss(logits, batch.f0, batch.valid)
        return self.training_loss({"voicing": LossPart(loss)}, len(batch.signal))

    @override
    def frame_logits(self, batch: PitchBatch) -> dict[str, Tensor]:
        logits: Tensor = self.network(network_input(batch, self.network))
        return {"voicing": logits.float()}

    @override
    def score(self, logits: Mapping[str, Tensor], f0: Tensor) -> ScoredTrack:
        voicing = logits["voicing"]
        loss = voicing_loss(voicing[None], f0[None], torch.ones_like(f0[None], dtype=torch.bool))
        return ScoredTrack(loss, torch.ones_like(f0), torch.sigmoid(voicing))
