"""The stress families of the pitch benchmark as a corpus: what breaks a tracker, with exact truth.

After the families of github.com/lars76/pitch-benchmark; phases and drawn frequencies are ours.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio, Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.synthetic import stimuli
from datamodules.corpora.synthetic.computed import ComputedAudio, ComputedRecording, ComputedTruth
from datamodules.corpora.synthetic.mixing import LEVEL
from datamodules.corpora.synthetic.phrases import FRAME
from datamodules.corpora.synthetic.stimuli import Draw, Stimulus
from datamodules.errors import DataError

VERSION = 1  # part of cache keys: raise it when the same parameters give other audio or another contour
RAMP = 0.02  # s
LOWEST_RATE = 16000  # samples per second; unresolved harmonics reach 7.1 kHz

Case = tuple[float, ...]

BANDS: tuple[Case, ...] = ((60.0, 72.0), (110.0, 210.0), (340.0, 520.0), (780.0, 950.0), (1400.0, 1900.0))
OCTAVES = (110.0, 220.0, 330.0, 660.0)


@dataclass(frozen=True)
class Family:
    """Sounds that are scored together.

    Attributes:
        cases: what differs within the family; the function says what the numbers are.
        sound: makes an item of a case.
    """

    cases: tuple[Case, ...]
    sound: Callable[[Sequence[float], Draw], Stimulus]


FAMILIES = {
    "sine": Family(BANDS, stimuli.sine),
    "harmonic": Family(BANDS, stimuli.harmonic),
    "tilt": Family(BANDS, stimuli.tilt),
    "missing_fundamental": Family(BANDS, stimuli.missing_fundamental),
    "unresolved": Family(((60.0, 72.0), (110.0, 210.0), (340.0, 420.0)), stimuli.unresolved),
    "rippled_noise": Family(((90.0,), (160.0,), (250.0,), (370.0,)), stimuli.rippled_noise),
    "vibrato": Family(((220.0, 1.0),), stimuli.vibrato),
    "glide_up": Family(tuple((f0, 2.0 * f0) for f0 in OCTAVES), stimuli.glide),
    "glide_down": Family(tuple((f0, f0 / 2.0) for f0 in OCTAVES), stimuli.glide),
    "level": Family(tuple((-6.0 - 10.0 * step,) for step in range(7)), stimuli.level),
    "interference": Family(((-20.0,), (-10.0,), (-5.0,)), stimuli.interference),
    "white_noise": Family(((),), stimuli.white_noise),
    "whisper": Family(((),), stimuli.whisper),
    "near_silence": Family(((),), stimuli.near_silence),
    "trajectory_steady": Family(tuple((f0, f0) for f0 in (110.0, 220.0, 440.0, 880.0)), stimuli.harmonic),
    "trajectory_vibrato": Family(((220.0, 0.5), (220.0, 1.0), (220.0, 2.0)), stimuli.vibrato),
}


@dataclass(frozen=True)
class StressRecording(ComputedRecording):
    """Parameters of an item.

    Attributes:
        family: key of `FAMILIES`.
        case: number of the case within the family.
        item: number of the item within the case.
        seconds: length of the sound.
        silence: s before and after it.
        rate: samples per second.
        seed: of all random numbers.
    """

    family: str
    case: int
    item: int
    seconds: float
    silence: float
    rate: int
    seed: int

    @override
    def fingerprint(self) -> str:
        return json.dumps({"StressFamilies": VERSION, **asdict(self)}, sort_keys=True)

    @override
    def contour(self) -> F0Series:
        f0 = self._stimulus().f0
        around = round(self.silence / FRAME)
        f0 = np.pad(f0, around)
        return F0Series(FRAME * np.arange(len(f0)), f0)

    @override
    def audio(self) -> Audio:
        stimulus = self._stimulus()
        rising = 0.5 - 0.5 * np.cos(np.pi * (np.arange(round(RAMP * self.rate)) + 0.5) / round(RAMP * self.rate))
        samples = stimulus.samples
        samples[: len(rising)] *= rising
        samples[-len(rising) :] *= rising[::-1]
        if stimulus.levelled:
            samples *= LEVEL / np.sqrt(np.mean(samples**2))
        around = round(round(self.silence / FRAME) * FRAME * self.rate)
        return Audio(np.pad(samples, around).astype(np.float32), self.rate)

    def _stimulus(self) -> Stimulus:
        family = FAMILIES[self.family]
        generator = np.random.default_rng([self.seed, zlib.crc32(self.family.encode()), self.case, self.item])
        return family.sound(family.cases[self.case], Draw(self.item, generator, self.seconds, self.rate))


class StressFamilies(Corpus):
    """Sounds on which trackers fail, by family, with exact truth: one split, `validation`.

    Sinusoids and harmonics in five bands, tilted, without fundamental, unresolved; iterated rippled noise, vibrato,
    octave glides, levels, interference; noise, whispers and near silence, which have no pitch; trajectories. Sounds
    begin and end with raised-cosine ramps of 20 ms and have a root mean square of 0.1, unless level is the subject. The
    truth is voiced from beginning to end of the sound. The id of a recording is `<family>_<number>`, its group and its
    metadata `family` are the family, `case` is what differs within it. In bands items 0 and 1 of a case are at the two
    ends.

    Args:
        items: how many of each case.
        families: names of those that are made; null: all.
        seconds: length of a sound.
        silence: s before and after it. Without any, false alarms are those of the controls alone.
        rate: samples per second, at least 16000.
        seed: of all random numbers, 0 or more.
    """

    def __init__(
        self,
        items: int = 4,
        families: list[str] | None = None,
        seconds: float = 2.0,
        silence: float = 0.0,
        rate: int = 16000,
        seed: int = 0,
    ) -> None:
        self.items = items
        self.families = families
        self.seconds = seconds
        self.silence = silence
        self.rate = rate
        self.seed = seed
        self._check()

    @override
    def recordings(self) -> Sequence[Recording]:
        chosen = list(FAMILIES) if self.families is None else self.families
        return unique_and_sorted((made for family in chosen for made in self._family(family)), "StressFamilies")

    def _family(self, family: str) -> Iterator[Recording]:
        for case, numbers in enumerate(FAMILIES[family].cases):
            for item in range(self.items):
                parameters = StressRecording(family, case, item, self.seconds, self.silence, self.rate, self.seed)
                yield Recording(
                    f"{family}_{case * self.items + item:03d}",
                    ComputedAudio(parameters),
                    ComputedTruth(parameters),
                    group=family,
                    split="validation",
                    metadata={"family": family, "case": " ".join(f"{number:g}" for number in numbers), "item": item},
                )

    def _check(self) -> None:
        for family in self.families or ():
            if family not in FAMILIES:
                raise DataError(f"StressFamilies: families: no {family!r}; there are {', '.join(FAMILIES)}")
        require(self, "families", self.families != [], "at least one; null: all")
        require(self, "items", self.items >= 1, "at least 1")
        require(self, "seconds", 2 * RAMP <= self.seconds < math.inf, f"it must hold two ramps, {2 * RAMP:g} s")
        require(self, "silence", 0 <= self.silence < math.inf, "it must be finite and not negative")
        require(self, "rate", self.rate >= LOWEST_RATE, f"samples per second, at least {LOWEST_RATE}")
        require(self, "seed", self.seed >= 0, "it must not be negative")
