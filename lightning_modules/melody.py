"""Melody extraction and pitch tracking: a salience over pitch bins for every frame, decoded to f0 and voicing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torchmetrics import MeanMetric

from architectures import FrameNetwork
from datamodules.batches import EvaluationSet, PitchBatch
from lightning_modules.base import AudioModule, full_scale
from lightning_modules.decoding import DecodedPitch, PitchDecoder
from lightning_modules.losses import PitchLoss
from lightning_modules.metrics import MelodyMetrics
from lightning_modules.pitch_grid import PitchGrid
from lightning_modules.voicing import VoicingThresholds


class _Part(NamedTuple):
    """A run of frames of the track that is being evaluated: logits `(frames, bins)` and f0 `(frames,)`."""

    logits: Tensor
    f0: Tensor


class _Scores:
    """What one named set has come to so far."""

    def __init__(self, evaluation: EvaluationSet, device: torch.device) -> None:
        self.evaluation = evaluation
        self.metrics = MelodyMetrics(len(evaluation.tracks)).to(device)
        self.loss = MeanMetric().set_dtype(torch.float64).to(device)
        self.track = -1
        self.parts: list[_Part] = []


class MelodyTracker(AudioModule):
    """Learns a salience over the pitch grid and scores its decoding as mir_eval does, per track and averaged.

    `validation_step` and `test_step` return `{"tracks": [...]}` with a dictionary for each track that the batch
    completes: `dataset`, `track` (names), `times` (s), `reference` (Hz, 0 where unvoiced), `pitch` (Hz, the best
    guess everywhere), `confidence` (0 ... 1), `salience` (frames, bins) and `notes` (bins,) (MIDI note of each bin).
    `predict_step` returns the same with `threshold`; there `reference` is None where a recording has no annotation.
    Logged as `val/<set>/...` or `test/<set>/...`: the metrics, `loss`, and the `voicing_threshold` in force.

    Args:
        network: gives the logits; its width must be the grid's number of bins.
        grid: what the bins stand for.
        loss: compares logits with f0, and says what probabilities the logits stand for.
        decoder: from the salience of a whole track to f0 and confidence.
        optimizer: see AudioModule.
        scheduler: see AudioModule.
        voicing_threshold: a frame is voiced if its confidence is greater; None tunes it for each validation set while
            fitting (the best voicing accuracy) and keeps it with the weights.

    Raises:
        ValueError: network and grid do not agree.
    """

    def __init__(
        self,
        network: FrameNetwork,
        grid: PitchGrid,
        loss: PitchLoss,
        decoder: PitchDecoder,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        voicing_threshold: float | None = None,
    ) -> None:
        super().__init__(network, optimizer, scheduler)
        if network.width != grid.bins:
            raise ValueError(f"network.width: {network.width}, but the pitch grid has {grid.bins} bins")
        self.network: FrameNetwork = network
        self.grid, self.loss, self.decoder = grid, loss, decoder
        self.thresholds = VoicingThresholds(voicing_threshold)
        self._scores: dict[str, _Scores] = {}

    def forward(self, audio: Tensor) -> Tensor:
        """Salience `(batch, frames, bins)`, 0 ... 1, of excerpts `(batch, window)`, float, full scale at 1."""
        return self.loss.salience(self.network(audio))

    def training_step(self, batch: PitchBatch, batch_index: int) -> Tensor:
        """The loss of a batch of windows."""
        loss: Tensor = self.loss(self._logits(batch), batch.f0, batch.valid, self.grid)
        self.log("train/loss", loss, batch_size=len(batch.signal))
        return loss

    def validation_step(self, batch: PitchBatch, batch_index: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Score a run of frames of one track."""
        return {"tracks": self._evaluate(batch)}

    def test_step(self, batch: PitchBatch, batch_index: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Score a run of frames of one track."""
        return {"tracks": self._evaluate(batch)}

    def predict_step(self, batch: PitchBatch, batch_index: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Decode a run of frames of one track."""
        tracks = self._evaluate(batch)
        for track in tracks:
            track["threshold"] = self.thresholds.frozen(track["dataset"]).value
        return {"tracks": tracks}

    def on_validation_epoch_start(self) -> None:
        """Forget what an interrupted validation left."""
        self._scores.clear()

    def on_test_epoch_start(self) -> None:
        """Forget what an interrupted test left."""
        self._scores.clear()

    def on_predict_epoch_start(self) -> None:
        """Forget what an interrupted prediction left."""
        self._scores.clear()

    def on_validation_epoch_end(self) -> None:
        """Log the scores of every set."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Log the scores of every set."""
        self._log_scores("test")

    def _logits(self, batch: PitchBatch) -> Tensor:
        if batch.signal.shape[-1] != self.network.window:
            raise ValueError(
                f"data.window: {batch.signal.shape[-1]} samples, but the network takes {self.network.window}"
            )
        logits: Tensor = self.network(full_scale(batch.signal))
        return logits

    def _evaluate(self, batch: PitchBatch) -> list[dict[str, Any]]:
        evaluation = batch.evaluation
        assert evaluation is not None, "evaluation batches name their set"
        logits = self._logits(batch).float()
        scores = self._scores.setdefault(evaluation.name, _Scores(evaluation, logits.device))
        track = int(batch.track[0])
        if track < 0:
            return []
        scores.track = track
        scores.parts.append(_Part(logits[batch.valid], batch.f0[batch.valid]))
        return [self._finish(scores)] if batch.last else []

    def _finish(self, scores: _Scores) -> dict[str, Any]:
        """Decode and score the track whose parts are all there."""
        logits, f0 = (torch.cat(each) for each in zip(*scores.parts, strict=True))
        scores.parts.clear()
        scores.loss.update(self.loss(logits[None], f0[None], torch.ones_like(f0[None], dtype=torch.bool), self.grid))
        salience = self.loss.salience(logits)
        decoded = self.decoder(salience, self.grid)
        scores.metrics.update(scores.track, f0, decoded.f0, decoded.confidence)
        return self._outputs(scores, f0, salience, decoded)

    def _outputs(self, scores: _Scores, f0: Tensor, salience: Tensor, decoded: DecodedPitch) -> dict[str, Any]:
        evaluation = scores.evaluation
        return {
            "dataset": evaluation.name,
            "track": evaluation.tracks[scores.track],
            "times": np.arange(len(f0)) * evaluation.frame_seconds,
            "reference": f0.cpu().numpy() if evaluation.has_truth else None,
            "pitch": decoded.f0.float().cpu().numpy(),
            "confidence": decoded.confidence.float().cpu().numpy(),
            "salience": salience.half().cpu().numpy(),
            "notes": self.grid.notes().float().cpu().numpy(),
        }

    def _log_scores(self, stage: str) -> None:
        for name, scores in self._scores.items():
            if scores.parts:  # a limited validation stopped within a track: its frames count all the same
                self._finish(scores)
            if not self.trainer.sanity_checking:
                self._log_set(f"{stage}/{name}", name, scores)

    def _log_set(self, prefix: str, name: str, scores: _Scores) -> None:
        result = scores.metrics.compute()
        fitting = self.trainer.state.fn == TrainerFn.FITTING
        threshold = self.thresholds.tune(name, result.best_threshold()) if fitting else self.thresholds.frozen(name)
        values = {**result.means(threshold.value), "loss": scores.loss.compute(), "voicing_threshold": threshold.value}
        values |= {f"undefined/{metric}": n for metric, n in result.undefined(threshold.value).items() if n}
        # Every process holds the same sums by now; averaging equal numbers changes nothing and keeps Lightning quiet.
        self.log_dict(
            {f"{prefix}/{key}": torch.as_tensor(value, dtype=torch.float64) for key, value in values.items()},
            sync_dist=True,
        )
        if not fitting:
            rank_zero_info(f"{prefix}: voicing threshold {threshold.value:.2f} ({threshold.origin})")
