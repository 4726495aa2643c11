"""What equipment does to audio that is no filter: overdrive, few bits, lossy coders."""

from __future__ import annotations

from typing import Literal

import numpy as np
from typing_extensions import override

from datamodules.acoustics import codecs, levels
from datamodules.augment.base import Sounds, WaveformAugmentation
from datamodules.augment.draws import Draws

STEPS = 20  # values of a coder's compression; the delay of each is measured once in every process


class Clip(WaveformAugmentation):
    """Overdrives items.

    Args:
        limit_db: range of the largest amplitude, dB relative to the root mean square of the recording, drawn uniformly.
        kind: `hard` cuts off what lies beyond the limit, `soft` bends amplitudes towards it.
    """

    def __init__(
        self, limit_db: tuple[float, float] = (0.0, 12.0), p: float = 1.0, kind: Literal["hard", "soft"] = "hard"
    ) -> None:
        super().__init__(p)
        self.limit_db, self.kind = limit_db, kind
        self._require_bounds("limit_db")
        self._require("kind", kind in ("hard", "soft"), "hard or soft")

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        items = np.flatnonzero(self.chosen(draws))
        limit = np.sqrt(sounds.power[items]) * levels.amplitude(draws.uniform(*self.limit_db)[items])
        clip = levels.hard_clip if self.kind == "hard" else levels.soft_clip
        self._put(sounds, items, clip(sounds.audio[items], limit))


class MuLaw(WaveformAugmentation):
    """Stores items in 8 bits by the mu-law of telephony; the noise of the steps follows the signal's level."""

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        items = np.flatnonzero(self.chosen(draws))
        self._put(sounds, items, codecs.mu_law(sounds.audio[items]))


class Codec(WaveformAugmentation):
    """Sends items through a lossy coder and back, at their own place in time.

    Slow: 10 to 25 ms for 2 s of audio at 16 kHz, about ten times any other augmentation; choose a small `p`.

    Args:
        coder: `mp3`, or `ogg` for Ogg Vorbis.
        compression: range, in steps of 1/20, from 0, the best, to 0.95, the worst, drawn uniformly. MP3 at 16 kHz has
            160 kbit/s at 0 and 16 at 0.95, and twice as much from 32 kHz on.
    """

    def __init__(
        self, coder: codecs.Coder = "mp3", compression: tuple[float, float] = (0.5, 0.95), p: float = 0.05
    ) -> None:
        super().__init__(p)
        self.coder, self.compression = coder, compression
        self._require("coder", coder in codecs.FORMATS, "mp3 or ogg")
        self._require_bounds("compression", 0.0, 0.95)

    @override
    def apply(self, sounds: Sounds, draws: Draws) -> None:
        items, changed = np.flatnonzero(self.chosen(draws)), sounds.audio.copy()
        compression = np.rint(draws.uniform(*self.compression) * STEPS) / STEPS
        for item in items:
            audio = sounds.audio[item] / np.float32(32768)
            changed[item] = 32768 * codecs.coded(audio, self.coder, float(compression[item]), sounds.hertz)
        self._put(sounds, items, changed[items])
