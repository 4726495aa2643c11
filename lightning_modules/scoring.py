"""Scores of named sets in validation, test and predict: the hooks that modules of tracks and of utterances share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Generic, TypeVar

import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from typing_extensions import override

from lightning_modules.base import AudioModule
from lightning_modules.outputs import NotANumber

Batch = TypeVar("Batch")
Scores = TypeVar("Scores")
StepOutput = TypeVar("StepOutput", bound=Mapping[str, Any])


def refuse_nan(outputs: Tensor, dataset: str) -> None:
    """Refuse outputs of a network that are not numbers, which decoders and metrics would take for some answer.

    Args:
        outputs: of any shape; where the host waits for them anyway.
        dataset: whose items they are of.

    Raises:
        NotANumber: one of them is NaN.
    """
    if bool(outputs.isnan().any()):
        raise NotANumber(
            f"the network's outputs on the set {dataset} are not numbers (nan): its weights are too large or were "
            "never right. Take a checkpoint from before, and in training a lower model.optimizer.lr"
        )


class ScoredModule(AudioModule, Generic[Batch, Scores, StepOutput]):
    """Scores each set under its name; the steps return what is described in `lightning_modules.outputs`."""

    _scores: dict[str, Scores]  # by set, since the pass began
    _score_names: frozenset[str] = frozenset()

    @abstractmethod
    def evaluate(self, batch: Batch) -> StepOutput:
        """Score what a batch completes, and return it."""

    @abstractmethod
    def conclude(self, name: str, scores: Scores) -> Mapping[str, float | Tensor]:
        """The scores of a set when the pass ends, by the name of the metric; synchronises processes."""

    def begin(self) -> None:
        """Forget what an interrupted pass left."""
        self._scores.clear()

    @override
    def validation_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> StepOutput:
        return self.evaluate(batch)

    @override
    def test_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> StepOutput:
        return self.evaluate(batch)

    @override
    def predict_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> StepOutput:
        return self.evaluate(batch)

    @override
    def on_validation_epoch_start(self) -> None:
        self.begin()
        if self.trainer.world_size > 1 and self.trainer.state.fn == TrainerFn.FITTING:
            self._share_statistics()

    def _share_statistics(self) -> None:
        """Give all processes the statistics of batch normalisation that the first one has, and a checkpoint holds."""
        for buffer in self.network.buffers():
            if buffer.is_contiguous():  # others are views of constants
                torch.distributed.broadcast(buffer, 0)

    @override
    def on_test_epoch_start(self) -> None:
        self.begin()

    @override
    def on_predict_epoch_start(self) -> None:
        self.begin()

    @override
    def on_validation_epoch_end(self) -> None:
        self._log_scores("val")

    @override
    def on_test_epoch_end(self) -> None:
        self._log_scores("test")

    @abstractmethod
    def scored(self, scores: Scores) -> Collection[str]:
        """The names of the metrics that `conclude` gives; what has been scored of the set may be a part of it."""

    @property
    def score_names(self) -> frozenset[str]:
        """What a validation logs, known from a sanity check on, see `outputs.NamesScores`."""
        return self._score_names

    def _log_scores(self, stage: str) -> None:
        if self.trainer.sanity_checking:
            named = self._scores.items()
            self._score_names = frozenset(f"{stage}/{name}/{key}" for name, each in named for key in self.scored(each))
            return
        for name, scores in self._scores.items():
            values = {f"{stage}/{name}/{metric}": value for metric, value in self.conclude(name, scores).items()}
            # Every process holds the same sums by now: their mean changes nothing and keeps Lightning quiet.
            self.log_dict(
                {key: torch.as_tensor(value, dtype=torch.float64) for key, value in values.items()}, sync_dist=True
            )
