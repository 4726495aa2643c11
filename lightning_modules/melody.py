"""Melody extraction and pitch tracking: a salience over pitch bins for every frame, decoded to f0 and voicing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from typing_extensions import override

from architectures import FrameNetwork, FrameOutput
from datamodules.batches import PitchBatch
from lightning_modules.base import LossPart
from lightning_modules.decoding import DecodedPitch, PitchDecoder
from lightning_modules.decoding.pitch.peaks import average_near
from lightning_modules.inputs import network_input
from lightning_modules.losses.coverage import UncoveredNotes
from lightning_modules.losses.penalties import L2Penalty
from lightning_modules.losses.salience import PitchLoss
from lightning_modules.losses.terms import LossTerm, check_outputs, check_terms
from lightning_modules.metrics import MELODY_METRICS, TrackMetric
from lightning_modules.outputs import PitchOutput
from lightning_modules.pitch_grid import PitchGrid
from lightning_modules.pitch_model import decode
from lightning_modules.tracks import ScoredTrack, TrackModule


class SalienceTracker(TrackModule):
    """Learns a salience over the pitch grid, whatever is decoded from it.

    Logged as `train/...`: `loss`, and its summands if there are several, that of the salience as `pitch`. `forward`
    gives the salience `(batch, frames, bins)`, 0 to 1.

    Args:
        network: from audio or spectrograms to logits, whose width must be the grid's number of bins.
        grid: the pitch of each bin.
        loss: compares logits with f0, and turns logits into a salience.
        threshold: as `voicing_threshold` of TrackModule.
        terms: added to the loss in training, one for each further output of the network.

    Raises:
        ValueError: network and grid do not agree, or another argument does not fit; the message names it.
    """

    network: FrameNetwork

    def __init__(
        self,
        network: FrameNetwork,
        grid: PitchGrid,
        loss: PitchLoss,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None,
        threshold: float | None,
        penalty: L2Penalty | None,
        augment: nn.Module | None,
        terms: Sequence[LossTerm] = (),
        metrics: Sequence[TrackMetric] = (),
    ) -> None:
        super().__init__(
            network,
            optimizer=optimizer,
            scheduler=scheduler,
            voicing_threshold=threshold,
            penalty=penalty,
            augment=augment,
            metrics=metrics,
        )
        if network.width != grid.bins:
            raise ValueError(f"network.width: {network.width}, but the pitch grid has {grid.bins} bins")
        check_terms(terms)
        self.grid, self.loss, self.terms = grid, loss, tuple(terms)
        self._uncovered = UncoveredNotes()

    def further_parts(self, output: FrameOutput, batch: PitchBatch, audio: Tensor) -> dict[str, LossPart]:
        """The summands of the training loss besides that of the salience, by name."""
        if not self.terms:
            return {}
        with torch.no_grad():  # decoded frame by frame, whatever the decoder of whole tracks is
            salience = self.loss.salience(output.pitch).flatten(0, 1)
            estimate = average_near(salience, salience.argmax(dim=1), 1.0, self.grid).view(output.pitch.shape[:2])
        return {
            term.output: LossPart(term(getattr(output, term.output), batch, audio, estimate), term.weight)
            for term in self.terms
        }

    @override
    def forward(self, audio: Tensor) -> Tensor:
        return self.loss.salience(self._outputs(audio).pitch)

    @override
    def training_step(self, batch: PitchBatch, batch_index: int) -> Tensor:
        audio = self.training_input(batch)
        output = self._outputs(audio)
        self._uncovered.count(batch.f0, batch.valid, self.loss.covers(batch.f0, self.grid))
        pitch: Tensor = self.loss(output.pitch, batch.f0, batch.valid, self.grid, self.global_step)
        parts = {"pitch": LossPart(pitch), **self.further_parts(output, batch, audio)}
        return self.training_loss(parts, len(batch.signal))

    @override
    def on_validation_start(self) -> None:
        if self.trainer.state.fn == TrainerFn.FITTING:
            self._uncovered.tell(self.grid)

    @override
    def on_train_end(self) -> None:
        self._uncovered.tell(self.grid)

    @override
    def frame_logits(self, batch: PitchBatch) -> dict[str, Tensor]:
        output = self._outputs(network_input(batch, self.network))
        logits = {"pitch": output.pitch.float()}
        return logits if output.voicing is None else {**logits, "voicing": output.voicing.float()}

    def _outputs(self, audio: Tensor) -> FrameOutput:
        output: Tensor | FrameOutput = self.network(audio)
        output = FrameOutput(output) if isinstance(output, Tensor) else output
        check_outputs(output, self.terms, self.network)
        return output


class MelodyTracker(SalienceTracker):
    """Learns a salience over the pitch grid and scores its decoding as mir_eval does, per track and averaged.

    The steps return `outputs.PitchTrackOutput`. Logged as `val/<set>/...` or `test/<set>/...`: the metrics, `loss` (of
    the salience, with the weights of the first step, so that validations compare), and the `voicing_threshold` in
    force; as `train/...`: `loss`, and its summands if there are several, that of the salience as `pitch`. `forward`
    gives the salience `(batch, frames, bins)`, 0 to 1.

    The confidence is that of the decoder, or, if the network has a voicing output, the sigmoid of its logit, so that a
    logit of 0 is the threshold 0.5.

    Args:
        network: from audio or spectrograms to logits, whose width must be the grid's number of bins.
        grid: the pitch of each bin.
        loss: compares logits with f0, and turns logits into a salience.
        decoder: from the salience of a whole track to f0 and confidence.
        terms: added to the loss in training, one for each further output of the network.

    Raises:
        ValueError: network and grid do not agree, or another argument does not fit; the message names it.
    """

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
        metrics: Sequence[TrackMetric] = (),
    ) -> None:
        super().__init__(
            network,
            grid,
            loss,
            optimizer=optimizer,
            scheduler=scheduler,
            threshold=voicing_threshold,
            penalty=penalty,
            augment=augment,
            terms=terms,
            metrics=metrics,
        )
        self.decoder = decoder

    @override
    def score(self, logits: Mapping[str, Tensor], f0: Tensor) -> ScoredTrack:
        pitch = logits["pitch"]
        loss = self.loss(pitch[None], f0[None], torch.ones_like(f0[None], dtype=torch.bool), self.grid)
        salience = self.loss.salience(pitch)
        decoded = self.decode(FrameOutput(pitch, logits.get("voicing")))
        output: PitchOutput = {
            "pitch": decoded.f0.float().cpu().numpy(),
            "salience": salience.half().cpu().numpy(),
            "notes": self.grid.notes().float().cpu().numpy(),
        }
        return ScoredTrack(loss, decoded.f0, decoded.confidence, output)

    def decode(self, logits: Tensor | FrameOutput) -> DecodedPitch:
        """f0 and confidence of a whole track.

        Args:
            logits: `(frames, bins)`, or all outputs of the network, of the track's frames in order.
        """
        return decode(logits, self.loss, self.decoder, self.grid)
