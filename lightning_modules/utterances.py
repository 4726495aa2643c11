"""Modules that are scored utterance by utterance: what they have in common, whatever they recognise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torchmetrics import SumMetric

from architectures import ClipNetwork, FrontEnd, SequenceNetwork, Sequences
from datamodules.batches import ClipBatch, PhonemeBatch, UtteranceSet
from lightning_modules.base import AudioModule
from lightning_modules.losses.penalties import L2Penalty

_FULL_SCALE = 32768


class Scores(Protocol):
    """Metrics of one set."""

    def scores(self) -> Mapping[str, float]:
        """What is logged, by its name; synchronises processes."""


Batch = TypeVar("Batch", ClipBatch, PhonemeBatch)
Metrics = TypeVar("Metrics", bound=Scores)


class _Set(Generic[Metrics]):
    """What one named set has come to so far."""

    def __init__(self, evaluation: UtteranceSet, metrics: Metrics, device: torch.device) -> None:
        self.evaluation, self.metrics = evaluation, metrics
        self.loss, self.utterances = (SumMetric().set_dtype(torch.float64).to(device) for _ in range(2))


class UtteranceModule(AudioModule, Generic[Batch, Metrics]):
    """Scores whole utterances, each set under its name.

    Args:
        network: reads what the front end gives.
        front_end: from audio, or stored features, to what the network reads; computed in float32.
        optimizer: see AudioModule.
        scheduler: see AudioModule.
        penalty: see AudioModule.
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
        super().__init__(network, optimizer, scheduler, penalty)
        if network.bins != front_end.bins:
            raise ValueError(
                f"network.feature_bins: {network.bins}, but {type(front_end).__name__} gives frames of "
                f"{front_end.bins} bins"
            )
        self.front_end, self.augment = front_end, augment
        self._sets: dict[str, _Set[Metrics]] = {}

    @abstractmethod
    def new_metrics(self, evaluation: UtteranceSet) -> Metrics:
        """Metrics of a set that begins.

        Raises:
            MisconfigurationException: the set's labels do not fit the network.
        """

    @abstractmethod
    def evaluate(self, batch: Batch, metrics: Metrics) -> tuple[Tensor, list[dict[str, Any]]]:
        """Score the valid utterances of a batch.

        Returns:
            The loss of each, `(utterances,)`, and what the step returns of each.
        """

    def features(self, signal: Tensor, lengths: Tensor) -> Sequences:
        """What the network reads.

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
        """The same, augmented."""
        features = self.features(signal, lengths)
        if self.augment is None:
            return features
        return features._replace(values=self.augment(features.values, seed, features.lengths))

    def frame_seconds(self, evaluation: UtteranceSet) -> float:
        """Seconds between frames of the features of a set."""
        hop: int = getattr(self.front_end, "hop", evaluation.hop)
        return hop / evaluation.rate

    def validation_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Score a batch."""
        return {"utterances": self._evaluate(batch)}

    def test_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Score a batch."""
        return {"utterances": self._evaluate(batch)}

    def predict_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Recognise the utterances of a batch."""
        return {"utterances": self._evaluate(batch)}

    def on_validation_epoch_start(self) -> None:
        """Forget what an interrupted validation left."""
        self._sets.clear()

    def on_test_epoch_start(self) -> None:
        """Forget what an interrupted test left."""
        self._sets.clear()

    def on_predict_epoch_start(self) -> None:
        """Forget what an interrupted prediction left."""
        self._sets.clear()

    def on_validation_epoch_end(self) -> None:
        """Log the scores of every set."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Log the scores of every set."""
        self._log_scores("test")

    def _evaluate(self, batch: Batch) -> list[dict[str, Any]]:
        evaluation = batch.evaluation
        assert evaluation is not None, "evaluation batches name their set"
        scores = self._sets.get(evaluation.name)
        if scores is None:
            device = batch.valid.device
            scores = self._sets[evaluation.name] = _Set(evaluation, self.new_metrics(evaluation), device)
        losses, utterances = self.evaluate(batch, scores.metrics)
        if losses.numel():
            scores.loss.update(losses.double())
            scores.utterances.update(losses.numel())
        return utterances

    def _log_scores(self, stage: str) -> None:
        if self.trainer.sanity_checking:
            return
        for name, scores in self._sets.items():
            loss = scores.loss.compute() / scores.utterances.compute()
            values = {**scores.metrics.scores(), "loss": loss}
            # Every process holds the same sums by now; averaging equal numbers changes nothing and keeps Lightning
            # quiet.
            self.log_dict(
                {f"{stage}/{name}/{key}": torch.as_tensor(value, dtype=torch.float64) for key, value in values.items()},
                sync_dist=True,
            )
