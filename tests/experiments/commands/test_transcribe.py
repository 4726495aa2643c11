"""Recordings of any rate straight to f0 tables: the same as by way of shards and `melisma predict`."""

import re
import shutil

import numpy as np
import pytest
import soundfile
import torch
import yaml

from datamodules import AudioFolder, ConstantQ
from datamodules.annotations.f0_tables import read_f0
from datamodules.errors import MachineFault
from datamodules.files import file_name
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.cli import run
from experiments.transcription import writing

C4 = 440 * 2 ** ((60 - 69) / 12)
SPECTROGRAM = ConstantQ(C4, bins_per_octave=24, octaves=3)
HCNN = """
class_path: architectures.HCNN
init_args:
  bins: 72
  frames: 4
  context: 3
  filters: 4
  kernels: [3, 3]
  harmonics: {undertones: 1, overtones: 2}
  layer_harmonics: {undertones: 0, overtones: 1}
"""


@pytest.fixture(scope="module")
def spectrogram_run(small_recipe, make_recipe, tmp_path_factory):
    root = tmp_path_factory.mktemp("spectrograms")
    prepare(make_recipe(root / "shards", spectrogram=SPECTROGRAM), progress=False)
    recipe = yaml.safe_load(small_recipe.read_text())
    model, data = (recipe[part]["init_args"] for part in ("model", "data"))
    model |= {
        "network": yaml.safe_load(HCNN),
        "grid": {"lowest_note": 60, "semitones": 16, "bins_per_semitone": 2},
    }
    shards = str(root / "shards")
    data |= {"train": [shards], "validation": {"mine": shards}, "test": {"mine": shards}}
    (root / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return finished(root / "recipe.yaml", root)


def finished(recipe, root):
    """The folder of a run."""
    run(["fit", "--config", str(recipe), "--trainer.default_root_dir", str(root)])
    return next((root / "runs").iterdir())


def sung(path, rate, seconds=1.5):
    """A gliding tone with a pause."""
    times = np.arange(int(seconds * rate)) / rate
    audio = 0.3 * np.sin(2 * np.pi * (300 * times + 60 * times**2)) * (np.abs(times - 0.8) > 0.15)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate)
    return path


def tables_in(out):
    return {path.name for path in out.iterdir()} - {"transcription.json"}


def signed(path):
    """Times, and f0 that is negative where unvoiced."""
    return np.stack(read_f0(path), axis=1)


def table(path):
    return np.loadtxt(path, delimiter=",", skiprows=1)


@pytest.mark.parametrize(("kind", "cents"), [("trained_run", 0.01), ("spectrogram_run", 5.0)])
def test_transcribing_gives_what_preparing_and_predicting_gives(kind, cents, request, tmp_path, melisma):
    folder = request.getfixturevalue(kind)
    best = folder / "checkpoints" / "best.ckpt"
    sung(tmp_path / "in" / "one.wav", 16000)
    sung(tmp_path / "in" / "two.flac", 8000, 0.613)
    recipe = ShardRecipe(
        AudioFolder(str(tmp_path / "in"), table_suffix=None), str(tmp_path / "shards"), 8000, 80,
        context=0.2, splits={"predict": 1.0}, spectrogram=SPECTROGRAM,
    )  # fmt: skip
    prepare(recipe, progress=False)
    shards = f"--data.predict={{new: {tmp_path / 'shards'}}}"
    outcome = melisma("predict", "--config", folder / "config.yaml", "--ckpt_path", best, shards)
    assert outcome.code == 0, outcome.err
    outcome = melisma("transcribe", tmp_path / "in", "--model", best, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    for name in ("one", "two"):
        ours, theirs = (
            signed(place / f"{name}.csv") for place in (tmp_path / "out", folder / "predict" / "new" / "f0")
        )
        assert np.array_equal(ours[:, 0], theirs[:, 0])
        assert np.abs(1200 * np.log2(np.abs(ours[:, 1] / theirs[:, 1]))).max() < cents
        assert np.mean(np.sign(ours[:, 1]) != np.sign(theirs[:, 1])) <= (0.02 if kind == "spectrogram_run" else 0)


def test_a_threshold_of_ones_own_replaces_the_tuned_one(trained_run, tmp_path, melisma):
    path = sung(tmp_path / "one.wav", 8000)
    best = trained_run / "checkpoints" / "best.ckpt"
    for threshold, sign in ((0.0, 1), (1.0, -1)):
        out = tmp_path / str(threshold)
        words = ("--model", best, "--out", out, "--voicing_threshold", threshold)
        assert melisma("transcribe", path, *words).code == 0
        assert (np.sign(signed(out / "one.csv")[:, 1]) == sign).all()


def test_what_cannot_be_read_is_named_at_the_end_and_the_rest_is_done(trained_run, tmp_path, melisma):
    good, bad = sung(tmp_path / "good.wav", 8000), tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF of nothing")
    outcome = melisma("transcribe", bad, good, "--model", trained_run, "--out", tmp_path / "out")
    assert outcome.code == 1 and str(bad) in outcome.err and str(good) not in outcome.err
    assert tables_in(tmp_path / "out") == {"good.csv"}


def test_a_disk_that_is_full_ends_the_batch_and_is_named_once(trained_run, tmp_path, melisma, monkeypatch):
    tried = []

    def full(path, *_):
        tried.append(path)
        raise MachineFault(f"{path}: No space left on device; free some space there")

    monkeypatch.setattr(writing, "write_tracked", full)
    recordings = [sung(tmp_path / f"{name}.wav", 8000) for name in "ab"]
    outcome = melisma("transcribe", *recordings, "--model", trained_run, "--out", tmp_path / "out")
    assert outcome.code == 1 and len(tried) == 1
    assert f"melisma: {tmp_path / 'out' / 'a.csv'}: No space left on device; free some space there" in outcome.err
    assert "could not transcribe" not in outcome.err


def test_recordings_of_one_name_are_refused_before_anything_is_written(trained_run, tmp_path, melisma):
    one, other = sung(tmp_path / "a" / "x.wav", 8000), sung(tmp_path / "b" / "x.wav", 8000)
    outcome = melisma("transcribe", one, other, "--model", trained_run, "--out", tmp_path / "out")
    assert outcome.code == 1 and f"{one}, {other}" in outcome.err and not (tmp_path / "out").exists()


def test_a_checkpoint_that_cannot_be_used_is_named(trained_run, tmp_path, melisma):
    song = sung(tmp_path / "x.wav", 8000)

    def complaint(model):
        outcome = melisma("transcribe", song, "--model", model, "--out", tmp_path / "out")
        assert outcome.code == 1 and not (tmp_path / "out").exists()
        return outcome.err

    assert f"{tmp_path / 'none.ckpt'}: there is no such file" in complaint(tmp_path / "none.ckpt")
    assert f"{tmp_path}: no model; expected is a run" in complaint(tmp_path)
    checkpoints = tmp_path / "run" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").write_text((trained_run / "config.yaml").read_text())
    (checkpoints / "text.ckpt").write_text("nothing")
    assert "is damaged, or no checkpoint" in complaint(checkpoints / "text.ckpt")
    state = torch.load(trained_run / "checkpoints" / "best.ckpt", weights_only=True)
    del state["MelodyData"]["shards"]
    torch.save(state, checkpoints / "old.ckpt")
    assert "rate and hop" in complaint(checkpoints / "old.ckpt")
    (tmp_path / "run" / "config.yaml").write_text("model: {class_path: architectures.CREPE}")
    assert "config.yaml: describes no model" in complaint(checkpoints / "old.ckpt")


def test_a_run_its_best_checkpoint_and_what_is_released_of_it_give_the_same_table(
    trained_run, released_folder, tmp_path, melisma, monkeypatch
):
    song = sung(tmp_path / "x.wav", 11025)
    monkeypatch.setattr("experiments.released.FOLDER", released_folder.parent)
    best = trained_run / "checkpoints" / "best.ckpt"
    tables = []
    for place, model in enumerate((trained_run, best, released_folder, released_folder.name)):
        out = tmp_path / str(place)
        words = ("--model", model, "--out", out, "--voicing_threshold", 0.5)
        assert melisma("transcribe", song, *words).code == 0
        tables.append((out / "x.csv").read_text())
    assert len(set(tables)) == 1
    lines = tables[0].splitlines()
    assert lines[0] == "time,frequency,confidence,voiced" and len(lines) == 151
    times, f0, confidence, voiced = table(tmp_path / "0" / "x.csv").T
    assert np.array_equal(times, np.arange(150) * 80 / 8000)
    assert (f0 > 0).all() and np.array_equal(voiced == 1, confidence > 0.5)


def test_a_network_of_spectrograms_is_released_with_the_transform_that_it_reads(spectrogram_run, tmp_path, melisma):
    song = sung(tmp_path / "x.wav", 11025)
    assert melisma("release", spectrogram_run, "--out", tmp_path / "model", "--voicing_threshold", 0.4).code == 0
    for out, words in (("released", ("--model", tmp_path / "model")), ("run", ("--model", spectrogram_run))):
        words = (*words, "--out", tmp_path / out, "--voicing_threshold", 0.4)
        assert melisma("transcribe", song, *words).code == 0
    assert (tmp_path / "released" / "x.csv").read_bytes() == (tmp_path / "run" / "x.csv").read_bytes()


def test_a_file_in_the_place_of_the_folder_is_named(trained_run, tmp_path, melisma):
    song = sung(tmp_path / "x.wav", 8000)
    outcome = melisma("transcribe", song, "--model", trained_run, "--out", song)
    assert outcome.code == 1 and f"--out: {song}: File exists; something else stands there" in outcome.err


def test_without_a_model_it_is_the_released_tracker_with_its_threshold(released_folder, tmp_path, melisma, monkeypatch):
    song = sung(tmp_path / "x.wav", 8000)
    monkeypatch.setattr("experiments.released.FOLDER", tmp_path / "checkpoints")
    outcome = melisma("transcribe", song, "--out", tmp_path / "out")
    assert outcome.code == 1 and outcome.err.count("\n") == 1 and not (tmp_path / "out").exists()
    assert "no released model 'tracker'" in outcome.err and "--model" in outcome.err
    shutil.copytree(released_folder, tmp_path / "checkpoints" / "tracker")
    assert melisma("transcribe", song, "--out", tmp_path / "out").code == 0
    _, _, confidence, voiced = table(tmp_path / "out" / "x.csv").T
    assert np.array_equal(voiced == 1, confidence > 0.37)


def test_a_checkpoint_among_the_recordings_is_answered_with_the_option(trained_run, tmp_path, melisma):
    best = trained_run / "checkpoints" / "best.ckpt"
    outcome = melisma("transcribe", best, sung(tmp_path / "x.wav", 8000), "--out", tmp_path / "out")
    assert outcome.code == 2 and f"say --model {best}" in outcome.err and outcome.err.count("\n") == 1


def test_folders_are_taken_with_the_audio_in_them_and_what_is_too_short_is_named(trained_run, tmp_path, melisma):
    sung(tmp_path / "in" / "one.wav", 8000)
    sung(tmp_path / "in" / "below" / "three.wav", 8000)
    soundfile.write(tmp_path / "in" / "two.flac", np.zeros(1), 48000)
    (tmp_path / "in" / "notes.txt").write_text("no audio")
    outcome = melisma("transcribe", tmp_path / "in", "--model", trained_run, "--out", tmp_path / "out")
    assert outcome.code == 1 and "1 recording transcribed" in outcome.out
    assert f"{tmp_path / 'in' / 'two.flac'}: too short" in outcome.err
    assert tables_in(tmp_path / "out") == {"one.csv"}
    (tmp_path / "empty").mkdir()
    outcome = melisma("transcribe", tmp_path / "empty", "--model", trained_run, "--out", tmp_path / "out")
    assert outcome.code == 1 and f"{tmp_path / 'empty'}: no audio file in it" in outcome.err


def test_the_tables_are_scored_with_their_voicing(trained_run, tmp_path, melisma):
    song = sung(tmp_path / "x.wav", 8000)
    assert melisma("transcribe", song, "--model", trained_run, "--out", tmp_path / "truth").code == 0
    words = ("--model", trained_run, "--out", tmp_path / "none", "--voicing_threshold", 1.0)
    assert melisma("transcribe", song, *words).code == 0
    outcome = melisma("evaluate", tmp_path / "truth", tmp_path / "none", "--out", tmp_path / "report")
    assert outcome.code == 0, outcome.err
    assert re.search(r"^voicing_recall +0\.0000", outcome.out, re.MULTILINE)
    assert re.search(r"^raw_pitch_accuracy +1\.0000", outcome.out, re.MULTILINE)


def test_recordings_with_names_that_cannot_be_kept_have_tables_of_their_own(trained_run, tmp_path, melisma):
    names = (".hidden", "x" * 250, "x" * 251, file_name("x" * 250), "..x")
    recordings = [sung(tmp_path / "in" / f"{name}.wav", 8000, 0.3) for name in names]
    outcome = melisma("transcribe", *recordings, "--model", trained_run, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert tables_in(tmp_path / "out") == {f"{file_name(name)}.csv" for name in names}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
