"""Arrays, pictures and sounds as text that a page holds in itself."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from PIL import Image

NOTE_STEPS = 200  # of an encoded note: half a cent each
_SOUND_RATE = 16000  # Hz, one of Opus' own
_COMPRESSION = 0.92  # of Opus, about 28 kbit/s
_COLUMNS = 16383  # of a WebP, at most
_PICTURE_QUALITY = 60  # of WebP
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def packed(values: NDArray[Any], dtype: str) -> str:
    """An array as little-endian numbers in Base64.

    Args:
        values: of any shape.
        dtype: of NumPy, such as `<i2`.
    """
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()


def packed_notes(cents: NDArray[np.float64], voiced: NDArray[np.bool_]) -> str:
    """Pitches `(frames,)` in cents above 10 Hz as int16: MIDI notes in steps of half a cent.

    Negative where a guess is not `voiced`, 0 where there is no guess; what is below MIDI note 0 is that note.
    """
    lowest = 69 + 12 * np.log2(10 / 440)
    steps = np.clip(np.round(NOTE_STEPS * (cents / 100 + lowest)), 1, np.iinfo(np.int16).max)
    return packed(np.where(cents == 0, 0, np.where(voiced, steps, -steps)), "<i2")


def packed_shares(shares: NDArray[np.float64] | None) -> str | None:
    """Numbers `(frames,)` from 0 to 1 as bytes; None of None."""
    return None if shares is None else packed(np.clip(np.round(255 * shares), 0, 255), "u1")


def picture(levels: NDArray[np.uint8]) -> str:
    """Levels `(frames, bins)`, 0 white to 255 black, as the address of a picture with the lowest bin at the bottom.

    Of more frames than a WebP has columns, neighbours become one, the darkest of them.
    """
    file = io.BytesIO()
    joined = -(-len(levels) // _COLUMNS)
    if joined > 1:
        levels = np.maximum.reduceat(levels, np.arange(0, len(levels), joined), axis=0)
    Image.fromarray(255 - np.ascontiguousarray(levels.T[::-1])).save(file, "WEBP", quality=_PICTURE_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def sound(samples: NDArray[np.float32], rate: int) -> str:
    """Audio `(samples,)`, full scale at 1, of a rate in Hz as Opus in Base64, at 16 kHz or less; as loud as fits."""
    lowered = samples if rate in (8000, _SOUND_RATE) else soxr.resample(samples, rate, _SOUND_RATE)
    loudest = float(np.abs(lowered).max(initial=0.0))
    file = io.BytesIO()
    with soundfile.SoundFile(
        file,
        "w",
        samplerate=rate if rate == 8000 else _SOUND_RATE,
        channels=1,
        format="OGG",
        subtype="OPUS",
        compression_level=_COMPRESSION,
    ) as opus:
        opus.write(lowered * (0.9 / loudest) if loudest > 0 else lowered)
    return base64.b64encode(_with_one_serial(file.getvalue())).decode()


def _with_one_serial(ogg: bytes) -> bytes:
    """An Ogg stream whose serial number is 0, that of libsndfile being drawn from the clock; RFC 3533."""
    pages, place = [], 0
    while place < len(ogg):
        segments = ogg[place + 26]
        end = place + 27 + segments + sum(ogg[place + 27 : place + 27 + segments])
        page = bytearray(ogg[place:end])
        page[14:18] = page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", _checksum(page))
        pages.append(bytes(page))
        place = end
    return b"".join(pages)


def _checksum(page: bytearray) -> int:
    """CRC-32 with the bits in the other order than zlib's, from 0."""
    return int(f"{zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)
