"""Damaged record.json of runs, given to the commands that read one."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tests.hostile import damage
from tests.hostile.harness import Hostile
from tests.hostile.world import World, copied

# The folder of the repetition is there already, so that what begins with a sound record ends before it trains.
COMMANDS = (
    ["rerun", "run", "--out", "run"],
    ["rerun", "run", "--out", "run", "--seed", "3"],
    ["diff", "run", "other/run"],
    ["diff", "other/run", "run"],
    ["report", "run"],
    ["release", "run", "--out", "released"],
)


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    text = (world.run / "record.json").read_text().replace(f"{world.folder}/", "")
    for number in range(count):
        draw = random.Random(f"run records {seed} {number}")
        name, content = _damaged(text, draw)
        words = draw.choice(COMMANDS)

        def lay(here: Path, content: bytes = content) -> None:
            copied(world.run, here)
            copied(world.run, here / "other")
            copied(world.shards, here)
            (here / "run" / "record.json").write_bytes(content)

        yield Hostile(f"{number} record.json {name}: {words[0]}", words, lay)


def _damaged(text: str, draw: random.Random) -> tuple[str, bytes]:
    if draw.random() < 0.15:
        return damage.bytes_of(text.encode(), draw)
    document = json.loads(text)
    # A value of the configuration is one of two hundred, of which nothing is made here.
    kept = document.pop("config") if draw.random() < 0.8 else None
    names = []
    for _ in range(draw.choice((1, 1, 2))):
        if not isinstance(document, dict) or (names and names[-1].endswith("nested")):
            break
        name, document = damage.value_of(document, draw)
        names.append(name)
    if kept is not None and isinstance(document, dict):
        document["config"] = kept
    return ", ".join(names), damage.json_of(document)
