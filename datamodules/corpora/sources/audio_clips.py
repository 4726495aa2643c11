"""Parts of audio files as recordings of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass

import soundfile

from datamodules.corpora.base import Audio
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.errors import DataError


@dataclass(frozen=True)
class AudioClip:
    """A part of an audio file.

    Attributes:
        file: the whole.
        start: s from the file's beginning.
        seconds: length.
    """

    file: AudioFile
    start: float
    seconds: float

    def fingerprint(self) -> str:
        """The file's fingerprint and the part, as canonical JSON."""
        parts = {"AudioClip": self.file.fingerprint(), "start": self.start, "seconds": self.seconds}
        return json.dumps(parts, sort_keys=True)

    def read(self) -> Audio:
        """Decode the part.

        Raises:
            DataError: the file cannot be decoded, or ends before the part does.
        """
        whole = self.file.read()
        first = round(self.start * whole.rate)
        samples = whole.samples[first : first + round(self.seconds * whole.rate)]
        if not len(samples) or len(samples) < round(self.seconds * whole.rate):
            raise DataError(f"{self.file.path}: it ends before {self.start + self.seconds:g} s")
        return Audio(samples, whole.rate)


def cut(file: AudioFile, seconds: float) -> list[AudioClip]:
    """All clips of one length that a file has, one behind the other; what is left at its end is dropped.

    Raises:
        DataError: the file is missing or no audio.
    """
    if not file.path.is_file():
        raise DataError(f"{file.path}: there is no such audio file")
    try:
        header = soundfile.info(file.path)
    except RuntimeError as error:  # as soundfile's errors are
        raise DataError(f"{file.path}: cannot be decoded: {error}") from error
    count = int(header.frames / header.samplerate / seconds)
    return [AudioClip(file, number * seconds, seconds) for number in range(count)]
