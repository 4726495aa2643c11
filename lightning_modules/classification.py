"""One label for each clip: languages, keywords, emotions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures import ClipNetwork, FrontEnd, Sequences
from datamodules.batches import ClipBatch, UtteranceSet
from lightning_modules.base import LossPart
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.metrics import ClipMetrics
from lightning_modules.outputs import ClipOutput
from lightning_modules.scoring import refuse_nan
from lightning_modules.utterances import UtteranceModule


class ClipClassifier(UtteranceModule[ClipBatch, ClipMetrics, ClipOutput]):
    """Learns the class of whole clips by softmax and cross entropy.

    The steps return `outputs.ClipOutput`. Logged as `val/<set>/...` or `test/<set>/...`: `accuracy`, the ends of its
    95 % Wilson interval `accuracy_low` and `accuracy_high`, `macro_f1`, and `loss` (the cross entropy of a clip with
    its class's weight). `forward` takes clips `(batch, samples)`, int16, and their lengths `(batch,)`, and gives
    probabilities `(batch, classes)`.

    Args:
        network: from features to logits, one for each class.
        class_weights: of the classes in the loss, in the order of `data.classes`; None weighs all clips alike. The loss
            of a batch is the mean over its clips, whatever their weights.
        label_smoothing: part of each target that is spread evenly over all classes, in training.

    Raises:
        ValueError: an argument does not fit; the message names it.
    """

    network: ClipNetwork
    class_weights: Tensor

    def __init__(
        self,
        network: ClipNetwork,
        front_end: FrontEnd,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        penalty: L2Penalty | None = None,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(network, front_end, optimizer=optimizer, scheduler=scheduler, penalty=penalty, augment=augment)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing: {label_smoothing}; it is a part, from 0 to less than 1")
        weights = [1.0] * network.classes if class_weights is None else list(class_weights)
        if len(weights) != network.classes or not all(weight >= 0 for weight in weights) or not any(weights):
            raise ValueError(
                f"class_weights: {weights} are not {network.classes} weights, one for each class, none negative"
            )
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", torch.tensor(weights), persistent=False)

    @override
    def forward(self, audio: Tensor, lengths: Tensor) -> Tensor:
        return self._logits(self.features(audio, lengths)).softmax(-1)

    @override
    def training_step(self, batch: ClipBatch, batch_index: int) -> Tensor:
        logits = self._logits(self.training_features(batch.audio, batch.lengths, batch.seed))
        losses = self._losses(logits, batch.label, self.label_smoothing)
        return self.training_loss({"cross_entropy": LossPart(losses.mean())}, len(losses))

    @override
    def new_metrics(self, evaluation: UtteranceSet) -> ClipMetrics:
        if len(evaluation.labels) != self.network.classes:
            raise MisconfigurationException(
                f"data.classes: {len(evaluation.labels)} classes, but model.network.classes is {self.network.classes}"
            )
        return ClipMetrics(self.network.classes).to(self.device)

    @override
    def score_batch(self, batch: ClipBatch, metrics: ClipMetrics) -> tuple[Tensor, list[ClipOutput]]:
        evaluation = batch.evaluation
        assert evaluation is not None
        features = self.features(batch.audio, batch.lengths)
        logits = self._logits(features)
        refuse_nan(logits[batch.valid], evaluation.name)
        known = batch.valid & (batch.label >= 0)
        if known.any():
            metrics.update(logits[known].argmax(-1), batch.label[known])
        probabilities = logits.softmax(-1).cpu().numpy()
        seconds = self.frame_seconds(evaluation)
        clips: list[ClipOutput] = []
        for place in batch.valid.nonzero()[:, 0].tolist():
            label = int(batch.label[place])
            frames = int(features.lengths[place])
            clips.append(
                {
                    "dataset": evaluation.name,
                    "id": evaluation.ids[int(batch.item[place])],
                    "classes": evaluation.labels,
                    "label": None if label < 0 else label,
                    "probabilities": probabilities[place],
                    "audio": batch.audio[place, : int(batch.lengths[place])].cpu().numpy(),
                    "rate": evaluation.rate,
                    "features": features.values[place, :frames].float().cpu().numpy(),
                    "feature_times": np.arange(frames) * seconds,
                }
            )
        return self._losses(logits[known], batch.label[known]), clips

    def _losses(self, logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
        """`(clips,)`."""
        return functional.cross_entropy(logits, labels, self.class_weights, reduction="none", label_smoothing=smoothing)

    def _logits(self, features: Sequences) -> Tensor:
        """`(batch, classes)` float32."""
        frames, needed = features.values.shape[1], self.network.frames
        if needed is not None and frames != needed:
            raise MisconfigurationException(
                f"data.seconds: its clips have {frames} frames, but model.network, {type(self.network).__name__}, "
                f"takes clips of exactly {needed}; change data.seconds, model.front_end or the network's feature_frames"
            )
        logits: Tensor = self.network(features.values, features.lengths)
        return logits.float()
