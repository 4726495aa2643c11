import mir_eval
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.decoding import Argmax, UnvoicedClass
from lightning_modules.losses.salience import SalienceSoftmax, UnvoicedClassSoftmax
from lightning_modules.metrics import MelodyMetrics
from lightning_modules.outputs import signed_f0
from lightning_modules.pitch_grid import PitchGrid

GRID = PitchGrid(lowest_note=50, semitones=4, bins_per_semitone=5)
LOSSES = [UnvoicedClassSoftmax(), SalienceSoftmax()]


def logits_of(classes, others=()):
    """Logits whose greatest are of these classes, and whose second greatest of those."""
    logits = torch.zeros(len(classes), GRID.bins)
    logits[torch.arange(len(classes)), torch.tensor(classes)] = 9.0
    for frame, other in enumerate(others):
        logits[frame, other] = 8.0
    return logits


def scores(decoded, f0):
    metrics = MelodyMetrics(1)
    metrics.update(0, f0, decoded.f0, decoded.confidence)
    return metrics.compute().means(0.5)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(-9, 9))
def test_a_frame_has_the_pitch_of_its_most_probable_class_or_none(loss, seed, louder):
    logits = 3 * torch.randn(8, GRID.bins, generator=torch.Generator().manual_seed(seed))
    logits[:, 0] += louder
    decoded = UnvoicedClass()(loss.salience(logits), GRID)
    most_probable = logits.argmax(dim=1)
    voiced = most_probable > 0
    assert ((decoded.f0 > 0) == voiced).all()
    assert ((decoded.confidence > 0.5) == voiced).all()
    notes = GRID.notes()[most_probable[voiced]]
    assert torch.allclose(GRID.note_of(decoded.f0[voiced]), notes, atol=1e-4)
    assert ((decoded.confidence >= 0) & (decoded.confidence <= 1)).all()


def test_the_confidence_is_the_share_of_the_best_pitch_in_it_and_the_unvoiced_class():
    probabilities = torch.tensor([[0.2, 0.6, 0.1, 0.1], [0.6, 0.2, 0.1, 0.1]])
    salience = torch.cat([torch.zeros(2, 1), probabilities[:, 1:]], dim=1)
    decoded = UnvoicedClass()(salience, PitchGrid(60, 4, 1))
    assert decoded.confidence.tolist() == pytest.approx([0.75, 0.25])
    assert decoded.f0.tolist() == pytest.approx([PitchGrid.hz_of(torch.tensor(61.0)).item(), 0.0])


def test_a_network_that_is_stuck_at_unvoiced_has_no_pitch_right_though_it_could_name_all():
    f0 = GRID.hz_of(GRID.notes()[[7, 8, 9, 10]])
    salience = UnvoicedClassSoftmax().salience(logits_of([0, 0, 0, 0], others=[7, 8, 9, 10]))
    stuck, forced = (scores(decoder(salience, GRID), f0) for decoder in (UnvoicedClass(), Argmax()))
    assert (stuck["raw_pitch_accuracy"], stuck["raw_chroma_accuracy"], stuck["voicing_recall"]) == (0.0, 0.0, 0.0)
    assert forced["raw_pitch_accuracy"] == 1.0


def test_a_network_that_forgot_the_pitch_has_it_wrong_and_hears_everything_as_voiced():
    f0 = torch.cat([GRID.hz_of(GRID.notes()[[7, 8]]), torch.zeros(2)])
    found = scores(UnvoicedClass()(UnvoicedClassSoftmax().salience(logits_of([15, 15, 15, 15])), GRID), f0)
    assert (found["raw_pitch_accuracy"], found["voicing_recall"], found["voicing_false_alarm"]) == (0.0, 1.0, 1.0)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), min_size=1, max_size=30))
def test_the_scores_are_those_of_mir_eval_for_f0_that_is_0_where_unvoiced(frames):
    true, chosen = zip(*frames, strict=True)
    f0 = torch.where(torch.tensor(true) > 0, GRID.hz_of(GRID.notes()[list(true)]), 0.0)
    decoded = UnvoicedClass()(UnvoicedClassSoftmax().salience(logits_of(chosen)), GRID)
    times = np.arange(len(frames)) * 0.01
    estimate = decoded.f0.double().numpy()
    reference = f0.double().numpy()
    args = mir_eval.melody.to_cent_voicing(times, reference, times, estimate)
    ours = scores(decoded, f0)
    if any(true):
        assert ours["raw_pitch_accuracy"] == pytest.approx(mir_eval.melody.raw_pitch_accuracy(*args))
        assert ours["voicing_recall"] == pytest.approx(mir_eval.melody.voicing_measures(args[0], args[2])[0])
    assert ours["overall_accuracy"] == pytest.approx(mir_eval.melody.overall_accuracy(*args))


def test_a_table_has_zero_where_there_is_no_pitch():
    decoded = UnvoicedClass()(UnvoicedClassSoftmax().salience(logits_of([0, 7])), GRID)
    written = signed_f0(decoded.f0.numpy(), decoded.confidence.numpy(), 0.5)
    assert not np.signbit(written).any()
    assert (written > 0).tolist() == [False, True]


def test_saliences_that_are_no_choice_are_refused():
    with pytest.raises(ValueError, match="UnvoicedClassSoftmax as the loss"):
        UnvoicedClass()(torch.full((2, GRID.bins), 0.5), GRID)


def test_a_grid_of_the_unvoiced_class_alone_has_no_pitch():
    decoded = UnvoicedClass()(torch.zeros(3, 1), PitchGrid(60, 1, 1))
    assert decoded.f0.tolist() == decoded.confidence.tolist() == [0.0] * 3
