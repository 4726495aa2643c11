"""How `melisma prepare` grows with the number of recordings: processor time and memory for each of them.

    python -m experiments.benchmarks.prepare_scale --recordings 10000 100000 1000000

Recordings are features of two frames, of a thousand files by turns, so that nearly all that is measured is what is done
for a recording beside reading it. Each number is measured in fresh processes: from nothing; after a kill, until it
writes shards again; and as one of eight processes whose others are dead. `--files` does the first with as many audio
files as are asked for, each read and resampled.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from typing_extensions import override

from datamodules.corpora import AudioFolder
from datamodules.corpora.base import Corpus, Recording
from datamodules.corpora.sources.npy_files import NpyFeatures
from datamodules.preparation.engines import Engine
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.sharing import Share
from experiments.benchmarks.machine import describe_machine

FILES = 1000
SHARES = 8


@dataclass(frozen=True)
class TinyFeatures(NpyFeatures):
    """Features of a file that many recordings have, each as if it were its own."""

    number: int


class TinyRecordings(Corpus):
    """Features of two frames, of a few files by turns.

    Args:
        folder: of the files.
        count: recordings.
    """

    def __init__(self, folder: str, count: int) -> None:
        self.folder, self.count = folder, count

    @override
    def recordings(self) -> Sequence[Recording]:
        folder = Path(self.folder)
        return [
            Recording(
                f"r{number:07d}", None, None, f"r{number:07d}", features=TinyFeatures(folder / _file(number), number)
            )
            for number in range(self.count)
        ]


class Spent(NamedTuple):
    """What a call took.

    Attributes:
        seconds: of the processor.
        memory: bytes by which the largest resident set of the main process exceeded that before the call; None: not
            measured.
    """

    seconds: float
    memory: int | None


def main(arguments: list[str] | None = None) -> None:
    """Print a table and, last, `RESULT {json}`.

    Args:
        arguments: words of the command line; None: those of this process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--files", type=int, default=20_000, help="audio files; 0: none")
    parser.add_argument("--most-shared", type=int, default=1_000_000, help="recordings up to which it is one of eight")
    parser.add_argument("--folder", type=Path, default=None, help="where it is written; by default that of tempfile")
    options = parser.parse_args(arguments)
    print(describe_machine(["joblib", "numpy"]))
    results: dict[str, dict[int, Spent]] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        _write_features(folder / "features")
        for count in options.recordings:
            recipe = _recipe(TinyRecordings(str(folder / "features"), count), folder / "out")
            parts: dict[str, Callable[[], Spent]] = {
                "from nothing": partial(_spent, recipe),
                "after a kill": partial(_after_a_kill, recipe),
            }
            if count <= options.most_shared:
                parts["one of eight"] = partial(_spent, recipe, Share(0, SHARES))
            for part, measured in parts.items():
                results.setdefault(part, {})[count] = _told(part, count, measured())
                shutil.rmtree(folder / "out")
        if options.files:
            _write_audio(folder / "audio", options.files)
            recipe = _recipe(AudioFolder(str(folder / "audio")), folder / "out")
            results["audio files"] = {options.files: _told("audio files", options.files, _spent(recipe))}
    rates = {
        part: {str(count): round(spent.seconds / count * 1000, 4) for count, spent in sizes.items()}
        for part, sizes in results.items()
    }
    whole = results["from nothing"]
    most = max(whole)
    growth = {
        part: round((sizes[max(sizes)].seconds / max(sizes)) / (sizes[min(sizes)].seconds / min(sizes)), 3)
        for part, sizes in results.items()
        if len(sizes) > 1
    }
    memory = (whole[most].memory or 0) / most
    result = {"seconds_per_1000": rates, "growth_of_it": growth, "bytes_per_recording": round(memory)}
    print("RESULT", json.dumps(result))


def _told(part: str, count: int, spent: Spent) -> Spent:
    memory = "" if spent.memory is None else f"{spent.memory / 2**20:>8.0f} MiB {spent.memory / count:>7.0f} bytes each"
    rate = f"{spent.seconds:>9.2f} s {spent.seconds / count * 1000:>9.3f} s per 1000"
    print(f"{part:<14}{count:>9} recordings {rate}{memory}", flush=True)
    return spent


def _file(number: int) -> str:
    return f"{number % FILES}.npy"


def _write_features(folder: Path) -> None:
    folder.mkdir()
    for number in range(FILES):
        np.save(folder / _file(number), np.full((2, 1), number, np.float32))


def _write_audio(folder: Path, count: int) -> None:
    folder.mkdir()
    samples = np.random.default_rng(0).normal(0, 0.1, 8000)
    for number in range(count):
        soundfile.write(folder / f"a{number:06d}.wav", samples[number % 4000 :][:800], 8000)


def _recipe(corpus: Corpus, out: Path) -> ShardRecipe:
    return ShardRecipe(corpus, str(out), segment=None, context=0.0, splits={"train": 1.0}, records_per_shard=1000)


def _spent(recipe: ShardRecipe, share: Share | None = None) -> Spent:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_prepare, args=(recipe, share, there))
    process.start()
    there.close()
    here.recv()
    spent: Spent = here.recv()
    process.join()
    return spent


def _prepare(recipe: ShardRecipe, share: Share | None, connection: Connection) -> None:
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, _processor(os.getpid())
    connection.send(None)
    prepare(recipe, Engine(), progress=False, share=share)
    seconds = _processor(os.getpid()) - begun
    connection.send(Spent(seconds, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)))


def _processor(process: int | None) -> float:
    """Seconds that all threads of a process have computed, as Linux counts them."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _after_a_kill(recipe: ShardRecipe) -> Spent:
    """Until the second shard is there, of a call that goes on after one which was killed at the first."""
    _until_shards(recipe, 1)
    return _until_shards(recipe, 2)


def _until_shards(recipe: ShardRecipe, shards: int) -> Spent:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_prepare, args=(recipe, None, there))
    process.start()
    here.recv()
    begun = _processor(process.pid)
    while process.is_alive() and len(list(Path(recipe.directory).glob("*.json"))) < shards:
        time.sleep(0.01)
    seconds = _processor(process.pid) - begun
    process.kill()
    process.join()
    return Spent(seconds, None)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
