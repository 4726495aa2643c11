"""Audio in files, whatever format libsndfile reads, checked for what a damaged file can be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from datamodules.corpora.base import Audio, AudioSource
from datamodules.corpora.sources.files import sha256
from datamodules.errors import DataError

EXTENSIONS = frozenset(
    f".{name}" for name in "aif aifc aiff au caf flac mp3 nist oga ogg opus rf64 snd sph w64 wav".split()
)
BLOCK = 1 << 20  # samples; a header may not know how many there are, so that the file has to be read until it ends
# libsndfile opens a file that has lost its end and only notes in its log that it is shorter than its header says.
SHORTENED = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
NOT_KNOWN = 0x7FFF0000  # bytes; from here on the size stands for 'not known', as written to a pipe
MISSING = 0.1  # s; the length that an MP3 header states may be off by less


@dataclass(frozen=True)
class AudioFile:
    """An audio file.

    Attributes:
        path: of the file.
    """

    path: Path

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes."""
        return sha256(self.path)

    def read(self) -> Audio:
        """Decode the whole file.

        Raises:
            DataError: the file is missing, not audio, truncated or empty, or has samples that are not numbers.
        """
        if not self.path.is_file():
            raise DataError(f"{self.path}: there is no such audio file")
        try:
            with soundfile.SoundFile(self.path) as file:
                rate, promised, log = int(file.samplerate), int(file.frames), str(file.extra_info)
                samples = _decode(file)
        except (RuntimeError, ValueError) as error:  # soundfile's errors are RuntimeErrors
            raise DataError(f"{self.path}: cannot be decoded: {error}") from error
        self._check(samples, rate, promised, log)
        return Audio(samples, rate)

    def _check(self, samples: NDArray[np.float32], rate: int, promised: int, log: str) -> None:
        for stated, present in SHORTENED.findall(log):
            if int(present) < int(stated) < NOT_KNOWN:
                raise DataError(f"{self.path}: truncated: {present} of {stated} bytes of audio are there")
        if not len(samples):
            raise DataError(f"{self.path}: no samples in it")
        if len(samples) < promised - MISSING * rate and promised < np.iinfo(np.int64).max:
            raise DataError(f"{self.path}: truncated: {len(samples)} of {promised} samples are there")
        finite = np.isfinite(samples).reshape(len(samples), -1).all(axis=1)
        if not finite.all():
            raise DataError(f"{self.path}: sample {int(np.argmin(finite))} is not a finite number")


class Layout(NamedTuple):
    """How audio is stored.

    Attributes:
        rate: samples per second.
        channels: how many there are.
    """

    rate: int
    channels: int


def layout_of(audio: AudioSource) -> Layout | None:
    """How a source's audio is stored, by its header; None where it is not simply a file.

    Raises:
        DataError: the file is missing or not audio.
    """
    if not isinstance(audio, AudioFile):
        return None
    try:
        header = soundfile.info(audio.path)
    except RuntimeError as error:
        raise DataError(f"{audio.path}: cannot be decoded: {error}") from error
    return Layout(int(header.samplerate), int(header.channels))


def _decode(file: soundfile.SoundFile) -> NDArray[np.float32]:
    blocks = [file.read(BLOCK, dtype="float32")]
    while len(blocks[-1]) == BLOCK:
        blocks.append(file.read(BLOCK, dtype="float32"))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
