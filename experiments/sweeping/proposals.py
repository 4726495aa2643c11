"""What the `sweeps` package proposes and stops, as a function of the seed and of the points that there are."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import sweeps

from experiments.sweeping.point_figures import PointFigures
from experiments.sweeping.sweep_file import SweepFile


class Proposal(NamedTuple):
    """A point to be made.

    Attributes:
        values: by parameter.
        info: of a bayesian proposal: what it expects.
    """

    values: dict[str, Any]
    info: dict[str, Any] | None


def propose(file: SweepFile, figures: Sequence[PointFigures], seed: int) -> Proposal:
    """The next point.

    That of number k depends on the file, the seed, k and, if the method is bayes, on the values of the points before
    it and the figures of those that have ended; what the others have reached so far does not count.

    Args:
        file: of the sweep.
        figures: of all points so far, by their numbers; of a grid there are more.
        seed: of the sweep.
    """
    number = len(figures)
    if file.content["method"] == "grid":
        return Proposal(_plain(sweeps.next_runs(file.content, [], n=number + 1)[number].config), None)
    with _seeded(seed, number):
        run = sweeps.next_run(file.content, [_as_run(file, each, ended=True) for each in figures])
    info = None if run.search_info is None else _plain_info(run.search_info)
    return Proposal(_plain(run.config), info)


def to_stop(file: SweepFile, figures: Sequence[PointFigures]) -> set[str]:
    """Names of the running points that hyperband ends, by the validations that there are.

    Args:
        file: of the sweep.
        figures: of all points.
    """
    return {run.name for run in sweeps.stop_runs(file.content, [_as_run(file, each, ended=False) for each in figures])}


def _as_run(file: SweepFile, figures: PointFigures, ended: bool) -> sweeps.SweepRun:
    """Args: ended: whether only the figures of points that have ended count."""
    running = figures.status == "waiting"
    state = {"failed": sweeps.RunState.failed, "waiting": sweeps.RunState.running}.get(
        figures.status, sweeps.RunState.finished
    )
    history = [] if running and ended else [{file.metric: value} for value in figures.history]
    config = {key: {"value": value} for key, value in figures.values.items()}
    return sweeps.SweepRun(name=figures.name, state=state, config=config, history=history)


@contextmanager
def _seeded(seed: int, number: int) -> Iterator[None]:
    """The package draws from the generators that all share."""
    before, before_numpy = random.getstate(), np.random.get_state()
    words = np.random.SeedSequence([seed, number]).generate_state(2)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(before_numpy)


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """JSON values: the package draws NumPy's."""
    values: dict[str, Any] = json.loads(json.dumps({key: each["value"] for key, each in config.items()}, default=_item))
    return values


def _plain_info(info: dict[str, Any]) -> dict[str, Any]:
    plain = json.loads(json.dumps(info, default=_item), parse_constant=lambda name: None)
    return {key: value for key, value in plain.items() if value not in (None, "")}


def _item(value: Any) -> Any:  # noqa: ANN401 - what JSON does not know
    return value.item() if hasattr(value, "item") else str(value)
