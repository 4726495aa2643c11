"""Checkpoints from which a fit cannot go on, and those of earlier versions, from which it can."""

import pytest
import torch

from datamodules.errors import DataError
from tests.datamodules.windows.resumed_numbers import Numbers, numbers_of

pytestmark = pytest.mark.filterwarnings("ignore")  # of Lightning, about loaders without workers


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 3}, "data.seed: 3, but the checkpoint was trained with 0"),
        ({"stride": 2}, "data.stride: 2, but the checkpoint was trained with 1"),
        ({"streams": 8}, "data.streams: 8, but the checkpoint was trained with 64"),
        ({"identity": "others"}, "numbers: not the training data of the checkpoint"),
    ],
)
@pytest.mark.parametrize(("moment", "batch"), [("end of a step", 4), ("end of an epoch", 9)])
def test_another_sequence_is_refused(fit, changed, message, moment, batch):
    plan = {"stride": 1, "streams": 64}
    _, path = fit(Numbers(**plan), moment, batch)
    with pytest.raises(DataError, match=message):
        fit(Numbers(**{**plan, **changed}), start=path)


def test_a_checkpoint_of_other_data_is_refused(fit):
    class Letters(Numbers):
        pass

    _, path = fit(Numbers(), "end of an epoch", 9)
    with pytest.raises(DataError, match=r"data\.class_path: the checkpoint was not trained on Letters"):
        fit(Letters(), start=path)


def test_another_step_is_refused_where_an_epoch_is_a_number_of_steps(fit):
    _, path = fit(Numbers(5), "end of a step", 2, limit_train_batches=6)
    with pytest.raises(DataError, match=r"data\.batch_size: a step takes 7 .* 5; trainer\.limit_train_batches: 6"):
        fit(Numbers(7), start=path, limit_train_batches=6)
    _, path = fit(Numbers(5), "end of a step", 5, limit_train_batches=6)
    after, _ = fit(Numbers(7), start=path, limit_train_batches=6)
    assert numbers_of(after, 0) == [] and numbers_of(after, 1) == numbers_of(after, 2) == list(range(42))


@pytest.mark.parametrize(("moment", "batch"), [("end of a step", 4), ("in a step", 7), ("end of an epoch", 9)])
def test_a_checkpoint_that_knows_neither_plan_nor_batches_is_read(fit, undisturbed, tmp_path, moment, batch):
    before, path = fit(Numbers(stride=1), moment, batch)
    checkpoint = torch.load(path, weights_only=False)
    state = checkpoint["Numbers"]
    del state["plan"], state["batches"]
    state["items"] += 5 * (moment == "in a step")  # such a step was counted as consumed
    torch.save(checkpoint, tmp_path / "older.ckpt")
    assert before + fit(Numbers(stride=1), start=tmp_path / "older.ckpt")[0] == undisturbed()
    after, _ = fit(Numbers(6, stride=1), start=tmp_path / "older.ckpt")
    numbers = numbers_of(before, 0) + numbers_of(after, 0)
    assert numbers == list(range(len(numbers))) and len(numbers) > 50 - 6
