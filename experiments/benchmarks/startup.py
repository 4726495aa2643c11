"""What commands cost before they begin: processor time and peak memory of `melisma` processes.

    python -m experiments.benchmarks.startup [--baseline CHECKOUT]

Each command runs in a fresh process of this interpreter, round by round in changing order, once with this checkout and
once with another one if it is named. They read two prepared tracks and two folders of f0 tables, made for it. Figures
are medians over the rounds: user and system time of the process and its children in seconds, peak resident memory of
the process in MiB.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jsonargparse import ArgumentParser
from jsonargparse.typing import PositiveInt
from tqdm import tqdm

from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import write_f0
from datamodules.corpora.synthetic.melodies import SyntheticMelody
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.benchmarks.machine import describe_machine

HERE = Path(__file__).parents[2]
# A small process in between: what a process has in memory counts for its children's peak as well.
LAUNCHER = """
import os, sys
_, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print()
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Start(NamedTuple):
    """What a process took.

    Attributes:
        seconds: of processor time.
        mebibytes: of resident memory at its peak.
    """

    seconds: float
    mebibytes: float


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table, and end with the line of medians."""
    parser = ArgumentParser(
        prog="python -m experiments.benchmarks.startup",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--baseline", type=Path | None, default=None, help="another checkout to measure in turn")
    parser.add_argument("--rounds", type=PositiveInt, default=5, help="processes of each command")
    options = parser.parse_args(arguments)
    checkouts = {"here": HERE} | ({"baseline": options.baseline.resolve()} if options.baseline else {})
    print(describe_machine(("torch", "lightning", "jsonargparse")), flush=True)
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        starts = measure(commands(Path(folder)), checkouts, options.rounds)
    print(f"\n{table(starts)}")
    medians = {
        command: {side: median(each)._asdict() for side, each in sides.items()} for command, sides in starts.items()
    }
    print(f"\nRESULT {json.dumps(medians)}")


def commands(folder: Path) -> dict[str, list[str]]:
    """The commands by their names, and what they read."""
    corpus = SyntheticMelody({"train": 2}, seconds=5.0, rate=8000)
    prepare(ShardRecipe(corpus, str(folder / "shards"), rate=8000, hop=80), progress=False)
    times = np.arange(500) / 100
    for name in ("truth", "guess"):
        (folder / name).mkdir()
        for track in "abcde":
            write_f0(folder / name / f"{track}.csv", F0Series(times, np.full(500, 220.0)))
    return {
        "--help": ["--help"],
        "transcribe --help": ["transcribe", "--help"],
        "prepare --help": ["prepare", "--help"],
        "inspect": ["inspect", str(folder / "shards")],
        "verify": ["verify", str(folder / "shards")],
        "evaluate": ["evaluate", str(folder / "truth"), str(folder / "guess")],
        "fit --help": ["fit", "--help"],
    }


Starts = Mapping[str, Mapping[str, Sequence[Start]]]


def measure(words: Mapping[str, list[str]], checkouts: Mapping[str, Path], rounds: int) -> Starts:
    """Start every command with every checkout.

    Args:
        words: of each command.
        checkouts: by the names of the sides.
        rounds: how often.

    Raises:
        DataError: a command fails.
    """
    starts: dict[str, dict[str, list[Start]]] = {command: {side: [] for side in checkouts} for command in words}
    turns = [(command, side) for command in words for side in checkouts]
    with tqdm(desc="measuring", total=rounds * len(turns), unit="process") as progress:
        for number in range(rounds):
            for turn in np.random.default_rng(number).permutation(len(turns)):
                command, side = turns[turn]
                starts[command][side].append(start(checkouts[side], words[command]))
                progress.update()
    return starts


def start(checkout: Path, words: Sequence[str]) -> Start:
    """Run `melisma` of a checkout until it ends.

    Raises:
        DataError: it ends with another exit code than 0.
    """
    command = [sys.executable, "-S", "-c", LAUNCHER, sys.executable, "-m", "experiments", *words]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    ended = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise DataError(f"{checkout}: melisma {' '.join(words)} failed:\n{ended.stderr}")
    seconds, kibibytes = map(float, ended.stdout.splitlines()[-1].split())
    return Start(seconds, kibibytes / 1024)


def median(starts: Sequence[Start]) -> Start:
    """Median of time and of memory, rounded to 10 ms and 1 MiB."""
    seconds, mebibytes = (statistics.median(values) for values in zip(*starts, strict=True))
    return Start(round(seconds, 2), round(mebibytes))


def table(starts: Starts) -> str:
    """A line for each command and side."""
    lines = [f"{'':20}{'':10}{'processor s':>12}{'range':>16}{'MiB':>8}"]
    for command, sides in starts.items():
        for side, each in sides.items():
            seconds = sorted(one.seconds for one in each)
            middle, spread = median(each), f"{seconds[0]:.2f} to {seconds[-1]:.2f}"
            lines.append(f"{command:20}{side:10}{middle.seconds:>12.2f}{spread:>16}{middle.mebibytes:>8.0f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
