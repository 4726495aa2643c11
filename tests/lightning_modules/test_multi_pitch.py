"""MultiPitchTracker on synthetic chords: it learns, and logs what mir_eval says of the tables that it leaves."""

import lightning
import mir_eval
import numpy as np
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from architectures import HCNN, Harmonics
from callbacks import ExcerptValidation, MultiPitchPianorolls, PredictedMultiF0, RunFolder, run_folder
from datamodules import ConstantQ, MelodyData, SpectrogramShape
from datamodules.annotations.f0_series import MultiF0Series
from datamodules.batches import EvaluationSet, PitchBatch
from datamodules.corpora.base import Audio, Recording
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from lightning_modules import (
    LocalAverage,
    MelodyTracker,
    MultiPitchTracker,
    PitchGrid,
    SalienceBCE,
    SaliencePeaks,
    SalienceSoftmax,
)
from lightning_modules.metrics import MULTI_PITCH_METRICS
from lightning_modules.outputs import DecidesVoicing, MultiPitchTrackOutput
from tests.given_corpus import Given, GivenCorpus

RATE, HOP, SECONDS = 8000, 80, 3.0
GRID = PitchGrid(lowest_note=48, semitones=36, bins_per_semitone=3)
TRACKS = {"train": 6, "validation": 2, "test": 2, "predict": 1}


def chords(seed):
    """Two voices of held notes and rests, and their sound."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(SECONDS * RATE / HOP)) * HOP / RATE
    sound, voices = np.zeros(round(SECONDS * RATE)), []
    for lowest in (50, 64):
        notes = rng.integers(lowest, lowest + 12, 6) + rng.uniform(-0.3, 0.3, 6)
        sounding = rng.random(6) < 0.8
        held = np.repeat(440 * 2 ** ((notes - 69) / 12), len(sound) // 6)
        loud = np.repeat(sounding.astype(float), len(sound) // 6)
        phase = 2 * np.pi * np.cumsum(held) / RATE
        sound += loud * sum(np.sin(k * phase) / k for k in range(1, 5))
        place = np.minimum(np.arange(len(times)) * HOP, len(sound) - 1)
        voices.append(held[place] * loud[place])
    series = MultiF0Series.from_rows(times, [[f0 for f0 in row if f0 > 0] for row in np.stack(voices, axis=1)])
    return Audio((0.2 * sound).astype(np.float32), RATE), series


def truth(split, number):
    return chords(100 * list(TRACKS).index(split) + number)


@pytest.fixture(scope="module")
def chord_shards(tmp_path_factory):
    """Shards of two voices; read-only."""
    recordings = []
    for split, count in TRACKS.items():
        for number in range(count):
            audio, series = truth(split, number)
            name = f"{split}_{number}"
            recordings.append(Recording(name, Given(audio), Given(series), name, split=split))
    directory = tmp_path_factory.mktemp("chords")
    spectrogram = ConstantQ(minimum=130.8128, bins_per_octave=36, octaves=4)
    recipe = ShardRecipe(GivenCorpus(recordings), str(directory), RATE, HOP, 1.0, 0.3, spectrogram=spectrogram)
    prepare(recipe, progress=False)
    return str(directory)


def network(**changes):
    options = {"bins": 144, "frames": 20, "context": 0, "bins_per_semitone": 3, "filters": 8, "kernels": [1, 1, 1]}
    return HCNN(GRID.bins, **options | changes, harmonics=Harmonics(1, 3), layer_harmonics=Harmonics(1, 2), dropout=0.0)


def tracker(net=None, **options):
    loss = SalienceBCE(sigma=0.3, unvoiced_weight=1.0)
    made = {"loss": loss, "decoder": SaliencePeaks(), "optimizer": lambda p: torch.optim.Adam(p, lr=0.02)} | options
    return MultiPitchTracker(net or network(), GRID, **made)


def data(shards, net=None, **options):
    net = net or network()
    shape = SpectrogramShape(net.channels, net.bins, GRID.lowest_note, GRID.bins_per_semitone)
    sets = {"validation": {"mine": shards}, "test": {"mine": shards}} | options
    return MelodyData(net.window, net.frames, [shards], **sets, batch_size=8, stride=10, spectrogram=shape)


class Collect(lightning.Callback):
    def __init__(self):
        self.tracks = []

    def on_validation_batch_end(self, trainer, module, outputs, *_):
        if not trainer.sanity_checking:
            self.tracks += outputs["tracks"]

    on_test_batch_end = on_predict_batch_end = on_validation_batch_end


def trainer(folder, *callbacks, **options):
    return lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, default_root_dir=folder, callbacks=list(callbacks), **options,
    )  # fmt: skip


def by_mir_eval(folder, split):
    """The fourteen figures of every table in a folder, `(tracks, 14)`."""
    found = []
    for number in range(TRACKS[split]):
        times, estimate = mir_eval.io.load_ragged_time_series(str(folder / f"{split}_{number}.tsv"))
        reference = [row[row > 0].astype(np.float32).astype(float) for row in truth(split, number)[1].at(times)]
        found.append(list(mir_eval.multipitch.evaluate(times, reference, times, estimate).values()))
    return np.array(found)


@pytest.fixture(scope="module")
def fitted(chord_shards, tmp_path_factory):
    """A tracker that was fitted, its trainer, and what it scored before and afterwards."""
    torch.manual_seed(0)
    folder, module = tmp_path_factory.mktemp("fitted"), tracker()
    before = trainer(folder).validate(module, data(chord_shards), verbose=False)[0]
    run = trainer(
        folder, RunFolder(), PredictedMultiF0(), MultiPitchPianorolls(), max_steps=60, val_check_interval=30,
        check_val_every_n_epoch=None, num_sanity_val_steps=0,
    )  # fmt: skip
    run.fit(module, data(chord_shards))
    return module, run, before, dict(run.callback_metrics)


@pytest.mark.long
@pytest.mark.slow
def test_training_learns_the_chords(fitted):
    module, _, before, after = fitted
    assert before["val/mine/accuracy"] < 0.2
    assert after["val/mine/accuracy"] > 0.75
    assert after["val/mine/loss"] < 0.5 * before["val/mine/loss"]
    assert after["val/mine/salience_threshold"] == module.thresholds.tuned["mine"]


def test_what_is_logged_equals_mir_eval_on_the_written_tables(fitted, chord_shards):
    module, run, _, _ = fitted
    for split, stage, place in (("validation", "val", "validation"), ("test", "test", "test")):
        if stage == "test":
            run.test(module, data(chord_shards), verbose=False)
        expected = by_mir_eval(run_folder(run) / place / "mine" / "multi_f0", split).mean(axis=0)
        logged = [float(run.callback_metrics[f"{stage}/mine/{name}"]) for name in MULTI_PITCH_METRICS]
        np.testing.assert_allclose(logged, expected, rtol=0, atol=1e-9)
        per_track = module.track_scores["mine"]
        assert sorted(per_track) == [f"{split}_{number}" for number in range(2)]
    assert sorted(each.name for each in (run_folder(run) / "validation" / "mine" / "pictures").iterdir()) == [
        "validation_0.png", "validation_1.png",
    ]  # fmt: skip


def test_the_threshold_is_tuned_in_fitting_frozen_afterwards_and_kept_with_the_weights(fitted, chord_shards, tmp_path):
    module, _, _, _ = fitted
    tuned = module.thresholds.tuned["mine"]
    assert isinstance(module, DecidesVoicing) and 0 < tuned < 1
    again = tracker()
    again.load_state_dict(module.state_dict())
    again.thresholds.tuned["mine"] = 0.77
    for stage in ("validate", "test"):
        (scores,) = getattr(trainer(tmp_path), stage)(again, data(chord_shards), verbose=False)
        assert scores[f"{'test' if stage == 'test' else 'val'}/mine/salience_threshold"] == pytest.approx(0.77)
    fixed = tracker(salience_threshold=0.25)
    fixed.load_state_dict(module.state_dict())
    (scores,) = trainer(tmp_path).validate(fixed, data(chord_shards), verbose=False)
    assert scores["val/mine/salience_threshold"] == 0.25


def test_tracks_come_whole_however_they_are_cut_and_predictions_know_their_threshold(
    fitted, chord_shards, tmp_path, fulfils
):
    module, _, _, _ = fitted
    found = []
    for frames in (300, 40):
        collect = Collect()
        trainer(tmp_path, collect).validate(module, data(chord_shards, evaluation_frames=frames), verbose=False)
        found.append({track["track"]: track for track in collect.tracks})
    assert sorted(found[0]) == ["validation_0", "validation_1"]
    for name, track in found[0].items():
        assert fulfils(track, MultiPitchTrackOutput) and track["threshold"] is None
        assert track["reference"].shape == (300, 2) and track["salience"].shape == (300, GRID.bins)
        assert track["pitches"].shape == track["confidence"].shape
        np.testing.assert_allclose(found[1][name]["salience"], track["salience"], atol=1e-3)
    collect = Collect()
    trainer(tmp_path, collect).predict(module, data(chord_shards, predict={"mine": chord_shards}))
    assert [track["threshold"] for track in collect.tracks] == [module.thresholds.tuned["mine"]]


def test_excerpts_are_looked_at_between_validations_and_nothing_of_it_is_kept(chord_shards, tmp_path):
    module = tracker()
    look = ExcerptValidation(1, [MultiPitchPianorolls(tracks=1)])
    run = trainer(tmp_path, RunFolder(), look, max_steps=1, limit_val_batches=0)
    run.fit(module, data(chord_shards, excerpts={"looked": chord_shards}))
    assert (run_folder(run) / "validation" / "looked" / "pictures" / "validation_0.png").exists()
    assert module.thresholds.tuned == {}


def one_batch(f0, last=True):
    frames = f0.shape[1]
    net = network(frames=frames)
    shape = 1, net.window, net.channels, net.bins
    return net, PitchBatch(
        torch.randint(0, 65536, shape, dtype=torch.int32).to(torch.uint16), f0, torch.ones(1, frames, dtype=torch.bool),
        torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), last,
        EvaluationSet("mine", ["a"], RATE, HOP),
    )  # fmt: skip


@pytest.mark.parametrize("voices", [(), (1,), (3,)])
def test_data_of_one_voice_are_scored_as_well(voices):
    net, batch = one_batch(torch.full((1, 4, *voices), 220.0))
    module = tracker(net)
    with torch.no_grad():
        (track,) = module.validation_step(batch, 0)["tracks"]
    assert track["reference"].shape == (4, *(voices or (1,)))
    assert module._scores["mine"].metrics.compute()._references == 4 * (voices or (1,))[0]


def test_filling_batches_change_nothing():
    net, batch = one_batch(torch.full((1, 4, 2), 220.0))
    filling = batch._replace(track=torch.full((1,), -1), valid=torch.zeros(1, 4, dtype=torch.bool), last=False)
    module = tracker(net)
    with torch.no_grad():
        assert module.validation_step(filling, 0) == {"tracks": []}
        assert len(module.validation_step(batch, 1)["tracks"]) == 1


def test_one_pitch_and_several_are_told_apart_by_name():
    net, batch = one_batch(torch.full((1, 4, 2), 220.0))
    mono = MelodyTracker(net, GRID, SalienceBCE(), LocalAverage())
    with pytest.raises(MisconfigurationException, match=r"mine has several pitches .* MelodyTracker is scored on one"):
        mono.validation_step(batch, 0)
    with pytest.raises(MisconfigurationException, match="SalienceSoftmax takes one pitch in each frame"):
        tracker(net, loss=SalienceSoftmax()).validation_step(batch, 0)


def test_disagreements_are_refused_by_name():
    with pytest.raises(ValueError, match=r"salience_threshold: 0\.005 is not one of"):
        tracker(salience_threshold=0.005)
    net = network()
    net.width = 10
    with pytest.raises(ValueError, match=r"network\.width: 10, but the pitch grid has 108 bins"):
        tracker(net)
