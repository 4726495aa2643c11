"""Melody extraction and pitch tracking: a salience over pitch bins for every frame, decoded to f0 and voicing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn

from architectures import FrameNetwork, FrameOutput
from datamodules.batches import PitchBatch
from lightning_modules.base import LossPart
from lightning_modules.decoding import DecodedPitch, PitchDecoder
from lightning_modules.inputs import network_input
from lightning_modules.losses.coverage import UncoveredNotes
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.losses.salience import PitchLoss
from lightning_modules.losses.terms import LossTerm, check_outputs, check_terms
from lightning_modules.metrics import MELODY_METRICS
from lightning_modules.pitch_grid import PitchGrid
from lightning_modules.tracks import ScoredTrack, TrackModule


class MelodyTracker(TrackModule):
    """Learns a salience over the pitch grid and scores its decoding as mir_eval does, per track and averaged.

    `validation_step` and `test_step` return `{"tracks": [...]}` with a dictionary for each track that the batch
    completes: `dataset`, `track` (names), `times` (s), `reference` (Hz, 0 where unvoiced), `pitch` (Hz, the best
    guess everywhere), `confidence` (0 ... 1), `salience` (frames, bins) and `notes` (bins,) (MIDI note of each bin).
    `predict_step` returns the same with `threshold`; there `reference` is None where a recording has no annotation.
    Logged as `val/<set>/...` or `test/<set>/...`: the metrics, `loss` (of the salience, with the weights of the first
    step, so that validations compare), and the `voicing_threshold` in force; as `train/...`: see AudioModule, with the
    salience's loss as `pitch`.

    The confidence is that of the decoder, or, if the network has a voicing output, the sigmoid of its logit: a logit
    of 0 stands at the threshold 0.5.

    Args:
        network: gives the logits; its width must be the grid's number of bins.
        grid: what the bins stand for.
        loss: compares logits with f0, and says what probabilities the logits stand for.
        decoder: from the salience of a whole track to f0 and confidence.
        optimizer: see AudioModule.
        scheduler: see AudioModule.
        voicing_threshold: see TrackModule.
        terms: added to the loss in training, one for each further output of the network.
        penalty: see AudioModule.
        augment: see TrackModule.

    Raises:
        ValueError: network and grid do not agree, or another argument does not fit; the message names it.
    """

    network: FrameNetwork
    metric_names = MELODY_METRICS

    def __init__(
        self,
        network: FrameNetwork,
        grid: PitchGrid,
        loss: PitchLoss,
        decoder: PitchDecoder,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        voicing_threshold: float | None = None,
        terms: Sequence[LossTerm] = (),
        penalty: L2Penalty | None = None,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(network, optimizer, scheduler, voicing_threshold, penalty, augment)
        if network.width != grid.bins:
            raise ValueError(f"network.width: {network.width}, but the pitch grid has {grid.bins} bins")
        check_terms(terms)
        self.grid, self.loss, self.decoder, self.terms = grid, loss, decoder, tuple(terms)
        self._uncovered = UncoveredNotes()

    def forward(self, audio: Tensor) -> Tensor:
        """Salience `(batch, frames, bins)`, 0 ... 1, of what the network takes."""
        return self.loss.salience(self._outputs(audio).pitch)

    def training_step(self, batch: PitchBatch, batch_index: int) -> Tensor:
        """The loss of a batch of windows."""
        audio = self.training_input(batch)
        output = self._outputs(audio)
        self._uncovered.count(batch.f0, batch.valid, self.loss.covers(batch.f0, self.grid))
        pitch: Tensor = self.loss(output.pitch, batch.f0, batch.valid, self.grid, self.global_step)
        parts = {"pitch": LossPart(pitch)}
        for term in self.terms:
            parts[term.output] = LossPart(term(getattr(output, term.output), batch, audio), term.weight)
        return self.training_loss(parts, len(batch.signal))

    def on_validation_start(self) -> None:
        """Say which notes of the training so far lie beyond the grid."""
        if self.trainer.state.fn == TrainerFn.FITTING:
            self._uncovered.tell(self.grid)

    def on_train_end(self) -> None:
        """Say which notes of the training lie beyond the grid."""
        self._uncovered.tell(self.grid)

    def frame_logits(self, batch: PitchBatch) -> dict[str, Tensor]:
        """`pitch` `(batch, frames, bins)`, and `voicing` `(batch, frames)` if the network gives it."""
        output = self._outputs(network_input(batch, self.network))
        logits = {"pitch": output.pitch.float()}
        return logits if output.voicing is None else {**logits, "voicing": output.voicing.float()}

    def score(self, logits: Mapping[str, Tensor], f0: Tensor) -> ScoredTrack:
        """Loss, f0, confidence and salience of a whole track."""
        pitch = logits["pitch"]
        loss = self.loss(pitch[None], f0[None], torch.ones_like(f0[None], dtype=torch.bool), self.grid)
        salience = self.loss.salience(pitch)
        decoded = self.decode(FrameOutput(pitch, logits.get("voicing")))
        outputs = {
            "pitch": decoded.f0.float().cpu().numpy(),
            "salience": salience.half().cpu().numpy(),
            "notes": self.grid.notes().float().cpu().numpy(),
        }
        return ScoredTrack(loss, decoded.f0, decoded.confidence, outputs)

    def decode(self, logits: Tensor | FrameOutput) -> DecodedPitch:
        """f0 and confidence of a whole track.

        Args:
            logits: `(frames, bins)`, or what else the network gives, of all frames of the track in order.
        """
        output = logits if isinstance(logits, FrameOutput) else FrameOutput(logits)
        decoded = self.decoder(self.loss.salience(output.pitch), self.grid)
        if output.voicing is None:
            return decoded
        return decoded._replace(confidence=torch.sigmoid(output.voicing.float()))

    def _outputs(self, audio: Tensor) -> FrameOutput:
        output: Tensor | FrameOutput = self.network(audio)
        output = FrameOutput(output) if isinstance(output, Tensor) else output
        check_outputs(output, self.terms, self.network)
        return output
