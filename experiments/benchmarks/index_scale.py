"""What a training split of 100, 1000 and 10 000 hours costs to open and to begin with: seconds and memory.

    python -m experiments.benchmarks.index_scale [--hours '[100,1000,10000]'] [--baseline CHECKOUT] [--picture FILE]

One real shard of a thousand records of 10 s (melody, 16 kHz, FLAC, a label frame every 10 ms) lies under as many names
as the split has shards, by hard links; each name has a sidecar of its own, with other tracks and keys. Tracks have four
minutes, their records are spread over all shards, as `prepare` does. Every figure is of a fresh process that reads the
index files from the disk, not from the page cache: the time to open the split, the time from there to the first batch
of 1024 windows, and what the processes hold (Linux's resident and unique set sizes) at the beginning, after the first
batch and after more. With `--baseline`, the same by another checkout. 10 000 hours take some minutes and 5 GB of disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import ArgumentParser
from jsonargparse.typing import PositiveInt
from matplotlib.figure import Figure
from tqdm import tqdm

from datamodules.shards.columns import columns_path
from datamodules.shards.format import CHECK, FORMAT, Grid, sidecar
from datamodules.shards.index import SplitIndex
from datamodules.shards.writer import RecordPlan, TrackArrays, encode_record, write_shard
from experiments.benchmarks.machine import describe_machine

GRID = Grid(rate=16000, hop=160, segment=1000, context=8000)
SHARD = 1000  # records
OF_TRACK = 24  # records of a track
PROBE = Path(__file__).with_name("index_scale_probe.py")
COLOURS = {"column file": "#0072B2", "sidecars": "#D55E00"}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table, draw a picture if asked, and end with the line of results."""
    parser = ArgumentParser(
        prog="python -m experiments.benchmarks.index_scale",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--hours", type=list[PositiveInt], default=[100, 1000], help="of the splits, 10 at least")
    parser.add_argument("--workers", type=list[int], default=[0, 2], help="of the loader")
    parser.add_argument("--batches", type=PositiveInt, default=1200, help="after which memory is looked at again")
    parser.add_argument("--baseline", type=Path | None, default=None, help="another checkout to measure")
    parser.add_argument("--folder", type=Path | None, default=None, help="of the splits, which are removed at the end")
    parser.add_argument("--picture", type=Path | None, default=None, help="file of a figure")
    options = parser.parse_args(arguments)
    print(describe_machine(("torch", "numpy")), flush=True)
    sides = {"column file": Path(__file__).parents[2]}
    if options.baseline is not None:
        sides["sidecars"] = options.baseline.resolve()
    found: list[dict[str, Any]] = []
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="index-scale-", dir=options.folder) as name:
        shard = real_shard(Path(name) / "real", SHARD)
        for hours in options.hours:
            directory = Path(name) / f"{hours}h"
            records = make_split(directory, shard, hours)
            began = time.monotonic()
            index = SplitIndex([directory], "train")
            converted, size = time.monotonic() - began, columns_path(directory, "train").stat().st_size
            del index
            print(
                f"{hours} h: {records} records; column file of {size / 1e6:.0f} MB made in {converted:.1f} s",
                flush=True,
            )
            for side, checkout in sides.items():
                for workers in options.workers:
                    measured = probe(checkout, directory, workers, options.batches)
                    found.append({"hours": hours, "side": side, "workers": workers, "bytes": size, **measured})
                    print(row(found[-1]), flush=True)
    print(f"\n{HEAD}\n" + "\n".join(map(row, found)))
    if options.picture is not None:
        figure(found).savefig(options.picture, dpi=150)
    print(f"\nRESULT {json.dumps(found)}")


def real_shard(directory: Path, records: int) -> Path:
    """A shard of records of ten seconds with one glide each, and noise.

    Args:
        directory: to write it to.
        records: how many.
    """
    directory.mkdir()
    random, frames = np.random.default_rng(0), GRID.segment
    encoded = []
    for number in tqdm(range(records), desc="encoding", unit="record"):
        low, high = random.uniform(100, 800, 2)
        f0 = np.linspace(low, high, frames)
        phase = np.cumsum(np.repeat(f0, GRID.hop)) * 2 * np.pi / GRID.rate
        samples = 8000 * np.sin(phase) + random.normal(0, 300, phase.size)
        f0[np.sin(np.arange(frames) / random.uniform(10, 60)) < -0.3] = 0
        track = TrackArrays(frames, samples.astype(np.int16), f0.astype(np.float32))
        encoded.append(encode_record(track, RecordPlan(f"t{number:06d}_0000000", "", 0, {}), GRID))
    path = directory / "real.tar"
    write_shard(path, encoded, "", GRID)
    return path


def make_split(directory: Path, shard: Path, hours: float) -> int:
    """Write a prepared directory of so many hours, whose shards are all the same bytes, and nothing but sidecars new.

    Args:
        directory: to write it to.
        shard: the bytes.
        hours: of the split `train`.

    Returns:
        The number of its records.
    """
    directory.mkdir()
    real = json.loads(sidecar(shard).read_bytes())
    slots = [
        json.dumps({name: entry[name] for name in ("frames", "voiced", "members")})[1:] for entry in real["records"]
    ]
    shards = max(1, round(hours * 3600 / 10 / len(slots)))
    order = np.random.default_rng(1).permutation(shards * len(slots))
    names = [f"train-{number:06d}-of-{shards:06d}.tar" for number in range(shards)]
    head = json.dumps({"format": FORMAT, **{name: real[name] for name in ("bytes", "sha256", "plan", *Grid._fields)}})[
        1:-1
    ]
    indexes = []
    for name, here in zip(tqdm(names, desc=f"{hours} h", unit="shard"), order.reshape(shards, -1), strict=True):
        os.link(shard, directory / name)
        places = zip((here // OF_TRACK).tolist(), (here % OF_TRACK).tolist(), slots, strict=True)
        records = ", ".join(
            f'{{"key": "t{track:06d}_{1000 * place:07d}", "track": "song_{track:06d}", "start": {1000 * place}, {slot}'
            for track, place, slot in places
        )
        content = f'{{"shard": "{name}", {head}, "records": [{records}]}}'.encode()
        content = content[:-1] + CHECK + hashlib.sha256(content).hexdigest().encode() + b'"}'
        (directory / sidecar(Path(name))).write_bytes(content)
        indexes.append(hashlib.sha256(content).hexdigest())
    split = {"shards": names, "indexes": indexes, "records": order.size, "frames": order.size * GRID.segment}
    description = {"format": FORMAT, "id": "", **GRID._asdict(), "classes": None, "splits": {"train": split}}
    (directory / "dataset.json").write_text(json.dumps(description))
    return int(order.size)


def probe(checkout: Path, directory: Path, workers: int, batches: int) -> dict[str, Any]:
    """Open the split in a fresh process of a checkout.

    Args:
        checkout: whose code is measured.
        directory: of the split.
        workers: of the loader.
        batches: after which memory is looked at again.
    """
    os.sync()
    for path in (*directory.glob("*.json"), *directory.glob("*.index")):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    words = [sys.executable, "-P", str(PROBE), str(directory), str(workers), str(batches)]
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    moments = {"first": 0, "middle": batches // 2, "last": batches}
    return {**measured, **{name: measured.pop(f"batch_{number}") for name, number in moments.items()}}


HEAD = (
    f"{'hours':>6} {'side':>12} {'workers':>8} {'open s':>8} {'batch s':>8}"
    f" | {'imported':>8} {'opened':>8} {'first batch':>12} {'last':>6} | {'first batch':>12} {'middle':>7} {'last':>6}"
)


def row(found: Mapping[str, Any]) -> str:
    """A line of the table: resident size of the main process, largest unique size of a worker, MB."""
    main, moments = [found[name]["rss"] for name in ("imported", "opened")], ("first", "middle", "last")
    main += [found[name]["main"]["rss"] for name in ("first", "last")]
    workers = [max((each["uss"] for each in found[name]["workers"]), default=0.0) for name in moments]
    return (
        f"{found['hours']:>6} {found['side']:>12} {found['workers']:>8}"
        f" {found['open']:>8.2f} {found['first_batch']:>8.2f}"
        f" | {main[0]:>8.0f} {main[1]:>8.0f} {main[2]:>12.0f} {main[3]:>6.0f}"
        f" | {workers[0]:>12.0f} {workers[1]:>7.0f} {workers[2]:>6.0f}"
    )


def figure(found: Sequence[Mapping[str, Any]]) -> Figure:
    """Time and memory over hours, of each side; times and the main process without workers, if that was measured."""
    picture = Figure(figsize=(10, 4.2), layout="constrained")
    times, memory = picture.subplots(1, 2)
    least, most = (choose(each["workers"] for each in found) for choose in (min, max))
    for side in dict.fromkeys(each["side"] for each in found):
        alone, worked = ([e for e in found if (e["side"], e["workers"]) == (side, n)] for n in (least, most))
        owned = [max((worker["uss"] for worker in each["last"]["workers"]), default=0) for each in worked]
        lines = (
            (times, "-o", "open", alone, [each["open"] for each in alone]),
            (times, "--s", "first batch after it", alone, [each["first_batch"] for each in alone]),
            (memory, "-o", "opening", alone, [each["opened"]["rss"] - each["imported"]["rss"] for each in alone]),
            (memory, "--s", "a worker's own, pools filled", worked, owned),
        )
        for axes, style, label, rows, values in lines:
            hours = [each["hours"] for each in rows]
            axes.plot(hours, values, style, color=COLOURS[side], label=f"{side}: {label}")
    hours = sorted({each["hours"] for each in found})
    for axes, title, unit in ((times, "Until training begins", "seconds"), (memory, "Memory of a process", "MB")):
        axes.set(xscale="log", yscale="log", xlabel="hours of audio, in records of 10 s", ylabel=unit, title=title)
        axes.set_xticks(hours, [f"{value:,}".replace(",", " ") for value in hours])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return picture


if __name__ == "__main__":
    main(sys.argv[1:])
