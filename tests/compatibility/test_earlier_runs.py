"""Runs and prepared directories of an earlier commit still work, and to the same figures: see README.md."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from experiments.cli import main
from experiments.runs import load

HERE = Path(__file__).parent
MODELS = {
    "melody": "MelodyTracker",
    "spectrogram": "MelodyTracker",
    "clips": "ClipClassifier",
    "phonemes": "PhonemeRecognizer",
}

each_run = pytest.mark.parametrize("name", MODELS)


pytestmark = pytest.mark.usefixtures("one_thread")  # as many as the figures were computed on


@pytest.fixture
def folder(name, tmp_path, monkeypatch):
    """A copy of an earlier run and its data, below the current directory as when it was made."""
    shutil.copytree(HERE / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return Path(name)


@pytest.fixture
def melisma(monkeypatch, capsys):
    """Run `melisma` in this process: what it printed, if it succeeded."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["melisma", *map(str, words)])
        main()
        return capsys.readouterr().out

    return run


def recorded(path):
    return json.loads(path.read_text())


def saved(checkpoint):
    return torch.load(checkpoint, map_location="cpu", weights_only=True)


def contents(directory):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.iterdir()}


def weights(state):
    return {name: value for name, value in state["state_dict"].items() if isinstance(value, torch.Tensor)}


def resume(melisma, folder, checkpoint, steps):
    """The checkpoint that a run leaves which goes on from an earlier one until so many steps are done."""
    run = folder / "run"
    melisma(
        *("fit", "--config", run / "config.yaml", "--ckpt_path", run / "checkpoints" / checkpoint),
        *("--trainer.logger=false", f"--trainer.max_steps={steps}"),
    )
    return saved(run / "checkpoints" / "last.ckpt")


@pytest.mark.sampled(2)
@each_run
def test_an_earlier_checkpoint_validates_to_the_figures_of_its_time(name, folder, melisma):
    run, expected = folder / "run", recorded(folder / "expected.json")
    melisma(
        *("validate", "--config", run / "config.yaml", "--ckpt_path", run / "checkpoints" / "best.ckpt"),
        "--trainer.logger=false",
    )
    found = recorded(run / "validate" / "record.json")
    assert found["metrics"] == pytest.approx(expected["metrics"], rel=0, abs=1e-6)
    assert found["data_sets"] == expected["data_sets"]
    assert found["parameters"] == expected["parameters"]


@each_run
def test_an_earlier_prepared_directory_is_whole(name, folder, melisma):
    assert "0 with a problem" in melisma("verify", folder / "prepared")
    described = recorded(folder / "prepared" / "dataset.json")
    shown = melisma("inspect", folder / "prepared")
    for split, counts in described["splits"].items():
        assert f"{split}: {counts['tracks']} tracks, {counts['records']} records" in shown


@pytest.mark.parametrize("name", ["melody", "spectrogram"])
def test_prepare_has_nothing_left_to_do_for_an_earlier_directory(name, folder, melisma):
    before = contents(folder / "prepared")
    identity = recorded(folder / "prepared" / "dataset.json")["id"]
    printed = melisma("prepare", HERE / "corpora" / f"{name}.yaml")
    assert f"{folder}/prepared: already prepared, id {identity[:12]}" in printed
    assert contents(folder / "prepared") == before


@pytest.mark.sampled(2)
@each_run
def test_an_earlier_run_goes_on_from_its_checkpoint(name, folder, melisma):
    before = saved(folder / "run" / "checkpoints" / "best.ckpt")
    after = resume(melisma, folder, "best.ckpt", before["global_step"] + 3)
    assert after["global_step"] == before["global_step"] + 3
    one, other = weights(before), weights(after)
    assert one.keys() == other.keys()
    assert any(not torch.equal(value, other[key]) for key, value in one.items())
    (data,) = (key for key in before if key.endswith("Data"))
    assert after[data]["batches"] == before[data]["batches"] + 3
    assert all(after[data][key] == before[data][key] for key in ("index", "plan", "seed"))


@pytest.mark.long
@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", ["spectrogram"])
def test_an_earlier_run_goes_on_as_it_did_then(name, folder, melisma):
    """Ten steps behind the best checkpoint stands the last one, and both lead to the same."""
    last = saved(folder / "run" / "checkpoints" / "last.ckpt")
    from_last = resume(melisma, folder, "last.ckpt", last["global_step"] + 5)
    shutil.copy(HERE / name / "run" / "checkpoints" / "best.ckpt", folder / "run" / "checkpoints")
    repeated = resume(melisma, folder, "best.ckpt", last["global_step"])
    from_best = resume(melisma, folder, "best.ckpt", last["global_step"] + 5)
    for now, then in ((repeated, last), (from_best, from_last)):
        assert now["global_step"] == then["global_step"] and now["MelodyData"] == then["MelodyData"]
        for key, value in weights(then).items():
            torch.testing.assert_close(weights(now)[key], value, rtol=0, atol=1e-5)


@each_run
def test_an_earlier_model_is_built_again_from_its_run(name, folder):
    checkpoint = folder / "run" / "checkpoints" / "best.ckpt"
    trained, state = load(checkpoint), saved(checkpoint)
    assert type(trained.model).__name__ == MODELS[name]
    built = trained.model.state_dict()
    assert all(torch.equal(built[key], value) for key, value in weights(state).items())
    assert trained.data and trained.data == next(value for key, value in state.items() if key.endswith("Data"))
    if "thresholds._extra_state" in state["state_dict"]:
        assert built["thresholds._extra_state"] == state["state_dict"]["thresholds._extra_state"] != {}
