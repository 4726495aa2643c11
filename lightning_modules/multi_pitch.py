"""Several pitches in each frame: a salience over pitch bins, decoded to all pitches that sound."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from typing_extensions import override

from architectures import FrameNetwork
from datamodules.batches import PitchBatch
from lightning_modules.decoding import MultiPitchDecoder
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.losses.salience import PitchLoss
from lightning_modules.melody import SalienceTracker
from lightning_modules.metrics import MULTI_PITCH_METRICS, MultiPitchMetrics, TrackCounter
from lightning_modules.outputs import MultiPitchOutput
from lightning_modules.pitch_grid import PitchGrid
from lightning_modules.tracks import ScoredTrack


class MultiPitchTracker(SalienceTracker):
    """Learns a salience over the pitch grid and scores all pitches of each frame as mir_eval.multipitch does.

    The data may have one voice or several. The steps return `outputs.MultiPitchTrackOutput`; callbacks that are for one
    pitch in each frame refuse it. Logged as `val/<set>/...` or `test/<set>/...`: `MULTI_PITCH_METRICS`, per track and
    averaged, `loss` (with the weights of the first step, so that validations compare) and the `salience_threshold` in
    force; as `train/...`: `loss`. `forward` gives the salience `(batch, frames, bins)`, 0 to 1.

    Args:
        network: from audio or spectrograms to logits, whose width must be the grid's number of bins.
        grid: the pitch of each bin.
        loss: compares logits with f0, and turns logits into a salience; one that takes several pitches, as SalienceBCE.
        decoder: from the salience of a whole track to pitches and their confidence.
        salience_threshold: a pitch sounds if its confidence is greater; one of 0, 0.01 ... 0.99. None tunes it for each
            validation set while fitting (the best accuracy) and keeps it with the weights.

    Raises:
        ValueError: network and grid do not agree, or another argument does not fit; the message names it.
    """

    metric_names = MULTI_PITCH_METRICS
    threshold_name = "salience_threshold"

    def __init__(
        self,
        network: FrameNetwork,
        grid: PitchGrid,
        loss: PitchLoss,
        decoder: MultiPitchDecoder,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        salience_threshold: float | None = None,
        penalty: L2Penalty | None = None,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(
            network,
            grid,
            loss,
            optimizer=optimizer,
            scheduler=scheduler,
            threshold=salience_threshold,
            penalty=penalty,
            augment=augment,
        )
        self.decoder = decoder

    @override
    def counter(self, tracks: int) -> TrackCounter:
        return MultiPitchMetrics(tracks)

    @override
    def truth(self, batch: PitchBatch) -> Tensor:
        return batch.f0 if batch.f0.ndim == 3 else batch.f0[..., None]

    @override
    def score(self, logits: Mapping[str, Tensor], f0: Tensor) -> ScoredTrack:
        valid = torch.ones(1, len(f0), dtype=torch.bool, device=f0.device)
        loss = self.loss(logits["pitch"][None], f0[None], valid, self.grid)
        salience = self.loss.salience(logits["pitch"])
        decoded = self.decoder(salience, self.grid)
        output: MultiPitchOutput = {
            "pitches": decoded.f0.float().cpu().numpy(),
            "salience": salience.half().cpu().numpy(),
            "notes": self.grid.notes().float().cpu().numpy(),
        }
        return ScoredTrack(loss, decoded.f0, decoded.confidence, output)
