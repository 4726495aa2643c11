"""Our evaluation of f0 series beside a loop over mir_eval.melody.evaluate: time for each track, and the same figures.

    python -m experiments.benchmarks.evaluation

Tracks of four minutes every 10 ms are made in memory, all on one array of times: notes with vibrato and rests, and
estimates with wrong octaves, wrong pitches, wrong voicing and frames without a guess. The sides are loops in one
process with one thread, and take turns on every twenty tracks, in changing order:

- mir_eval: `mir_eval.melody.evaluate`, five figures;
- ours, the same five: `mir_eval_scores`, with its checks of the input;
- ours, all metrics: `evaluate_series`.

The speedup is mir_eval's time over ours for the same five figures of all tracks of a round, the median over the rounds.
`max_difference` is the largest between two figures of any track.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import mir_eval.melody
import numpy as np
from jsonargparse import ArgumentParser
from jsonargparse.typing import PositiveFloat, PositiveInt
from numpy.typing import NDArray
from tqdm import tqdm

from experiments.benchmarks.machine import describe_machine
from lightning_modules.metrics import evaluate_series, mir_eval_scores

MIR_EVAL, OURS, ALL = "mir_eval, five figures", "ours, the same five", "ours, all metrics"
CHUNK = 20  # tracks of a turn
_NOTE, _VIBRATO_HZ, _VIBRATO_CENTS = 0.25, 5.5, 30.0  # s, Hz, cents

Array = NDArray[np.float64]
Evaluate = Callable[[Array, Array, Array, Array], Mapping[str, float]]
Turn = Callable[[Sequence[int]], list[Mapping[str, float]]]


class Tracks(NamedTuple):
    """References and estimates on one grid.

    Attributes:
        times: `(frames,)`, s.
        references: `(tracks, frames)`, Hz, 0 where unvoiced.
        estimates: `(tracks, frames)`, Hz, negative where unvoiced, 0 where there is no guess.
    """

    times: Array
    references: Array
    estimates: Array

    @classmethod
    def made(cls, tracks: int, minutes: float, hop: float) -> Tracks:
        """Synthetic melodies and what a fair tracker makes of them.

        Args:
            tracks: how many.
            minutes: length of each.
            hop: s between frames.
        """
        times = np.arange(round(60 * minutes / hop)) * hop
        references, estimates = np.empty((2, tracks, len(times)))
        for seed in range(tracks):
            rng = np.random.default_rng(seed)
            references[seed] = _melody(times, rng)
            estimates[seed] = _tracked(references[seed], rng)
        return cls(times, references, estimates)


def _melody(times: Array, rng: np.random.Generator) -> Array:
    note = (times / _NOTE).astype(np.intp)
    semitones = rng.integers(0, 36, note[-1] + 1)
    sounding = rng.random(note[-1] + 1) < 0.6
    vibrato = _VIBRATO_CENTS / 100 * np.sin(2 * np.pi * _VIBRATO_HZ * times)
    return np.asarray(110.0 * 2 ** ((semitones[note] + vibrato) / 12) * sounding[note])


def _tracked(reference: Array, rng: np.random.Generator) -> Array:
    frames = len(reference)
    guess = np.where(reference > 0, reference, rng.uniform(110, 880, frames)) * 2 ** rng.normal(0, 0.02, frames)
    guess *= rng.choice([1.0, 2.0, 0.5, 1.3, 0.0], frames, p=[0.8, 0.08, 0.05, 0.05, 0.02])
    voiced = (reference > 0) ^ (rng.random(frames) < 0.15)
    return np.asarray(np.where(voiced, guess, -guess))


Seconds = Mapping[str, Sequence[float]]


def _evaluate(evaluate: Evaluate, tracks: Tracks, chunk: Sequence[int]) -> list[Mapping[str, float]]:
    times = tracks.times
    return [evaluate(times, tracks.references[track], times, tracks.estimates[track]) for track in chunk]


def sides(tracks: Tracks) -> dict[str, Turn]:
    """What takes turns, by name."""
    return {
        MIR_EVAL: partial(_evaluate, mir_eval.melody.evaluate, tracks),
        OURS: partial(_evaluate, mir_eval_scores, tracks),
        ALL: partial(_evaluate, evaluate_series, tracks),
    }


def measure(turns: Mapping[str, Turn], tracks: int, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Time every side.

    Args:
        turns: the sides.
        tracks: how many there are.
        rounds: how often each side evaluates all of them.

    Returns:
        The seconds of every side for all tracks, one for each round, and the largest difference of ours from mir_eval.
    """
    chunks = [range(first, min(first + CHUNK, tracks)) for first in range(0, tracks, CHUNK)]
    seconds: dict[str, list[float]] = {side: [0.0] * rounds for side in turns}
    difference = 0.0
    with tqdm(desc="measuring", total=rounds * len(chunks), unit="turn") as progress:
        for place in range(rounds):
            rng = np.random.default_rng(place)
            for chunk in chunks:
                figures = {}
                for side in rng.permutation(list(turns)):
                    began = time.perf_counter()
                    figures[side] = turns[side](chunk)
                    seconds[side][place] += time.perf_counter() - began
                difference = max(difference, largest_difference(figures[OURS], figures[MIR_EVAL]))
                progress.update()
    return seconds, difference


def largest_difference(ours: Sequence[Mapping[str, float]], theirs: Sequence[Mapping[str, float]]) -> float:
    """Between any two figures of the same name and track.

    Raises:
        ValueError: they are not of the same names or numbers.
    """
    differences = []
    for one, other in zip(ours, theirs, strict=True):
        if one.keys() != other.keys():
            raise ValueError(f"figures {sorted(one)} where {sorted(other)} are expected")
        differences += [abs(one[name] - other[name]) for name in other]
    return float(max(differences))


def speedup(seconds: Seconds, side: str) -> float:
    """How many times as fast as mir_eval a side is: the median over the rounds."""
    return statistics.median(theirs / ours for theirs, ours in zip(seconds[MIR_EVAL], seconds[side], strict=True))


def table(seconds: Seconds, tracks: int) -> str:
    """A line for each side: milliseconds a track, median and range over the rounds, and the speedup."""
    width = max(map(len, seconds))
    lines = [f"{'':{width}}  {'ms a track':>10}  {'range':>16}  {'speedup':>7}"]
    for side, rounds in seconds.items():
        each = sorted(1e3 * value / tracks for value in rounds)
        spread = f"{each[0]:.3f} to {each[-1]:.3f}"
        lines.append(f"{side:{width}}  {statistics.median(each):>10.3f}  {spread:>16}  {speedup(seconds, side):>7.1f}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table, and end with the speedup."""
    options = _parser().parse_args(arguments)
    print(describe_machine(("mir_eval", "numpy", "scipy")), flush=True)
    tracks = Tracks.made(options.tracks, options.minutes, options.hop)
    print(f"{options.tracks} tracks of {len(tracks.times)} frames, {options.rounds} rounds", flush=True)
    seconds, difference = measure(sides(tracks), options.tracks, options.rounds)
    print(f"\n{table(seconds, options.tracks)}\n")
    result = {"speedup": float(f"{speedup(seconds, OURS):.4g}"), "max_difference": difference}
    print(f"RESULT {json.dumps(result)}")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m experiments.benchmarks.evaluation",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--tracks", type=PositiveInt, default=1000, help="how many")
    parser.add_argument("--minutes", type=PositiveFloat, default=4.0, help="length of each")
    parser.add_argument("--hop", type=PositiveFloat, default=0.01, help="s between frames")
    parser.add_argument("--rounds", type=PositiveInt, default=5, help="turns of each side on all tracks")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
