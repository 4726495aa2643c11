"""Training on a GPU: CREPE and HCNN in 32 bits, bfloat16 and compiled, on one device and on all of the host.

    python -m experiments.benchmarks.gpu
    python -m experiments.benchmarks.gpu --device cpu --tiny

Every turn is a `melisma fit` in a process of its own, on synthetic melodies that are prepared first; its figures are
those of `callbacks.Throughput` in the record, without the first steps. The variants of a network take turns, in an
order that changes from round to round; a figure is the median over the rounds, and a ratio that of the ratios to 32
bits in the same round. The loader alone delivers the same windows, in pinned memory where there is a GPU, to nobody.
Without a GPU nothing is measured, and the exit code is 0.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jsonargparse import ArgumentParser
from jsonargparse.typing import PositiveInt

from datamodules import ConstantQ, MelodyData, ShardRecipe
from datamodules.corpora import SyntheticMelody
from datamodules.loading import pinned
from datamodules.preparation.prepare import prepare
from experiments.benchmarks.machine import describe_machine

MIXTURES = Path(__file__).parents[1] / "melody" / "mixtures"
NETWORKS = {
    "CREPE": ["--config", MIXTURES / "crepe_mixtures.yaml", "--model.network.capacity=16", "--data.batch_size=512"],
    "HCNN": ["--config", MIXTURES / "hcnn_mixtures.yaml", "--data.batch_size=32"],
}
TINY = {
    "CREPE": ["--model.network.capacity=1", "--data.batch_size=4"],
    "HCNN": ["--model.network.filters=2", "--data.batch_size=2"],
}
FULL = "32 bits"
VARIANTS = {
    FULL: [],
    "bfloat16": ["--trainer.precision=bf16-mixed"],
    "compiled": ["--compile.mode=default"],
    "bfloat16, compiled": ["--trainer.precision=bf16-mixed", "--compile.mode=default"],
    "bfloat16, CUDA graphs": ["--trainer.precision=bf16-mixed", "--compile.mode=reduce-overhead"],
}
TINY_VARIANTS = {FULL: [], "compiled": ["--compile.mode=default", "--compile.backend=eager"]}
WARM_UP = 20  # steps
FIGURES = ("windows_per_second", "audio_seconds_per_second", "waiting_for_data", "memory_gib", "matrix_rate_share")

Figures = Mapping[str, float]


class Bench(NamedTuple):
    """What is measured, and how long.

    Attributes:
        device: `cuda` or `cpu`.
        tiny: to see that it runs.
        rounds: turns of every variant.
        steps: of a turn, behind the warm-up.
    """

    device: str
    tiny: bool
    rounds: int
    steps: int


def shards(folder: Path, tiny: bool) -> dict[str, Path]:
    """Prepare the melodies that each network reads."""
    songs, seconds = (1, 12.0) if tiny else (16, 60.0)
    corpus = SyntheticMelody({"train": songs, "validation": 1}, seconds=seconds, rate=16000)
    kinds: dict[str, dict[str, Any]] = {
        "CREPE": {},
        "HCNN": {"spectrogram": ConstantQ(minimum=41.20344461410875, octaves=7)},
    }
    for name, options in kinds.items():
        path = str(folder / name)
        recipe = ShardRecipe(corpus, path, rate=16000, hop=160, segment=10.0, context=0.7, **options)
        prepare(recipe, progress=False)
    return {name: folder / name for name in kinds}


def words_of(bench: Bench, network: str, directory: Path, root: Path, devices: int) -> list[str]:
    """The command line of a turn, without what is particular to a variant."""
    words = ["fit", *map(str, NETWORKS[network]), *(TINY[network] if bench.tiny else [])]
    warm_up = 1 if bench.tiny else WARM_UP
    words += [f"--data.train=[{directory}]", f"--data.validation={{mixtures: {directory}}}"]
    words += [f"--trainer.max_steps={warm_up + bench.steps}", "--trainer.limit_val_batches=0", "--trainer.logger=false"]
    words += [f"--throughput.warm_up={warm_up}", "--trainer.log_every_n_steps=10", f"--trainer.devices={devices}"]
    words += [f"--trainer.accelerator={bench.device}", f"--trainer.default_root_dir={root}"]
    words += ["--trainer.strategy=ddp"] if devices > 1 else []
    words += [f"--data.workers={0 if bench.tiny else max(1, min(8, (os.cpu_count() or 1) // devices - 1))}"]
    return [*words, "--trainer.enable_progress_bar=false", "--resume.every_n_train_steps=1000000"]


def turn(words: list[str], root: Path) -> Figures:
    """Fit in a process of its own.

    Raises:
        RuntimeError: it failed; the message is what it printed last.
    """
    command = [sys.executable, "-m", "experiments", *words]
    finished = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "WANDB_MODE": "disabled"})
    if finished.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{finished.stderr[-2000:]}")
    latest = max((root / "runs").iterdir(), key=lambda run: run.stat().st_mtime_ns)
    figures: Figures = json.loads((latest / "record.json").read_text(encoding="utf-8"))["throughput"]
    return figures


def loader_rate(directory: Path, batch_size: int, device: str, seconds: float) -> float:
    """Windows a second that the loader delivers, in pinned memory where there is a GPU."""
    data = MelodyData(2048, 1, [str(directory)], {}, batch_size=batch_size, workers=min(8, os.cpu_count() or 1))
    while True:  # the first epoch starts the workers
        windows, begun = 0, time.perf_counter()
        for batch in data.train_dataloader():
            windows += len((pinned(batch) if device == "cuda" else batch).signal)
            if time.perf_counter() - begun > seconds:
                break
        if windows:
            return windows / (time.perf_counter() - begun)


def sides(bench: Bench) -> Iterator[tuple[str, str, int, list[str]]]:
    """Network, variant, devices and words of every side."""
    for network in NETWORKS:
        for variant, words in (TINY_VARIANTS if bench.tiny else VARIANTS).items():
            yield network, variant, 1, words
        devices = torch.cuda.device_count() if bench.device == "cuda" else 1
        if devices > 1:
            yield network, f"{devices} GPUs, DDP", devices, []


def measure(bench: Bench, folder: Path, fit: Callable[[list[str], Path], Figures] = turn) -> dict[str, Any]:
    """The RESULT: medians of every side's figures, and of its ratio to 32 bits."""
    directories = shards(folder / "shards", bench.tiny)
    every = list(sides(bench))
    found: dict[tuple[str, str], list[Figures]] = {(network, variant): [] for network, variant, *_ in every}
    for number in range(bench.rounds):
        for place in np.random.default_rng(number).permutation(len(every)):
            network, variant, devices, more = every[place]
            root = folder / "turns" / str(number) / str(place)
            words = [*words_of(bench, network, directories[network], root, devices), *more]
            found[network, variant].append(fit(words, root))
    result: dict[str, Any] = {"device": _device(bench.device), "rounds": bench.rounds}
    seconds = 0.1 if bench.tiny else 5.0
    result["loader windows/s"] = loader_rate(directories["CREPE"], 4 if bench.tiny else 512, bench.device, seconds)
    for (network, variant), turns in found.items():
        medians = {
            name: statistics.median(each[name] for each in turns)
            for name in FIGURES
            if all(name in each for each in turns)
        }
        pairs = zip(turns, found[network, FULL], strict=True)
        ratios = [one["windows_per_second"] / other["windows_per_second"] for one, other in pairs]
        result[f"{network}, {variant}"] = {**medians, "to 32 bits": round(statistics.median(ratios), 3)}
    return result


def _device(kind: str) -> str:
    if kind == "cuda":
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return "CPU"


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print a line for each side and the RESULT."""
    parser = ArgumentParser(description="Training steps on a GPU.")
    parser.add_argument("--device", type=Literal["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes, to see that it runs")
    parser.add_argument("--rounds", type=PositiveInt, default=5)
    parser.add_argument("--steps", type=PositiveInt, default=60)
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("No GPU on this machine: nothing is measured.")
        return
    bench = Bench(options.device, options.tiny, options.rounds, 4 if options.tiny else options.steps)
    print(describe_machine(["torch", "lightning"]))
    with TemporaryDirectory() as folder:
        result = measure(bench, Path(folder))
    for name, figures in result.items():
        print(f"{name}: {figures}")
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
