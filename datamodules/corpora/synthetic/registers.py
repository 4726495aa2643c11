"""Random phrases in several registers, from double basses to piccolos, played by random instruments."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio, require
from datamodules.corpora.synthetic.computed import ComputedCorpus, ComputedRecording
from datamodules.corpora.synthetic.gestures import draw_line
from datamodules.corpora.synthetic.harmonics import FADE_BEGINS
from datamodules.corpora.synthetic.instruments import Instruments
from datamodules.corpora.synthetic.mixing import mix
from datamodules.corpora.synthetic.phrases import Melody
from datamodules.corpora.synthetic.timbres import Timbres

VERSION = 2  # part of cache keys: raise it when the same parameters give other audio or another contour

Range = tuple[float, float]
Register = tuple[float, float, float]

REGISTERS: tuple[Register, ...] = ((30.0, 110.0, 0.3), (80.0, 400.0, 0.3), (200.0, 1000.0, 0.25), (600.0, 2100.0, 0.15))


@dataclass(frozen=True)
class PhraseRecording(ComputedRecording):
    """Parameters of a recording of random phrases.

    Attributes:
        registers: lowest and highest f0, Hz, and share of each register.
        seconds: length.
        rate: samples per second.
        accompaniment_db: level of the accompaniment relative to the voice, dB, lowest and highest; None: none.
        accompanied: share of the recordings that have it.
        snr_db: level of the voice relative to noise, dB, lowest and highest; None: no noise.
        timbres: of all voices.
        stream: seed, hash of the split's name, and number: the seed of the recording's random numbers.
    """

    registers: tuple[Register, ...]
    seconds: float
    rate: int
    accompaniment_db: Range | None
    accompanied: float
    snr_db: Range | None
    timbres: Timbres
    stream: tuple[int, int, int]

    @override
    def fingerprint(self) -> str:
        parts = {**asdict(self), "SyntheticPhrases": VERSION, "timbres": self.timbres.fingerprint()}
        return json.dumps(parts, sort_keys=True)

    @override
    def contour(self) -> F0Series:
        return self._line(np.random.default_rng([*self.stream, 0])).contour

    @override
    def audio(self) -> Audio:
        generator = np.random.default_rng([*self.stream, 1])
        voice = self._voice(self._line(np.random.default_rng([*self.stream, 0])), generator)
        others = None
        if self.accompaniment_db is not None and generator.random() < self.accompanied:
            count = generator.integers(1, 4)
            others = np.sum([self._voice(self._line(generator), generator) for _ in range(count)], axis=0)
        return mix(
            voice,
            rate=self.rate,
            generator=generator,
            accompaniment=others,
            accompaniment_db=0.0 if self.accompaniment_db is None else generator.uniform(*self.accompaniment_db),
            snr_db=None if self.snr_db is None else generator.uniform(*self.snr_db),
        )

    def _line(self, generator: np.random.Generator) -> Melody:
        shares = np.array([share for _, _, share in self.registers])
        lowest, highest, _ = self.registers[generator.choice(len(shares), p=shares / shares.sum())]
        return draw_line(generator, lowest, highest, self.seconds)

    def _voice(self, line: Melody, generator: np.random.Generator) -> NDArray[np.float64]:
        samples = round(self.seconds * self.rate)
        return self.timbres.play_melody(line, generator, samples=samples, rate=self.rate)


class SyntheticPhrases(ComputedCorpus):
    """Random phrases, single tones and glissandi in several registers; their f0 is exact, every 2 ms.

    Notes last 0.06 to 3 s, and at least four periods. There are glides, portamento, vibrato of up to 150 cents to each
    side, drifts and unsteadiness, crescendo and rests. A recording depends only on the seed, the name of its split and
    its number. Every recording, `<split>_<number>`, is a group.

    Args:
        recordings: how many in each split, by the split's name.
        seconds: length of each.
        rate: samples per second.
        registers: for each its lowest and highest f0, Hz, and its share; a voice draws one, and in it a range of five
            semitones to two octaves.
        accompaniment_db: level of one to three other voices together, relative to the voice, dB: it is drawn between
            these two for each recording; null: none.
        accompanied: share of the recordings that have accompaniment.
        snr_db: level of the voice relative to white or pink noise, dB: it is drawn between these two; null: no noise.
        timbres: what voices sound like; null: `Instruments()`.
        seed: of all random numbers, 0 or more.
    """

    def __init__(
        self,
        recordings: dict[str, int],
        seconds: float = 10.0,
        rate: int = 16000,
        registers: Sequence[Register] = REGISTERS,
        accompaniment_db: Range | None = None,
        accompanied: float = 1.0,
        snr_db: Range | None = None,
        timbres: Timbres | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(recordings, seconds, rate, seed)
        self.registers = [(float(lowest), float(highest), float(share)) for lowest, highest, share in registers]
        self.accompaniment_db = accompaniment_db
        self.accompanied = accompanied
        self.snr_db = snr_db
        self.timbres = timbres
        self._check()

    @override
    def computed(self, stream: tuple[int, int, int]) -> PhraseRecording:
        return PhraseRecording(
            registers=tuple(self.registers),
            seconds=self.seconds,
            rate=self.rate,
            accompaniment_db=self.accompaniment_db,
            accompanied=self.accompanied,
            snr_db=self.snr_db,
            timbres=self.timbres or Instruments(),
            stream=stream,
        )

    def _check(self) -> None:
        shares = [share for _, _, share in self.registers]
        possible = min(shares, default=-1.0) >= 0 and 0 < sum(shares) < math.inf
        require(self, "registers", possible, "at least one share above 0 is needed, and none negative")
        ordered = all(10.0 <= lowest <= highest for lowest, highest, _ in self.registers)
        require(self, "registers", ordered, "lowest f0, highest f0 and share; f0 is at least 10 Hz")
        limit = FADE_BEGINS * self.rate / 2 / 2.0 ** (2.5 / 12.0)  # with vibrato and unsteadiness
        audible = all(highest <= limit for _, highest, _ in self.registers)
        require(self, "registers", audible, f"with vibrato a register goes beyond {limit:g} Hz; raise rate")
        require(self, "accompanied", 0 <= self.accompanied <= 1, "it must lie between 0 and 1")
        for key in ("accompaniment_db", "snr_db"):
            between: Range | None = getattr(self, key)
            ordered = between is None or (-math.inf < between[0] <= between[1] < math.inf)
            require(self, key, ordered, "lowest and highest level, dB; null leaves it out")
