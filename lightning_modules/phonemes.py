"""Phoneme recognition by connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from architectures import FrontEnd, SequenceNetwork, Sequences
from datamodules.batches import PhonemeBatch, UtteranceSet
from lightning_modules.base import LossPart
from lightning_modules.decoding import CTCDecoder, Greedy, Hypothesis, SymbolSpan, align
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.metrics import Folding, PhonemeMetrics
from lightning_modules.outputs import PhonemeOutput
from lightning_modules.scoring import refuse_nan
from lightning_modules.utterances import UtteranceModule


class PhonemeRecognizer(UtteranceModule[PhonemeBatch, PhonemeMetrics, PhonemeOutput]):
    """Learns the phones of utterances by CTC; A. Graves et al., ICML 2006.

    The steps return `outputs.PhonemeOutput`. Logged as `val/<set>/...` or `test/<set>/...`: `levenshtein_distance`
    (edits per utterance), `phoneme_error_rate` (edits per phone of the references) and its parts `substitution_rate`,
    `deletion_rate` and `insertion_rate`, and `loss` (that of an utterance over the number of its phones). `forward`
    takes the signal of a PhonemeBatch and its lengths `(batch,)`, and gives natural logarithms of probabilities
    `(batch, frames, symbols)` with the frames of each utterance.

    Args:
        network: from features to logits, the first for the blank, one for each phone.
        decoder: of validation.
        test_decoder: of test and predict, which may take longer; None takes that of validation.
        folding: which phones are scored as one.

    Raises:
        ValueError: an argument does not fit; the message names it.
    """

    network: SequenceNetwork

    def __init__(
        self,
        network: SequenceNetwork,
        front_end: FrontEnd,
        decoder: CTCDecoder | None = None,
        test_decoder: CTCDecoder | None = None,
        folding: Folding | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        penalty: L2Penalty | None = None,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(network, front_end, optimizer=optimizer, scheduler=scheduler, penalty=penalty, augment=augment)
        self.decoder = Greedy() if decoder is None else decoder
        self.test_decoder = self.decoder if test_decoder is None else test_decoder
        self.folding = folding

    @override
    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        return self._log_probs(self.features(signal, lengths))

    def output_frames(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Frames of the network's output for utterances of `lengths` samples, or frames of stored features."""
        frames = torch.tensor([self.front_end.frames(int(length)) for length in lengths])
        return self.network.lengths(frames).numpy()

    @override
    def training_step(self, batch: PhonemeBatch, batch_index: int) -> Tensor:
        log_probs = self._log_probs(self.training_features(batch.signal, batch.lengths, batch.seed))
        losses = self._losses(log_probs, batch.targets, batch.target_lengths)
        return self.training_loss({"ctc": LossPart(losses.mean())}, len(losses))

    @property
    def stage_decoder(self) -> CTCDecoder:
        """The decoder of the stage that the trainer is in."""
        return self.test_decoder if self.trainer.testing or self.trainer.predicting else self.decoder

    @override
    def new_metrics(self, evaluation: UtteranceSet) -> PhonemeMetrics:
        if len(evaluation.labels) != self.network.symbols - 1:
            raise MisconfigurationException(
                f"data.phones: {len(evaluation.labels)} phones need as many symbols and a blank, but "
                f"model.network.symbols is {self.network.symbols}"
            )
        try:
            self.stage_decoder.check(evaluation.labels)
            metrics = PhonemeMetrics(len(evaluation.ids), evaluation.labels, self.folding)
        except ValueError as error:
            raise MisconfigurationException(f"data.phones of {evaluation.name}: {error}") from error
        return metrics.to(self.device)

    @override
    def score_batch(self, batch: PhonemeBatch, metrics: PhonemeMetrics) -> tuple[Tensor, list[PhonemeOutput]]:
        evaluation = batch.evaluation
        assert evaluation is not None
        features = self.features(batch.signal, batch.lengths)
        log_probs = self._log_probs(features)
        refuse_nan(log_probs.values[batch.valid], evaluation.name)
        hypotheses = self.stage_decoder(*log_probs, evaluation.labels)
        if evaluation.has_truth:
            metrics.update([nbest[0].symbols for nbest in hypotheses], batch)
        known = batch.valid & (batch.target_lengths > 0)
        of_known = Sequences(log_probs.values[known], log_probs.lengths[known])
        losses = self._losses(of_known, batch.targets[known], batch.target_lengths[known])
        return losses, [
            self._output(batch, place, hypotheses[place], features=features, log_probs=log_probs, metrics=metrics)
            for place in batch.valid.nonzero()[:, 0].tolist()
        ]

    def _output(
        self,
        batch: PhonemeBatch,
        place: int,
        hypotheses: list[Hypothesis],
        *,
        features: Sequences,
        log_probs: Sequences,
        metrics: PhonemeMetrics,
    ) -> PhonemeOutput:
        """What the step returns of one utterance of a batch."""
        evaluation, item = batch.evaluation, int(batch.item[place])
        assert evaluation is not None
        reference = batch.targets[place, : int(batch.target_lengths[place])].tolist() if evaluation.has_truth else None
        frames, feature_frames = int(log_probs.lengths[place]), int(features.lengths[place])
        of_utterance = log_probs.values[place, :frames].cpu()
        seconds = self.frame_seconds(evaluation)
        return {
            "dataset": evaluation.name,
            "id": evaluation.ids[item],
            "item": item,
            "phones": evaluation.labels,
            "reference": reference,
            "hypotheses": hypotheses,
            "scored_phones": metrics.phones.names,
            "aligned": None if reference is None else metrics.aligned(reference, hypotheses[0].symbols),
            "log_probs": of_utterance.numpy(),
            "times": (self.network.offset + self.network.stride * np.arange(frames)) * seconds,
            "segments": partial(_align, of_utterance),
            "features": features.values[place, :feature_frames].cpu().numpy(),
            "feature_times": np.arange(feature_frames) * seconds,
        }

    def _losses(self, log_probs: Sequences, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """`(utterances,)`, each over the number of its phones; 0 where these do not fit into the frames."""
        if not len(targets):
            return log_probs.values.new_zeros(0)
        losses = functional.ctc_loss(
            log_probs.values.transpose(0, 1),
            targets,
            log_probs.lengths,
            target_lengths,
            reduction="none",
            zero_infinity=True,
        )
        return losses / target_lengths.clamp(min=1)

    def _log_probs(self, features: Sequences) -> Sequences:
        """In float32."""
        logits: Sequences = self.network(features.values, features.lengths)
        return logits._replace(values=logits.values.float().log_softmax(-1))


def _align(log_probs: Tensor, symbols: Sequence[int]) -> list[SymbolSpan]:
    return align(log_probs, torch.tensor(symbols, dtype=torch.int64))
