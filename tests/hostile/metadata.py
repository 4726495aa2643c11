"""Damaged dataset.json, sidecars, tars and column files, given to the commands that read them."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tests.hostile import damage
from tests.hostile.harness import Hostile
from tests.hostile.world import World, copied


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    document = json.loads((world.shards / "dataset.json").read_bytes())
    for number in range(count):
        draw = random.Random(f"metadata {seed} {number}")
        name, damaged = damage.value_of(document, draw)

        def lay(here: Path, content: bytes = damage.json_of(damaged)) -> None:
            copied(world.shards, here)
            (here / "shards" / "dataset.json").write_bytes(content)

        yield Hostile(f"dataset.json: {name}", [draw.choice(("inspect", "verify")), "shards"], lay)
