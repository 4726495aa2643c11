import pytest

from tests.hostile import models
from tests.hostile.harness import run_all
from tests.hostile.world import World

COUNT = 14


@pytest.mark.slow
def test_no_model_of_somebody_else_ends_in_more_than_a_message(tmp_path):
    world = World(tmp_path / "world")
    outcomes = list(run_all(models.inputs(1, COUNT, world), tmp_path / "models"))
    assert [(each.name, each.faults, each.output[-500:]) for each in outcomes if each.faults] == []
    assert len(outcomes) == COUNT and {0, 1} <= {each.code for each in outcomes}
