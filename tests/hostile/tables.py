"""Damaged f0 tables of every format, given to the commands that read them."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tests.hostile import damage, odd_files
from tests.hostile.harness import Hostile
from tests.hostile.world import World, copied

ROWS = [(frame / 100, 220.0 if frame % 7 else 0.0) for frame in range(40)]
FIELDS = (
    *(
        "nan",
        "inf",
        "-inf",
        "1e30",
        "-1e30",
        "1e308",
        "1e400",
        "-1",
        "0",
        "-0.0",
        "",
        " ",
        "x",
        "1_0",
        "0x10",
        "1,5",
        "²",
    ),
    *(
        "é",
        "\x00",
        "\ud800",
        "'1'",
        '"1',
        '"1\n2"',
        "1;2",
        "1e-320",
        "9" * 400,
        "x" * 200_000,
        "--1",
        "+1",
        "\u0661",
        "1e6",
    ),
)
NAMES = (".csv", ".tsv", ".txt", ".f0", ".f0ref", ".jams", ".lab", ".REF", ".npy", ".CSV")
JAMS = {
    "annotations": [
        {
            "namespace": "pitch_contour",
            "data": [
                {
                    "time": time,
                    "duration": 0.0,
                    "value": {"index": 0, "frequency": f0, "voiced": f0 > 0},
                    "confidence": 1,
                }
                for time, f0 in ROWS
            ],
        }
    ],
    "file_metadata": {"duration": 0.4},
    "sandbox": {},
}
_PREPARE = """\
corpus:
  class_path: datamodules.corpora.AudioFolder
  init_args: {{folder: recordings, table_suffix: {suffix}, voices: {voices}, gap: {gap}, step: {step}}}
directory: shards
rate: 16000
hop: 160
segment: 0.2
context: 0.0
splits: {{train: rest}}
"""


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    for number in range(count):
        draw = random.Random(f"tables {seed} {number}")
        suffix = draw.choice((".csv", ".csv", ".tsv", ".f0ref", ".jams", ".txt"))
        name, content = _damaged(suffix, draw)
        if draw.random() < 0.25:
            yield _prepared(f"{name} (tables {seed} {number})", suffix, content, draw, world)
        else:
            yield _evaluated(f"{name} (tables {seed} {number})", suffix, content, draw)


def _evaluated(name: str, suffix: str, content: bytes, draw: random.Random) -> Hostile:
    side, other = draw.choice((("truth", "guess"), ("guess", "truth")))
    words = ["evaluate", "truth", "mine=guess", "--bootstrap=20"]
    words += draw.choice(
        ([], [], ["--resample=0.01"], ["--out=report"], ["--estimate_step=0.01"], ["--reference_gap=0.1"])
    )
    odd = draw.choice(sorted(odd_files.ODD)) if draw.random() < 0.1 else None

    def lay(here: Path) -> None:
        for folder in ("truth", "guess"):
            (here / folder).mkdir()
            for track in "ab":
                (here / folder / f"{track}{suffix}").write_bytes(_whole(suffix))
        (here / side / f"a{suffix}").unlink()
        if odd is None:
            (here / side / f"a{suffix}").write_bytes(content)
        else:
            odd_files.ODD[odd](here / side / f"a{suffix}")

    return Hostile(f"evaluate, {side}/a{suffix}: {odd or name} beside {other}", words, lay)


def _prepared(name: str, suffix: str, content: bytes, draw: random.Random, world: World) -> Hostile:
    recipe = _PREPARE.format(
        suffix=suffix,
        voices=draw.choice(("one", "one", "several")),
        gap=draw.choice(("null", "null", "0.05")),
        step=draw.choice(("null", "null", "null", "0.01")),
    )
    odd = draw.choice(sorted(odd_files.ODD)) if draw.random() < 0.1 else None

    def lay(here: Path) -> None:
        folder = copied(world.recordings, here)
        for track in "abcde":
            (folder / f"{track}.csv").unlink()
            (folder / f"{track}{suffix}").write_bytes(_whole(suffix))
        (folder / f"a{suffix}").unlink()
        if odd is None:
            (folder / f"a{suffix}").write_bytes(content)
        else:
            odd_files.ODD[odd](folder / f"a{suffix}")
        (here / "recipe.yaml").write_text(recipe)

    return Hostile(f"prepare, a{suffix}: {odd or name}", ["prepare", "recipe.yaml"], lay)


def _whole(suffix: str) -> bytes:
    if suffix == ".jams":
        return json.dumps(JAMS).encode()
    separator = "," if suffix == ".csv" else "\t"
    return "".join(f"{time:.2f}{separator}{f0}\n" for time, f0 in ROWS).encode()


def _damaged(suffix: str, draw: random.Random) -> tuple[str, bytes]:
    whole = _whole(suffix)
    kind = draw.choice(("bytes", "field", "field", "field", "lines", "value"))
    if kind == "bytes" or (suffix == ".jams" and kind == "lines"):
        return damage.bytes_of(whole, draw)
    if suffix == ".jams":
        name, damaged = damage.value_of(JAMS, draw)
        return name, damage.json_of(damaged)
    lines = whole.decode().split("\n")
    row = draw.choice((0, len(lines) // 2, len(lines) - 2))
    if kind == "lines":
        name, lines[row] = draw.choice(
            (
                ("header", "time,frequency,confidence,voiced"),
                ("another header", "time\tf0"),
                ("many fields", ",".join("1" * draw.choice((3, 100_000)))),
                ("a long line", "x" * 5_000_000),
                ("a long comment", "#" + "x" * 5_000_000),
                ("repeated", "0.00,220\n" * 3),
                ("backwards", "0.20,220\n0.10,220"),
                ("one column", "220"),
                ("separators", ",,,,,,"),
                ("carriage returns", "0.1,220\r\r\r0.2,220"),
            )
        )
        return name, "\n".join(lines).encode()
    fields = [draw.choice(FIELDS) for _ in range(draw.choice((1, 1, 2, 3)))]
    separator = draw.choice((",", "\t", " ", ";"))
    lines[row] = separator.join([f"{row / 100:.2f}", *fields] if draw.random() < 0.7 else [*fields, "220"])
    return f"line {row}: {lines[row]!r}"[:100], "\n".join(lines).encode("utf-8", "surrogatepass")
