"""What a model that a file describes may take before its weights are there."""

import pytest
import torch
from torch import nn

from datamodules.errors import DataError
from experiments.trusting.bounds import check_tables, without_memory


def test_a_model_that_is_built_without_end_is_stopped():
    with pytest.raises(DataError, match="asks for more than 10300 layers, but its weights are 3 tensors"):
        with without_memory(3):
            nn.ModuleList(nn.Identity() for _ in range(11_000))
    with without_memory(100):
        made = nn.ModuleList(nn.Linear(1 << 20, 1 << 20) for _ in range(1000))  # four petabytes
    assert made[0].weight.is_meta
    assert len(nn.ModuleList(nn.Identity() for _ in range(11_000))) == 11_000  # and nothing is counted afterwards


def test_tables_that_no_model_needs_are_refused():
    model = nn.Sequential(nn.Module(), nn.Module())
    for part in model:
        part.register_buffer("filters", torch.empty(1 << 26, device="meta"))
    check_tables(model)
    model[0].register_buffer("window", torch.empty(1, device="meta"))
    with pytest.raises(DataError, match=r"its filter banks and windows would take 0\.5 GiB"):
        check_tables(model)
