"""MelodyTracker without a trainer's help: its outputs, its scores, and what it refuses."""

import lightning
import mir_eval
import numpy as np
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from architectures import CREPE, FrameNetwork
from datamodules.batches import EvaluationSet, PitchBatch
from datamodules.melody import MelodyData
from datamodules.shards.index import SplitIndex
from lightning_modules import CheckpointMismatch, LocalAverage, MelodyTracker, PitchGrid, SalienceBCE
from lightning_modules.metrics import TrackMetric
from lightning_modules.outputs import DecidesVoicing, PitchTrackOutput

GRID = PitchGrid(lowest_note=58, semitones=16, bins_per_semitone=4)


class Oracle(FrameNetwork):
    """A 'network' that reads the note which the test wrote into the audio's first samples, off by some frames."""

    window, frames, width = 256, 1, GRID.bins

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(20.0))

    def forward(self, audio):
        energy = torch.stack([torch.sin(audio * 50 * (k + 1)).mean(-1) for k in range(self.width)], -1)
        return (self.gain * energy)[:, None]


def tracker(network=None, **options):
    return MelodyTracker(network or Oracle(), GRID, SalienceBCE(unvoiced_weight=1.0), LocalAverage(), **options)


def trainer(tmp_path, **options):
    options = {"max_steps": 3, "limit_val_batches": 1.0, **options}
    return lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, default_root_dir=tmp_path, **options,
    )  # fmt: skip


def data(shards, **options):
    return MelodyData(256, 1, [str(shards)], {"mine": str(shards)}, {"mine": str(shards)}, batch_size=8, **options)


class Collect(lightning.Callback):
    def __init__(self):
        self.tracks = []

    def on_validation_batch_end(self, trainer, module, outputs, *_):
        if not trainer.sanity_checking:
            self.tracks += outputs["tracks"]


def test_validation_equals_mir_eval_on_what_it_returns(melody_shards, tmp_path):
    collect, module = Collect(), tracker()
    run = trainer(tmp_path, callbacks=[collect])
    run.validate(module, data(melody_shards), verbose=False)
    logged = {key: float(value) for key, value in run.callback_metrics.items()}
    threshold = logged["val/mine/voicing_threshold"]
    expected = []
    for track in collect.tracks:
        estimate = np.where(track["confidence"].astype(np.float64) > threshold, track["pitch"], -track["pitch"])
        times = track["times"]
        expected.append(
            mir_eval.melody.evaluate(times, track["reference"].astype(float), times, estimate.astype(float))
        )
    for ours, theirs in (
        ("raw_pitch_accuracy", "Raw Pitch Accuracy"),
        ("raw_chroma_accuracy", "Raw Chroma Accuracy"),
        ("overall_accuracy", "Overall Accuracy"),
        ("voicing_recall", "Voicing Recall"),
        ("voicing_false_alarm", "Voicing False Alarm"),
    ):
        defined = [
            score[theirs]
            for score, track in zip(expected, collect.tracks, strict=True)
            if ours != "voicing_false_alarm" or (track["reference"] == 0).any()
        ]
        assert logged[f"val/mine/{ours}"] == pytest.approx(np.mean(defined), abs=1e-9)
        assert logged.get(f"val/mine/undefined/{ours}", 0) == 3 - len(defined)


def test_each_track_is_returned_once_and_whole(melody_shards, tmp_path, fulfils):
    collect = Collect()
    trainer(tmp_path, callbacks=[collect]).validate(tracker(), data(melody_shards, evaluation_frames=70), verbose=False)
    assert sorted(track["track"] for track in collect.tracks) == [f"validation_0000{number}" for number in range(3)]
    for track in collect.tracks:
        assert fulfils(track, PitchTrackOutput) and track["threshold"] is None
        assert track["salience"].shape == (300, GRID.bins) and track["notes"].shape == (GRID.bins,)
        np.testing.assert_allclose(track["times"], np.arange(300) * 0.01)
        assert (track["pitch"] > 0).all()


@pytest.mark.parametrize("frames", [33, 70, 256, 1000])
def test_scores_do_not_depend_on_how_tracks_are_cut_into_batches(melody_shards, tmp_path, frames):
    scores = []
    for evaluation_frames in (300, frames):
        run = trainer(tmp_path)
        run.validate(tracker(), data(melody_shards, evaluation_frames=evaluation_frames), verbose=False)
        scores.append({key: float(value) for key, value in run.callback_metrics.items()})
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_fitting_tunes_the_threshold_and_validating_freezes_it(melody_shards, tmp_path):
    module, run = tracker(), trainer(tmp_path, val_check_interval=3, check_val_every_n_epoch=None)
    run.fit(module, data(melody_shards))
    tuned = module.thresholds.tuned["mine"]
    assert module.voicing_thresholds == {"mine": tuned} and isinstance(module, DecidesVoicing)
    assert float(run.callback_metrics["val/mine/voicing_threshold"]) == tuned
    module.thresholds.tuned["mine"] = 0.77
    module.voicing_thresholds["of another pass"] = 0.5
    again = trainer(tmp_path)
    again.validate(module, data(melody_shards), verbose=False)
    assert float(again.callback_metrics["val/mine/voicing_threshold"]) == pytest.approx(0.77)
    assert module.voicing_thresholds == {"mine": 0.77}
    again.test(module, data(melody_shards), verbose=False)
    assert module.voicing_thresholds == {"mine": 0.77}
    assert float(again.callback_metrics["test/mine/voicing_threshold"]) == pytest.approx(0.77)


def test_a_sanity_check_tunes_and_logs_nothing(melody_shards, tmp_path):
    module = tracker()
    run = trainer(tmp_path, max_steps=1, num_sanity_val_steps=2, val_check_interval=1.0)
    run.fit(module, data(melody_shards))
    assert module.thresholds.tuned == module.voicing_thresholds == {}
    assert not any(key.startswith("val/") for key in run.callback_metrics)


def test_filling_batches_change_nothing():
    module = tracker()
    named = EvaluationSet("mine", ["a"], 8000, 80)
    audio = torch.randint(-9999, 9999, (4, 256), dtype=torch.int16)
    real = PitchBatch(
        audio, torch.full((4, 1), 300.0), torch.ones(4, 1, dtype=torch.bool), torch.zeros(4, dtype=torch.int64),
        torch.arange(4), True, named,
    )  # fmt: skip
    filling = real._replace(track=torch.full((4,), -1), valid=torch.zeros(4, 1, dtype=torch.bool), last=False)
    with torch.no_grad():
        assert module.validation_step(filling, 0) == {"tracks": []}
        assert len(module.validation_step(real, 1)["tracks"]) == 1
        assert module.validation_step(filling, 2) == {"tracks": []}
    scores = module._scores["mine"].metrics.compute()
    assert float(scores.per_track(0.5)["raw_pitch_accuracy"][0]) in (0.0, 0.25, 0.5, 0.75, 1.0)


def test_the_loss_falls(melody_shards, tmp_path):
    torch.manual_seed(0)
    module = tracker(CREPE(GRID.bins, 256, 1, dropout=0.0), optimizer=lambda p: torch.optim.Adam(p, lr=3e-3))
    losses = []

    class Losses(lightning.Callback):
        def on_train_batch_end(self, trainer, module, outputs, *_):
            losses.append(float(outputs["loss"]))

    run = trainer(tmp_path, max_steps=60, callbacks=[Losses()], limit_val_batches=0)
    run.fit(module, data(melody_shards))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_disagreements_are_refused_by_name():
    network = Oracle()
    network.width = 10
    with pytest.raises(ValueError, match=r"network\.width: 10, but the pitch grid has 64 bins"):
        tracker(network)
    batch = PitchBatch(*[torch.zeros(1, 100, dtype=torch.int16)], *[torch.zeros(1, 1)] * 2, *[torch.zeros(1)] * 2)
    with pytest.raises(MisconfigurationException, match=r"data\.window: 100 samples, but the network takes 256"):
        tracker().training_step(batch, 0)


def test_a_checkpoint_of_another_model_is_refused_in_one_line():
    one, other = tracker(CREPE(GRID.bins, 256, 1)), tracker(CREPE(GRID.bins, 256, 2))
    one.on_load_checkpoint({"state_dict": one.state_dict()})
    with pytest.raises(CheckpointMismatch, match=r"network\.blocks\.0\.0\.weight is \(64, 1, 512\) in it"):
        one.on_load_checkpoint({"state_dict": other.state_dict()})
    lacking = {name: value for name, value in one.state_dict().items() if name != "network.classifier.bias"}
    with pytest.raises(CheckpointMismatch, match=r"network\.classifier\.bias is missing in it"):
        one.on_load_checkpoint({"state_dict": lacking})


class Named(TrackMetric):
    def __init__(self, name, value=0.0):
        self.name, self.value = name, value

    def __call__(self, reference, estimate):
        return self.value


@pytest.mark.parametrize("names", [["raw_pitch_accuracy"], ["mine", "mine"]])
def test_a_metric_whose_name_is_taken_is_refused(names):
    with pytest.raises(ValueError, match=f"metrics: the name '{names[0]}' is taken"):
        tracker(metrics=[Named(name) for name in names])


def test_an_added_metric_is_averaged_over_the_tracks_where_it_is_defined(melody_shards, tmp_path):
    class VoicedShare(TrackMetric):
        name = "voiced_share"

        def __init__(self, limit):
            self.limit = limit

        def __call__(self, reference, estimate):
            assert reference.shape == estimate.shape and (estimate > 0).all()
            share = float((reference > 0).mean())
            return share if share > self.limit else float("nan")

    shares = []
    for limit in (0.0, 1.0):
        run = trainer(tmp_path)
        (scores,) = run.validate(tracker(metrics=[VoicedShare(limit)]), data(melody_shards), verbose=False)
        shares.append(scores["val/mine/voiced_share"])
    index = SplitIndex([melody_shards], "validation")
    voiced = np.bincount(index.track, [index.voiced_frames(record).sum() for record in range(len(index))])
    assert shares[0] == pytest.approx((voiced / index.track_frames).mean())
    assert np.isnan(shares[1])
