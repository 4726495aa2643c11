"""Recordings of any rate straight to f0, by a released or a trained model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from architectures import ConstantQTransform, ConvolutionalNetwork, FromAudio, HarmonicConstantQTransform, WholeAudio
from architectures.whole_recordings import joined, logits_of_blocks
from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio
from datamodules.errors import DataError
from datamodules.preparation.mono import mono_int16_blocks
from experiments.released import TRACKER, find_released, load_released, released_names
from lightning_modules.decoding.pitch.peaks import DecodedPitch
from lightning_modules.outputs import signed_f0
from lightning_modules.pitch_model import PitchModel

TRANSFORMS = {"ConstantQ": ConstantQTransform, "HarmonicConstantQ": HarmonicConstantQTransform}
BEST = Path("checkpoints", "best.ckpt")


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


class Transcriber:
    """A model that takes recordings of any rate and number of channels.

    Args:
        model: network, grid, decoder and voicing threshold, in evaluation mode.
        shards: what it was trained on: `rate` (Hz), `hop` (samples), `spectrogram` (class and parameters, or None).
        device: where it runs, such as `cpu` or `cuda`.
        voicing_threshold: a frame is voiced if its confidence is greater; None: that of the model.
    """

    def __init__(
        self,
        model: PitchModel,
        shards: Mapping[str, Any],
        device: str = "cpu",
        voicing_threshold: float | None = None,
    ) -> None:
        self.model, self.device = model.to(device), torch.device(device)
        self.rate, self.hop = int(shards["rate"]), int(shards["hop"])
        self.whole = _whole(model.network, shards).to(device)
        self.threshold = model.voicing_threshold if voicing_threshold is None else voicing_threshold

    @classmethod
    def released(cls, name: str | Path = TRACKER, device: str = "cpu", voicing_threshold: float | None = None) -> Self:
        """That of a released model.

        Args:
            name: of it, or its folder.
            device: where it runs.
            voicing_threshold: None: that of the model.

        Raises:
            DataError: there is no such model.
        """
        return cls(*load_released(name), device, voicing_threshold)

    @classmethod
    def of_checkpoint(cls, checkpoint: Path, device: str = "cpu", voicing_threshold: float | None = None) -> Self:
        """That of a training.

        Args:
            checkpoint: `RUN/checkpoints/NAME.ckpt`.
            device: where it runs.
            voicing_threshold: None: as tuned in training.

        Raises:
            DataError: the checkpoint is not of a MelodyTracker, or does not say what it was trained on.
        """
        from experiments.runs import load_tracker  # here, because it loads Lightning

        model, shards, _ = load_tracker(checkpoint)
        return cls(model, shards, device, voicing_threshold)

    @classmethod
    def of(cls, model: str | None = None, device: str = "cpu", voicing_threshold: float | None = None) -> Self:
        """That of any model.

        Args:
            model: as `locate` takes it.
            device: where it runs.
            voicing_threshold: None: that of the model.

        Raises:
            DataError: there is no such model, or it cannot be used.
        """
        path = locate(model)
        if path.is_dir():
            return cls.released(path, device, voicing_threshold)
        return cls.of_checkpoint(path, device, voicing_threshold)

    def __call__(self, recording: Audio) -> Transcription:
        """The pitch of a recording.

        Raises:
            DataError: it is too short to have a sample at the model's rate.
        """
        return self.of_blocks([recording])

    @torch.inference_mode()
    def of_blocks(self, blocks: Iterable[Audio]) -> Transcription:
        """The pitch of a recording whose audio comes in blocks.

        With a convolutional network and a frame-wise decoder, memory does not grow with the recording, but for what
        is returned.

        Args:
            blocks: of one rate, in order.

        Raises:
            DataError: it is too short to have a sample at the model's rate.
        """
        # Through int16, as the recordings that the model was trained on.
        whole = mono_int16_blocks(blocks, self.rate)
        audio = (torch.from_numpy(samples.astype(np.float32) / 32768).to(self.device) for samples in whole)
        decoded = [DecodedPitch(part.f0.cpu(), part.confidence.cpu()) for part in self._decoded(audio)]
        if not decoded:
            raise DataError(f"too short: no sample of it is left at {self.rate} samples per second")
        f0, confidence = (torch.cat(parts).double().numpy() for parts in zip(*decoded, strict=True))
        times = np.arange(len(f0)) * self.hop / self.rate
        return Transcription(times, f0, confidence, signed_f0(f0, confidence, self.threshold) > 0)

    def _decoded(self, audio: Iterable[Tensor]) -> Iterable[DecodedPitch]:
        """The pitch of successive runs of frames; nothing of a recording without samples."""
        network = self.model.network
        if not isinstance(network, ConvolutionalNetwork):
            samples = torch.cat(list(audio))
            return [self.model.decode(self.whole(samples))] if len(samples) else []
        runs = logits_of_blocks(network, audio)
        if self.model.decoder.frame_wise:
            return map(self.model.decode, runs)
        every = list(runs)
        return [self.model.decode(joined(every))] if every else []


def locate(model: str | None) -> Path:
    """The folder of a released model, or the checkpoint of a training.

    Args:
        model: name or folder of a released model, RUN (then the best checkpoint), or RUN/checkpoints/NAME.ckpt; None:
            the released tracker.

    Raises:
        DataError: there is no such model; the message says which there are.
    """
    folder = find_released(TRACKER if model is None else model)
    if folder is not None:
        return folder
    if model is None:
        raise DataError(
            f"no model is named, and this installation has no released model {TRACKER!r}: say --model "
            "RUN/checkpoints/best.ckpt, or --model FOLDER that `melisma release` wrote"
        )
    path = Path(model)
    if path.suffix == ".ckpt" or path.is_file():
        return path
    if (path / BEST).is_file():
        return path / BEST
    there = ", ".join(released_names()) or "none yet"
    raise DataError(
        f"{model}: no model; expected is a run with {BEST}, a checkpoint, a folder that `melisma release` wrote, or "
        f"the name of a released model (there are: {there})"
    )


def _whole(network: Any, shards: Mapping[str, Any]) -> nn.Module:  # noqa: ANN401 -- of either signal
    if shards["spectrogram"] is None:
        return WholeAudio(network, shards["hop"])
    parameters = dict(shards["spectrogram"])
    transform = TRANSFORMS[parameters.pop("class")](shards["rate"], shards["hop"], **parameters)
    return FromAudio(network, transform)
