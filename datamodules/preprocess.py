"""From a recording to int16 samples and an f0 value for each label frame, at the shards' rate and hop."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.files import write_atomically

# Part of every cache key: raise it when a change here alters the samples or labels of the same recording.
CODE_VERSION = 1


class Track(NamedTuple):
    """A whole preprocessed recording.

    Attributes:
        samples: `(samples,)` int16 mono, full scale at 32768.
        f0: `(frames,)` float32, Hz, 0 where unvoiced, at the times frame * hop / rate; None without annotation.
    """

    samples: NDArray[np.int16]
    f0: NDArray[np.float32] | None


def frame_count(samples: int, hop: int) -> int:
    """Label frames of a track: frame t is centred on sample t * hop, and that sample exists."""
    return -(-samples // hop)


def to_mono_int16(audio: Audio, rate: int) -> NDArray[np.int16]:
    """Mean of the channels, resampled by soxr in its highest quality, rounded and clipped (never wrapped)."""
    samples = audio.samples.mean(axis=1) if audio.samples.ndim == 2 else audio.samples
    if audio.rate != rate:
        samples = soxr.resample(samples, audio.rate, rate, quality="VHQ")
    whole: NDArray[np.float64] = np.rint(np.asarray(samples, np.float64) * 32768)
    return np.clip(whole, -32768, 32767).astype(np.int16)


def preprocess(recording: Recording, rate: int, hop: int) -> Track:
    """Decode, mix to mono, resample audio and annotation.

    Args:
        recording: what to read.
        rate: samples per second of the result.
        hop: samples between label frames of the result.

    Raises:
        DataError: audio or annotation cannot be used; the message names the file.
    """
    samples = to_mono_int16(recording.audio.read(), rate)
    if not samples.size:
        raise DataError(f"recording {recording.id!r}: its audio is empty")
    if recording.truth is None:
        return Track(samples, None)
    series = recording.truth.read()
    times = np.arange(frame_count(samples.size, hop)) * hop / rate
    beyond = series.times[-1] - samples.size / rate if series.times.size else 0.0
    if beyond > 1.0:
        warnings.warn(
            f"recording {recording.id!r}: the annotation goes on {beyond:.1f} s after the audio's end; is it the "
            "annotation of this file?",
            stacklevel=2,
        )
    return Track(samples, series.at(times).astype(np.float32))


class Staging:
    """Preprocessed tracks on disk, found again by what they were made from.

    The key is the sha256 of the sources' fingerprints and of every parameter, so that a changed file or recipe never
    meets an old result. Each track is up to two .npy files under temporary names until they are whole.
    """

    def __init__(self, folder: Path, rate: int, hop: int) -> None:
        self.folder, self.rate, self.hop = folder, rate, hop

    def key(self, recording: Recording) -> str:
        """Name of a recording's files in the staging folder."""
        parts = {
            "audio": recording.audio.fingerprint(),
            "truth": None if recording.truth is None else recording.truth.fingerprint(),
            "rate": self.rate,
            "hop": self.hop,
            "version": CODE_VERSION,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def put(self, recording: Recording) -> tuple[str, int]:
        """Preprocess a recording unless that is done; returns its key and its number of samples."""
        key = self.key(recording)
        audio, truth = self._files(key)
        if not audio.exists() or (recording.truth is not None and not truth.exists()):
            track = preprocess(recording, self.rate, self.hop)
            self.folder.mkdir(parents=True, exist_ok=True)
            if track.f0 is not None:
                self._save(truth, track.f0)
            self._save(audio, track.samples)
            return key, track.samples.size
        return key, int(np.load(audio, mmap_mode="r").size)

    def get(self, key: str) -> Track:
        """A track that was put before; its arrays are read from disk where they are touched."""
        audio, truth = self._files(key)
        return Track(np.load(audio, mmap_mode="r"), np.load(truth, mmap_mode="r") if truth.exists() else None)

    def remove(self) -> None:
        """Delete all staged tracks."""
        if self.folder.exists():
            for file in self.folder.iterdir():
                file.unlink()
            self.folder.rmdir()

    def _files(self, key: str) -> tuple[Path, Path]:
        return self.folder / f"{key}.i16.npy", self.folder / f"{key}.f0.npy"

    @staticmethod
    def _save(path: Path, array: NDArray[np.int16] | NDArray[np.float32]) -> None:
        with write_atomically(path) as file:
            np.save(file, array)
