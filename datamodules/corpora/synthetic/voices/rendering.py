"""One rendering of a recording: audio and f0 from one computation, and one analysis for all renderings of a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import soxr
from typing_extensions import override

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Audio
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.corpora.synthetic.computed import ComputedRecording
from datamodules.corpora.synthetic.mixing import mix
from datamodules.corpora.synthetic.voices.analysis import FRAME, Voice, analyse
from datamodules.corpora.synthetic.voices.synthesis import audible, synthesise
from datamodules.corpora.synthetic.voices.variation import Compass, vary
from datamodules.errors import DataError

VERSION = 1  # part of cache keys: raise it when the same file and parameters give other audio or another contour
SHORTEST = 0.1  # s of a recording
SILENT = 1e-4  # relative to full scale


@dataclass(frozen=True)
class VoiceRendering(ComputedRecording):
    """File and parameters, from which audio and f0 are computed.

    Attributes:
        file: the recording.
        rate: samples per second, of analysis and synthesis.
        longest: s from the recording's beginning that are used.
        compass: where the pitch may lie.
        stream: seed, hash of the recording's id, and number of the rendering: the seed of the random numbers.
    """

    file: AudioFile
    rate: int
    longest: float
    compass: Compass
    stream: tuple[int, int, int]

    @override
    def fingerprint(self) -> str:
        parts = {**asdict(self), "file": self.file.fingerprint(), "VoiceResynthesis": VERSION}
        return json.dumps(parts, sort_keys=True)

    @override
    def contour(self) -> F0Series:
        return _render(self, self.file.fingerprint()).contour

    @override
    def audio(self) -> Audio:
        return _render(self, self.file.fingerprint()).audio


class _OfRendering(NamedTuple):
    audio: Audio
    contour: F0Series


# Neighbouring renderings share an analysis. The content of the file is part of the key, and there are several places,
# because threads may prepare several recordings at once.
@lru_cache(maxsize=8)
def _render(rendering: VoiceRendering, content: str) -> _OfRendering:
    generator = np.random.default_rng(rendering.stream)
    voice = vary(_analysis(rendering.file, content, rendering.rate, rendering.longest), rendering.compass, generator)
    sound = synthesise(voice, rendering.rate)
    contour = F0Series(FRAME * np.arange(len(voice.f0)), audible(voice.f0, sound, rendering.rate))
    sound *= generator.choice((-1.0, 1.0))  # WORLD's pulses are all upright, those of microphones are not
    return _OfRendering(mix(sound, rate=rendering.rate, generator=generator), contour)


@lru_cache(maxsize=4)
def _analysis(file: AudioFile, content: str, rate: int, longest: float) -> Voice:
    audio = file.read()
    samples = audio.samples if audio.samples.ndim == 1 else audio.samples.mean(axis=1)
    samples = samples[: round(longest * audio.rate)]
    if len(samples) < SHORTEST * audio.rate:
        raise DataError(f"{file.path}: shorter than {SHORTEST:g} s, in which WORLD finds no voice")
    if np.abs(samples).max() < SILENT:
        raise DataError(f"{file.path}: silent, so there is no voice to synthesise")
    if audio.rate != rate:
        samples = soxr.resample(samples, audio.rate, rate, quality="VHQ")
    return analyse(np.asarray(samples, np.float64), rate)
