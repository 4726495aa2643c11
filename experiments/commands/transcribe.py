"""Write the f0 of recordings, as in `melisma transcribe RUN/checkpoints/best.ckpt song.wav --out f0`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jsonargparse import ArgumentParser
from torch import nn
from tqdm import tqdm

from architectures import ConstantQTransform, FromAudio, HarmonicConstantQTransform, WholeAudio
from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import write_f0
from datamodules.corpora.base import Audio
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.files import file_name
from datamodules.preparation.preprocess import to_mono_int16
from experiments.runs import load
from lightning_modules import MelodyTracker
from lightning_modules.outputs import signed_f0

TRANSFORMS = {"ConstantQ": ConstantQTransform, "HarmonicConstantQ": HarmonicConstantQTransform}


def main(arguments: list[str]) -> None:
    """Transcribe recordings with a trained model; exit code 1 if some could not be, with the reasons."""
    parser = ArgumentParser(prog="melisma transcribe", description=__doc__, allow_abbrev=False)
    parser.add_argument("checkpoint", type=Path, help="of a run of MelodyTracker")
    parser.add_argument("recordings", type=Path, nargs="+", help="audio files of any rate")
    parser.add_argument("--out", type=Path, default=Path("f0"), help="folder that receives NAME.csv of each: time, f0")
    parser.add_argument("--device", default="cpu", help="such as cuda")
    parser.add_argument("--voicing_threshold", type=float | None, default=None, help="null: the one that was tuned")
    options = parser.parse_args(arguments)
    _refuse_same_names(options.recordings)
    transcriber = Transcriber(options.checkpoint, torch.device(options.device), options.voicing_threshold)
    options.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for path in tqdm(options.recordings, desc="transcribing", unit="recording"):
        try:
            write_f0(options.out / f"{file_name(path.stem)}.csv", transcriber(AudioFile(path).read()))
        except DataError as error:
            failed.append(str(error))
    print(f"{len(options.recordings) - len(failed)} f0 tables in {options.out}")
    if failed:
        print("\n".join(["melisma: could not transcribe:", *(f"  {reason}" for reason in failed)]), file=sys.stderr)
        sys.exit(1)


class Transcriber:
    """A trained model that takes recordings of any rate.

    Args:
        checkpoint: `RUN/checkpoints/NAME.ckpt`.
        device: where it runs.
        voicing_threshold: a frame is voiced if its confidence is greater; None: as tuned in training.

    Raises:
        DataError: the checkpoint is not of a MelodyTracker, or does not say what it was trained on.
    """

    def __init__(self, checkpoint: Path, device: torch.device, voicing_threshold: float | None = None) -> None:
        model, data = load(checkpoint)
        if not isinstance(model, MelodyTracker):
            raise DataError(f"{checkpoint}: of a {type(model).__name__}; only a MelodyTracker gives f0")
        if "shards" not in data:
            raise DataError(f"{checkpoint}: does not say which rate and hop it was trained on")
        self.model, self.shards, self.device = model.to(device), data["shards"], device
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


def _refuse_same_names(paths: Sequence[Path]) -> None:
    for path in paths:
        same = [str(other) for other in paths if other.stem == path.stem]
        if len(same) > 1:
            raise DataError(f"{', '.join(same)}: their f0 tables would have the same name; transcribe them one by one")
