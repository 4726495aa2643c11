"""What is proposed and stopped, against the `sweeps` package itself."""

import random

import numpy as np
import pytest
import sweeps

from experiments.sweeping.point_figures import figures_of
from experiments.sweeping.points import add_point, read_points
from experiments.sweeping.proposals import propose, to_stop
from experiments.sweeping.sweep_file import read_sweep
from tests.experiments.sweeping.conftest import GRID, METRIC, RANDOM, leave_run

BAYES = {**RANDOM, "method": "bayes"}


def figures(file, tmp_path, *points):
    """Of points given as values, history and outcome (None: going on)."""
    folder = tmp_path / "made"
    for number, (values, history, outcome) in enumerate(points):
        if not (folder / f"p{number:04d}").exists():
            add_point(folder, number, values, None)
            leave_run(folder / f"p{number:04d}", history, finished=outcome == "finished")
            if outcome:
                read_points(folder)[number].journal(event="ended", outcome=outcome, code=0)
    return [figures_of(point, file, repeats=0) for point in read_points(folder)]


def test_a_grid_is_dealt_in_the_order_of_the_package(write_sweep, tmp_path):
    file, made, runs = read_sweep(write_sweep()), [], []
    while (run := sweeps.next_run(GRID, runs)) is not None:
        proposed = propose(file, figures(file, tmp_path, *((values, [], None) for values in made)), seed=0).values
        assert proposed == {key: each["value"] for key, each in run.config.items()}
        made.append(proposed)
        runs.append(run)
    assert len(made) == 6 == file.wanted(None)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_proposal_is_a_function_of_seed_and_number_and_leaves_the_generators_alone(write_sweep, tmp_path, method):
    file = read_sweep(write_sweep(**{**RANDOM, "method": method}))
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    first = propose(file, [], seed=0).values
    assert (random.random(), np.random.random()) == expected
    assert propose(file, [], seed=0).values == first
    assert propose(file, [], seed=1).values != first
    assert propose(file, figures(file, tmp_path, (first, [], None)), seed=0).values != first


def bayesian(write_sweep, tmp_path, name, *histories):
    """The proposal after three points with these histories; the last goes on."""
    file = read_sweep(write_sweep(**BAYES))
    outcomes = ["finished", "finished", None]
    values = [{"model.lr": lr} for lr in (0.1, 0.8, 0.5)]
    return propose(file, figures(file, tmp_path / name, *zip(values, histories, outcomes, strict=True)), seed=0).values


def test_bayes_looks_at_what_has_ended_and_not_at_what_goes_on(write_sweep, tmp_path):
    proposed = bayesian(write_sweep, tmp_path, "a", [0.2], [0.9], [])
    assert bayesian(write_sweep, tmp_path, "b", [0.2], [0.9], [0.1, 0.3]) == proposed
    assert bayesian(write_sweep, tmp_path, "c", [0.9], [0.2], []) != proposed


def test_bayes_is_that_of_the_package(write_sweep, tmp_path):
    states = [sweeps.RunState.finished, sweeps.RunState.finished, sweeps.RunState.running]
    runs = [
        sweeps.SweepRun(state=state, config={"model.lr": {"value": lr}}, history=[{METRIC: y} for y in history])
        for state, lr, history in zip(states, (0.1, 0.8, 0.5), ([0.2, 0.1], [0.9], []), strict=True)
    ]
    words = np.random.SeedSequence([0, 3]).generate_state(2)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    expected = sweeps.next_run(BAYES, runs).config["model.lr"]["value"]
    assert bayesian(write_sweep, tmp_path, "a", [0.2, 0.1], [0.9], [])["model.lr"] == expected


def test_hyperband_stops_whom_the_package_stops_and_only_who_goes_on(write_sweep, tmp_path):
    terminate = {"type": "hyperband", "min_iter": 2, "eta": 2}
    file = read_sweep(write_sweep(early_terminate=terminate))
    histories = [([0.1, 0.2], "finished"), ([0.1, 0.9], "finished"), ([0.1, 0.15], None), ([0.01], None)]
    histories += [([0.8, 0.95], None)]
    found = figures(file, tmp_path, *(({"model.lr": k}, *each) for k, each in enumerate(histories)))
    states = {"finished": sweeps.RunState.finished, None: sweeps.RunState.running}
    runs = [
        sweeps.SweepRun(name=f"p{k:04d}", state=states[outcome], history=[{METRIC: value} for value in history])
        for k, (history, outcome) in enumerate(histories)
    ]
    expected = {run.name for run in sweeps.stop_runs({**GRID, "early_terminate": terminate}, runs)}
    assert to_stop(file, found) == expected == {"p0002"}
