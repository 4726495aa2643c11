"""A few hostile recipes, tables, manifests, audio files and options; `python -m tests.hostile` runs thousands."""

import importlib

import pytest

from tests.hostile.harness import run_all
from tests.hostile.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("hostile") / "world")


@pytest.mark.slow(seconds=40)
@pytest.mark.parametrize(
    ("kind", "count"),
    [("recipes", 6), ("tables", 10), ("manifests", 10), ("audio", 6), ("options", 5), ("run_records", 6)],
)
def test_hostile_inputs_get_a_message_and_nothing_else(kind, count, world, tmp_path):
    importlib.import_module("datamodules.preparation.prepare")
    inputs = importlib.import_module(f"tests.hostile.{kind}").inputs(3, count, world)
    outcomes = list(run_all(inputs, tmp_path))
    assert [outcome for outcome in outcomes if outcome.faults] == []
    assert len(outcomes) == count and any(outcome.code for outcome in outcomes)


def test_the_same_seed_makes_the_same_inputs(world):
    for kind in ("recipes", "tables"):
        make = importlib.import_module(f"tests.hostile.{kind}").inputs
        one, other = ([(each.name, each.words) for each in make(1, 20, world)] for _ in range(2))
        assert one == other
