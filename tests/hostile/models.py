"""Damaged and hostile checkpoints, configurations of runs and released models, given to the commands that load them."""

import json
import random
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser

from experiments import runs
from tests.hostile import damage
from tests.hostile.checkpoint_damage import DAMAGES, EVIL
from tests.hostile.harness import Hostile
from tests.hostile.world import World, copied

MODULE = f"""\
{EVIL}
import torch
from architectures import FrameNetwork
class Net(FrameNetwork): pass
def make(*arguments, **named): return torch.optim.Adam(*arguments)
"""
BEST, LAST = "run/checkpoints/best.ckpt", "run/checkpoints/last.ckpt"
# Where a class path may stand, and paths that must never be imported or called from a file.
PLACES = (
    ("model",),
    ("model", "init_args", "network"),
    ("model", "init_args", "loss"),
    ("model", "init_args", "decoder"),
    ("model", "init_args", "optimizer"),
    ("model", "init_args", "scheduler"),
    ("model", "init_args", "penalty"),
    ("model", "init_args", "augment"),
    ("model", "init_args", "network", "init_args", "block"),
    ("model", "init_args", "network", "init_args", "first"),
    ("data",),
    ("data", "init_args", "reader"),
    ("trainer", "callbacks"),
    ("trainer", "logger"),
    ("trainer", "strategy"),
    ("trainer", "plugins"),
    ("trainer", "profiler"),
)
PATHS = (
    "evil.Net",
    "evil.make",
    "evil",
    "evil.sub.Net",
    ".evil.Net",
    "os.system",
    "subprocess.Popen",
    "builtins.exec",
    "torch.hub.load",
    "torch.utils.cpp_extension.load",
    "torch.nn.modules.module.os.system",
    "torch.optim.adam.torch.hub.load",
    "lightning.pytorch.callbacks.LambdaCallback",
    "lightning.pytorch.Trainer",
    "experiments.cli.main",
    "jsonargparse.set_parsing_settings",
    "datamodules.files.remove_leftovers",
    "architectures.Nothing",
    "torch.nn.Linear",
)
NUMBERS = (0, -1, 1 << 20, 1 << 31, 10**9, 1 << 45, 1 << 62, 10**30, 1e308, -1e308, float("nan"), 0.5, "7", [])


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    # What is found out once need not be found out in every fork.
    runs.load(world.run / "checkpoints" / "best.ckpt")
    ArgumentParser().add_class_arguments(torch.nn.Linear)  # asks a Python where the stubs of types lie
    for number in range(count):
        draw = random.Random(f"models {seed} {number}")
        kind = draw.choice((*(_checkpoint,) * 5, *(_configuration,) * 3, *(_released,) * 2))
        name, words, lay = kind(draw, world)
        yield Hostile(f"{number} {name}", words, lay)


Made = tuple[str, list[str], Callable[[Path], None]]


def _checkpoint(draw: random.Random, world: World) -> Made:
    content = (world.run / "checkpoints" / "last.ckpt").read_bytes()
    name, make = draw.choice(DAMAGES)(draw, content)
    fitting = draw.random() < 0.1
    words = _fit(draw) if fitting else _command(draw)

    def lay(here: Path) -> None:
        _lay(world, here)
        damaged = make()
        for path in (BEST, LAST):
            (here / path).write_bytes(damaged)

    return f"checkpoint {name}: {words[0]}", words, lay


# Those that take a second are rare.
_SHARES = {
    "transcribe": 65,
    "release": 9,
    "validate": 7,
    "test": 4,
    "predict": 4,
    "export": 4,
    "report": 3,
    "diff": 3,
    "compare": 1,
}


def _command(draw: random.Random) -> list[str]:
    """A command that loads the model of the run."""
    kind = draw.choices(sorted(_SHARES), [_SHARES[name] for name in sorted(_SHARES)])[0]
    if kind == "transcribe":
        return ["transcribe", "tone.wav", "--model", draw.choice(("run", BEST))]
    if kind == "release":
        return ["release", "run", "--out", "folder"]
    if kind in ("report", "diff"):
        return [kind, "run", *(["other/run"] if kind == "diff" else [])]
    if kind == "compare":
        return ["compare", "shards:validation", "--methods", "mine=run", "--out", "compared", "--bootstrap", "9"]
    if kind == "export":  # by its ending refused when the model is there, because to write a graph takes ten seconds
        return ["export", "run", "--out", "model.txt"]
    words = ["--data.predict={mine: shards}"] if kind == "predict" else []
    return [kind, "--config", "run/config.yaml", "--ckpt_path", BEST, "--trainer.default_root_dir=.", *words]


def _fit(draw: random.Random) -> list[str]:
    return ["fit", "--config", "run/config.yaml", "--ckpt_path", LAST, "--trainer.default_root_dir=fitted"] + (
        ["--trainer.max_steps=3"] if draw.random() < 0.7 else []
    )


def _lay(world: World, here: Path) -> None:
    """A run with its data below a folder, a recording, and a module that shows that it was run."""
    copied(world.run, here)
    copied(world.shards, here)
    config = here / "run" / "config.yaml"
    config.write_text(config.read_text().replace(f"{world.folder}/", ""))
    (here / "tone.wav").write_bytes(world.recording.read_bytes())
    (here / "evil.py").write_text(MODULE)
    copied(world.run, here / "other")


@cache
def _stated(path: Path, text: str) -> Any:
    return yaml.safe_load(text)


def _configuration(draw: random.Random, world: World) -> Made:
    text = (world.run / "config.yaml").read_text().replace(f"{world.folder}/", "")
    document = _stated(world.run, text)
    way = draw.choice(("bytes", "value", "value", "number", "number", "class", "class", "class"))
    if way == "bytes":
        name, content = damage.bytes_of(text.encode(), draw)
    else:
        if way == "value":
            part = draw.choice(("model", "model", "data", "trainer", None))
            name, damaged = damage.value_of(document[part] if part else document, draw)
            damaged = {**document, part: damaged} if part else damaged
        else:
            damaged, place = _deepened(document), None
            if way == "class":
                place, path = draw.choice(PLACES), draw.choice(PATHS)
                value = draw.choice((path, {"class_path": path}, {"class_path": path, "init_args": {"x": 1}}, [path]))
            else:
                model = [
                    path
                    for path in damage.places(document["model"])
                    if isinstance(_at(document["model"], path), (int, float))
                ]
                place, value = ("model", *draw.choice(model)), draw.choice(NUMBERS)
            _put(damaged, place, value)
            name = f"{'.'.join(map(str, place))} = {value!r}"[:100]
        content = _yaml(damaged)
    words = _fit(draw) if draw.random() < 0.07 else _command(draw)

    def lay(here: Path) -> None:
        _lay(world, here)
        (here / "run" / "config.yaml").write_bytes(content)

    return f"config.yaml {name}: {words[0]}", words, lay


def _deepened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _deepened(each) for name, each in value.items()}
    return [_deepened(each) for each in value] if isinstance(value, list) else value


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def _put(document: Any, path: tuple[Any, ...], value: object) -> None:
    for part in path[:-1]:
        document = document[part]
    document[path[-1]] = value


def _yaml(document: object) -> bytes:
    try:
        return yaml.safe_dump(document, sort_keys=False).encode()
    except (RecursionError, yaml.YAMLError):
        return b"[" * 50_000


def _released(draw: random.Random, world: World) -> Made:
    folder = world.released
    part = draw.choice(("config.yaml", "config.yaml", "config.yaml", "model.safetensors", "model.safetensors", "other"))
    if part == "other":
        part = draw.choice(("MODEL_CARD.md", "record.json"))
    before = (folder / part).read_bytes()
    if part == "config.yaml" and draw.random() < 0.85:
        document = _stated(folder, before.decode())
        if draw.random() < 0.6:
            name, damaged = damage.value_of(document, draw)
        else:
            damaged = _deepened(document)
            places = [path for path in damage.places(document) if isinstance(_at(document, path), (int, float))]
            classes = [path for path in damage.places(document) if path and path[-1] == "class_path"]
            place, value = draw.choice(
                ((draw.choice(places), draw.choice(NUMBERS)), (draw.choice(classes), draw.choice(PATHS)))
            )
            _put(damaged, place, value)
            name = f"{'.'.join(map(str, place))} = {value!r}"[:100]
        content = _yaml(damaged)
    elif part == "model.safetensors" and draw.random() < 0.7:
        name, content = _safetensors(draw, before)
    else:
        name, content = damage.bytes_of(before, draw)

    def lay(here: Path) -> None:
        copied(folder, here)
        (here / "tone.wav").write_bytes(world.recording.read_bytes())
        (here / "evil.py").write_text(MODULE)
        (here / "released" / part).write_bytes(content)

    return f"released {part} {name}", ["transcribe", "tone.wav", "--model", "released"], lay


def _safetensors(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    length = struct.unpack("<Q", content[:8])[0]
    header, rest = json.loads(content[8 : 8 + length]), content[8 + length :]
    if draw.random() < 0.3:
        length = draw.choice((0, 1, 1 << 20, 1 << 31, 1 << 40, (1 << 64) - 1))
        return f"a header of {length} bytes", struct.pack("<Q", length) + content[8:]
    if draw.random() < 0.2:
        place = draw.randrange(0, len(rest) - 4, 4)
        number = struct.pack("<f", draw.choice((float("nan"), float("inf"), 3e38)))
        return f"a number at {place}", content[: 8 + len(json.dumps(header))] + rest[:place] + number + rest[
            place + 4 :
        ]
    name, damaged = damage.value_of(OrderedDict(header), draw)
    made = damage.json_of(damaged)
    return f"header {name}", struct.pack("<Q", len(made)) + made + rest
