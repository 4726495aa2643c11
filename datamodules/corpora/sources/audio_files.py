"""Audio in files of any format that libsndfile reads: whole, one channel, or a part; damaged files are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.corpora.base import Audio, AudioSource
from datamodules.errors import DataError
from datamodules.files import check_file, sha256_of

EXTENSIONS = frozenset(
    f".{name}" for name in "aif aifc aiff au caf flac mp3 nist oga ogg opus rf64 snd sph w64 wav".split()
)
BLOCK = 1 << 20  # samples; some headers do not say how many there are, so the file is read until it ends
# libsndfile opens a file that has lost its end and only notes in its log that it is shorter than its header says.
SHORTENED = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
NOT_KNOWN = 0x7FFF0000  # bytes; a size from here on means 'not known', as in a file that was written to a pipe
UNSTATED = np.iinfo(np.int64).max  # samples; what libsndfile gives for a length that the header leaves open
LOWEST_RATE, HIGHEST_RATE = 1000, 3_072_000  # Hz
BARE = "bare samples, without a header that states rate and channels; make a WAV file of it"
MISSING = 0.1  # s; the length in an MP3's header may be wrong by less


@dataclass(frozen=True)
class AudioFile(AudioSource):
    """An audio file."""

    path: Path

    @override
    def fingerprint(self) -> str:
        _header(self.path)  # gigabytes that are no audio are not read
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
        with self._opened() as file:
            rate, promised, done = int(file.samplerate), int(file.frames), 0
            while len(block := file.read(samples, dtype="float32")):
                self._check_finite(block, done)
                done += len(block)
                yield Audio(block, rate)
        if not done:
            raise DataError(f"{self.path}: no samples in it")
        if done < promised - MISSING * rate and promised < UNSTATED:
            raise DataError(f"{self.path}: truncated: {done} of {promised} samples are there")

    def part(self, first: int, samples: int) -> Audio:
        """Samples of the file, which is neither decoded nor held beyond them where its format can be entered anywhere.

        Args:
            first: where they begin.
            samples: how many; fewer are given where the file ends before.

        Raises:
            DataError: the file cannot be read.
        """
        with self._opened() as file:
            if file.seekable() and file.frames < UNSTATED:
                file.seek(min(first, file.frames))
            else:
                ahead = first
                while ahead and (passed := len(file.read(min(ahead, BLOCK), dtype="float32"))):
                    ahead -= passed
            found = file.read(samples, dtype="float32")
            if len(found):
                self._check_finite(found, first)
            return Audio(found, int(file.samplerate))

    def length(self) -> tuple[int, int]:
        """Samples and samples per second, by the header; a file that does not state its length is read for it.

        Raises:
            DataError: the file is missing or not audio.
        """
        header = _header(self.path)
        samples, rate = int(header.frames), int(header.samplerate)
        return (samples if samples < UNSTATED else sum(len(block.samples) for block in self.blocks())), rate

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        _check_audio(self.path)
        try:
            with soundfile.SoundFile(self.path) as file:
                _check_header(self.path, file.format, int(file.samplerate))
                self._check_whole(str(file.extra_info))
                yield file
        except (RuntimeError, ValueError) as error:  # soundfile's errors are RuntimeErrors
            raise DataError(f"{self.path}: cannot be decoded: {error}") from error

    def _check_whole(self, log: str) -> None:
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
    """How a source's audio is stored, by the file's header; None if it is neither a file nor a clip of one.

    Raises:
        DataError: the file is missing or not audio.
    """
    if not isinstance(audio, (AudioFile, AudioClip)):
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
    """A part of an audio file, which alone is read, however long the file is.

    Attributes:
        file: the whole.
        start: s from the file's beginning.
        seconds: s that are read.
        zeros: s of silence behind them.
    """

    file: AudioFile
    start: float
    seconds: float
    zeros: float = 0.0

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.file.path

    @override
    def fingerprint(self) -> str:
        parts = {"AudioClip": _fingerprint_of_whole(self.file), "start": self.start, "seconds": self.seconds}
        return json.dumps(parts | ({"zeros": self.zeros} if self.zeros else {}), sort_keys=True)

    @override
    def read(self) -> Audio:
        promised, rate = self.file.length()
        first, wanted = round(self.start * rate), round(self.seconds * rate)
        samples = self.file.part(first, wanted).samples
        # What the header promises may be wrong by a little.
        lacking = MISSING * rate if first + wanted <= promised else 0
        if not len(samples) or len(samples) < wanted - lacking:
            raise DataError(f"{self.path}: it ends before {self.start + self.seconds:g} s")
        silent = round((self.seconds + self.zeros) * rate) - len(samples)
        return Audio(np.concatenate([samples, np.zeros((silent, *samples.shape[1:]), np.float32)]), rate)


def _fingerprint_of_whole(file: AudioFile) -> str:
    """The file's fingerprint, computed once for all of its clips, which otherwise read the whole file each."""
    try:
        status = file.path.stat()
    except OSError:
        return file.fingerprint()
    return _fingerprint(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _fingerprint(file: AudioFile, size: int, modified: int) -> str:
    return file.fingerprint()


def cut(file: AudioFile, seconds: float) -> list[AudioClip]:
    """A file as consecutive clips of one length; a shorter rest is dropped.

    Raises:
        DataError: the file is missing or not audio.
    """
    samples, rate = file.length()
    count = int(samples / rate / seconds)
    return [AudioClip(file, number * seconds, seconds) for number in range(count)]


def _header(path: Path) -> Any:  # noqa: ANN401 -- soundfile has no types
    _check_audio(path)
    try:
        header = soundfile.info(path)
    except RuntimeError as error:
        raise DataError(f"{path}: cannot be decoded: {error}") from error
    _check_header(path, header.format, int(header.samplerate))
    return header


def _check_header(path: Path, kind: str, rate: int) -> None:
    """Refuse bare samples, and a rate that makes days of a second: what is resampled grows as its rate shrinks."""
    if kind == "RAW":  # for libsndfile all that is called .au or .snd and has no header is telephone speech
        raise DataError(f"{path}: {BARE}")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise DataError(
            f"{path}: its header states {rate} samples per second; from {LOWEST_RATE} to {HIGHEST_RATE} are read, so "
            "the file is damaged or holds no sound"
        )


def _check_audio(path: Path) -> None:
    """Refuse what is no file, and what is called bare samples, of which nothing says how many a second there are."""
    if not path.exists():
        raise DataError(f"{path}: there is no such audio file")
    check_file(path)
    if path.suffix.lower() == ".raw":
        raise DataError(f"{path}: {BARE}")
