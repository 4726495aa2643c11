"""Damaged audio files, and what has the name of one, given to `prepare`, `transcribe` and `inspect`."""

import io
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from tests.hostile import damage, odd_files
from tests.hostile.harness import Hostile
from tests.hostile.world import World, copied

RECIPE = """\
corpus:
  class_path: datamodules.corpora.AudioFolder
  init_args: {folder: recordings, table_suffix: .csv}
directory: shards
rate: 16000
hop: 160
segment: 0.2
context: 0.0
splits: {train: rest}
"""
NAMES = ("a.wav", "b.flac", "c.ogg", "d.aiff", "e.mp3", "f.au")
OTHER = (
    "a.raw",
    "a.m4a",
    "a.txt",
    "a",
    "..wav",
    "-a.wav",
    "a b\t.wav",
    "a\n.wav",
    "é.wav",
    "\udcff.wav",
    "x" * 200 + ".wav",
)


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    for number in range(count):
        draw = random.Random(f"audio {seed} {number}")
        file = draw.choice(NAMES)
        whole = (world.recordings / file).read_bytes()
        odd = draw.choice(sorted(odd_files.ODD)) if draw.random() < 0.2 else None
        name, content = (odd, b"") if odd else _damaged(file, whole, draw)
        target = draw.choice(OTHER) if draw.random() < 0.1 else file
        command = draw.choices(("prepare", "transcribe"), (3, 2))[0]

        def lay(
            here: Path, file: str = file, target: str = target, content: bytes = content, odd: str | None = odd
        ) -> None:
            folder = copied(world.recordings, here)
            (folder / file).unlink()
            if odd is None:
                (folder / target).write_bytes(content)
            else:
                odd_files.ODD[odd](folder / target)
            (here / "recipe.yaml").write_text(RECIPE)

        words = ["prepare", "recipe.yaml"] if command == "prepare" else ["transcribe", f"recordings/{target}"]
        if command == "transcribe" and draw.random() < 0.3:
            words = ["transcribe", "recordings", "--out=answers"]
        yield Hostile(f"{command}, {target!r}: {name} (audio {seed} {number})", words, lay)


def _damaged(file: str, whole: bytes, draw: random.Random) -> tuple[str, bytes]:
    kind = draw.choice(("bytes", "header", "header", "made", "other"))
    if kind == "bytes":
        return damage.bytes_of(whole, draw)
    if kind == "other":
        name, content = draw.choice(
            (("text", b"time,f0\n0,1\n"), ("a zip", b"PK\x03\x04" + bytes(100)), ("zeros", bytes(4000)))
        )
        return name, content
    if kind == "made":
        return _made(draw)
    damaged = bytearray(whole)
    place, size = draw.randrange(min(64, len(whole) - 8)), draw.choice((1, 2, 4))
    value = draw.choice((0, 1, (1 << (8 * size)) - 1, 1 << (8 * size - 1), draw.randrange(1 << (8 * size))))
    damaged[place : place + size] = value.to_bytes(size, draw.choice(("little", "big")))
    return f"{size} bytes from {place} are {value}", bytes(damaged)


def _made(draw: random.Random) -> tuple[str, bytes]:
    tone = 0.3 * np.sin(np.arange(4800) * 0.1)
    bad = tone.copy()
    bad[draw.randrange(len(bad))] = draw.choice((np.nan, np.inf, -np.inf, 1e300, 1e38))
    return draw.choice(
        (
            lambda: ("NaN or huge", _written(bad, 16000, "DOUBLE")),
            lambda: ("huge in 32 bits", _written(np.clip(bad, -3e38, 3e38), 16000, "FLOAT")),
            lambda: ("no sample", _written(tone[:0], 16000, "PCM_16")),
            lambda: ("one sample", _written(tone[:1], 16000, "PCM_16")),
            lambda: ("1 Hz", _written(tone[:20], 1, "PCM_16")),
            lambda: ("a rate of 2**31 - 1", _written(tone, (1 << 31) - 1, "PCM_16")),
            lambda: ("200 channels", _written(np.zeros((50, 200)), 16000, "PCM_16")),
            lambda: ("silence", _written(np.zeros(4800), 16000, "PCM_16")),
            lambda: ("a claim of 2**32 bytes", _header(0xFFFFFFFF, 1, 16000) + bytes(200)),
            lambda: ("a claim of 2**31 bytes", _header(0x7FFFFFFE, 1, 16000) + bytes(200)),
            lambda: ("no channel", _header(200, 0, 16000) + bytes(200)),
            lambda: ("65535 channels", _header(200, 65535, 16000) + bytes(200)),
            lambda: ("a rate of 0", _header(200, 1, 0) + bytes(200)),
            lambda: ("a negative rate", _header(200, 1, (1 << 32) - 16000) + bytes(200)),
            lambda: ("0 bits", _header(200, 1, 16000, 0) + bytes(200)),
            lambda: ("a header alone", _header(200, 1, 16000)),
        )
    )()


def _header(size: int, channels: int, rate: int, bits: int = 16) -> bytes:
    width = channels * bits // 8
    head = struct.pack("<IHHIIHH", 16, 1, channels, rate, min(rate * width, (1 << 32) - 1), width & 0xFFFF, bits)
    return (
        b"RIFF"
        + struct.pack("<I", min(size + 36, (1 << 32) - 1))
        + b"WAVEfmt "
        + head
        + b"data"
        + struct.pack("<I", size)
    )


def _written(samples: np.ndarray, rate: int, subtype: str) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="WAV", subtype=subtype)
    return stream.getvalue()
