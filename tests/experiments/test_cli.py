"""The command line: what it refuses, what it links, and that a run repeats from what it left."""

import re

import numpy as np
import pytest
import soundfile
import torch

from datamodules.corpora import AudioFolder
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.cli import run


@pytest.fixture(scope="module")
def fitted(small_recipe, tmp_path_factory):
    """A finished run: the CLI object and its folder."""
    root = tmp_path_factory.mktemp("fitted")
    words = ["--trainer.default_root_dir", str(root), "--resume.every_n_train_steps=4"]
    cli = run(["fit", "--config", str(small_recipe), *words])
    (folder,) = (root / "runs").iterdir()
    return cli, folder


def figures(cli):
    return {key: float(value) for key, value in cli.trainer.callback_metrics.items() if key.startswith("val/")}


def test_fit_leaves_everything_needed_to_repeat_it(fitted):
    _, folder = fitted
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt"} <= written
    assert len([name for name in written if re.fullmatch(r"validation/mine/f0/validation_0000\d\.csv", name)]) == 3


def test_validate_gives_the_figures_of_the_best_checkpoint_threshold_included(fitted):
    cli, folder = fitted
    best = folder / "checkpoints" / "best.ckpt"
    again = run(["validate", "--config", str(folder / "config.yaml"), "--ckpt_path", str(best)])
    saved = torch.load(best, weights_only=True)
    score = next(s for key, s in saved["callbacks"].items() if "BestCheckpoint" in key)["best_model_score"]
    assert figures(again)["val/mine/raw_pitch_accuracy"] == pytest.approx(float(score), abs=1e-6)
    tuned = saved["state_dict"]["thresholds._extra_state"]["mine"]
    assert figures(again)["val/mine/voicing_threshold"] == pytest.approx(tuned)
    if saved["global_step"] == cli.trainer.global_step:
        assert figures(again) == pytest.approx(figures(cli), abs=1e-6)


def test_validate_of_the_last_checkpoint_gives_the_last_figures_of_fit(fitted):
    cli, folder = fitted
    last = folder / "checkpoints" / "last.ckpt"
    again = run(["validate", "--config", str(folder / "config.yaml"), "--ckpt_path", str(last)])
    assert figures(again) == pytest.approx(figures(cli), abs=1e-6)
    saved = torch.load(last, weights_only=True)["state_dict"]["thresholds._extra_state"]
    assert saved == cli.model.thresholds.tuned, "saved after the validation at its last step, not only before"


def test_test_and_predict_write_one_table_per_track(fitted, melody_shards):
    _, folder = fitted
    common = ["--config", str(folder / "config.yaml"), "--ckpt_path", str(folder / "checkpoints" / "best.ckpt")]
    scores = run(["test", *common]).trainer.callback_metrics
    assert {"test/mine/overall_accuracy", "test/mine/voicing_threshold"} <= set(scores)
    assert len(list(folder.glob("test/mine/f0/*.csv"))) == 2


def test_recordings_without_annotation_are_predicted_and_never_scored(fitted, tmp_path, melisma):
    _, folder = fitted
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "tone.wav", 0.3 * np.sin(2 * np.pi * 330 * np.arange(8000) / 8000), 8000)
    recipe = ShardRecipe(
        AudioFolder(str(tmp_path / "in"), table_suffix=None), str(tmp_path / "out"), 8000, 80,
        splits={"predict": ["tone"]},
    )  # fmt: skip
    prepare(recipe, progress=False)
    common = ["--config", folder / "config.yaml", "--ckpt_path", folder / "checkpoints" / "best.ckpt"]
    assert melisma("predict", *common, f"--data.predict={{new: {tmp_path / 'out'}}}").code == 0
    assert len(np.loadtxt(folder / "predict" / "new" / "f0" / "tone.csv", delimiter=",")) == 100
    refused = melisma("validate", *common, f"--data.validation={{new: {tmp_path / 'out'}}}")
    assert refused.code == 1 and "no split 'validation'" in refused.err


def test_validate_prints_every_figure_under_the_name_of_its_set(fitted, melisma, melody_shards):
    _, folder = fitted
    outcome = melisma(
        *("validate", "--config", folder / "config.yaml", "--ckpt_path", folder / "checkpoints" / "best.ckpt"),
        f"--data.validation={{mine: {melody_shards}, again: {melody_shards}}}",
    )
    assert re.search(r"^ +mine +again$", outcome.out, re.MULTILINE)
    row = re.search(r"^raw_pitch_accuracy +(\d\.\d{6}) +(\d\.\d{6})$", outcome.out, re.MULTILINE)
    assert row and row[1] == row[2]


def test_an_override_reaches_the_decoder_of_a_trained_checkpoint(fitted):
    _, folder = fitted
    common = ["--config", str(folder / "config.yaml"), "--ckpt_path", str(folder / "checkpoints" / "best.ckpt")]
    tables = []
    for words in (["--model.decoder.radius=2.0"], ["--model.decoder=lightning_modules.Argmax"]):
        run(["validate", *common, *words])
        tables.append(np.loadtxt(folder / "validate" / "mine" / "f0" / "validation_00000.csv", delimiter=","))
    notes = [12 * np.log2(np.abs(table[:, 1]) / 440) for table in tables]  # from A4
    assert not np.allclose(notes[0], notes[1])
    np.testing.assert_allclose(notes[1] * 2, np.rint(notes[1] * 2), atol=1e-3, err_msg="the argmax lies on the grid")


def test_grid_network_and_data_are_linked(small_recipe):
    args = ["fit", "--config", str(small_recipe), "--model.grid.bins_per_semitone=3", "--model.network.window=512"]
    cli = run([*args, "--trainer.max_steps=1", "--trainer.limit_val_batches=0", "--trainer.fast_dev_run=true"])
    assert cli.model.network.width == 48
    assert cli.datamodule.window == 512


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.train=[/nowhere]"], "/nowhere: no dataset.json"),
        (["--data.batch_size=100000"], "lower data.batch_size"),
        (["--model.network.window=2048"], "context: 0.128"),
        (["--checkpoint.monitor=val/mine/raw_pitch"], "val/mine/raw_pitch_accuracy"),
        (["--data.train=[]"], "data.train"),
    ],
)
def test_data_that_cannot_be_used_ends_in_exit_code_1_and_one_line(melisma, small_recipe, tmp_path, words, message):
    outcome = melisma("fit", "--config", small_recipe, "--trainer.default_root_dir", tmp_path, *words)
    assert outcome.code == 1
    lines = [line for line in outcome.err.splitlines() if line.startswith("melisma:")]
    assert len(lines) == 1 and message in lines[0]
    assert "Traceback" not in outcome.err


def test_a_checkpoint_of_another_width_is_refused_by_parameter_and_shapes(melisma, fitted):
    _, folder = fitted
    outcome = melisma(
        "validate",
        *("--config", folder / "config.yaml"),
        *("--ckpt_path", folder / "checkpoints" / "best.ckpt"),
        "--model.network.capacity=2",
    )
    assert outcome.code == 1
    assert re.search(r"network\.blocks\.0\.0\.weight is \(32, 1, 512\) in it but \(64, 1, 512\)", outcome.err)


def test_prepare_reads_a_recipe_and_overrides(melisma, tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "corpus:\n  class_path: datamodules.SyntheticMelody\n"
        "  init_args: {recordings: {train: 2}, seconds: 1.0, rate: 8000}\n"
        f"directory: {tmp_path}/first\nrate: 8000\nhop: 80\n"
    )
    assert melisma("prepare", path).code == 0
    outcome = melisma("prepare", path, "--directory", tmp_path / "second", "--corpus.seconds=2.0")
    assert outcome.code == 0 and "2 tracks" in outcome.out
    assert (tmp_path / "first" / "dataset.json").exists() and (tmp_path / "second" / "dataset.json").exists()
    assert "already" in melisma("prepare", path).out
