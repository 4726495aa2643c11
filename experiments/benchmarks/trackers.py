"""Pitch trackers beside SwiftF0: processor seconds for recordings of several lengths, through Python, one thread each.

    python -m experiments.benchmarks.trackers --environment PYTHON

PYTHON is the interpreter of an environment that has the public trackers. The recordings are tones in noise at 16 kHz.
In each round every method tracks the same seconds of audio, cut into recordings of each length, the methods in changing
order; a first round is not counted. A ratio is the median over the rounds of the processor time that a method took to
that of the baseline in the same round: front end included, reading of files and start of the process not.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from jsonargparse import ArgumentParser
from jsonargparse.typing import PositiveFloat, PositiveInt
from numpy.typing import NDArray
from tqdm import tqdm

from experiments.benchmarks.machine import describe_machine
from experiments.benchmarks.tones import RATE, ToneAudio
from experiments.trackers.base import Tracker
from experiments.trackers.methods import EVERY, make_trackers

PACKAGES = ("torch", "numpy", "soxr")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table and the RESULT line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--methods", type=list[str], default=["swift_f0", "tracker"], help="the baseline first")
    parser.add_argument("--environment", default=sys.executable, help="interpreter that has the public trackers")
    parser.add_argument("--lengths", type=list[PositiveFloat], default=[3.0, 30.0, 180.0], help="s of the recordings")
    parser.add_argument("--seconds", type=PositiveFloat, default=180.0, help="of audio, of each method and length")
    parser.add_argument("--rounds", type=PositiveInt, default=5)
    options = parser.parse_args(arguments)
    trackers = make_trackers(options.methods, {EVERY: options.environment}, "cpu")
    baseline = trackers[0].name
    costs = measure(trackers, options.lengths, options.seconds, options.rounds)
    ratios: dict[str, dict[str, float]] = {}
    print(describe_machine(PACKAGES))
    print(f"{'method':20} {'recordings':>10} {'audio s a CPU s':>15} {'CPU s / ' + baseline:>20}")
    for (name, length), spent in costs.items():
        to_baseline = [own / other for own, other in zip(spent, costs[baseline, length], strict=True)]
        ratios.setdefault(name, {})[f"{length:g} s"] = round(statistics.median(to_baseline), 3)
        speed = options.seconds / statistics.median(spent)
        print(f"{name:20} {length:>8g} s {speed:>15.1f} {ratios[name][f'{length:g} s']:>20.2f}")
    print("RESULT " + json.dumps({"baseline": baseline, "rounds": options.rounds, "processor_seconds": ratios}))


def measure(
    trackers: Sequence[Tracker], lengths: Sequence[float], seconds: float, rounds: int
) -> dict[tuple[str, float], list[float]]:
    """Processor seconds by tracker and length of the recordings, one of each round.

    Args:
        trackers: not yet entered; of different names.
        lengths: of the recordings, s.
        seconds: of audio in a round, of each tracker and length.
        rounds: counted ones.
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


if __name__ == "__main__":
    main()
