"""Impulse responses of rooms that never were, and what a sound becomes in them.

The direct sound comes at time 0, so that labels stay where they are. Reflections follow, sparse at first and denser as
time goes by, and turn within 50 ms into noise. Both decay exponentially, high frequencies faster than low ones, as in
H. Kuttruff, "Room acoustics".
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from datamodules.acoustics.levels import Doubles, Singles

EARLY = 0.05  # s until when reflections are single ones
FIRST = 0.002  # s of the earliest reflection
REFLECTIONS = 12
STRONGEST = np.float32(0.8)  # reflection, relative to the direct sound
EDGES = (400.0, 1600.0, 4000.0)  # Hz between the bands that decay in a time of their own
DECAY = (1.15, 1.0, 0.75, 0.5)  # of the reverberation time, of each band


class Rooms(NamedTuple):
    """What a room is made of; all from independent draws.

    Attributes:
        seconds: `(items,)` reverberation time, in which the sound falls by 60 dB, s.
        direct_db: `(items,)` ratio of the direct sound to all reflections, dB; below 0 it may come out somewhat higher,
            because no single reflection is stronger than 0.8 of the direct sound.
        arrival: `(items, 12)` in [0, 1), when early reflections come.
        strength: `(items, 12)` standard normal values, how strong they are.
        noise: `(items, taps)` standard normal values, of which the late reflections are made; the longest response.
    """

    seconds: Doubles
    direct_db: Doubles
    arrival: Doubles
    strength: Singles
    noise: Singles


def taps(seconds: float, rate: float) -> int:
    """Length of the response of a room with this reverberation time."""
    return max(math.ceil(seconds * rate), math.ceil(EARLY * rate) + 1)


def impulse_responses(rooms: Rooms, rate: float) -> list[Singles]:
    """The impulse response of every room.

    Args:
        rooms: what they are made of.
        rate: samples per second.

    Returns:
        `(taps,)` of each, as long as it takes to decay, of energy 1.
    """
    return [_response(Rooms(*parts), rate) for parts in zip(*rooms, strict=True)]


def convolve(audio: Singles, responses: list[Singles]) -> Singles:
    """Play every item in its room; what sounds on after the end of the item is lost.

    Args:
        audio: `(items, samples)`.
        responses: `(taps,)` of each item.

    Returns:
        `(items, samples)`.
    """
    import scipy.fft  # here: `melisma prepare --help` names every corpus without it

    samples, played = audio.shape[1], np.empty_like(audio)
    for item, response, into in zip(audio, responses, played, strict=True):
        length = scipy.fft.next_fast_len(samples + response.size - 1, real=True)
        into[:] = scipy.fft.irfft(scipy.fft.rfft(item, length) * scipy.fft.rfft(response, length), length)[:samples]
    return played


def _response(room: Rooms, rate: float) -> Singles:
    import scipy.fft

    seconds = float(room.seconds)
    count = min(taps(seconds, rate), room.noise.size)
    time = np.arange(count, dtype=np.float32) / np.float32(rate)
    late = np.sin(np.minimum(time / EARLY, 1) * np.float32(np.pi / 2))
    late[: math.ceil(FIRST * rate)] = 0
    excitation = room.noise[:count] * late
    # The early reflections have the energy that the noise lacks while it comes up.
    places = np.round((FIRST + (EARLY - FIRST) * np.sqrt(room.arrival)) * rate).astype(np.int64)
    strength = 0.3 + np.abs(room.strength.astype(np.float64))
    lacking = count and float(np.sum(1 - late[: math.ceil(EARLY * rate)] ** 2))
    strength *= math.sqrt(lacking / float(strength @ strength))
    np.add.at(excitation, np.minimum(places, count - 1), strength.astype(np.float32))
    length = int(scipy.fft.next_fast_len(count + math.ceil(0.01 * rate), real=True))
    spectrum, reflections = scipy.fft.rfft(excitation, length), np.zeros(count, np.float32)
    for mask, share in zip(_bands(length, rate), DECAY, strict=True):
        band = scipy.fft.irfft(spectrum * mask, length)[:count]
        reflections += band * np.exp(time * np.float32(-3 * math.log(10) / (share * seconds)))
    reflections[0] = 0
    energy = 10 ** (-float(room.direct_db) / 10)
    reflections *= np.float32(math.sqrt(energy / max(float(reflections @ reflections), 1e-30)))
    # None is as strong as the direct sound, for which it would otherwise be taken.
    reflections = np.clip(reflections, -STRONGEST, STRONGEST)
    energy = float(reflections @ reflections)
    reflections[0] = 1
    return np.asarray(reflections / np.float32(math.sqrt(1 + energy)), np.float32)


@lru_cache(maxsize=64)
def _bands(length: int, rate: float) -> list[Singles]:
    """Gains of the bands at the frequencies of a transform; they add up to 1 and overlap by an octave."""
    import scipy.fft

    octave = np.log2(np.maximum(scipy.fft.rfftfreq(length, 1 / rate), 1.0))
    steps = [np.clip(octave - math.log2(edge) + 0.5, 0, 1) for edge in EDGES]
    passed = [np.ones_like(octave), *(np.sin(np.pi / 2 * step) ** 2 for step in steps), np.zeros_like(octave)]
    return [(upper - lower).astype(np.float32) for upper, lower in pairwise(passed)]
