"""Damaged metadata of all kinds, each answered in one line; `python -m tests.hostile` has many more."""

from collections import Counter

import pytest

import experiments.lightning_cli  # noqa: F401 -- what every fork would load
from tests.hostile.harness import run_all
from tests.hostile.metadata import inputs
from tests.hostile.world import World


@pytest.mark.slow
def test_damaged_metadata_are_answered_in_one_line(tmp_path):
    codes = Counter()
    for outcome in run_all(inputs(1, 24, World(tmp_path / "world")), tmp_path / "inputs"):
        assert not outcome.faults, f"{outcome.name}: {outcome.faults}\n{outcome.output}"
        codes[outcome.code] += 1
    assert codes[0] > 3 and codes[1] > 6
