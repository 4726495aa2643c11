"""`melisma rerun` and `melisma diff` on short runs of every family: bit-equal, unless the seed is another."""

import json
import multiprocessing
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from datamodules.shards.index import describe
from experiments.cli import main
from experiments.repeating import repetition

COMPATIBILITY = Path(__file__).parents[2] / "compatibility"
FAMILIES = ("melody", *(pytest.param(each, marks=pytest.mark.long) for each in ("clips", "phonemes")))
SHORT = (
    *("--trainer.max_steps=6", "--trainer.val_check_interval=3", "--trainer.check_val_every_n_epoch=null"),
    *("--trainer.callbacks=null", "--trainer.logger=false", "--trainer.limit_val_batches=2"),
    *("--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"),
)


pytestmark = pytest.mark.usefixtures("one_thread")  # the count that a record has, and the repetition gets


@pytest.fixture
def forked(monkeypatch):
    """The repetition runs in a fork of this process, which has imported all; gives the environments that it got."""
    environments = []

    def child(words, environment):
        os.environ.update(environment)
        torch.set_num_threads(int(environment["OMP_NUM_THREADS"]))
        sys.argv[1:] = words
        main()

    def launch(words, environment):
        environments.append(environment)
        process = multiprocessing.get_context("fork").Process(target=child, args=(words, environment))
        process.start()
        process.join()
        return process.exitcode

    monkeypatch.setattr(repetition, "launch", launch)
    return environments


@pytest.fixture
def fitted(melisma, tmp_path, monkeypatch):
    """Makes a short run of a family's recipe on its shards below the current directory; gives its folder."""
    monkeypatch.chdir(tmp_path)

    def fit(family, *words):
        if not Path(family).exists():
            shutil.copytree(COMPATIBILITY / family / "prepared", Path(family, "prepared"))
        before = set(Path("runs").glob("*"))
        outcome = melisma("fit", "--config", COMPATIBILITY / "recipes" / f"{family}.yaml", *SHORT, *words)
        assert outcome.code == 0, outcome.err
        (folder,) = set(Path("runs").glob("*")) - before
        return folder

    return fit


def record_of(folder):
    return json.loads((folder / "record.json").read_text())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_is_repeated_to_the_bit_and_another_seed_is_named(family, fitted, forked, melisma):
    folder = fitted(family)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    same = melisma("rerun", folder, "--out", "same")
    assert same.code == 0, same.out + same.err
    assert "figures of all validations: all" in same.out and "0, bit-equal" in same.out
    assert "figures of the items of mine: all" in same.out and same.out.rstrip().endswith("\nequal")
    assert record_of(Path("same"))["metrics"] == record_of(folder)["metrics"]
    assert record_of(Path("same"))["repeats"] == str(folder / "record.json")
    assert melisma("diff", folder, "same").code == 0

    other = melisma("rerun", folder, "--out", "other", "--seed", "1")
    assert other.code == 3 and "differ, by up to" in other.out and "\nequal" not in other.out
    different = melisma("diff", folder, "other")
    assert different.code == 1
    lines = different.out.splitlines()
    assert lines[:3] == ["configuration", "  seed_everything: 0 -> 1", "  data.init_args.seed: 0 -> 1"]
    assert lines[3] == "figures" and "alike: data, code, hardware" in lines
    assert forked == [{"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}] * 2
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.long
def test_a_validation_is_repeated_with_its_weights_and_its_own_configuration(fitted, forked, melisma):
    folder = fitted("melody")
    weights = folder / "checkpoints" / "best.ckpt"
    words = ("validate", "--config", folder / "config.yaml", "--ckpt_path", weights, "--data.batch_size=2")
    assert melisma(*words, "--data.validation={other: melody/prepared}").code == 0
    before = (folder / "validate" / "record.json").read_bytes()
    outcome = melisma("rerun", folder / "validate", "--out", "again")
    assert outcome.code == 0, outcome.out + outcome.err
    assert "val/other/raw_pitch_accuracy" in outcome.out
    record = record_of(Path("again", "validate"))
    assert record["config"]["data"]["init_args"]["validation"] == {"other": "melody/prepared"}
    assert (folder / "validate" / "record.json").read_bytes() == before
    assert melisma("diff", folder / "validate", "again/validate").code == 0
    weights.unlink()
    refused = melisma("rerun", folder / "validate", "--out", "third")
    assert refused.code == 1 and "best.ckpt: the weights that" in refused.err and not Path("third").exists()


def test_other_data_are_refused_with_both_ids(fitted, melisma):
    folder = fitted("clips")
    path = Path("clips/prepared/dataset.json")
    identity = describe(path.parent)["id"]
    path.write_text(path.read_text().replace(identity, "f" * 64))
    refused = melisma("rerun", folder)
    assert refused.code == 1 and len(refused.err.splitlines()) == 1
    assert refused.err.startswith("melisma: clips/prepared: the data set ffffffffffff is there, but ")
    assert f"is of the data set {identity[:12]}; prepare it" in refused.err
    path.unlink()
    refused = melisma("rerun", folder)
    assert "clips/prepared: nothing is prepared there" in refused.err and identity[:12] in refused.err
    assert [each.name for each in Path("runs").iterdir()] == [folder.name]


def test_what_cannot_be_repeated_is_refused_in_a_line(fitted, melisma):
    folder = fitted("melody")
    record = record_of(folder)

    def refusal(**changes):
        Path("changed.json").write_text(json.dumps({"recipe": "x", "run": {**record, **changes}}))
        outcome = melisma("rerun", "changed.json", "--out", "new")
        assert outcome.code == 1 and len(outcome.err.splitlines()) == 1 and not Path("new").exists()
        return outcome.err

    assert "changed.json: the record holds no configuration" in refusal(config=None)
    assert "the run was not finished" in refusal(finished=False)
    assert "no figures" in refusal(metrics={}, validations=[], best=None)
    Path("new").mkdir()
    Path("new/notes.txt").write_text("mine")
    outcome = melisma("rerun", folder, "--out", "new")
    assert outcome.code == 1 and "new: stands there already" in outcome.err
    assert "no record of a run" in melisma("rerun", "melody").err
    assert "a number from 1 to" in melisma("rerun", folder, "--threads", "0").err


@pytest.mark.long
def test_a_tolerance_and_the_folder_of_its_own(fitted, forked, melisma):
    folder = fitted("melody")
    outcome = melisma("rerun", folder, "--seed", "1", "--tolerance", "1000", "--threads", "1")
    assert outcome.code == 0 and "equal within" in outcome.out
    assert Path(f"runs/rerun-of-{folder.name}/record.json").is_file()


@pytest.mark.long
def test_a_record_alone_is_repeated_in_a_process_of_its_own(fitted, melisma, monkeypatch):
    folder = fitted("melody")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    Path("records").mkdir()
    Path("records/kept.json").write_text(json.dumps({"recipe": "x", "run": record_of(folder)}))
    shutil.rmtree(folder)
    outcome = melisma("rerun", "records/kept.json")
    assert outcome.code == 0, outcome.out + outcome.err
    assert record_of(Path("runs/rerun-of-kept"))["repeats"] == "records/kept.json"
