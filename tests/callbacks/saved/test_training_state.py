import pytest
import torch

from callbacks.saved.training_state import check_alike
from datamodules import DataError

OURS = {
    "total": {"ready": 1, "is_last": False},
    "betas": (0.9, 0.999),
    "lr": 0.1,
    "mode": "min",
    "score": torch.ones(()),
}


def test_a_state_of_the_same_kinds_passes():
    check_alike(OURS, {**OURS, "betas": [0.5, 0.9], "lr": 1, "more": object()}, "x")
    check_alike({"best": None, "worst": float("inf")}, {"best": "anything", "worst": float("inf")}, "x")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"total": {"is_last": False}}, "x.total has no 'ready'"),
        ({"total": {"ready": "1", "is_last": False}}, "x.total.ready is '1'"),
        ({"total": {"ready": 1 << 60, "is_last": False}}, "x.total.ready is 11529"),
        ({"total": {"ready": 1, "is_last": 0}}, "x.total.is_last is 0, not true or false"),
        ({"total": 3}, "x.total is 3, not a mapping"),
        ({"betas": [0.9]}, "x.betas has 1 entries"),
        ({"betas": 0.9}, "x.betas is 0.9, not a list"),
        ({"lr": float("nan")}, "x.lr is nan, not a finite number"),
        ({"mode": 3}, "x.mode is 3, not text"),
        ({"score": 1.0}, "x.score is 1.0, not a tensor"),
    ],
)
def test_the_first_value_of_another_kind_is_named(change, told):
    with pytest.raises(DataError, match=r"x\.") as refusal:
        check_alike(OURS, {**OURS, **change}, "x")
    assert told in str(refusal.value)
