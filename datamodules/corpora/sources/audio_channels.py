"""One channel of an audio file, where channels hold different sources."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from datamodules.corpora.base import Audio
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.errors import DataError


@dataclass(frozen=True)
class AudioChannel:
    """A channel of an audio file.

    Attributes:
        path: of the file.
        channel: its number, from 0.
    """

    path: Path
    channel: int

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes and the channel, as canonical JSON."""
        return json.dumps({"channel": self.channel, "file": AudioFile(self.path).fingerprint()}, sort_keys=True)

    def read(self) -> Audio:
        """Decode the whole channel.

        Raises:
            DataError: the file cannot be read, or has no such channel.
        """
        audio = AudioFile(self.path).read()
        channels = 1 if audio.samples.ndim == 1 else audio.samples.shape[1]
        if channels <= max(1, self.channel):
            raise DataError(f"{self.path}: channel {self.channel} is wanted, counted from 0, but it has {channels}")
        return Audio(audio.samples[:, self.channel], audio.rate)
