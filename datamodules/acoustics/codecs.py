"""Audio as it is after a coder for telephone lines or for music."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from datamodules.acoustics.levels import Singles
from datamodules.errors import DataError

Coder = Literal["mp3", "ogg"]
FORMATS: dict[Coder, dict[str, Any]] = {
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
}
MU = 255
PROBE = 0.5  # s of noise by which the delay of a coder is measured


def mu_law(audio: Singles) -> Singles:
    """Audio in 8 bits of logarithmic steps, mu = 255 (ITU-T G.711, as a formula instead of its segments).

    Args:
        audio: `(items, samples)`, full scale at 32768; clipped there.

    Returns:
        `(items, samples)`.
    """
    places = np.clip(np.rint(audio), -32768, 32767).astype(np.int32) + 32768
    table: Singles = _mu_law_table()
    return np.take(table, places)


def coded(audio: Singles, coder: Coder, compression: float, rate: int) -> Singles:
    """One sound after a lossy coder, at its own place in time.

    Some coders deliver audio late: MP3 of low bit rates by 1,105 samples. The delay is measured once for each setting,
    by a sound of its own, and removed.

    Args:
        audio: `(samples,)`, full scale at 1.
        coder: `mp3` or `ogg`, which is Ogg Vorbis.
        compression: from 0, the best, to less than 1, the worst; libsndfile makes of it a bit rate (MP3: constant, at
            16 kHz 160 to 8 kbit/s) or quality (Vorbis).
        rate: samples per second.

    Returns:
        `(samples,)`.

    Raises:
        DataError: the coder does not take this rate, or libsndfile lacks it.
    """
    delay, room = _delay(coder, compression, rate), np.zeros(audio.size, np.float32)
    late = _through(audio, coder, compression, rate)[max(delay, 0) :][: audio.size]
    ahead = max(-delay, 0)
    room[ahead : ahead + late.size] = late[: audio.size - ahead]
    return room


def _through(audio: Singles, coder: Coder, compression: float, rate: int) -> Singles:
    memory = io.BytesIO()
    try:
        soundfile.write(memory, audio, rate, compression_level=compression, **FORMATS[coder])
        memory.seek(0)
        decoded, found = soundfile.read(memory, dtype="float32")
    except (soundfile.LibsndfileError, ValueError) as error:
        message = f"libsndfile cannot code {coder} at {rate} Hz (version 1.1 or newer is needed): {error}"
        raise DataError(message) from None
    if found != rate:
        raise DataError(f"{coder} has no rate of {rate} Hz; give another coder or rate")
    return np.asarray(decoded, np.float32)


@lru_cache(maxsize=256)
def _delay(coder: Coder, compression: float, rate: int) -> int:
    """By how many samples a coder is late."""
    import scipy.fft  # here: `melisma prepare --help` names every corpus without it

    samples = math.ceil(PROBE * rate)
    probe = (0.1 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)
    late = _through(probe, coder, compression, rate)
    length = scipy.fft.next_fast_len(samples + late.size, real=True)
    likeness = scipy.fft.irfft(scipy.fft.rfft(late, length) * np.conj(scipy.fft.rfft(probe, length)), length)
    place = int(likeness.argmax())
    return place if place < late.size else place - int(length)


@lru_cache(maxsize=1)
def _mu_law_table() -> NDArray[np.float32]:
    """`(65536,)` what becomes of each sample from -32768 on."""
    sample = np.arange(-32768, 32768) / 32768
    code = np.rint(127 * np.sign(sample) * np.log1p(MU * np.abs(sample)) / math.log1p(MU)) / 127
    return np.asarray(32768 * np.sign(code) * np.expm1(np.abs(code) * math.log1p(MU)) / MU, np.float32)
