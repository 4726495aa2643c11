"""Damaged lists of recordings: manifests, lists of tracks, dictionaries, arrays of features, and the names in them."""

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import yaml

from tests.hostile import damage, odd_files
from tests.hostile.harness import Hostile
from tests.hostile.world import World, copied

COLUMNS = ("audio", "table", "singer", "split", "label", "words", "note")
FIELDS = (
    *(
        "",
        " ",
        "..",
        "../outside/canary",
        "../../outside/canary",
        "/etc/passwd",
        "/dev/zero",
        "/dev/null",
        "/",
        ".",
        "a.wav/x",
    ),
    *(
        "x" * 300,
        "x" * 140_000,
        "a/" * 3000,
        "é" * 200,
        "\x00",
        "\x07",
        "\u2028",
        "\ud800",
        '"',
        '"a\nb"',
        "'",
        "a\\b",
        "~/x",
    ),
    *(
        "b.flac",
        "a.wav",
        "./a.wav",
        "sub/../a.wav",
        "recordings/a.wav",
        "http://localhost:9/a.wav",
        "pipe:touch x",
        "*",
        "**",
    ),
    *("train-000000-of-000001.tar", "nan", "-1", "{}", "%s", "$(touch ../outside/x)", "\u202egpj", "con", "a\rb"),
)
TRACKS = {"train": ["a", "b"], "validation": ["c"]}
DICTIONARY = "a AH\nb B IY\nc S IY\n"
COMMON = {
    "directory": "shards",
    "rate": 16000,
    "hop": 160,
    "segment": 0.2,
    "context": 0.0,
}


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    for number in range(count):
        draw = random.Random(f"manifests {seed} {number}")
        make = draw.choices((_manifest, _tracks, _dictionary, _arrays), (6, 1, 1, 2))[0]
        yield make(draw, world, f"(manifests {seed} {number})")


def _manifest(draw: random.Random, world: World, mark: str) -> Hostile:
    rows = [list(COLUMNS)]
    rows += [
        [name, f"{name[0]}.csv", name[0], "train", draw.choice("xy"), "a b", "n"]
        for name in ("a.wav", "b.flac", "c.ogg")
    ]
    name, content = _table(rows, draw)
    used = [each for each in ("table", "split", "label", "words") if draw.random() < 0.6]
    keys = {"table": "table_column", "split": "split_column", "label": "label_column", "words": "transcript_column"}
    arguments = {"folder": "recordings", "manifest": "list.tsv", "metadata_columns": ["note"], "group_column": "singer"}
    arguments |= {keys[each]: each for each in used}
    recipe = {"corpus": {"class_path": "datamodules.corpora.AudioFolder", "init_args": arguments}, **COMMON}
    if "split" not in used:
        recipe["splits"] = {"train": "rest"}
    if "label" in used:
        recipe["classes"] = ["x", "y"]
    return _prepare(f"list.tsv: {name} {mark}", recipe, world, "recordings/list.tsv", content, draw)


def _table(rows: list[list[str]], draw: random.Random) -> tuple[str, bytes]:
    kind = draw.choice(("field", "field", "field", "bytes", "short", "long", "header", "rows"))
    row, column = draw.randrange(1, len(rows)), draw.randrange(len(COLUMNS))
    name = f"{COLUMNS[column]} of line {row + 1}"
    if kind == "field":
        rows[row][column] = draw.choice(FIELDS)
        name = f"{name} = {rows[row][column]!r}"[:100]
    elif kind == "short":
        rows[row] = rows[row][:column]
    elif kind == "long":
        rows[row] += ["x"] * draw.choice((1, 100_000))
    elif kind == "header":
        rows[0] = draw.choice(
            (rows[0][:column], [""] * 7, ["audio"] * 7, [*rows[0], "audio"], ["x" * 200_000], [*rows[0], ""])
        )
    elif kind == "rows":
        rows = draw.choice((rows[:1], [], rows + rows[1:], [rows[0], *([[""]] * 1000)], rows * 2))
    content = "".join("\t".join(each) + "\n" for each in rows).encode("utf-8", "surrogatepass")
    return damage.bytes_of(content, draw) if kind == "bytes" else (f"{kind}: {name}", content)


def _tracks(draw: random.Random, world: World, mark: str) -> Hostile:
    name, damaged = damage.value_of(TRACKS, draw)
    content = damage.json_of(damaged)
    if draw.random() < 0.4:
        name, content = damage.bytes_of(content, draw)
    arguments = {"folder": "recordings", "tables": "*.csv", "tracks": "tracks.json", "splits": ["train", "validation"]}
    corpus = {"class_path": "datamodules.corpora.ContourResynthesis", "init_args": arguments}
    return _prepare(f"tracks.json: {name} {mark}", {"corpus": corpus, **COMMON}, world, "tracks.json", content, draw)


def _dictionary(draw: random.Random, world: World, mark: str) -> Hostile:
    if draw.random() < 0.5:
        name, content = damage.bytes_of(DICTIONARY.encode(), draw)
    else:
        line = draw.choice(FIELDS)
        name, content = f"{line!r}"[:100], f"{DICTIONARY}{line}\n".encode("utf-8", "surrogatepass")
    arguments = {
        "folder": "recordings",
        "manifest": "list.tsv",
        "transcript_column": "words",
        "dictionary": {"path": "words.dic"},
    }
    recipe = {"corpus": {"class_path": "datamodules.corpora.AudioFolder", "init_args": arguments}, **COMMON}
    recipe["splits"] = {"train": "rest"}
    return _prepare(f"words.dic: {name} {mark}", recipe, world, "words.dic", content, draw)


def _arrays(draw: random.Random, world: World, mark: str) -> Hostile:
    rng = np.random.default_rng(draw.randrange(1 << 30))
    whole = _saved(rng.normal(size=(20, 5)).astype(np.float32))
    name, content = draw.choice(
        (
            lambda: damage.bytes_of(whole, draw),
            lambda: ("objects", _saved(np.array([{"a": 1}, None], dtype=object))),
            lambda: ("no rows", _saved(np.zeros((0, 5), np.float32))),
            lambda: ("not finite", _saved(np.full((20, 5), np.nan))),
            lambda: ("one dimension", _saved(np.zeros(5))),
            lambda: ("texts", _saved(np.array([["x"] * 5] * 20))),
            lambda: ("a claim of 2**45 rows", whole.replace(b"(20, 5)", b"(35184372088832, 5)")[: len(whole)]),
            lambda: ("complex", _saved(np.zeros((20, 5), complex))),
        )
    )()
    place = draw.choice(("mfcc/one.npy", "mfcc/one.npy", "transcript/one.npy"))
    corpus = {
        "class_path": "datamodules.corpora.Phonemes11785",
        "init_args": {"folder": "speech", "subsets": ["train"]},
    }
    recipe = {"corpus": corpus, **COMMON, "segment": None}
    return _prepare(f"{place}: {name} {mark}", recipe, world, f"speech/train/{place}", content, draw, _speech)


def _speech(here: Path) -> None:
    for kind, array in (("mfcc", np.zeros((20, 5), np.float32)), ("transcript", np.array(["<sos>", "AH", "<eos>"]))):
        for split in ("train", "dev"):
            folder = here / "speech" / split / kind
            folder.mkdir(parents=True)
            for name in ("one", "two"):
                (folder / f"{name}.npy").write_bytes(_saved(array))


def _saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _prepare(
    name: str,
    recipe: dict,
    world: World,
    place: str,
    content: bytes,
    draw: random.Random,
    more: Callable[[Path], None] = lambda here: None,
) -> Hostile:
    odd = draw.choice(sorted(odd_files.ODD)) if draw.random() < 0.1 else None

    def lay(here: Path) -> None:
        copied(world.recordings, here)
        more(here)
        rows = "audio\twords\na.wav\ta b\nb.flac\tc\n"
        (here / "recordings" / "list.tsv").write_text(rows)
        (here / "tracks.json").write_text(json.dumps(TRACKS))
        (here / "words.dic").write_text(DICTIONARY)
        (here / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
        (here / place).unlink(missing_ok=True)
        if odd is None:
            (here / place).write_bytes(content)
        else:
            odd_files.ODD[odd](here / place)

    return Hostile(name if odd is None else f"{place}: {odd}", ["prepare", "recipe.yaml"], lay)
