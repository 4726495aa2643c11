"""A corpus to measure speed with: tones in noise, in tracks of full records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora import Audio, Corpus, Recording

RATE = 16000
SEGMENT = 10.0  # s of a record
RECORDS_OF_A_TRACK = 20


@dataclass(frozen=True)
class Tone:
    """A sine in white noise 20 dB below it, a pitch for each half second, every fifth of them silent but for the noise.

    Attributes:
        seed: which one.
        samples: length at 16 kHz.
    """

    seed: int
    samples: int

    def fingerprint(self) -> str:
        """Its parameters."""
        return repr(self)

    def contour(self) -> NDArray[np.float64]:
        """f0 of every half second, Hz, 0 where silent."""
        steps = np.random.default_rng([self.seed, 0]).integers(0, 36, -(-2 * self.samples // RATE))
        return np.where(np.arange(steps.size) % 5 == 4, 0.0, 110 * 2 ** (steps / 12))


class ToneAudio(Tone):
    """The sound of a tone."""

    def read(self) -> Audio:
        """16 kHz, mono."""
        f0 = np.repeat(self.contour(), RATE // 2)[: self.samples]
        sine = 0.3 * np.sin(2 * np.pi * np.cumsum(f0) / RATE) * (f0 > 0)
        noise = 0.02 * np.random.default_rng([self.seed, 1]).standard_normal(f0.size, np.float32)
        return Audio((sine + noise).astype(np.float32), RATE)


class ToneTruth(Tone):
    """The f0 of a tone."""

    def read(self) -> F0Series:
        """A value for each half second."""
        f0 = self.contour()
        return F0Series(np.arange(f0.size) / 2, f0)


class Tones(Corpus):
    """Tracks to train on.

    Args:
        tracks: how many.
        samples: of each, at 16 kHz.
    """

    def __init__(self, tracks: int, samples: int) -> None:
        self.tracks, self.samples = tracks, samples

    @override
    def recordings(self) -> Sequence[Recording]:
        return [
            Recording(f"tone{k:05d}", ToneAudio(k, self.samples), ToneTruth(k, self.samples), f"{k}", "train")
            for k in range(self.tracks)
        ]


def tracks_of(records: int) -> int:
    """Tracks that hold at least so many records."""
    return -(-records // RECORDS_OF_A_TRACK)


def track_samples(hop: int) -> int:
    """Samples of a track: full records and nothing besides."""
    return RECORDS_OF_A_TRACK * round(SEGMENT * RATE / hop) * hop
