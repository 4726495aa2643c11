"""Audio in files of any format that libsndfile reads: whole, one channel, or a part; damaged files are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.corpora.base import Audio, AudioSource
from datamodules.errors import DataError
from datamodules.files import sha256_of

EXTENSIONS = frozenset(
    f".{name}" for name in "aif aifc aiff au caf flac mp3 nist oga ogg opus rf64 snd sph w64 wav".split()
)
BLOCK = 1 << 20  # samples; some headers do not say how many there are, so the file is read until it ends
# libsndfile opens a file that has lost its end and only notes in its log that it is shorter than its header says.
SHORTENED = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
NOT_KNOWN = 0x7FFF0000  # bytes; a size from here on means 'not known', as in a file that was written to a pipe
MISSING = 0.1  # s; the length in an MP3's header may be wrong by less


@dataclass(frozen=True)
class AudioFile(AudioSource):
    """An audio file."""

    path: Path

    @override
    def fingerprint(self) -> str:
        return sha256_of(self.path)

    @override
    def read(self) -> Audio:
        blocks = list(self.blocks())
        samples = blocks[0].samples if len(blocks) == 1 else np.concatenate([block.samples for block in blocks])
        return Audio(samples, blocks[0].rate)

    def blocks(self, samples: int = BLOCK) -> Iterator[Audio]:
        """What `read` gives, block by block, so that the file is never held as a whole.

        Args:
            samples: of a block; the last one may have fewer, and none has 0.

        Raises:
            DataError: the file cannot be read; that its end is missing is known, and said, at the end only.
        """
        if not self.path.is_file():
            raise DataError(f"{self.path}: there is no such audio file")
        try:
            with soundfile.SoundFile(self.path) as file:
                rate, promised, log = int(file.samplerate), int(file.frames), str(file.extra_info)
                self._check_header(log)
                done = 0
                while len(block := file.read(samples, dtype="float32")):
                    self._check_finite(block, done)
                    done += len(block)
                    yield Audio(block, rate)
        except (RuntimeError, ValueError) as error:  # soundfile's errors are RuntimeErrors
            raise DataError(f"{self.path}: cannot be decoded: {error}") from error
        if not done:
            raise DataError(f"{self.path}: no samples in it")
        if done < promised - MISSING * rate and promised < np.iinfo(np.int64).max:
            raise DataError(f"{self.path}: truncated: {done} of {promised} samples are there")

    def _check_header(self, log: str) -> None:
        for stated, present in SHORTENED.findall(log):
            if int(present) < int(stated) < NOT_KNOWN:
                raise DataError(f"{self.path}: truncated: {present} of {stated} bytes of audio are there")

    def _check_finite(self, block: NDArray[np.float32], before: int) -> None:
        finite = np.isfinite(block).reshape(len(block), -1).all(axis=1)
        if not finite.all():
            raise DataError(f"{self.path}: sample {before + int(np.argmin(finite))} is not a finite number")


class AudioFormat(NamedTuple):
    """How audio is stored.

    Attributes:
        rate: samples per second.
        channels: how many there are.
    """

    rate: int
    channels: int


def format_of(audio: AudioSource) -> AudioFormat | None:
    """How a source's audio is stored, by the file's header; None if it is not a whole file.

    Raises:
        DataError: the file is missing or not audio.
    """
    if not isinstance(audio, AudioFile):
        return None
    header = _header(audio.path)
    return AudioFormat(int(header.samplerate), int(header.channels))


@dataclass(frozen=True)
class AudioChannel(AudioSource):
    """One channel of an audio file whose channels hold different sources; channel 0 is the first."""

    path: Path
    channel: int

    @override
    def fingerprint(self) -> str:
        return json.dumps({"channel": self.channel, "file": AudioFile(self.path).fingerprint()}, sort_keys=True)

    @override
    def read(self) -> Audio:
        audio = AudioFile(self.path).read()
        channels = 1 if audio.samples.ndim == 1 else audio.samples.shape[1]
        if channels <= max(1, self.channel):
            raise DataError(f"{self.path}: channel {self.channel} is wanted, counted from 0, but it has {channels}")
        return Audio(audio.samples[:, self.channel], audio.rate)


@dataclass(frozen=True)
class AudioClip(AudioSource):
    """A part of an audio file.

    Attributes:
        file: the whole.
        start: s from the file's beginning.
        seconds: length.
    """

    file: AudioFile
    start: float
    seconds: float

    @override
    def fingerprint(self) -> str:
        parts = {"AudioClip": self.file.fingerprint(), "start": self.start, "seconds": self.seconds}
        return json.dumps(parts, sort_keys=True)

    @override
    def read(self) -> Audio:
        whole = self.file.read()
        first = round(self.start * whole.rate)
        samples = whole.samples[first : first + round(self.seconds * whole.rate)]
        if not len(samples) or len(samples) < round(self.seconds * whole.rate):
            raise DataError(f"{self.file.path}: it ends before {self.start + self.seconds:g} s")
        return Audio(samples, whole.rate)


def cut(file: AudioFile, seconds: float) -> list[AudioClip]:
    """A file as consecutive clips of one length; a shorter rest is dropped.

    Raises:
        DataError: the file is missing or not audio.
    """
    header = _header(file.path)
    count = int(header.frames / header.samplerate / seconds)
    return [AudioClip(file, number * seconds, seconds) for number in range(count)]


def _header(path: Path) -> Any:  # noqa: ANN401 -- soundfile has no types
    if not path.is_file():
        raise DataError(f"{path}: there is no such audio file")
    try:
        return soundfile.info(path)
    except RuntimeError as error:
        raise DataError(f"{path}: cannot be decoded: {error}") from error
