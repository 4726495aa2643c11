"""Modules that are scored utterance by utterance: what classification and phoneme recognition have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Generic, Protocol, TypeVar

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torchmetrics import SumMetric
from typing_extensions import override

from architectures import ClipNetwork, FrontEnd, SequenceNetwork, Sequences
from datamodules.batches import ClipBatch, PhonemeBatch, UtteranceSet
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.outputs import Output, UtteranceStepOutput
from lightning_modules.scoring import ScoredModule

_FULL_SCALE = 32768


class UtteranceMetrics(Protocol):
    """Metrics of a set."""

    def scores(self) -> Mapping[str, float]:
        """By the name of the metric; synchronises processes."""


Batch = TypeVar("Batch", ClipBatch, PhonemeBatch)
Metrics = TypeVar("Metrics", bound=UtteranceMetrics)


class UtteranceScores(Generic[Metrics]):
    """Metrics of a set, the sum of the losses and their number."""

    def __init__(self, metrics: Metrics, device: torch.device) -> None:
        self.metrics = metrics
        self.loss, self.utterances = (SumMetric().set_dtype(torch.float64).to(device) for _ in range(2))


class UtteranceModule(
    ScoredModule[Batch, UtteranceScores[Metrics], UtteranceStepOutput[Output]], Generic[Batch, Metrics, Output]
):
    """Scores whole utterances.

    Args:
        network: from features to logits.
        front_end: from audio, or stored features, to what the network reads; computed in float32.
        augment: changes the features of training, as SpecAugment does, given `(batch, frames, bins)`, the seeds
            `(batch,)` and the lengths `(batch,)` of a batch; None leaves them as they are.

    Raises:
        ValueError: an argument does not fit; the message names it.
    """

    network: ClipNetwork | SequenceNetwork

    def __init__(
        self,
        network: ClipNetwork | SequenceNetwork,
        front_end: FrontEnd,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None,
        penalty: L2Penalty | None,
        augment: nn.Module | None,
    ) -> None:
        super().__init__(network, optimizer=optimizer, scheduler=scheduler, penalty=penalty)
        if network.bins != front_end.bins:
            raise ValueError(
                f"network.feature_bins: {network.bins}, but {type(front_end).__name__} gives frames of "
                f"{front_end.bins} bins"
            )
        self.front_end, self.augment = front_end, augment
        self._scores: dict[str, UtteranceScores[Metrics]] = {}

    @abstractmethod
    def new_metrics(self, evaluation: UtteranceSet) -> Metrics:
        """Metrics of a set, on the module's device.

        Raises:
            MisconfigurationException: the set's labels do not fit the network.
        """

    @abstractmethod
    def score_batch(self, batch: Batch, metrics: Metrics) -> tuple[Tensor, list[Output]]:
        """Add the utterances of a batch, without its padding, to the metrics.

        Returns:
            Losses `(labelled utterances,)`, and what the step returns of every utterance.
        """

    def features(self, signal: Tensor, lengths: Tensor) -> Sequences:
        """The front end's features.

        Args:
            signal: `(batch, samples)` int16 audio, full scale at 32768, converted to float on its device, or
                `(batch, frames, bins)` stored features.
            lengths: `(batch,)`.

        Raises:
            MisconfigurationException: the signal is not what the front end takes.
        """
        is_audio, takes_audio = signal.ndim == 2, self.front_end.rate is not None
        name = type(self.front_end).__name__
        if is_audio != takes_audio:
            kinds = {True: "audio", False: "stored features"}
            raise MisconfigurationException(
                f"data: the shards hold {kinds[is_audio]}, but model.front_end, {name}, takes {kinds[takes_audio]}; "
                "change one of them"
            )
        if not is_audio and signal.shape[2] != self.front_end.bins:
            raise MisconfigurationException(
                f"data: the shards hold features of {signal.shape[2]} dimensions, but model.front_end.bins is "
                f"{self.front_end.bins}; change one of them"
            )
        with torch.autocast(signal.device.type, enabled=False):
            sequences: Sequences = self.front_end(signal.float() / _FULL_SCALE if is_audio else signal, lengths)
        return sequences

    def training_features(self, signal: Tensor, lengths: Tensor, seed: Tensor | None) -> Sequences:
        """`features`, augmented by the seeds `(batch,)`."""
        features = self.features(signal, lengths)
        if self.augment is None:
            return features
        return features._replace(values=self.augment(features.values, seed, features.lengths))

    def frame_seconds(self, evaluation: UtteranceSet) -> float:
        """Seconds from one frame of the features to the next, in a set."""
        hop: int = getattr(self.front_end, "hop", evaluation.hop)
        return hop / evaluation.rate

    @override
    def evaluate(self, batch: Batch) -> UtteranceStepOutput[Output]:
        evaluation = batch.evaluation
        assert evaluation is not None, "evaluation batches name their set"
        if evaluation.name not in self._scores:
            metrics = self.new_metrics(evaluation)
            self._scores[evaluation.name] = UtteranceScores(metrics, batch.valid.device)
        scores = self._scores[evaluation.name]
        losses, utterances = self.score_batch(batch, scores.metrics)
        if losses.numel():
            scores.loss.update(losses.double())
            scores.utterances.update(losses.numel())
        return {"utterances": utterances}

    @override
    def scored(self, scores: UtteranceScores[Metrics]) -> Collection[str]:
        return {*scores.metrics.scores(), "loss"}

    @override
    def conclude(self, name: str, scores: UtteranceScores[Metrics]) -> Mapping[str, float | Tensor]:
        return {**scores.metrics.scores(), "loss": scores.loss.compute() / scores.utterances.compute()}
