import copy

import pytest
import torch

from datamodules import DataError
from experiments.cli import run


def damage_loops(state):
    state["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] = "many"


def damage_optimizer(state):
    del state["optimizer_states"][0]["state"][0]["exp_avg"]


def damage_group(state):
    state["optimizer_states"][0]["param_groups"][0]["lr"] = float("nan")


def damage_moment(state):
    state["optimizer_states"][0]["state"][0]["exp_avg"] = torch.zeros(1, 2, 3)


def damage_position(state):
    state["MelodyData"]["items"] = -5


def drop_position(state):
    del state["MelodyData"]["items"]


def damage_score(state):
    next(value for key, value in state["callbacks"].items() if "BestCheckpoint" in key)["best_model_score"] = "good"


def drop_optimizers(state):
    del state["optimizer_states"]


def damage_weights(state):
    next(iter(state["state_dict"].values())).fill_(float("nan"))


DAMAGES = {
    damage_loops: "loops.fit_loop.epoch_progress.current.processed is 'many'",
    damage_optimizer: "optimizer_states.0.state",
    damage_group: "param_groups.0.lr is nan",
    damage_moment: "exp_avg is a tensor (1, 2, 3), not a tensor",
    damage_position: "MelodyData.items is -5",
    drop_position: "MelodyData has no items",
    damage_score: "best_model_score is 'good', not a score",
    drop_optimizers: "has no optimizer_states, so no training can go on from it",
    damage_weights: "has a value that is not finite",
}


@pytest.fixture(scope="module")
def interrupted(small_recipe, tmp_path_factory):
    root = tmp_path_factory.mktemp("interrupted")
    run(["fit", "--config", str(small_recipe), "--trainer.default_root_dir", str(root), "--trainer.max_steps=2",
         "--trainer.val_check_interval=2", "--trainer.callbacks=[]"])  # fmt: skip
    (last,) = root.rglob("last.ckpt")
    return last, torch.load(last, weights_only=True)


@pytest.mark.slow
@pytest.mark.sampled(4)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_fit_refuses_to_go_on_from_a_damaged_state_in_one_line(interrupted, damage, small_recipe, tmp_path):
    state = copy.deepcopy(interrupted[1])
    damage(state)
    torch.save(state, tmp_path / "last.ckpt")
    with pytest.raises(DataError) as refusal:
        run(["fit", "--config", str(small_recipe), "--trainer.default_root_dir", str(tmp_path), "--ckpt_path",
             str(tmp_path / "last.ckpt"), "--trainer.max_steps=3", "--trainer.callbacks=[]"])  # fmt: skip
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path / 'last.ckpt'}: ") and "\n" not in message and DAMAGES[damage] in message
    assert not list(tmp_path.rglob("best.ckpt"))
