"""Further outputs of a network, and the terms that train them."""

import math

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch.nn import functional

from architectures import CREPE, FrameOutput, Perceptron, ReconstructingCREPE, VoicingPerceptron
from architectures.layers import standardise_windows
from datamodules.batches import PitchBatch
from lightning_modules import (
    LocalAverage,
    MelodyTracker,
    PitchGrid,
    Reconstruction,
    SalienceSoftmax,
    VoicedAndRight,
    VoicingBCE,
)
from lightning_modules.losses.terms import voicing_loss

GRID = PitchGrid(lowest_note=58, semitones=16, bins_per_semitone=4)


def tracker(network, *terms, **options):
    return MelodyTracker(network, GRID, SalienceSoftmax(), LocalAverage(), terms=terms, **options)


def voicing_perceptron():
    torch.manual_seed(0)
    return VoicingPerceptron(GRID.bins, 256, 8)


def batch(f0=(262.0, 0.0, 300.0), valid=(True, True, True)):
    audio = torch.randint(-9999, 9999, (len(f0), 256), dtype=torch.int16, generator=torch.Generator().manual_seed(1))
    rest = torch.zeros(len(f0), dtype=torch.int64), torch.arange(len(f0))
    return PitchBatch(audio, torch.tensor(f0)[:, None], torch.tensor(valid)[:, None], *rest)


def test_the_voicing_loss_is_a_mean_over_the_valid_frames():
    logits = torch.tensor([[0.3, -2.0, math.nan], [1.5, 0.1, 9.0]], requires_grad=True)
    f0 = torch.tensor([[220.0, 0.0, 220.0], [-220.0, 8000.0, 0.0]])
    valid = torch.tensor([[True, True, False], [True, True, False]])
    loss = voicing_loss(logits, f0, valid)
    target = torch.tensor([1.0, 0.0, 0.0, 1.0])
    expected = functional.binary_cross_entropy_with_logits(logits.detach()[valid], target)
    assert loss.item() == pytest.approx(expected.item())
    loss.backward()
    assert logits.grad.isfinite().all() and (logits.grad != 0).tolist() == valid.tolist()
    assert voicing_loss(logits, f0, torch.zeros_like(valid)).item() == 0


def test_of_several_pitches_one_is_enough_to_be_voiced():
    f0 = torch.tensor([[[0.0, 220.0], [0.0, 0.0]]])
    expected = voicing_loss(torch.tensor([[0.7, 0.2]]), f0.amax(dim=-1), torch.ones(1, 2, dtype=torch.bool))
    assert torch.equal(voicing_loss(torch.tensor([[0.7, 0.2]]), f0, torch.ones(1, 2, dtype=torch.bool)), expected)


def test_the_reconstruction_is_compared_with_the_standardised_window():
    excerpts = batch(valid=(True, True, False))
    audio = excerpts.signal.float() / 32768
    standardised = standardise_windows(audio)
    given = standardised + 0.5
    given[2] = math.nan  # only fills the batch up
    given.requires_grad_()
    value = Reconstruction(0.1)(given, excerpts, audio, excerpts.f0)
    assert value.item() == pytest.approx(0.25, rel=1e-5)
    value.backward()
    assert given.grad.isfinite().all()


def test_terms_are_added_with_their_weights_and_logged_without(melody_data, made_trainer):
    module = tracker(ReconstructingCREPE(GRID.bins, 256, 1), Reconstruction(0.1))
    trainer = made_trainer(max_steps=1, limit_val_batches=0)
    trainer.fit(module, melody_data())
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert logged["train/loss"] == pytest.approx(logged["train/pitch"] + 0.1 * logged["train/reconstruction"])
    assert logged["train/reconstruction"] > 0.1


def test_a_loss_without_terms_is_logged_alone(melody_data, made_trainer):
    trainer = made_trainer(max_steps=1, limit_val_batches=0)
    trainer.fit(tracker(CREPE(GRID.bins, 256, 1)), melody_data())
    assert set(trainer.callback_metrics) == {"train/loss"}


def test_a_reconstruction_that_weighs_nothing_learns_nothing():
    torch.manual_seed(0)
    module = tracker(ReconstructingCREPE(GRID.bins, 256, 1, dropout=0.0), Reconstruction(0.0))
    excerpts = batch()
    output = module.network(excerpts.signal.float() / 32768)
    (0.0 * Reconstruction()(output.reconstruction, excerpts, excerpts.signal.float() / 32768, excerpts.f0)).backward()
    gradients = [parameter.grad for parameter in module.network.decoder.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


def evaluated(module, one_track, f0=(262.0, 0.0, 300.0)):
    with torch.no_grad():
        step = module.eval().validation_step(batch(f0)._replace(last=True, evaluation=one_track), 0)
    return step["tracks"][0]


def test_a_voicing_output_is_the_confidence(one_track):
    module = tracker(voicing_perceptron(), VoicingBCE())
    expected = torch.sigmoid(module.network(batch().signal.float() / 32768).voicing)[:, 0].tolist()
    track = evaluated(module, one_track)
    assert track["confidence"].tolist() == pytest.approx(expected)
    assert track["salience"].max() != pytest.approx(max(expected), abs=1e-3)


def test_without_a_voicing_output_the_decoder_gives_the_confidence(one_track):
    track = evaluated(tracker(Perceptron(GRID.bins, 256, 4)), one_track)
    assert track["confidence"].tolist() == pytest.approx(track["salience"].max(axis=1).tolist(), abs=1e-3)


def test_a_positive_logit_is_voiced_at_the_threshold_one_half(one_track):
    module = tracker(voicing_perceptron(), VoicingBCE(), voicing_threshold=0.5)
    with torch.no_grad():
        module.network.voicing[-1].weight.zero_()
        for bias, recall in ((1e-3, 1.0), (0.0, 0.0), (-1e-3, 0.0)):
            module.network.voicing[-1].bias.fill_(bias)
            module._scores.clear()
            evaluated(module, one_track)
            scores = module._scores["mine"].metrics.compute().means(0.5)
            assert scores["voicing_recall"] == recall


def test_the_voicing_is_learned_beside_the_pitch():
    module, excerpts = tracker(voicing_perceptron(), VoicingBCE()), batch()
    optimiser = torch.optim.Adam(module.parameters(), lr=0.03)
    for step in range(60):
        optimiser.zero_grad()
        module.training_step(excerpts, step).backward()
        optimiser.step()
    output = module.network(excerpts.signal.float() / 32768)
    assert (output.voicing > 0)[:, 0].tolist() == [True, False, True]
    assert output.pitch.argmax(dim=-1)[[0, 2], 0].tolist() == GRID.classes(excerpts.f0)[[0, 2], 0].tolist()


def test_a_term_without_its_output_is_refused_with_the_key():
    with pytest.raises(
        MisconfigurationException, match=r"model\.terms: VoicingBCE trains .*'voicing', .*CREPE, does no"
    ):
        tracker(CREPE(GRID.bins, 256, 1), VoicingBCE()).training_step(batch(), 0)


@pytest.mark.parametrize(
    ("network", "trainer_of"), [(VoicingPerceptron, "VoicingBCE"), (ReconstructingCREPE, "Reconstruction")]
)
def test_an_output_that_nothing_trains_is_refused_with_what_to_add(network, trainer_of, one_track):
    module = tracker(network(GRID.bins, 256, 1))
    with pytest.raises(MisconfigurationException, match=rf"model\.terms: .*add lightning_modules\.{trainer_of}"):
        module.training_step(batch(), 0)
    with pytest.raises(MisconfigurationException, match=r"model\.terms: "):
        evaluated(module, one_track)


def test_two_terms_for_one_output_and_impossible_weights_are_refused_by_name():
    with pytest.raises(ValueError, match=r"terms: more than one is for the output 'voicing'"):
        tracker(voicing_perceptron(), VoicingBCE(), VoicingBCE(0.5))
    with pytest.raises(ValueError, match=r"Reconstruction\.weight: -1"):
        Reconstruction(-1)


def test_the_salience_of_a_network_with_more_outputs_is_that_of_its_pitch():
    module = tracker(voicing_perceptron(), VoicingBCE())
    audio = batch().signal.float() / 32768
    output = module.network(audio)
    assert isinstance(output, FrameOutput)
    assert torch.equal(module(audio), SalienceSoftmax().salience(output.pitch))


def test_voiced_and_right_asks_for_both():
    logits = torch.tensor([[0.3, -2.0, 1.0, 0.7]])
    f0 = torch.tensor([[220.0, 220.0, 0.0, 440.0]])
    estimate = torch.tensor([[221.0, 440.0, 220.0, 440.0 * 2 ** (49 / 1200)]])  # right, an octave off, unvoiced, right
    rest = torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)
    annotated = PitchBatch(torch.zeros(1, 4), f0, torch.ones(1, 4, dtype=torch.bool), *rest)
    for wrong in (0.0, 0.25):
        value = VoicedAndRight(tolerance=50.0, wrong=wrong)(logits, annotated, annotated.signal, estimate)
        target = torch.tensor([[1.0, wrong, 0.0, 1.0]])
        assert value.item() == pytest.approx(functional.binary_cross_entropy_with_logits(logits, target).item())
    several = annotated._replace(f0=torch.stack([torch.zeros_like(f0), f0], dim=-1))
    assert VoicedAndRight()(logits, several, annotated.signal, estimate).item() == pytest.approx(
        VoicedAndRight()(logits, annotated, annotated.signal, estimate).item()
    )
    with pytest.raises(ValueError, match="VoicedAndRight: tolerance"):
        VoicedAndRight(tolerance=0)


def test_voiced_and_right_learns_beside_the_pitch(melody_data, made_trainer):
    trainer = made_trainer(max_steps=1, limit_val_batches=0)
    trainer.fit(tracker(voicing_perceptron(), VoicedAndRight()), melody_data())
    assert trainer.callback_metrics["train/voicing"] > 0.1
