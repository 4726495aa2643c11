"""Basic Pitch as a tracker of one voice.

R. Bittner, J. Bosch, D. Rubinstein, G. Meseguer-Brocal and S. Ewert, "A lightweight instrument-agnostic model for
polyphonic note transcription and multipitch estimation", ICASSP 2022.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soundfile
from basic_pitch import FilenameSuffix, build_icassp_2022_model_path  # type: ignore[import-not-found, unused-ignore]
from basic_pitch.inference import Model, run_inference  # type: ignore[import-not-found, unused-ignore]
from basic_pitch.note_creation import model_frames_to_time  # type: ignore[import-not-found, unused-ignore]
from numpy.typing import NDArray

LOWEST = 27.5  # Hz, of the second bin: a semitone has three, and the note is the one in the middle
BINS_PER_OCTAVE = 36


class BasicPitch:
    """The largest bin of Basic Pitch's contours, made finer by the mean of it and its neighbours; ONNX model.

    The package itself gives notes, not f0. Frames are 11.6 ms apart, at the times that the package says.

    Args:
        voiced: a frame is voiced where the largest activation, 0 to 1, is at least this; the package's frame threshold.
    """

    def __init__(self, voiced: float) -> None:
        self.voiced = voiced
        self.model = Model(build_icassp_2022_model_path(FilenameSuffix.onnx))

    def __call__(self, samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], ...]:
        """Times in s, f0 in Hz, negative where unvoiced, and confidence, of `(samples,)` at full scale 1."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recording.wav"
            soundfile.write(path, samples, rate, subtype="FLOAT")
            contours = run_inference(path, self.model)["contour"].astype(np.float64)
        centre = contours.argmax(axis=1)
        bins = np.clip(centre[:, None] + np.arange(-1, 2), 0, contours.shape[1] - 1)
        weights = np.take_along_axis(contours, bins, axis=1)
        f0 = LOWEST * 2 ** (((weights * bins).sum(axis=1) / weights.sum(axis=1) - 1) / BINS_PER_OCTAVE)
        largest = contours.max(axis=1)
        return model_frames_to_time(len(f0)), np.where(largest >= self.voiced, f0, -f0), largest
