"""A recording as it would sound among other sounds, in a room, and through a microphone."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray
from typing_extensions import override

from datamodules.acoustics import filters, levels, noise, rooms
from datamodules.corpora.base import Audio, AudioSource

VERSION = 1  # part of cache keys: raise it when the same draws give other audio
SOURCES = 2  # at most, beside the recording
KEPT = 1 + SOURCES  # recordings whose decoded audio a process keeps

Singles = NDArray[np.float32]


class Interference(NamedTuple):
    """A sound beside the recording.

    Attributes:
        recording: passes through the room, as the recording itself does; None: coloured noise, added behind the room.
        start: in [0, 1), where in that recording it begins; it goes on from the recording's beginning.
        exponent: of the noise's power law.
        stream: seed of the noise.
    """

    recording: AudioSource | None
    start: float
    exponent: float
    stream: tuple[int, ...]


class Scene(NamedTuple):
    """Sounds beside the recording, which have the same power each; and the level of the recording above all, dB."""

    snr_db: float
    sounds: tuple[Interference, ...]


class Reverberation(NamedTuple):
    """A room in which the recording and its sounds have a place each.

    Attributes:
        seconds: reverberation time, s.
        direct_db: for the recording and each sound, ratio of direct sound to reflections, dB.
        stream: seed of the reflections.
    """

    seconds: float
    direct_db: tuple[float, ...]
    stream: tuple[int, ...]


class Microphone(NamedTuple):
    """What a microphone and what follows it pass: from and to which frequency, Hz, and how steep, dB an octave."""

    high_pass: float
    high_pass_slope: float
    low_pass: float
    low_pass_slope: float


@dataclass(frozen=True)
class SceneAudio(AudioSource):
    """A recording under some conditions, of one channel, at its own rate and times.

    Attributes:
        source: the recording.
        level_db: root mean square of the whole result, dB relative to full scale.
        scene: other sounds; None: silence.
        room: None: as it is recorded.
        microphone: None: as it is recorded.
    """

    source: AudioSource
    level_db: float
    scene: Scene | None = None
    room: Reverberation | None = None
    microphone: Microphone | None = None

    @override
    def fingerprint(self) -> str:
        scene = self.scene and [
            self.scene.snr_db,
            [[each.recording and each.recording.fingerprint(), *each[1:]] for each in self.scene.sounds],
        ]
        parts = [VERSION, self.source.fingerprint(), self.level_db, scene, self.room, self.microphone]
        return json.dumps({"SceneAudio": parts})

    @override
    def read(self) -> Audio:
        voice, rate = mono(self.source)
        points, diffuse = np.zeros((0, voice.size), np.float32), np.zeros_like(voice)
        if self.scene is not None:
            points, diffuse = surroundings(voice, rate, self.scene)
        if self.room is not None:
            voice, points = _played(voice, points, rate, self.room)
        heard = voice + points.sum(axis=0) + diffuse
        if self.microphone is not None:
            heard = _recorded(heard, rate, self.microphone)
        wanted = np.array([10 ** (self.level_db / 10)])
        return Audio((heard[None] * levels.gain(levels.power(heard[None]), wanted))[0], rate)


def surroundings(voice: Singles, rate: int, scene: Scene) -> tuple[Singles, Singles]:
    """The sounds of a scene at their level; the mean square of their sum has exactly the ratio to the voice's.

    Args:
        voice: `(samples,)`.
        rate: samples per second.
        scene: what there is.

    Returns:
        Recordings `(recordings, samples)`, and the sum of all noise `(samples,)`.
    """
    sounds = np.stack([_sound(each, voice.size, rate) for each in scene.sounds])
    sounds = sounds * levels.gain(levels.power(sounds), np.ones(len(sounds)))
    wanted = levels.power(voice[None]) / 10 ** (scene.snr_db / 10)
    sounds = sounds * levels.gain(levels.power(sounds.sum(axis=0)[None]), wanted)
    is_point = np.array([each.recording is not None for each in scene.sounds])
    return sounds[is_point], np.asarray(sounds[~is_point].sum(axis=0), np.float32)


def mono(source: AudioSource, rate: int | None = None) -> tuple[Singles, int]:
    """Mean of the channels `(samples,)`, and the rate.

    The last few sources stay in memory, because a recording is read once for each of its conditions.

    Args:
        source: what to read.
        rate: resampled to it; None: as it is.
    """
    key = f"{rate} {source.fingerprint()}"
    if key in _recent:
        _recent.move_to_end(key)
        return _recent[key]
    samples, stored = source.read()
    mixed = samples.mean(axis=1) if samples.ndim == 2 else samples
    if rate is not None and rate != stored:
        mixed = soxr.resample(mixed, stored, rate, quality="HQ")
    _recent[key] = np.asarray(mixed, np.float32), rate or stored
    if len(_recent) > KEPT:
        _recent.popitem(last=False)
    return _recent[key]


_recent: OrderedDict[str, tuple[Singles, int]] = OrderedDict()


def _sound(sound: Interference, samples: int, rate: int) -> Singles:
    if sound.recording is not None:
        whole, _ = mono(sound.recording, rate)
        begin = int(sound.start * whole.size)
        turned: Singles = np.resize(np.concatenate([whole[begin:], whole[:begin]]), samples)
        return turned
    white: Singles = np.random.default_rng(sound.stream).standard_normal(noise.noise_values(samples), np.float32)
    made: Singles = noise.coloured_noise(white[None], np.array([sound.exponent]), samples, rate)[0]
    return made


def _played(voice: Singles, points: Singles, rate: int, room: Reverberation) -> tuple[Singles, Singles]:
    """Voice and other sounds in a room, each at a place of its own; the voice's is the first."""
    places, generator = len(room.direct_db), np.random.default_rng(room.stream)
    shape = (places, rooms.REFLECTIONS)
    made = rooms.Rooms(
        np.full(places, room.seconds),
        np.array(room.direct_db),
        generator.random(shape),
        generator.standard_normal(shape, np.float32),
        generator.standard_normal((places, rooms.taps(room.seconds, rate)), np.float32),
    )
    dry = np.concatenate([voice[None], points])
    wet = rooms.convolve(dry, rooms.impulse_responses(made, rate)[: len(dry)])
    return wet[0], wet[1:]


def _recorded(heard: Singles, rate: int, microphone: Microphone) -> Singles:
    frequency = filters.frequencies(heard.size, rate)
    values = (np.array([value]) for value in microphone)
    gains = filters.high_pass(frequency, next(values), next(values))
    gains *= filters.low_pass(frequency, next(values), next(values))
    recorded: Singles = filters.scale_spectrum(heard[None], gains, rate)[0]
    return recorded
