"""Modules that are scored track by track: what melody, several pitches and voicing have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, NamedTuple, cast

import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn
from torchmetrics import MeanMetric
from typing_extensions import override

from architectures import FrameNetwork, VoicingNetwork
from datamodules.batches import EvaluationSet, PitchBatch
from lightning_modules.inputs import network_input
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.metrics import MelodyMetrics, ScoresByThreshold, TrackCounter, TrackMetric, metric_names
from lightning_modules.outputs import MultiPitchOutput, PitchOutput, TrackOutput, TrackStepOutput
from lightning_modules.scoring import ScoredModule, refuse_nan
from lightning_modules.voicing_thresholds import VoicingThresholds


class ScoredTrack(NamedTuple):
    """A whole track, decoded.

    Attributes:
        loss: scalar.
        f0: `(frames,)`, Hz, the best guess, 0 where there is none; any value above 0 where only the voicing is
            estimated; `(frames, candidates)` of several pitches.
        confidence: of the shape of `f0`, 0 to 1; voiced where it exceeds the threshold.
        pitch: what the step returns of the pitch; None where only the voicing is estimated.
    """

    loss: Tensor
    f0: Tensor
    confidence: Tensor
    pitch: PitchOutput | MultiPitchOutput | None = None


class TrackScores:
    """Metrics and loss of a set, and what is known so far of the track that is being read."""

    def __init__(
        self,
        evaluation: EvaluationSet,
        device: torch.device,
        metrics: TrackCounter,
        added: Sequence[TrackMetric] = (),
    ) -> None:
        self.evaluation = evaluation
        self.metrics = metrics.to(device)
        self.loss = MeanMetric().set_dtype(torch.float64).to(device)
        self.added = {metric: MeanMetric(nan_strategy="ignore").set_dtype(torch.float64).to(device) for metric in added}
        self.track = -1
        self.parts: list[dict[str, Tensor]] = []  # runs of the track's frames, `(frames, ...)` each


class TrackModule(ScoredModule[PitchBatch, TrackScores, TrackStepOutput]):
    """Scores whole tracks whose frames come in runs, with a threshold of the confidence for each set.

    Args:
        network: from audio or spectrograms to logits.
        voicing_threshold: a frame is voiced if its confidence is greater; None tunes it for each validation set while
            fitting (the best voicing accuracy; of several pitches, the best accuracy) and keeps it with the weights.
        augment: changes the spectrograms of training, as SpecAugment does, given `(batch, channels, window, bins)` and
            the seeds `(batch,)` of a batch; None leaves them as they are.
        metrics: figures of a track that are logged besides the usual ones.

    Attributes:
        voicing_thresholds: those that the pass decided, by set: see `outputs.DecidesVoicing`.
        track_scores: those of the tracks that the pass has read, by set: see `outputs.ScoresTracks`.

    Raises:
        ValueError: an argument does not fit the network.
    """

    network: FrameNetwork | VoicingNetwork
    metric_names: ClassVar[Collection[str]]
    threshold_name: ClassVar[str] = "voicing_threshold"  # as it is configured and logged

    def __init__(
        self,
        network: FrameNetwork | VoicingNetwork,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None,
        voicing_threshold: float | None,
        penalty: L2Penalty | None,
        augment: nn.Module | None,
        metrics: Sequence[TrackMetric] = (),
    ) -> None:
        super().__init__(network, optimizer=optimizer, scheduler=scheduler, penalty=penalty)
        if augment is not None and network.signal != "spectrogram":
            raise ValueError(
                f"augment: {type(augment).__name__} masks spectrograms, but the network, {type(network).__name__}, "
                "takes audio; leave it out (augmentations of audio are those of the data)"
            )
        names = [metric.name for metric in metrics]
        for name in names:
            if name in metric_names() or names.count(name) > 1:
                raise ValueError(f"metrics: the name {name!r} is taken; give the metric another one")
        self.augment, self.metrics = augment, tuple(metrics)
        self.thresholds = VoicingThresholds(voicing_threshold, self.threshold_name)
        self.voicing_thresholds: dict[str, float] = {}
        self.track_scores: dict[str, dict[str, dict[str, float]]] = {}
        self._scores: dict[str, TrackScores] = {}

    @property
    def window_frames(self) -> int:
        """Label frames of a window that have an estimate, see `outputs.ReadsWindows`."""
        return self.network.frames

    @abstractmethod
    def frame_logits(self, batch: PitchBatch) -> dict[str, Tensor]:
        """The network's outputs by name, `pitch` `(batch, frames, bins)` or `voicing` `(batch, frames)`, float32."""

    @abstractmethod
    def score(self, logits: Mapping[str, Tensor], f0: Tensor) -> ScoredTrack:
        """Decode a whole track.

        Args:
            logits: those of `frame_logits`, `(frames, ...)` each.
            f0: `(frames,)`, or as `truth` gives it, Hz, 0 where unvoiced.
        """

    def counter(self, tracks: int) -> TrackCounter:
        """What counts the frames of a set of so many tracks."""
        return MelodyMetrics(tracks)

    def truth(self, batch: PitchBatch) -> Tensor:
        """The annotation that a batch is scored on, `(batch, frames, ...)`, Hz.

        Raises:
            MisconfigurationException: the module is not scored on several pitches in a frame.
        """
        if batch.f0.ndim != 2:
            assert batch.evaluation is not None
            raise MisconfigurationException(
                f"data: {batch.evaluation.name} has several pitches in a frame, but {type(self).__name__} is scored on "
                "one; take MultiPitchTracker, or data of one voice"
            )
        return batch.f0

    def training_input(self, batch: PitchBatch) -> Tensor:
        """The network's input, augmented."""
        signal = network_input(batch, self.network)
        if self.augment is None:
            return signal
        augmented: Tensor = self.augment(signal, batch.seed)
        return augmented

    @override
    def evaluate(self, batch: PitchBatch) -> TrackStepOutput:
        evaluation = batch.evaluation
        assert evaluation is not None, "evaluation batches name their set"
        f0, logits = self.truth(batch), self.frame_logits(batch)
        if evaluation.name not in self._scores:
            counter = self.counter(len(evaluation.tracks))
            self._scores[evaluation.name] = TrackScores(evaluation, f0.device, counter, self.metrics)
        scores, track = self._scores[evaluation.name], int(batch.track[0])
        if track < 0:  # padding, where another process has more batches
            return {"tracks": []}
        scores.track = track
        scores.parts.append({name: each[batch.valid] for name, each in {**logits, "f0": f0}.items()})
        return {"tracks": [self._finish(scores)] if batch.last else []}

    @override
    def predict_step(self, batch: PitchBatch, batch_index: int, dataloader_idx: int = 0) -> TrackStepOutput:
        output = self.evaluate(batch)
        for track in output["tracks"]:
            track["threshold"] = self.thresholds.frozen(track["dataset"]).value
        return output

    def _finish(self, scores: TrackScores) -> TrackOutput:
        """Decode and score the track whose parts are all there."""
        whole = {name: torch.cat([part[name] for part in scores.parts]) for name in scores.parts[0]}
        scores.parts.clear()
        f0, evaluation = whole.pop("f0"), scores.evaluation
        for logits in whole.values():
            refuse_nan(logits, evaluation.name)
        scored = self.score(whole, f0)
        scores.loss.update(scored.loss)
        scores.metrics.update(scores.track, f0, scored.f0, scored.confidence)
        for metric, mean in scores.added.items():
            mean.update(metric(f0.cpu().double().numpy(), scored.f0.cpu().double().numpy()))
        output: TrackOutput = {
            "dataset": evaluation.name,
            "track": evaluation.tracks[scores.track],
            "times": np.arange(len(f0)) * evaluation.frame_seconds,
            "reference": f0.cpu().numpy() if evaluation.has_truth else None,
            "confidence": scored.confidence.float().cpu().numpy(),
            "threshold": None,
        }
        return output if scored.pitch is None else cast(TrackOutput, {**output, **scored.pitch})

    @override
    def begin(self) -> None:
        super().begin()
        self.voicing_thresholds.clear()
        self.track_scores.clear()

    @override
    def _log_scores(self, stage: str) -> None:
        for scores in self._scores.values():
            if scores.parts:  # a limited validation stopped within a track: its frames count all the same
                self._finish(scores)
        super()._log_scores(stage)

    def preview(self) -> dict[str, dict[str, float]]:
        """Scores of the sets that were evaluated since `begin`, each with the threshold that suits it best.

        Nothing of it is kept with the weights. The thresholds are `voicing_thresholds` until the next pass begins.
        """
        found = {}
        for name, scores in self._scores.items():
            result = scores.metrics.compute()
            self.voicing_thresholds[name] = result.best_threshold()
            values = self._values(scores, result, self.voicing_thresholds[name])
            found[name] = {metric: float(value) for metric, value in values.items()}
        return found

    @override
    def scored(self, scores: TrackScores) -> Collection[str]:
        added = (f"undefined/{metric}" for metric in self.metric_names)
        return {*self.metric_names, *added, *(each.name for each in scores.added), "loss", self.threshold_name}

    @override
    def conclude(self, name: str, scores: TrackScores) -> Mapping[str, float | Tensor]:
        result = scores.metrics.compute()
        fitting = self.trainer.state.fn == TrainerFn.FITTING
        threshold = self.thresholds.tune(name, result.best_threshold()) if fitting else self.thresholds.frozen(name)
        self.voicing_thresholds[name] = threshold.value
        if not fitting:
            rank_zero_info(
                f"{name}: {self.threshold_name.replace('_', ' ')} {threshold.value:.2f} ({threshold.origin})"
            )
        by_metric = result.per_track(threshold.value)
        self.track_scores[name] = {
            track: {metric: float(by_metric[metric][place]) for metric in self.metric_names}
            for place, track in enumerate(scores.evaluation.tracks)
        }
        return self._values(scores, result, threshold.value)

    def _values(self, scores: TrackScores, result: ScoresByThreshold, threshold: float) -> dict[str, float | Tensor]:
        """What is logged of a set."""
        means, undefined = result.means(threshold), result.undefined(threshold)
        values: dict[str, float | Tensor] = {metric: means[metric] for metric in self.metric_names}
        values |= {f"undefined/{metric}": undefined[metric] for metric in self.metric_names if undefined[metric]}
        values |= {metric.name: mean.compute() for metric, mean in scores.added.items()}
        return values | {"loss": scores.loss.compute(), self.threshold_name: threshold}
