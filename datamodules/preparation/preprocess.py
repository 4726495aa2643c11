"""`Preprocessor`: the arrays of one recording at the rate and hop of the shards, computed once and cached."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.annotations.f0_series import HIGHEST_F0
from datamodules.corpora.base import FeatureSource, PitchSource, Recording
from datamodules.corpora.sources.audio_files import AudioFormat, format_of
from datamodules.errors import DataError, MachineFault
from datamodules.preparation.cache import ArrayCache
from datamodules.preparation.mono import to_mono_int16
from datamodules.preparation.spectrograms import Spectrogram, quantise
from datamodules.shards.writer import TrackArrays

# Part of every cache key: raise it when a change here gives other arrays for the same recording.
CODE_VERSION = 2


class Staged(NamedTuple):
    """A recording whose arrays are in the cache.

    Attributes:
        frames: label frames.
        dimensions: of the features; 0 without features.
        arrays: key in the cache, by field of `TrackArrays`.
        format: of the audio file; None if the audio is not a file's.
    """

    frames: int
    dimensions: int
    arrays: dict[str, str]
    format: AudioFormat | None = None


class Rejected(NamedTuple):
    """Why a recording cannot be used."""

    reason: str


class RecordingNote(NamedTuple):
    """What preprocessing gave for a recording.

    Attributes:
        recording: its id.
        stamp: a hash of path, size and modification time of its sources and of the parameters; hexadecimal.
        result: what its arrays are, or why there are none.
    """

    recording: str
    stamp: str
    result: Staged | Rejected


def frame_count(samples: int, hop: int) -> int:
    """Label frames of a track: all frames t whose centre, sample t * hop, exists."""
    return -(-samples // hop)


def resample_truth(truth: PitchSource, name: str, frames: int, rate: int, hop: int) -> NDArray[np.float32]:
    """The f0 at the label frames.

    Args:
        truth: the annotation.
        name: of the recording, for messages.
        frames: label frames of the recording.
        rate: samples per second.
        hop: samples between label frames.

    Returns:
        `(frames,)` or, of several voices, `(frames, pitches)` float32, Hz, 0 where unvoiced.

    Raises:
        DataError: the annotation cannot be read; the message names the file.
    """
    series = truth.read()
    # Files are checked line by line when they are read; this is for sources that somebody else has written.
    if not (np.abs(series.f0) <= HIGHEST_F0).all():
        raise DataError(f"recording {name!r}: its f0 is not finite, or above {HIGHEST_F0:g} Hz")
    beyond = series.times[-1] - frames * hop / rate if series.times.size else 0.0
    if beyond > 1.0:
        warnings.warn(
            f"recording {name!r}: the annotation goes on {beyond:.1f} s after the audio's end; is it the "
            "annotation of this file?",
            stacklevel=2,
        )
    f0 = series.at(np.arange(frames) * hop / rate).astype(np.float32)
    return np.zeros((frames, 1), np.float32) if f0.shape[1:] == (0,) else f0


class Preprocessor:
    """Computes the arrays of recordings and finds them again.

    Args:
        cache: of the arrays.
        rate: samples per second.
        hop: samples between label frames.
        spectrogram: computed over every recording; None for none.
    """

    def __init__(self, cache: ArrayCache, rate: int, hop: int, spectrogram: Spectrogram | None = None) -> None:
        self.cache, self.rate, self.hop, self.spectrogram = cache, rate, hop, spectrogram

    def note(self, recording: Recording, stamp: str | None = None) -> RecordingNote | None:
        """Compute the arrays of a recording that are missing, unless what was noted of it still holds.

        Args:
            recording: whose sources are read; if the note holds, each is only asked for its size and time.
            stamp: of what was noted; None: nothing was.

        Returns:
            What to note; None: what was noted.
        """
        present = self._stamp(recording)
        return None if present == stamp else RecordingNote(recording.id, present, self.put(recording))

    def put(self, recording: Recording) -> Staged | Rejected:
        """Compute the arrays of a recording that are missing; their keys, or why the recording cannot be used."""
        try:
            return self._make(recording)
        except MachineFault:
            raise  # on a disk with more room the recording can be used
        except DataError as error:
            return Rejected(str(error))

    def get(self, staged: Staged) -> TrackArrays:
        """A recording's arrays, as memory maps."""
        return TrackArrays(staged.frames, **{name: self.cache.get(key) for name, key in staged.arrays.items()})

    def _make(self, recording: Recording) -> Staged:
        arrays, dimensions, stored = {}, 0, None
        if recording.audio is not None:
            arrays["samples"] = self._put_audio(recording)
            stored = format_of(recording.audio)
            frames = frame_count(self.cache.get(arrays["samples"]).size, self.hop)
            if self.spectrogram is not None and frames:
                arrays["spectrum"] = self._put_spectrum(recording.id, arrays["samples"], frames, self.spectrogram)
        elif recording.features is not None:
            arrays["features"] = self._put_features(recording.features)
            frames, dimensions = self.cache.get(arrays["features"]).shape
        if not frames:
            raise DataError(f"recording {recording.id!r}: it is empty")
        if recording.truth is not None:
            arrays["f0"] = self._put_f0(recording.truth, recording.id, frames)
        return Staged(frames, dimensions, arrays, stored)

    def _put_audio(self, recording: Recording) -> str:
        audio = recording.audio
        assert audio is not None
        parts = {"op": "audio", "source": audio.fingerprint(), "rate": self.rate, "version": CODE_VERSION}
        return self.cache.put(parts, lambda: to_mono_int16(audio.read(), self.rate))

    def _put_features(self, features: FeatureSource) -> str:
        parts = {"op": "features", "source": features.fingerprint(), "version": CODE_VERSION}
        return self.cache.put(parts, features.read)

    def _put_f0(self, truth: PitchSource, name: str, frames: int) -> str:
        parts = {
            "op": "f0",
            "source": truth.fingerprint(),
            "frames": frames,
            "rate": self.rate,
            "hop": self.hop,
            "version": CODE_VERSION,
        }
        return self.cache.put(parts, lambda: resample_truth(truth, name, frames, self.rate, self.hop))

    def _put_spectrum(self, name: str, samples: str, frames: int, spectrogram: Spectrogram) -> str:
        def make() -> NDArray[np.uint16]:
            audio = self.cache.get(samples).astype(np.float32) / 32768
            spectrum = spectrogram.compute(audio, self.rate, self.hop)
            if spectrum.shape[-1] < frames:
                raise DataError(f"recording {name!r}: {spectrum.shape[-1]} spectrogram frames, {frames} label frames")
            return quantise(spectrum[..., :frames]).transpose(2, 0, 1)

        parts = {
            "op": type(spectrogram).__name__,
            **vars(spectrogram),
            "source": samples,
            "frames": frames,
            "hop": self.hop,
            "version": CODE_VERSION,
        }
        return self.cache.put(parts, make)

    def _stamp(self, recording: Recording) -> str:
        asked = {
            "sources": [_stamp_of(source) for source in (recording.audio, recording.features, recording.truth)],
            "rate": self.rate,
            "hop": self.hop,
            "spectrogram": self.spectrogram and [type(self.spectrogram).__name__, vars(self.spectrogram)],
            "version": CODE_VERSION,
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _stamp_of(source: Any) -> list[Any] | str | None:  # noqa: ANN401 -- any kind of source
    """A value that changes with the source, found without reading a file."""
    path = getattr(source, "path", None)
    if source is None or not (dataclasses.is_dataclass(source) and isinstance(path, Path)):
        try:
            return None if source is None else str(source.fingerprint())
        except DataError as error:
            return str(error)
    try:
        status = path.stat()
    except OSError:
        return [repr(source), None]
    return [repr(source), status.st_size, status.st_mtime_ns]
