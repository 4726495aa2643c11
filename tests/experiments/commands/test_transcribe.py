"""Recordings of any rate straight to f0 tables: the same as by way of shards and `melisma predict`."""

import numpy as np
import pytest
import soundfile
import torch
import yaml

from datamodules import AudioFolder, ConstantQ
from datamodules.files import file_name
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.cli import run

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
def audio_run(small_recipe, tmp_path_factory):
    return finished(small_recipe, tmp_path_factory.mktemp("audio"))


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


def table(path):
    return np.loadtxt(path, delimiter=",")


@pytest.mark.parametrize(("kind", "cents"), [("audio_run", 0.01), ("spectrogram_run", 5.0)])
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
    outcome = melisma("transcribe", best, *(tmp_path / "in").iterdir(), "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    for name in ("one", "two"):
        ours, theirs = table(tmp_path / "out" / f"{name}.csv"), table(folder / "predict" / "new" / "f0" / f"{name}.csv")
        assert np.array_equal(ours[:, 0], theirs[:, 0])
        assert np.abs(1200 * np.log2(np.abs(ours[:, 1] / theirs[:, 1]))).max() < cents
        assert np.mean(np.sign(ours[:, 1]) != np.sign(theirs[:, 1])) <= (0.02 if kind == "spectrogram_run" else 0)


def test_a_threshold_of_ones_own_replaces_the_tuned_one(audio_run, tmp_path, melisma):
    path = sung(tmp_path / "one.wav", 8000)
    best = audio_run / "checkpoints" / "best.ckpt"
    for threshold, sign in ((0.0, 1), (1.0, -1)):
        out = tmp_path / str(threshold)
        assert melisma("transcribe", best, path, "--out", out, "--voicing_threshold", threshold).code == 0
        assert (np.sign(table(out / "one.csv")[:, 1]) == sign).all()


def test_what_cannot_be_read_is_named_at_the_end_and_the_rest_is_done(audio_run, tmp_path, melisma):
    good, bad = sung(tmp_path / "good.wav", 8000), tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF of nothing")
    outcome = melisma("transcribe", audio_run / "checkpoints" / "best.ckpt", bad, good, "--out", tmp_path / "out")
    assert outcome.code == 1 and str(bad) in outcome.err and str(good) not in outcome.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.csv"]


def test_recordings_of_one_name_are_refused_before_anything_is_written(audio_run, tmp_path, melisma):
    one, other = sung(tmp_path / "a" / "x.wav", 8000), sung(tmp_path / "b" / "x.wav", 8000)
    outcome = melisma("transcribe", audio_run / "checkpoints" / "best.ckpt", one, other, "--out", tmp_path / "out")
    assert outcome.code == 1 and f"{one}, {other}" in outcome.err and not (tmp_path / "out").exists()


def test_a_checkpoint_that_cannot_be_used_is_named(audio_run, tmp_path, melisma):
    song = sung(tmp_path / "x.wav", 8000)
    assert f"{tmp_path / 'none.ckpt'}: there is no such file" in melisma("transcribe", tmp_path / "none.ckpt", song).err
    checkpoints = tmp_path / "run" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").write_text((audio_run / "config.yaml").read_text())
    (checkpoints / "text.ckpt").write_text("nothing")
    assert "not readable as a checkpoint" in melisma("transcribe", checkpoints / "text.ckpt", song).err
    state = torch.load(audio_run / "checkpoints" / "best.ckpt", weights_only=True)
    del state["MelodyData"]["shards"]
    torch.save(state, checkpoints / "old.ckpt")
    assert "rate and hop" in melisma("transcribe", checkpoints / "old.ckpt", song).err
    (tmp_path / "run" / "config.yaml").write_text("model: {class_path: architectures.CREPE}")
    assert "config.yaml: describes no model" in melisma("transcribe", checkpoints / "old.ckpt", song).err


def test_recordings_with_names_that_cannot_be_kept_have_tables_of_their_own(audio_run, tmp_path, melisma):
    names = (".hidden", "x" * 250, "x" * 251, file_name("x" * 250), "..x")
    recordings = [sung(tmp_path / "in" / f"{name}.wav", 8000, 0.3) for name in names]
    outcome = melisma("transcribe", audio_run / "checkpoints" / "best.ckpt", *recordings, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{file_name(name)}.csv" for name in names}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
