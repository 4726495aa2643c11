"""Measure several programs in turn: each in a process of its own, round by round, in changing order.

The machine's load changes from minute to minute, so that a rate says little; what one round says of two sides' ratio
holds. A side that waits for its turn does nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm


class Side(NamedTuple):
    """One contender.

    Attributes:
        name: in the table.
        deliver: gives an endless iterator over the sizes of the batches delivered; called in the side's own process.
        arguments: of `deliver`.
        windows: of one round.
        warm_up: windows delivered before the first round, until buffers are as full as they get.
    """

    name: str
    deliver: Callable[..., Iterator[int]]
    arguments: tuple[Any, ...]
    windows: int
    warm_up: int = 0


class Cost(NamedTuple):
    """What one round took.

    Attributes:
        windows: delivered.
        seconds: on the clock.
        processor_seconds: of all threads, and of the worker processes.
    """

    windows: int
    seconds: float
    processor_seconds: float

    @property
    def rate(self) -> float:
        """Windows per second."""
        return self.windows / self.seconds


Costs = Mapping[str, Sequence[Cost]]


def measure(sides: Sequence[Side], rounds: int) -> dict[str, list[Cost]]:
    """The costs of every side, one of each round.

    Raises:
        RuntimeError: the process of a side ended; it has written why to the error stream.
    """
    turns = {}
    modules = sorted({side.deliver.__module__ for side in sides})
    with tqdm(desc="measuring", total=len(sides) * (rounds + 1), unit="turn") as progress:
        try:
            for side in sides:
                turns[side.name] = in_fresh_process(_serve, side, preload=modules)
                _answer(side, turns[side.name][1])
                progress.update()
            costs: dict[str, list[Cost]] = {side.name: [] for side in sides}
            for number in range(rounds):
                for place in np.random.default_rng(number).permutation(len(sides)):
                    side = sides[place]
                    turns[side.name][1].send(True)
                    costs[side.name].append(_answer(side, turns[side.name][1]))
                    progress.update()
            return costs
        finally:
            for process, connection in turns.values():
                connection.close()
                process.join(10)
                process.kill()


def _answer(side: Side, connection: Connection) -> Cost:
    try:
        cost: Cost = connection.recv()
    except EOFError as error:
        raise RuntimeError(f"{side.name}: its process ended; its own message stands above") from error
    return cost


def in_fresh_process(
    task: Callable[..., None], *arguments: object, preload: Sequence[str]
) -> tuple[BaseProcess, Connection]:
    """Begin a task in a process that has done nothing but imports, with one thread for arithmetic.

    Args:
        task: a function of a module; takes the arguments, then its end of a connection.
        arguments: of the task.
        preload: modules that are imported once, by the process from which this one and all further ones are forked.

    Returns:
        The process, and our end of the connection.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(task, arguments, theirs))
    process.start()
    theirs.close()
    return process, ours


def _run(task: Callable[..., None], arguments: Sequence[object], connection: Connection) -> None:
    # The task starts worker processes as any program does; it would inherit how it was started itself.
    multiprocessing.set_start_method(None, force=True)
    torch.set_num_threads(1)
    task(*arguments, connection)


def _serve(side: Side, connection: Connection) -> None:
    batches = side.deliver(*side.arguments)
    connection.send(_deliver(batches, side.warm_up))
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        connection.send(_deliver(batches, side.windows))


def _deliver(batches: Iterator[int], windows: int) -> Cost:
    done, began, used = 0, time.perf_counter(), processor_seconds()
    while done < windows:
        done += next(batches)
    return Cost(done, time.perf_counter() - began, processor_seconds() - used)


def processor_seconds() -> float:
    """Processor time of this process and of the child processes that it has at this moment."""
    ticks = 0
    for child in multiprocessing.active_children():
        # utime and stime, counted behind the name, which may hold blanks.
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def ratio(costs: Costs, one: str, other: str) -> float:
    """How many times as many windows per second as `other` the side `one` delivers: the median over the rounds."""
    return statistics.median(a.rate / b.rate for a, b in zip(costs[one], costs[other], strict=True))


def processor_microseconds(costs: Sequence[Cost]) -> float:
    """Processor time of one window, μs: the median over the rounds."""
    return statistics.median(1e6 * cost.processor_seconds / cost.windows for cost in costs)


def table(costs: Costs) -> str:
    """A line for each side: windows per second, median and range, and processor time per window."""
    width = max(map(len, costs))
    lines = [f"{'':{width}}  {'k windows/s':>11}  {'range':>17}  {'processor μs/window':>19}"]
    for name, rounds in costs.items():
        rates = sorted(cost.rate / 1e3 for cost in rounds)
        spread = f"{rates[0]:.1f} to {rates[-1]:.1f}"
        lines.append(
            f"{name:{width}}  {statistics.median(rates):>11.1f}  {spread:>17}  {processor_microseconds(rounds):>19.2f}"
        )
    return "\n".join(lines)
