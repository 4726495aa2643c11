"""The contract of timbres: what a voice may sound like; `SteadyTimbres` are harmonics of unchanging amplitude."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.synthetic.harmonics import Articulation, Timbre, render
from datamodules.corpora.synthetic.phrases import Melody


@dataclass(frozen=True)
class Timbres(ABC):
    """A family of timbres, of which each voice draws one. Its fields are numbers, and part of cache keys."""

    version: ClassVar[int] = 1  # part of cache keys: raise it when the same contour and random numbers sound otherwise

    def fingerprint(self) -> str:
        """Class, version and fields as canonical JSON."""
        return json.dumps({type(self).__name__: self.version, **asdict(self)}, sort_keys=True)

    @abstractmethod
    def play(self, series: F0Series, generator: np.random.Generator, *, samples: int, rate: int) -> NDArray[np.float64]:
        """Draw a timbre and render a contour in it.

        Args:
            series: the f0, which is that of the audio exactly; sample 0 is at time 0.
            generator: of all random numbers.
            samples: length of the result.
            rate: samples per second.

        Returns:
            float64 `(samples,)`, exactly 0 where unvoiced; the root mean square of a loud steady tone is about 1.
        """

    def play_melody(
        self, melody: Melody, generator: np.random.Generator, *, samples: int, rate: int
    ) -> NDArray[np.float64]:
        """Draw a timbre and play a melody in it, with its loudness.

        Args:
            melody: contour and loudness.
            generator: of all random numbers.
            samples: length of the result.
            rate: samples per second.

        Returns:
            As `play` does.
        """
        audio = self.play(melody.contour, generator, samples=samples, rate=rate)
        return audio * np.interp(np.arange(samples) / rate, melody.contour.times, melody.loudness)


@dataclass(frozen=True)
class SteadyTimbres(Timbres):
    """Harmonics whose amplitudes are the same at every pitch and time, in an envelope between plucked and bowed.

    Attributes:
        harmonics: how many.
    """

    harmonics: int = 12

    @override
    def play(self, series: F0Series, generator: np.random.Generator, *, samples: int, rate: int) -> NDArray[np.float64]:
        timbre = Timbre.draw(generator, self.harmonics)
        return render(series, timbre, Articulation.draw(generator), samples=samples, rate=rate)
