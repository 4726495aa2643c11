"""What of a melody tracker is used after training gives what the tracker gives."""

import pytest
import torch

from architectures import CREPE, FrameOutput
from lightning_modules import (
    Argmax,
    LocalAverage,
    MelodyTracker,
    PitchGrid,
    PitchModel,
    SalienceBCE,
    SalienceSoftmax,
    Viterbi,
)

GRID = PitchGrid(48, 12, 2)
FRAME_WISE = (Argmax(), LocalAverage(), LocalAverage(1.5))


def logits(frames=200):
    return torch.randn(frames, GRID.bins, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("loss", [SalienceBCE(), SalienceSoftmax()], ids=["bce", "softmax"])
@pytest.mark.parametrize("decoder", [*FRAME_WISE, Viterbi()], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("voicing", [True, False])
def test_it_decodes_as_the_tracker_does(loss, decoder, voicing):
    network = CREPE(GRID.bins, 256, 1)
    output = FrameOutput(logits(), logits()[:, 0]) if voicing else logits()
    ours = PitchModel(network, GRID, loss, decoder, 0.5).decode(output)
    theirs = MelodyTracker(network, GRID, loss, decoder).decode(output)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
    if voicing:
        assert torch.equal(ours.confidence, torch.sigmoid(logits()[:, 0]))


@pytest.mark.parametrize("decoder", FRAME_WISE, ids=lambda each: f"{type(each).__name__}")
def test_a_decoder_that_says_it_is_frame_wise_gives_the_same_of_runs_of_frames(decoder):
    model = PitchModel(CREPE(GRID.bins, 256, 1), GRID, SalienceSoftmax(), decoder, 0.5)
    assert decoder.frame_wise
    runs = [model.decode(some) for some in torch.split(logits(), [1, 3, 100, 96])]
    for one, other in zip(zip(*runs, strict=True), model.decode(logits()), strict=True):
        # Sums of other lengths are rounded otherwise.
        torch.testing.assert_close(torch.cat(one), other, rtol=1e-6, atol=0)


def test_a_decoder_that_looks_at_the_track_does_not_say_so():
    assert not Viterbi().frame_wise


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"network\.width: 25, but the pitch grid has 24 bins"):
        PitchModel(CREPE(25, 256, 1), GRID, SalienceBCE(), Argmax(), 0.5)
    with pytest.raises(ValueError, match=r"voicing_threshold: 1\.5"):
        PitchModel(CREPE(24, 256, 1), GRID, SalienceBCE(), Argmax(), 1.5)
