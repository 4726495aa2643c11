"""Damaged recipes: bytes, values, bombs and tags, given to the commands that read YAML."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.hostile import damage, yaml_text
from tests.hostile.harness import Hostile
from tests.hostile.world import World, copied

PLACES = ("/", "/dev/null", "/proc/x", "/sys/x", "/dev/full", ".", "recipe.yaml", "recipe.yaml/x")
NAMES = (
    "",
    "x" * 300,
    "a/" * 2000,
    "\x00",
    "a\nb",
    "é" * 200,
    "http://localhost:9/x",
    "s3://x/y",
    "pipe:touch ../outside/e",
    "~",
)
NUMBERS = (-1, 0, 1, 2, 7, 0.001, 1 << 31, 1 << 63, 1 << 80, 1e308, 1e-308, 1e18, float("nan"), float("inf"), -0.0)

SYNTHETIC: dict[str, Any] = {
    "corpus": {
        "class_path": "datamodules.corpora.SyntheticMelody",
        "init_args": {
            "recordings": {"train": 2, "validation": 1},
            "seconds": 1.0,
            "rate": 8000,
            "lowest_note": 48,
            "highest_note": 60,
            "snr_db": 30.0,
            "seed": 0,
        },
    },
    "directory": "shards",
    "rate": 8000,
    "hop": 80,
    "segment": 0.5,
    "context": 0.1,
    "records_per_shard": 4,
    "seed": 0,
}
FOLDER: dict[str, Any] = {
    **SYNTHETIC,
    "corpus": {
        "class_path": "datamodules.corpora.AudioFolder",
        "init_args": {
            "folder": "recordings",
            "table_suffix": ".csv",
            "gap": 0.1,
            "offset": 0.0,
            "group_pattern": "(.)",
        },
    },
    "splits": {"train": 0.6, "validation": 0.4},
    "audio": "i16",
}
CONSTANT_Q: dict[str, Any] = {
    **SYNTHETIC,
    "spectrogram": {
        "class_path": "datamodules.preparation.spectrograms.HarmonicConstantQ",
        "init_args": {"minimum": 65.4, "bins_per_octave": 12, "octaves": 3, "harmonics": [1.0, 2.0], "top_db": 80.0},
    },
}
FIT: dict[str, Any] = {
    "model": {
        "class_path": "lightning_modules.MelodyTracker",
        "init_args": {
            "network": {
                "class_path": "architectures.CREPE",
                "init_args": {"window": 512, "capacity": 1},
            },
            "grid": {"lowest": 36.0, "bins_per_semitone": 5, "bins": 360},
        },
    },
    "data": {
        "class_path": "datamodules.MelodyData",
        "init_args": {"train": ["shards"], "validation": {"x": "shards"}, "batch_size": 2, "workers": 0, "seed": 0},
    },
    "trainer": {"max_steps": 1, "limit_val_batches": 1, "logger": False, "accelerator": "cpu"},
}
SWEEP: dict[str, Any] = {
    "method": "grid",
    "metric": {"name": "val/x/raw_pitch_accuracy", "goal": "maximize"},
    "run_cap": 1,
    "parameters": {"data.init_args.batch_size": {"values": [16, 32]}, "seed": {"min": 0, "max": 3}},
    "command": ["${env}", "melisma", "fit", "--config=none.yaml", "${args}"],
}
STUDY: dict[str, Any] = {
    "question": "Is one larger?",
    "family": "melody",
    "stand_in": "nothing",
    "recipe": "none.yaml",
    "runs": {"one": {"data.init_args.batch_size": 1}, "two": {}},
    "findings": [{"claim": "It is.", "published": "no", "metric": "a/b", "order": ["one", "two"]}],
    "settings": {},
    "seeds": [0, 1],
    "budget": 1.0,
}
COMPARE: dict[str, Any] = {"data": ["none"], "methods": "pyin", "out": "report", "bootstrap": 10, "level": 0.9}
RECIPES = {
    "prepare": ((SYNTHETIC, FOLDER, FOLDER, CONSTANT_Q), ["prepare", "recipe.yaml"]),
    "fit": ((FIT,), ["fit", "--config", "recipe.yaml"]),
    "sweep": ((SWEEP,), ["sweep", "recipe.yaml", "--out=recipe.yaml/x"]),
    "study": ((STUDY,), ["study", "recipe.yaml", "--out=recipe.yaml/x"]),
    "compare": ((COMPARE,), ["compare", "--config", "recipe.yaml"]),
}


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    world.constant_q.resolve(strict=True)  # what is compiled once is not counted to an input
    for number in range(count):
        draw = random.Random(f"recipes {seed} {number}")
        command = draw.choices(sorted(RECIPES), (2, 3, 9, 1, 2))[0]
        documents, words = RECIPES[command]
        document = draw.choice(documents)
        name, content = _damaged(document, draw)

        def lay(here: Path, content: bytes = content, folder: bool = document is FOLDER) -> None:
            (here / "recipe.yaml").write_bytes(content)
            if folder:
                copied(world.recordings, here)

        yield Hostile(f"{command}: {name} (recipes {seed} {number})", words, lay)


def _damaged(document: dict[str, Any], draw: random.Random) -> tuple[str, bytes]:
    kind = draw.choices(("bytes", "value", "number", "place", "nasty", "within"), (2, 4, 4, 2, 1, 3))[0]
    if kind == "bytes":
        return damage.bytes_of(yaml.safe_dump(document, sort_keys=False).encode(), draw)
    if kind == "nasty":
        return yaml_text.nasty(draw)
    if kind == "within":
        return yaml_text.within(document, draw)
    if kind == "value":
        name, damaged = damage.value_of(document, draw)
        return name, _dumped(damaged)
    fitting = (int, float) if kind == "number" else str
    paths = [path for path in damage.places(document) if path and isinstance(_at(document, path), fitting)]
    path, value = draw.choice(paths), draw.choice(NUMBERS if kind == "number" else (*PLACES, *NAMES))
    if kind == "place" and "directory" in document and draw.random() < 0.6:
        path = ("directory",)
    damaged = copy.deepcopy(document)
    _at(damaged, path[:-1])[path[-1]] = value
    return f"{'.'.join(map(str, path))} = {value!r}"[:100], _dumped(damaged)


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def _dumped(document: Any) -> bytes:
    try:
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b"[" * 100_000
