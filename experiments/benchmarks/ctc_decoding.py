"""CTC decoding, ours beside fast-ctc-decode: utterances per second of greedy decoding and of beams of 5 and 50.

    python -m experiments.benchmarks.ctc_decoding

Log-probabilities of 41 symbols are made in memory, of two kinds:

- peaky, as trained networks give: all but certain blanks, and in one to three frames of each phone its peak, some of
  them over others or doubtful;
- flat, the worst case for a beam: no symbol of a frame stands out.

The sides are loops in one process with one thread, and take turns on every batch, in changing order. Ours are
`Greedy`, `Beam` and `PrefixBeam`, with their checks of the input, which they get in batches as a network gives them,
and `Beam` among the ten most probable symbols of each frame. `PrefixBeam` and fast-ctc-decode search in the same way,
`Beam` in another one.
fast-ctc-decode's `viterbi_search` and `beam_search` are given probabilities, which they need, without the time that it
takes to make them.

Utterances per second are medians over the rounds; `ratio` is how many times as fast as fast-ctc-decode's search of the
same beam a side is, in one round each, a median as well. `same_best` is the part of utterances for which both find the
same symbols, `error_rate` the edits of each phone of the peaky ones.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import fast_ctc_decode
import numpy as np
import torch
from jsonargparse import ArgumentParser
from jsonargparse.typing import PositiveInt
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from experiments.benchmarks.machine import describe_machine
from lightning_modules.decoding import CHARACTERS_11785, Beam, CTCDecoder, Greedy, PrefixBeam
from lightning_modules.metrics import edit_distance

OURS, PRUNED, PREFIX, THEIRS = "ours", "ours, 10 symbols", "ours, prefixes", "fast-ctc-decode"
KINDS = ("peaky", "flat")
BATCH = 20  # utterances of a turn
_PHONES = tuple(CHARACTERS_11785)[1:]
_ALPHABET = "".join(CHARACTERS_11785.values())
_FLOOR, _BLANK, _PEAK, _DOUBT = 1.0, 9.0, 13.0, 2.0  # logits: spread of all, the blank, peaks and their spread

Turn = Callable[[Sequence[int]], list[list[int]]]
Seconds = Mapping[str, Sequence[float]]


class Posteriors(NamedTuple):
    """Synthetic outputs of an acoustic network.

    Attributes:
        log_probs: `(utterances, frames, 41)` float32.
        spoken: symbols of each, which only the peaky ones show.
    """

    log_probs: Tensor
    spoken: list[list[int]]

    @classmethod
    def made(cls, kind: str, utterances: int, frames: int) -> Posteriors:
        """Draw them.

        Args:
            kind: one of KINDS.
            utterances: how many.
            frames: of each.
        """
        rng = np.random.default_rng(KINDS.index(kind))
        symbols = len(_ALPHABET)
        logits = rng.normal(0, _FLOOR, (utterances, frames, symbols)).astype(np.float32)
        spoken = [rng.integers(1, symbols, max(frames // 5, 1)).tolist() for _ in range(utterances)]
        if kind == "peaky":
            for of_one, phones in zip(logits, spoken, strict=True):
                _raise_peaks(of_one, phones, rng)
        return cls(torch.from_numpy(logits).log_softmax(-1), spoken)


def _raise_peaks(logits: NDArray[np.float32], phones: list[int], rng: np.random.Generator) -> None:
    """Let phones stand out of the logits of an utterance, `(frames, symbols)`, one in every five frames."""
    logits[:, 0] += _BLANK
    for place, phone in enumerate(phones):
        first = 5 * place + int(rng.integers(0, 2))
        frames = slice(first, first + int(rng.integers(1, 4)))
        logits[frames, phone] += rng.normal(_PEAK, _DOUBT)
        # Another one that it is taken for now and then.
        logits[frames, rng.integers(1, logits.shape[1])] += rng.normal(_BLANK, _DOUBT)


def sides(posteriors: Posteriors, batch: int) -> dict[str, Turn]:
    """What takes turns on batches of so many, by name: each search of ours and of fast-ctc-decode."""
    probabilities = posteriors.log_probs.exp().numpy()
    decoders: dict[str, CTCDecoder] = {
        f"greedy, {OURS}": Greedy(),
        f"beam 5, {OURS}": Beam(5),
        f"beam 5, {PRUNED}": Beam(5, symbols_per_frame=10),
        f"beam 5, {PREFIX}": PrefixBeam(5),
        f"beam 50, {OURS}": Beam(50),
        f"beam 50, {PRUNED}": Beam(50, symbols_per_frame=10),
        f"beam 50, {PREFIX}": PrefixBeam(50),
    }
    others = {
        f"greedy, {THEIRS}": fast_ctc_decode.viterbi_search,
        f"beam 5, {THEIRS}": partial(fast_ctc_decode.beam_search, beam_size=5),
        f"beam 50, {THEIRS}": partial(fast_ctc_decode.beam_search, beam_size=50),
    }
    batches = {
        first: (values, torch.full((len(values),), values.shape[1]))
        for first, values in zip(
            range(0, len(probabilities), batch), torch.split(posteriors.log_probs, batch), strict=True
        )
    }
    turns: dict[str, Turn] = {side: partial(_ours, each, batches) for side, each in decoders.items()}
    turns |= {side: partial(_theirs, each, probabilities) for side, each in others.items()}
    return turns


def _ours(decoder: CTCDecoder, batches: Mapping[int, tuple[Tensor, Tensor]], chunk: Sequence[int]) -> list[list[int]]:
    return [best.symbols for best, *_ in decoder(*batches[chunk[0]], _PHONES)]


def _theirs(
    search: Callable[[NDArray[np.float32], str], tuple[str, object]],
    probabilities: NDArray[np.float32],
    chunk: Sequence[int],
) -> list[list[int]]:
    return [[_ALPHABET.index(letter) for letter in search(probabilities[item], _ALPHABET)[0]] for item in chunk]


def measure(
    turns: Mapping[str, Turn], utterances: int, rounds: int, batch: int
) -> tuple[Seconds, dict[str, list[list[int]]]]:
    """Time every side.

    Args:
        turns: the sides.
        utterances: how many there are.
        rounds: how often each side decodes all of them.
        batch: utterances of a turn.

    Returns:
        The seconds of every side for all utterances, one for each round, and the symbols that it found.
    """
    chunks = [range(first, min(first + batch, utterances)) for first in range(0, utterances, batch)]
    seconds: dict[str, list[float]] = {side: [0.0] * rounds for side in turns}
    found: dict[str, list[list[int]]] = {}
    for turn in turns.values():
        # Builds what the side keeps from batch to batch.
        turn(range(1))
    with tqdm(desc="measuring", total=rounds * len(chunks), unit="turn") as progress:
        for place in range(rounds):
            rng = np.random.default_rng(place)
            found = {side: [] for side in turns}
            for chunk in chunks:
                for side in rng.permutation(list(turns)):
                    began = time.perf_counter()
                    decoded = turns[side](chunk)
                    seconds[side][place] += time.perf_counter() - began
                    found[side] += decoded
                progress.update()
    return seconds, found


def rate(seconds: Sequence[float], utterances: int) -> float:
    """Utterances per second: the median over the rounds."""
    return statistics.median(utterances / each for each in seconds)


def ratio(seconds: Seconds, side: str, other: str) -> float:
    """How many times as many utterances per second as another one a side decodes: the median over the rounds."""
    return statistics.median(slow / fast for fast, slow in zip(seconds[side], seconds[other], strict=True))


def error_rate(found: Sequence[Sequence[int]], spoken: Sequence[Sequence[int]]) -> float:
    """Edits of each phone that is spoken."""
    edits = sum(edit_distance(phones, symbols) for phones, symbols in zip(spoken, found, strict=True))
    return edits / sum(map(len, spoken))


def table(seconds: Seconds, utterances: int) -> str:
    """A line for each side: utterances per second, median and range over the rounds."""
    width = max(map(len, seconds))
    lines = [f"{'':{width}}  {'utterances/s':>12}  {'range':>20}"]
    for side, rounds in seconds.items():
        rates = sorted(utterances / each for each in rounds)
        spread = f"{rates[0]:.4g} to {rates[-1]:.4g}"
        lines.append(f"{side:{width}}  {rate(rounds, utterances):>12.4g}  {spread:>20}")
    return "\n".join(lines)


def compare(kind: str, utterances: int, frames: int, rounds: int, batch: int) -> dict[str, dict[str, float]]:
    """Measure one kind of posteriors, print its table, and return the figures of each side."""
    posteriors = Posteriors.made(kind, utterances, frames)
    seconds, found = measure(sides(posteriors, batch), utterances, rounds, batch)
    print(f"\n{kind}\n{table(seconds, utterances)}", flush=True)
    figures = {}
    for side, rounds_of_one in seconds.items():
        theirs = f"{side.partition(', ')[0]}, {THEIRS}"
        values = {
            "utterances_per_second": rate(rounds_of_one, utterances),
            "ratio": ratio(seconds, side, theirs),
            "same_best": sum(map(list.__eq__, found[side], found[theirs])) / utterances,
        }
        if kind == "peaky":
            values["error_rate"] = error_rate(found[side], posteriors.spoken)
        figures[side] = {name: float(f"{value:.4g}") for name, value in values.items()}
    return figures


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the tables, and end with the rates."""
    options = _parser().parse_args(arguments)
    print(describe_machine(("torch", "torchaudio", "flashlight-text", "fast-ctc-decode")), flush=True)
    print(
        f"{options.utterances} utterances of {options.frames} frames in batches of {options.batch}, "
        f"{options.rounds} rounds",
        flush=True,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        result = {
            kind: compare(kind, options.utterances, options.frames, options.rounds, options.batch) for kind in KINDS
        }
    finally:
        torch.set_num_threads(threads)
    print(f"\nRESULT {json.dumps(result)}")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m experiments.benchmarks.ctc_decoding",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--utterances", type=PositiveInt, default=40, help="how many, of each kind")
    parser.add_argument("--frames", type=PositiveInt, default=400, help="of each, such as 8 s at 20 ms")
    parser.add_argument("--batch", type=PositiveInt, default=BATCH, help="utterances that are decoded at once")
    parser.add_argument("--rounds", type=PositiveInt, default=7, help="turns of each side on all utterances")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
