"""Every option of every command, with values that nobody should give."""

import argparse
import importlib
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from tests.hostile.harness import LONGEST, Hostile
from tests.hostile.recipes import SYNTHETIC
from tests.hostile.tables import ROWS
from tests.hostile.world import World, copied

# fmt: off
NUMBERS = (
    "-1", "0", "1", "1000000000", "2147483648", "9223372036854775808", "1e-12", "1e12", "1e308", "-1e308", "nan", "inf",
    "1e400", "0.5", "1_000", "0x10", "1:30", "9" * 5000, "true", "null", "[]", "[1]", "{}", "[nan]", "[1e308]", "[-1]",
)
TEXTS = (
    "", " ", "-", "--", "x", "é", "\U0001d11e", "x" * 300, "x" * 100_000, "a\nb", "\x07", "\udcff", "~", "*", "%s",
    "{}", "[", "{a: ", "&a [*a]", "!!python/object/apply:os.system ['touch ../outside/x']", "a: b: c", "'", '"', "\\",
    "=", ",", "/", "/dev/null", "/dev/full", "/proc/x", ".", "..", "recipe.yaml", "recipe.yaml/x",
    "1/0", "-1/2", "0/1", "9999999999/99999999999", "a/b", "x=y", "=y", "x=", "s3://x/y", "pipe:touch x",
)
# fmt: on
SCHEMA = 1 << 23  # characters, which `melisma schema` prints
# Words that are right; an option is added to them, or one of them is changed.
COMMANDS = {
    "prepare": ["recipe.yaml"],
    "evaluate": ["truth", "mine=guess", "--bootstrap=20"],
    "inspect": ["shards"],
    "verify": ["shards"],
    "compare": ["shards", "--methods=nobody"],
    "probe": ["nobody"],
    "report": ["truth"],
    "transcribe": ["recordings/a.wav"],
    "sweep": ["none.yaml"],
    "study": ["none.yaml"],
    "catalogue": ["--family=phonemes"],
    "rerun": ["none"],
    "diff": ["none", "none"],
    "release": ["none", "--out=released"],
    "export": ["none", "--out=exported.onnx"],
    "completion": ["bash"],
    "schema": ["sweep"],
    "browser": ["--model=none"],
    "fit": ["--config=run/config.yaml", "--trainer.default_root_dir=."],
}


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    recipe = yaml.safe_dump(SYNTHETIC)

    def lay(here: Path) -> None:
        copied(world.shards, here)
        copied(world.recordings, here)
        copied(world.run, here)
        config = here / "run" / "config.yaml"
        config.write_text(config.read_text().replace(f"{world.folder}/", ""))
        for folder in ("truth", "guess"):
            (here / folder).mkdir()
            (here / folder / "a.csv").write_text("".join(f"{time:.2f},{f0}\n" for time, f0 in ROWS))
        (here / "recipe.yaml").write_text(recipe.replace("directory: shards", "directory: made"))

    for number in range(count):
        draw = random.Random(f"options {seed} {number}")
        command = draw.choices(
            sorted(COMMANDS), [4 if name in ("evaluate", "prepare") else 1 for name in sorted(COMMANDS)]
        )[0]
        words = [command, *COMMANDS[command]]
        value = draw.choice(NUMBERS if draw.random() < 0.5 else TEXTS)
        if draw.random() < 0.15 and len(words) > 1:
            place = draw.randrange(1, len(words))
            words[place] = value
        else:
            option = draw.choice(_keys(world.run / "config.yaml") if command == "fit" else _options(command))
            if option.startswith("--out") and value == "..":  # who names it, means it
                value = "."
            words += [f"{option}={value}"] if draw.random() < 0.9 else [option, value]
        if command == "fit":
            words.append("--trainer.max_steps=2")
        if "\0" in "".join(words):
            continue
        longest = SCHEMA if command == "schema" else LONGEST
        yield Hostile(f"{' '.join(words)!r}"[:150] + f" (options {seed} {number})", words, lay, longest)


# What is obeyed whatever it asks for: a training may take all of a machine, wait for others and stand in any folder.
_OBEYED = {"network", "accumulate_grad_batches", "max_steps", "max_epochs", "fast_dev_run"}
_OBEYED |= {"workers", "num_nodes", "default_root_dir"}


@cache
def _keys(path: Path) -> tuple[str, ...]:
    """Of a configuration, as the command line names them."""

    def below(value: object, name: str) -> Iterator[str]:
        if isinstance(value, dict):
            for key, each in value.items():
                yield from below(each, name if key == "init_args" else f"{name}.{key}")
        elif not name.endswith("class_path"):
            yield name

    names = below(yaml.safe_load(path.read_text()), "-")
    return tuple(f"-{name.replace('-.', '-', 1)}" for name in names if not _OBEYED & set(name.split(".")))


@cache
def _options(command: str) -> tuple[str, ...]:
    from experiments.mistakes import parser_of

    parser = parser_of(importlib.import_module(f"experiments.commands.{command}").main)
    actions = parser._actions if isinstance(parser, argparse.ArgumentParser) else []
    found = [word for action in actions for word in action.option_strings if word.startswith("--")]
    return tuple(sorted(word for word in found if not word.endswith("help"))) or ("--none",)
