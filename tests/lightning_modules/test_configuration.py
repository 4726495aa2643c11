"""What a recipe writes for the parts of a model."""

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from lightning.fabric.utilities.exceptions import MisconfigurationException

from architectures.front_ends.spec_augment import SpecAugment
from lightning_modules import (
    AudioModule,
    ExponentialDecay,
    L2Penalty,
    MelodyTracker,
    Reconstruction,
    SalienceSoftmax,
    UnvoicedClassSoftmax,
    Viterbi,
    VoicingBCE,
    VoicingDetector,
)


def made(text):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(AudioModule, "model")
    return parser.instantiate(parser.parse_object({"model": yaml.safe_load(text)})).model


MELODY = """
class_path: lightning_modules.MelodyTracker
init_args:
  network:
    class_path: architectures.{network}
  grid: {{lowest_note: 24, semitones: 72, bins_per_semitone: 5}}
  loss: {loss}
  decoder: {{class_path: lightning_modules.{decoder}}}
  {more}
"""
BCE = "{class_path: lightning_modules.SalienceBCE}"


def melody(network, loss=BCE, decoder="LocalAverage", more=""):
    return made(MELODY.format(network=network + "\n    init_args: {width: 360}", loss=loss, decoder=decoder, more=more))


def test_weights_may_be_numbers_or_schedules():
    decay = "{class_path: lightning_modules.ExponentialDecay, init_args: {weight: 1.0, time_constant: 500}}"
    for loss in ("SalienceBCE", "UnvoicedClassSoftmax"):
        for weight in ("0.5", decay):
            given = f"{{class_path: lightning_modules.{loss}, init_args: {{unvoiced_weight: {weight}}}}}"
            model = melody("Perceptron", given)
            assert isinstance(model.loss.unvoiced_weight, float if weight == "0.5" else ExponentialDecay)
    assert isinstance(model.loss, UnvoicedClassSoftmax)


def test_losses_and_decoders_without_arguments_are_a_name():
    model = melody("Perceptron", "{class_path: lightning_modules.SalienceSoftmax}", "Viterbi")
    assert isinstance(model, MelodyTracker)
    assert isinstance(model.loss, SalienceSoftmax) and isinstance(model.decoder, Viterbi)
    assert (model.terms, model.penalty, model.augment) == ((), None, None)


@pytest.mark.parametrize(
    ("network", "term"), [("VoicingPerceptron", VoicingBCE), ("ReconstructingCREPE", Reconstruction)]
)
def test_terms_are_a_list(network, term):
    terms = f"terms: [{{class_path: lightning_modules.{term.__name__}, init_args: {{weight: 0.1}}}}]"
    model = melody(network, more=terms)
    assert [type(each) for each in model.terms] == [term] and model.terms[0].weight == 0.1


def test_a_penalty_names_its_parameters():
    penalty = (
        "penalty: {class_path: lightning_modules.L2Penalty, init_args: {weight: 0.001, parameters: [classifier.*]}}"
    )
    model = melody("CREPE", more=penalty)
    assert isinstance(model.penalty, L2Penalty) and model.penalty.parameters == ("classifier.*",)


def test_spectrograms_are_augmented():
    augment = "augment: {class_path: architectures.SpecAugment, init_args: {max_frequency_width: 26, p: 0.75}}"
    assert isinstance(melody("HCNN", more=augment).augment, SpecAugment)


def test_a_voicing_detector():
    model = made(
        """
        class_path: lightning_modules.VoicingDetector
        init_args:
          network:
            class_path: architectures.ConvolutionalVoicing
            init_args: {kernels: [{bins: 5, stride: 5}]}
          optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.001}}
          voicing_threshold: 0.5
        """
    )
    assert isinstance(model, VoicingDetector) and model.thresholds.fixed == 0.5
    assert isinstance(model.configure_optimizers(), torch.optim.Adam)


def test_a_rule_without_parameters_cannot_be_fitted():
    model = melody("Autocorrelation", decoder="Argmax")
    with pytest.raises(MisconfigurationException, match="Autocorrelation has no parameters to fit"):
        model.configure_optimizers()


def test_a_value_that_an_optimiser_or_a_schedule_refuses_is_named_in_one_line():
    more = "optimizer: {class_path: torch.optim.Adam, init_args: {lr: -1.0}}"
    with pytest.raises(MisconfigurationException, match=r"^model\.optimizer: Invalid learning rate: -1"):
        melody("Perceptron", more=more).configure_optimizers()
    more = "scheduler: {class_path: torch.optim.lr_scheduler.ConstantLR, init_args: {factor: 7.0}}"
    with pytest.raises(MisconfigurationException, match=r"^model\.scheduler: "):
        melody("Perceptron", more=more).configure_optimizers()
    more = "scheduler: {class_path: torch.optim.lr_scheduler.StepLR, init_args: {step_size: 1, last_epoch: 1}}"
    with pytest.raises(MisconfigurationException, match=r"^model\.scheduler: param 'initial_lr' is not .*0\.$"):
        melody("Perceptron", more=more).configure_optimizers()
