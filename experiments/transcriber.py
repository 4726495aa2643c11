"""Recordings of any rate straight to f0, by a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from architectures import ConstantQTransform, FromAudio, HarmonicConstantQTransform, WholeAudio
from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio
from datamodules.errors import DataError
from datamodules.preparation.preprocess import to_mono_int16
from experiments.runs import load
from lightning_modules import MelodyTracker
from lightning_modules.outputs import signed_f0

TRANSFORMS = {"ConstantQ": ConstantQTransform, "HarmonicConstantQ": HarmonicConstantQTransform}


class Transcriber:
    """A trained model that takes recordings of any rate.

    Args:
        checkpoint: `RUN/checkpoints/NAME.ckpt`.
        device: where it runs, such as `cpu` or `cuda`.
        voicing_threshold: a frame is voiced if its confidence is greater; None: as tuned in training.

    Raises:
        DataError: the checkpoint is not of a MelodyTracker, or does not say what it was trained on.
    """

    def __init__(self, checkpoint: Path, device: str, voicing_threshold: float | None = None) -> None:
        model, data = load(checkpoint)
        if not isinstance(model, MelodyTracker):
            raise DataError(f"{checkpoint}: of a {type(model).__name__}; only a MelodyTracker gives f0")
        if "shards" not in data:
            raise DataError(f"{checkpoint}: does not say which rate and hop it was trained on")
        self.model, self.shards, self.device = model.to(device), data["shards"], torch.device(device)
        self.whole = _whole(model.network, self.shards).to(device)
        self.threshold = model.thresholds.frozen("").value if voicing_threshold is None else voicing_threshold

    @torch.inference_mode()
    def __call__(self, recording: Audio) -> F0Series:
        """The f0 of a recording, Hz, negative where unvoiced."""
        # Through int16, as the recordings that the model was trained on.
        samples = to_mono_int16(recording, self.shards["rate"])
        audio = torch.from_numpy(samples.astype(np.float32) / 32768).to(self.device)
        decoded = self.model.decode(self.whole(audio))
        times = np.arange(len(decoded.f0)) * self.shards["hop"] / self.shards["rate"]
        return F0Series(times, signed_f0(decoded.f0.cpu().numpy(), decoded.confidence.cpu().numpy(), self.threshold))


def _whole(network: Any, shards: dict[str, Any]) -> nn.Module:  # noqa: ANN401 -- of either signal
    if shards["spectrogram"] is None:
        return WholeAudio(network, shards["hop"])
    parameters = dict(shards["spectrogram"])
    transform = TRANSFORMS[parameters.pop("class")](shards["rate"], shards["hop"], **parameters)
    return FromAudio(network, transform)
