"""Every recording of another corpus under eight conditions: with and without other sounds, room and microphone.

The design is that of the pitch benchmark github.com/lars76/pitch-benchmark (2026): all combinations of three factors,
and the same draw of a factor wherever it is on. So what factors cost together can be told from what each costs alone,
recording by recording.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Literal

import numpy as np
from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, require, unique_and_sorted
from datamodules.corpora.scenes import SOURCES, Interference, Microphone, Reverberation, Scene, SceneAudio
from datamodules.errors import DataError

FACTORS = ("scene", "room", "microphone")
NAMES = tuple(
    "_".join(name for name, on in zip(FACTORS, state, strict=True) if on) or "clean"
    for state in product((False, True), repeat=len(FACTORS))
)
Range = tuple[float, float]


class Conditions(Corpus):
    """The recordings of another corpus in a scene, in a room and through a microphone, in all combinations.

    A scene is one or two sounds: coloured noise, or another recording of the corpus, of another group and the same
    split. A room is a random impulse response; other recordings sound in it from places of their own, noise is added
    behind it. A microphone is a high-pass and a low-pass filter. The level is the same under all conditions. What is
    drawn for a recording is the same in all its conditions, whichever of them are chosen. No sound moves in time, and
    the annotation is that of the recording.

    Ids are those of the recordings and the condition, as in `song_clean` or `song_scene_room_microphone`. Group, split,
    label and metadata are kept; further metadata are `recording` (the id without the condition), `condition`, and what
    was drawn: `snr_db`, `sounds`, `reverberation`, `direct_db`, `high_pass`, `low_pass`.

    Args:
        corpus: the recordings.
        conditions: which of `clean`, `scene`, `room`, `microphone`, `scene_room`, `scene_microphone`, `room_microphone`
            and `scene_room_microphone`; null: all.
        snr_db: ranges of the ratio of a recording to all other sounds, by mean squares over its whole length, dB; a
            range is drawn, and a value in it.
        sounds: of what kinds the sounds are, each as likely.
        exponent: range of the exponent of the power law of noise; 0 is white, 1 pink, 2 brown.
        reverberation: range of the reverberation time, s.
        direct_db: range of the ratio of the direct sound to all reflections, dB.
        high_pass: range of the microphone's lower cutoff, Hz.
        low_pass: range of its upper cutoff, Hz.
        level_db: root mean square of the audio, dB relative to full scale.
        seed: of everything that is drawn, 0 or more.

    Raises:
        DataError: an option is out of range; or in `recordings()`, a recording has no audio or nothing to sound with.
    """

    def __init__(
        self,
        corpus: Corpus,
        conditions: list[str] | None = None,
        snr_db: Sequence[Range] = ((-6.0, 2.0), (2.0, 8.0), (8.0, 20.0)),
        sounds: Sequence[Literal["noise", "recordings"]] = ("noise", "recordings"),
        exponent: Range = (0.0, 2.4),
        reverberation: Range = (0.2, 1.2),
        direct_db: Range = (-3.0, 12.0),
        high_pass: Range = (50.0, 300.0),
        low_pass: Range = (3400.0, 7500.0),
        level_db: float = -26.0,
        seed: int = 0,
    ) -> None:
        self.corpus = corpus
        self.conditions = list(NAMES if conditions is None else conditions)
        self.snr_db = [(float(low), float(high)) for low, high in snr_db]
        self.sounds = list(sounds)
        self.exponent, self.reverberation, self.direct_db = exponent, reverberation, direct_db
        self.high_pass, self.low_pass = high_pass, low_pass
        self.level_db, self.seed = level_db, seed
        self._check()

    def _check(self) -> None:
        known = ", ".join(NAMES)
        chosen, kinds = self.conditions, self.sounds
        require(self, "conditions", bool(chosen) and set(chosen) <= set(NAMES), f"some of {known} are expected")
        require(self, "conditions", len(set(chosen)) == len(chosen), "one stands there twice")
        ordered = all(-np.inf < low <= high < np.inf for low, high in self.snr_db)
        require(self, "snr_db", bool(self.snr_db) and ordered, "ranges are expected, the lower end first")
        require(self, "sounds", bool(kinds) and set(kinds) <= {"noise", "recordings"}, "noise, recordings or both")
        limits = {
            "exponent": (-3.0, 3.0),
            "reverberation": (0.05, 10.0),
            "direct_db": (-60.0, 60.0),
            "high_pass": (20.0, 1e5),
            "low_pass": (20.0, 1e5),
        }
        for key, (least, most) in limits.items():
            low, high = getattr(self, key)
            hint = f"two numbers from {least:g} to {most:g} are expected, the lower one first"
            require(self, key, least <= low <= high <= most, hint)
        require(self, "seed", self.seed >= 0, "0 or more is expected")
        require(self, "level_db", -np.inf < self.level_db <= 0, "0 at most, which is full scale")

    @override
    def recordings(self) -> Sequence[Recording]:
        whole = list(self.corpus.recordings())
        return unique_and_sorted((made for each in whole for made in self._variants(each, whole)), "Conditions")

    def _variants(self, recording: Recording, whole: Sequence[Recording]) -> Iterator[Recording]:
        if recording.audio is None:
            raise DataError(f"Conditions: corpus: recording {recording.id!r} has features and no audio")
        # The last number of a seed is never 0: to numpy, a seed is the same with and without zeros behind it.
        stream = (self.seed, zlib.crc32(recording.id.encode()))
        scene = (
            self._scene(recording, whole, (*stream, 1)) if any("scene" in name for name in self.conditions) else None
        )
        room, microphone = self._room((*stream, 2)), self._microphone((*stream, 3))
        for name in self.conditions:
            audio = SceneAudio(
                recording.audio,
                self.level_db,
                scene if "scene" in name else None,
                room if "room" in name else None,
                microphone if "microphone" in name else None,
            )
            yield Recording(
                f"{recording.id}_{name}",
                audio,
                recording.truth,
                recording.group,
                recording.split,
                {**recording.metadata, "recording": recording.id, "condition": name, **_drawn(audio)},
                recording.label,
                recording.transcript,
            )

    def _scene(self, recording: Recording, whole: Sequence[Recording], stream: tuple[int, ...]) -> Scene:
        others = [each for each in whole if each.group != recording.group and each.split == recording.split]
        others = [each for each in others if each.audio is not None]
        if "recordings" in self.sounds and not others:
            raise DataError(
                f"Conditions: sounds: no recording of another group than {recording.group!r} can sound with "
                f"{recording.id!r}; use sounds: [noise], or check how the corpus groups recordings"
            )
        generator = np.random.default_rng(stream)
        snr_db = generator.uniform(*self.snr_db[generator.integers(len(self.snr_db))])
        count, made = generator.integers(1, SOURCES + 1), []
        for number in range(count):
            kind = self.sounds[generator.integers(len(self.sounds))]
            other = others[generator.integers(len(others))].audio if kind == "recordings" else None
            start, exponent = generator.random(), generator.uniform(*self.exponent)
            made.append(Interference(other, float(start), float(exponent), (*stream, 1 + number)))
        return Scene(float(snr_db), tuple(made))

    def _room(self, stream: tuple[int, ...]) -> Reverberation:
        generator = np.random.default_rng(stream)
        seconds, direct_db = generator.uniform(*self.reverberation), generator.uniform(*self.direct_db, 1 + SOURCES)
        return Reverberation(float(seconds), tuple(direct_db.tolist()), (*stream, 1))

    def _microphone(self, stream: tuple[int, ...]) -> Microphone:
        generator = np.random.default_rng(stream)
        lower, upper = (float(generator.uniform(*each)) for each in (self.high_pass, self.low_pass))
        slopes = generator.uniform(12.0, 36.0, 2).tolist()
        return Microphone(lower, slopes[0], upper, slopes[1])


def _drawn(audio: SceneAudio) -> dict[str, str | float]:
    drawn: dict[str, str | float] = {}
    if audio.scene is not None:
        kinds = ["noise" if each.recording is None else "recording" for each in audio.scene.sounds]
        drawn |= {"snr_db": audio.scene.snr_db, "sounds": " and ".join(kinds)}
    if audio.room is not None:
        drawn |= {"reverberation": audio.room.seconds, "direct_db": audio.room.direct_db[0]}
    if audio.microphone is not None:
        drawn |= {"high_pass": audio.microphone.high_pass, "low_pass": audio.microphone.low_pass}
    return drawn
