"""The training loader beside others and beside memory: windows per second, processor time, memory, order.

    python -m experiments.benchmarks.loader

Everything is made in a temporary folder. Needs Linux (its account of each process' memory and processor time), and for
two of the sides the packages of the extra `bench`.

The sides, each in a process of its own with one thread of BLAS, in batches of 1024 windows of 1024 int16 samples, the
files in the page cache:

- ours: the training loader, whole epochs with all that their beginnings cost, FLAC or int16 members;
- gathered from memory: decoded audio copied from an array, without labels: what no loader can exceed;
- one window a sample: webdataset's own pipeline over tars in which every sample is a window and its f0, shuffled on the
  disk besides, with a shuffle buffer of 10 000 that is full all the time. Batched by the DataLoader's collate function
  or by webdataset; the ratio is to the faster of the two. Lean: raw members, decoded by a copy, headers as short as
  they get (mtime=0): the best that can be made of the design. Customary: .npy members and headers as webdataset writes
  them, decoded by webdataset;
- litdata and mosaicml-streaming, also with a window a sample.

A ratio is the median over the rounds of what the two sides did in the same round. In the last line,
`vs_one_window_per_sample` is to the customary form and `vs_one_window_per_sample_lean` to the lean one.
"""

from __future__ import annotations

import inspect
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from datamodules.melody import MelodyData
from experiments.benchmarks.interleaved import Costs, Side, measure, processor_microseconds, ratio, table
from experiments.benchmarks.loader_parts import memory, order, sets, sides
from experiments.benchmarks.loader_parts.sets import BATCH, installed
from experiments.benchmarks.machine import describe_machine
from experiments.benchmarks.tones import RATE, track_samples, tracks_of

PACKAGES = ("torch", "numpy", "soundfile", "webdataset", "litdata", "mosaicml-streaming")
FLAC, INT16, WORKERS = "ours, FLAC", "ours, int16", "ours, FLAC, 2 workers"
MEMORY = "gathered from memory"
LEAN = ("one window a sample, lean", "one window a sample, lean, batched by webdataset")
CUSTOMARY = ("one window a sample, customary", "one window a sample, customary, batched by webdataset")
LITDATA, MOSAIC = "one window a sample, litdata", "one window a sample, mosaicml-streaming"
NEEDED = 200_000  # windows per second, which a large GPU takes


def main(arguments: list[str] | None = None) -> None:
    """Measure everything, print a table of each part, write the plot, and end with the line of ratios."""
    options = _parser().parse_args(arguments)
    defaults = inspect.signature(MelodyData).parameters
    streams, group = defaults["streams"].default, defaults["group"].default
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"  # before the sides' processes begin
    print(describe_machine(PACKAGES), flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        flac = sets.make_shards(Path(folder) / "flac", options.records, options.hop, "flac")
        costs = measure(_sides(Path(folder), flac, options, streams, group), options.rounds)
        print(f"\n{table(costs)}", flush=True)
        hours = _windows(options) * options.hop / RATE / 3600
        grown = memory.memory_growth(flac, hours, options.sizes, options.processes, streams, group)
        print(f"\n{memory.memory_table(grown)}", flush=True)
    plot = options.out / "loader_memory.png"
    memory.memory_figure(grown).savefig(plot, dpi=150)
    print(f"\nmemory    {plot}")
    found = order.measure_order(options.tracks, streams, group)
    result = {
        **_ratios(costs),
        f"memory_growth_{options.sizes[-1]}x": memory.growth(grown, "worker"),
        **found._asdict(),
    }
    print(f"RESULT {json.dumps({name: _rounded(value) for name, value in result.items()})}")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m experiments.benchmarks.loader",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--records", type=int, default=1280, help="10 s each, of our smallest set")
    parser.add_argument("--windows", type=int, default=65536, help="in each set that stores a window a sample")
    parser.add_argument("--hop", type=int, default=160, help="samples between label frames, at 16 kHz")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--sizes", type=list[int], default=[1, 2, 4, 8, 16], help="sets to watch the memory with")
    parser.add_argument("--processes", type=int, default=5, help="fresh processes for each of them")
    parser.add_argument("--tracks", type=int, default=230, help="of four minutes, to judge the order by")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="receives the plot")
    return parser


def _windows(options: Namespace) -> int:
    """Of our smallest set."""
    windows: int = tracks_of(options.records) * track_samples(options.hop) // options.hop
    return windows


def _sides(folder: Path, flac: Path, options: Namespace, streams: int, group: int) -> list[Side]:
    int16 = sets.make_shards(folder / "int16", options.records, options.hop, "i16")
    lean = sets.write_lean_tars(folder / "lean", int16, options.windows)
    customary = sets.write_customary_tars(folder / "customary", int16, options.windows)
    epoch = _windows(options) // BATCH * BATCH
    slow = options.windows // 4

    made = [
        Side(FLAC, sides.our_loader, (flac, 0, streams, group), epoch),
        Side(INT16, sides.our_loader, (int16, 0, streams, group), epoch),
        Side(WORKERS, sides.our_loader, (flac, 2, streams, group), epoch),
        Side(MEMORY, sides.gather_from_memory, (int16,), epoch),
    ]
    forms = (sides.collated, sides.batched)
    for names, windows, tars in (
        (LEAN, sides.lean_tars, lean),
        (CUSTOMARY, sides.customary_tars, customary),
    ):
        # Two samples are read for each that leaves the buffer until it is full.
        made += [Side(name, form, (windows, tars), slow, sides.BUFFER) for name, form in zip(names, forms, strict=True)]
    if installed("litdata"):
        chunks = sets.write_litdata(folder / "litdata", int16, options.windows)
        made.append(Side(LITDATA, sides.litdata_windows, (chunks,), options.windows, BATCH))
    if installed("streaming"):
        samples = sets.write_mosaic(folder / "mosaic", int16, options.windows)
        made.append(Side(MOSAIC, sides.mosaic_windows, (samples,), slow, BATCH))
    return made


def _ratios(costs: Costs) -> dict[str, float]:
    """The ratios of the last line, by its names."""
    optional = {"vs_litdata": LITDATA, "vs_mosaicml": MOSAIC}
    for other in optional.values():
        if other not in costs:
            print(f"{other}: not installed")
    return {
        "vs_one_window_per_sample": min(ratio(costs, FLAC, tars) for tars in CUSTOMARY),
        "vs_one_window_per_sample_lean": min(ratio(costs, FLAC, tars) for tars in LEAN),
        "vs_memory_int16": ratio(costs, INT16, MEMORY),
        "vs_memory_flac": ratio(costs, FLAC, MEMORY),
        **{name: ratio(costs, FLAC, other) for name, other in optional.items() if other in costs},
        "cores_for_200k": max(processor_microseconds(costs[side]) for side in (FLAC, WORKERS)) * NEEDED / 1e6,
        "windows_per_second_flac": statistics.median(cost.rate for cost in costs[FLAC]),
        "windows_per_second_int16": statistics.median(cost.rate for cost in costs[INT16]),
    }


def _rounded(value: float) -> float:
    """To four significant digits."""
    return float(f"{value:.4g}")


if __name__ == "__main__":
    main(sys.argv[1:])
