"""Conventions of targets that batches hold."""

import numpy as np
import pytest
import torch

from datamodules.batches import frames_needed


@pytest.mark.parametrize(("targets", "frames"), [([], 0), ([1], 1), ([1, 2, 1], 3), ([1, 1, 1], 5), ([2, 2, 1, 1], 6)])
def test_equal_neighbours_need_a_frame_between_them(targets, frames):
    assert frames_needed(np.array(targets)) == frames
    if targets:
        loss = torch.nn.CTCLoss(reduction="none")
        for available, finite in ((frames, True), (frames - 1, False)):
            log_probs = torch.zeros(max(available, 1), 1, 3).log_softmax(-1)
            value = loss(log_probs, torch.tensor([targets]), [available], [len(targets)])
            assert bool(value.isfinite()) is finite
