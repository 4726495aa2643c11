"""VoicingDetector, and MelodyTracker, on spectrograms."""

import lightning
import mir_eval
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from architectures import ConvolutionalVoicing, Perceptron, SpectrogramNetwork
from architectures.front_ends.spec_augment import SpecAugment
from architectures.spectrogram.voicing import Kernel
from lightning_modules import L2Penalty, LocalAverage, MelodyTracker, PitchGrid, SalienceBCE, VoicingDetector
from lightning_modules.outputs import TrackOutput

GRID = PitchGrid(lowest_note=55, semitones=4, bins_per_semitone=5)
FRAMES, CONTEXT, CHANNELS, BINS = 4, 1, 2, 20


def detector(**options):
    torch.manual_seed(0)
    return VoicingDetector(
        ConvolutionalVoicing([Kernel(5, 5)], CHANNELS, BINS, BINS, FRAMES, CONTEXT, filters=4), **options
    )


class Bins(SpectrogramNetwork):
    """The spectrogram's bins, scaled, are the logits."""

    channels, bins, width, frames, context, window = CHANNELS, BINS, BINS, FRAMES, CONTEXT, FRAMES + 2 * CONTEXT

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.seen = []

    def forward(self, spectrogram):
        self.seen.append(spectrogram.detach().clone())
        return self.scale * spectrogram[:, 0, CONTEXT:-CONTEXT]


def tracker(**options):
    return MelodyTracker(Bins(), GRID, SalienceBCE(0.2), LocalAverage(), **options)


def silenced(batch):
    """The frames that are not voiced are silent: easy to learn."""
    quiet = torch.nn.functional.pad(batch.f0 == 0, (CONTEXT, CONTEXT))
    signal = batch.signal.to(torch.int32).masked_fill(quiet[:, :, None, None], 0)
    return batch._replace(signal=signal.to(torch.uint16))


class Collect(lightning.Callback):
    def __init__(self):
        self.tracks = []

    def on_validation_batch_end(self, trainer, module, outputs, *_):
        self.tracks += outputs["tracks"]


def loader(batches):
    return DataLoader(batches, batch_size=None)


@pytest.fixture
def training(make_spectrogram_batch):
    return loader([silenced(make_spectrogram_batch(batch=16, seed=seed)) for seed in range(60)])


@pytest.fixture
def validation(make_spectrogram_batch, one_track):
    return loader(
        [silenced(make_spectrogram_batch(seed=99 + part))._replace(evaluation=one_track, last=part == 1, seed=None)
         for part in range(2)]
    )  # fmt: skip


def test_a_detector_learns_to_tell_voiced_frames(training, validation, made_trainer):
    module = detector(optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.01))
    trainer = made_trainer(max_epochs=2, num_sanity_val_steps=0)
    trainer.fit(module, training, validation)
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert logged["val/mine/voicing_accuracy"] > 0.95
    assert logged["train/loss"] < 0.5 and logged["val/mine/loss"] < 0.5
    assert module.thresholds.tuned["mine"] == pytest.approx(logged["val/mine/voicing_threshold"])


def test_a_detector_is_scored_on_its_voicing_alone_and_as_mir_eval_does(validation, made_trainer, fulfils):
    collect, trainer = Collect(), None
    trainer = made_trainer(callbacks=[collect])
    trainer.validate(detector(voicing_threshold=0.5), validation, verbose=False)
    names = ("voicing_recall", "voicing_false_alarm", "voicing_accuracy", "loss", "voicing_threshold")
    assert set(trainer.callback_metrics) == {f"val/mine/{name}" for name in names}
    (track,) = collect.tracks
    assert fulfils(track, TrackOutput)
    assert len(track["times"]) == 2 * 3 * FRAMES and track["times"][1] == pytest.approx(0.01)
    reference, estimate = track["reference"] > 0, track["confidence"] > 0.5
    assert 0 < estimate.sum()
    recall, false_alarm = mir_eval.melody.voicing_measures(reference.astype(float), estimate.astype(float))
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert logged["val/mine/voicing_recall"] == pytest.approx(recall)
    assert logged["val/mine/voicing_false_alarm"] == pytest.approx(false_alarm)
    assert logged["val/mine/voicing_accuracy"] == pytest.approx(np.mean(reference == estimate))


def test_a_detector_predicts_with_its_threshold(validation, fulfils):
    module = detector(voicing_threshold=0.25).eval()
    with torch.no_grad():
        tracks = [track for batch in validation for track in module.predict_step(batch, 0)["tracks"]]
    assert [track["threshold"] for track in tracks] == [0.25] and fulfils(tracks[0], TrackOutput)
    probabilities = module(torch.rand(3, CHANNELS, FRAMES + 2 * CONTEXT, BINS))
    assert probabilities.shape == (3, FRAMES) and ((probabilities > 0) & (probabilities < 1)).all()


def test_invalid_frames_are_neither_learned_nor_scored(make_spectrogram_batch, one_track):
    batch = make_spectrogram_batch(evaluation=one_track, last=True)
    batch.valid[2, 1:] = False
    with torch.no_grad():
        (track,) = detector().eval().validation_step(batch, 0)["tracks"]
    assert len(track["confidence"]) == 2 * FRAMES + 1


def test_a_penalty_is_part_of_what_a_detector_trains(training, made_trainer):
    module = detector(penalty=L2Penalty(0.5, ["layers.*"]))
    trainer = made_trainer(max_steps=1, limit_val_batches=0)
    trainer.fit(module, training)
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert logged["train/loss"] == pytest.approx(logged["train/voicing"] + 0.5 * logged["train/l2"])


def test_spectrograms_are_augmented_by_the_seeds_of_their_batch_in_training_alone(make_spectrogram_batch, one_track):
    augment = SpecAugment(2, 5, 1, 2)
    module = tracker(augment=augment)
    batch = make_spectrogram_batch()
    plain = batch.signal.transpose(1, 2).float() / 65535
    module.training_step(batch, 0)
    with torch.no_grad():
        module.validation_step(batch._replace(seed=None, evaluation=one_track, last=True), 0)
    trained, evaluated = module.network.seen
    assert torch.equal(evaluated, plain)
    assert torch.equal(trained, augment.train()(plain, batch.seed))
    assert not torch.equal(trained, plain)


def test_spec_augment_of_audio_is_refused_by_name():
    with pytest.raises(
        ValueError, match=r"augment: SpecAugment masks spectrograms, but the network, Perceptron, takes"
    ):
        MelodyTracker(Perceptron(GRID.bins, 256, 4), GRID, SalienceBCE(), LocalAverage(), augment=SpecAugment())


def test_a_melody_is_tracked_on_spectrograms(training, validation, made_trainer):
    trainer = made_trainer(max_steps=2, num_sanity_val_steps=0)
    collect = Collect()
    trainer.callbacks.append(collect)
    trainer.fit(tracker(), training, validation)
    trainer.validate(tracker(), validation, verbose=False)
    assert "val/mine/raw_pitch_accuracy" in trainer.callback_metrics
    assert collect.tracks[0]["salience"].shape == (2 * 3 * FRAMES, BINS)
