"""Modules that are scored track by track: what they have in common, whatever they estimate."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn
from torchmetrics import MeanMetric

from architectures import FrameNetwork, VoicingNetwork
from datamodules.batches import EvaluationSet, PitchBatch
from lightning_modules.base import AudioModule
from lightning_modules.inputs import network_input
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.metrics import MelodyMetrics
from lightning_modules.voicing_thresholds import VoicingThresholds


class ScoredTrack(NamedTuple):
    """What a whole track has come to.

    Attributes:
        loss: scalar.
        f0: `(frames,)` Hz, the best guess; of no meaning where only the voicing is estimated, but greater than 0.
        confidence: `(frames,)`, 0 ... 1; voiced where greater than the threshold.
        outputs: what the step returns of it besides times, reference and confidence.
    """

    loss: Tensor
    f0: Tensor
    confidence: Tensor
    outputs: dict[str, Any]


class _Scores:
    """What one named set has come to so far."""

    def __init__(self, evaluation: EvaluationSet, device: torch.device) -> None:
        self.evaluation = evaluation
        self.metrics = MelodyMetrics(len(evaluation.tracks)).to(device)
        self.loss = MeanMetric().set_dtype(torch.float64).to(device)
        self.track = -1
        # Of the track that is being evaluated: runs of its frames, `(frames, ...)` each.
        self.parts: list[dict[str, Tensor]] = []


class TrackModule(AudioModule):
    """Scores whole tracks whose frames come in runs, each set under its name, with a voicing threshold for each.

    Args:
        network: see AudioModule.
        optimizer: see AudioModule.
        scheduler: see AudioModule.
        voicing_threshold: a frame is voiced if its confidence is greater; None tunes it for each validation set while
            fitting (the best voicing accuracy) and keeps it with the weights.
        penalty: see AudioModule.
        augment: changes the spectrograms of training, as SpecAugment does, given `(batch, channels, window, bins)` and
            the seeds `(batch,)` of a batch; None leaves them as they are.

    Raises:
        ValueError: an argument does not fit the network.
    """

    network: FrameNetwork | VoicingNetwork
    metric_names: ClassVar[Collection[str]]

    def __init__(
        self,
        network: FrameNetwork | VoicingNetwork,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None,
        voicing_threshold: float | None,
        penalty: L2Penalty | None,
        augment: nn.Module | None,
    ) -> None:
        super().__init__(network, optimizer, scheduler, penalty)
        if augment is not None and network.signal != "spectrogram":
            raise ValueError(
                f"augment: {type(augment).__name__} masks spectrograms, but the network, {type(network).__name__}, "
                "takes audio; leave it out (augmentations of audio are those of the data)"
            )
        self.augment = augment
        self.thresholds = VoicingThresholds(voicing_threshold)
        self._scores: dict[str, _Scores] = {}

    @abstractmethod
    def frame_logits(self, batch: PitchBatch) -> dict[str, Tensor]:
        """What the network says of every frame of a batch, each `(batch, frames, ...)` float32."""

    @abstractmethod
    def score(self, logits: Mapping[str, Tensor], f0: Tensor) -> ScoredTrack:
        """Decode a whole track.

        Args:
            logits: those of `frame_logits`, `(frames, ...)` each.
            f0: `(frames,)`, Hz, 0 where unvoiced.
        """

    def training_input(self, batch: PitchBatch) -> Tensor:
        """The network's input, augmented."""
        audio = network_input(batch, self.network)
        if self.augment is None:
            return audio
        augmented: Tensor = self.augment(audio, batch.seed)
        return augmented

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

    def _evaluate(self, batch: PitchBatch) -> list[dict[str, Any]]:
        evaluation = batch.evaluation
        assert evaluation is not None, "evaluation batches name their set"
        if batch.f0.ndim != 2:
            raise MisconfigurationException(
                f"data: {evaluation.name} has several pitches in a frame, but {type(self).__name__} is scored on one"
            )
        logits = self.frame_logits(batch)
        scores = self._scores.setdefault(evaluation.name, _Scores(evaluation, batch.f0.device))
        track = int(batch.track[0])
        if track < 0:
            return []
        scores.track = track
        scores.parts.append({name: each[batch.valid] for name, each in {**logits, "f0": batch.f0}.items()})
        return [self._finish(scores)] if batch.last else []

    def _finish(self, scores: _Scores) -> dict[str, Any]:
        """Decode and score the track whose parts are all there."""
        whole = {name: torch.cat([part[name] for part in scores.parts]) for name in scores.parts[0]}
        scores.parts.clear()
        f0, evaluation = whole.pop("f0"), scores.evaluation
        scored = self.score(whole, f0)
        scores.loss.update(scored.loss)
        scores.metrics.update(scores.track, f0, scored.f0, scored.confidence)
        return {
            "dataset": evaluation.name,
            "track": evaluation.tracks[scores.track],
            "times": np.arange(len(f0)) * evaluation.frame_seconds,
            "reference": f0.cpu().numpy() if evaluation.has_truth else None,
            "confidence": scored.confidence.float().cpu().numpy(),
            **scored.outputs,
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
        means, undefined = result.means(threshold.value), result.undefined(threshold.value)
        values = {metric: means[metric] for metric in self.metric_names}
        values |= {f"undefined/{metric}": undefined[metric] for metric in self.metric_names if undefined[metric]}
        values |= {"loss": scores.loss.compute(), "voicing_threshold": threshold.value}
        # Every process holds the same sums by now; averaging equal numbers changes nothing and keeps Lightning quiet.
        self.log_dict(
            {f"{prefix}/{key}": torch.as_tensor(value, dtype=torch.float64) for key, value in values.items()},
            sync_dist=True,
        )
        if not fitting:
            rank_zero_info(f"{prefix}: voicing threshold {threshold.value:.2f} ({threshold.origin})")
