"""All kinds of inputs, many of each, as in `python -m tests.hostile --inputs 10000`; the last line is RESULT {json}.

Failures are printed as they are found, with what the command printed; their files stay in the folder of `--keep`.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: a process with threads must not fork

import argparse
import functools
import importlib
import json
import multiprocessing
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tests.hostile.harness import run_all
from tests.hostile.world import World

KINDS = ("metadata", "recipes", "tables", "manifests", "audio", "options", "models", "run_records")

# What every fork would load.
LOADED = (
    *("experiments.lightning_cli", "lightning.pytorch.loggers", "wandb", "librosa", "soxr", "mir_eval"),
    *("mir_eval.melody", "scipy.interpolate"),
    *("datamodules.corpora.audio_folder", "datamodules.preparation.prepare", "experiments.transcription.jobs"),
    *("experiments.evaluation.report", "experiments.evaluation.pictures", "experiments.reporting.report", "sweeps"),
    *("datamodules.preparation.engines", "experiments.probing.probe", "experiments.sweeping.sweep_folder"),
)


def main() -> int:
    """Run them; exit code 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="of all kinds together")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=None, help="folder for the files of those that failed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="kinds at once")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="melisma-hostile-"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in LOADED:
        importlib.import_module(name)
    count = -(-options.inputs // len(options.kinds))
    tried = functools.partial(_tried, seed=options.seed, count=count, folder=folder)
    # Those that take longest come first. A worker is forked again for every kind, with nothing that another one left.
    kinds = sorted(options.kinds, key=("models", "metadata", "recipes", *KINDS).index)
    with multiprocessing.get_context("fork").Pool(options.jobs, maxtasksperchild=1) as pool:
        table = dict(pool.imap_unordered(tried, kinds, chunksize=1))
    print(f"RESULT {json.dumps(table)}")
    return int(any(each["failures"] for each in table.values()))


def _tried(kind: str, seed: int, count: int, folder: Path) -> tuple[str, dict[str, Any]]:
    """A kind, and what came of its inputs."""
    began, found, longest, largest = time.monotonic(), Counter(), 0.0, 0
    codes: Counter[int] = Counter()
    tqdm.monitor_interval = 0  # a thread, with which a process must not fork
    inputs = importlib.import_module(f"tests.hostile.{kind}").inputs(seed, count, World(folder / f"world-{kind}"))
    for outcome in tqdm(run_all(inputs, folder / kind), desc=kind, total=count, unit="input", mininterval=10):
        codes[outcome.code] += 1
        longest, largest = max(longest, outcome.seconds), max(largest, outcome.memory)
        if outcome.faults:
            found.update(outcome.faults)
            tqdm.write(f"{kind}: {outcome.name}: {', '.join(outcome.faults)}\n{outcome.output[-1500:]}\n")
    row = {
        "inputs": sum(codes.values()),
        "codes": dict(sorted(codes.items())),
        "failures": dict(found),
        "longest_s": round(longest, 2),
        "largest_MiB": largest >> 20,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    print(f"{kind}: {row}", flush=True)
    return kind, row


if __name__ == "__main__":
    raise SystemExit(main())
