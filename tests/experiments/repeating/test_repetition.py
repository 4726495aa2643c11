"""How the configuration of a repetition follows from a record."""

import copy
import json

import pytest
import yaml

from experiments.repeating import repetition
from experiments.repeating.recorded import read_run
from tests.experiments.repeating.test_differences import RECORD


@pytest.fixture
def stated(tmp_path, monkeypatch):
    """The configuration with which a record is repeated, and the environment."""

    def state(record, seed=None, threads=None):
        (tmp_path / "record.json").write_text(json.dumps(record))
        out = tmp_path / "out"

        def launch(words, environment):
            assert words == ["fit", "--config", str(out / "stated.yaml")]
            (out / "record.json").write_text(json.dumps(record))
            launched.append(environment)
            return 0

        launched = []
        monkeypatch.setattr(repetition, "launch", launch)
        repetition.repeat(read_run(tmp_path), out, seed, threads)
        return yaml.safe_load((out / "stated.yaml").read_text()), launched[0]

    return state


def changed(**changes):
    record = copy.deepcopy(RECORD)
    record["config"] |= changes.pop("config", {})
    return record | changes


def test_nothing_but_the_place_and_the_machine_is_another(stated, tmp_path):
    places = {"checkpoint": {"dirpath": "kept", "mode": "max"}, "ckpt_path": "kept/last.ckpt"}
    found, _ = stated(changed(config=places, processes=2))
    logger = found["trainer"].pop("logger")
    assert logger["init_args"] == {"save_dir": str(tmp_path), "name": "", "version": "out"}
    machine = {"accelerator": "cpu", "devices": 2, "num_nodes": 1}
    kept = RECORD["config"]
    trainer = {key: value for key, value in kept["trainer"].items() if key != "logger"}
    assert found == {
        **kept,
        "trainer": {**trainer, **machine},
        "checkpoint": {"dirpath": None, "mode": "max"},
        "ckpt_path": None,
        "run_record": {"repeats": str(tmp_path / "record.json")},
    }


def test_a_seed_is_that_of_everything_and_of_the_data(stated):
    found, _ = stated(RECORD, seed=3)
    assert found["seed_everything"] == found["data"]["init_args"]["seed"] == 3


def test_a_seed_that_was_drawn_is_the_recorded_one(stated):
    found, _ = stated(changed(config={"seed_everything": True}, seed=1234))
    assert found["seed_everything"] == 1234 and "seed" not in found["data"]["init_args"]


@pytest.mark.parametrize(
    ("recorded", "asked", "number"), [(2, None, "2"), (2, 1, "1"), (None, 1, "1"), (None, None, None)]
)
def test_threads_are_as_recorded_unless_others_are_asked_for(stated, recorded, asked, number):
    _, environment = stated(changed(threads=recorded, hardware="2 shared CPU cores"), threads=asked)
    assert environment == ({} if number is None else {"OMP_NUM_THREADS": number, "MKL_NUM_THREADS": number})


def test_what_may_give_other_figures_is_said_before(tmp_path):
    record = changed(config={"ckpt_path": "runs/a/last.ckpt"}, hardware="1 x NVIDIA H200")
    (tmp_path / "record.json").write_text(json.dumps(record))
    resumed, device = repetition.caveats(read_run(tmp_path))
    assert "resumed from runs/a/last.ckpt" in resumed and "NVIDIA H200" in device
    (tmp_path / "record.json").write_text(json.dumps(RECORD))
    assert not list(repetition.caveats(read_run(tmp_path)))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("runs/melisma/abc/record.json", "rerun-of-melisma-abc"),
        ("runs/abc/record.json", "rerun-of-abc"),
        ("studies/hcnn/wide/seed0/record.json", "rerun-of-wide-seed0"),
        ("runs/abc/validate/record.json", "rerun-of-abc-validate"),
        ("records/hcnn.json", "rerun-of-hcnn"),
    ],
)
def test_the_folder_is_named_after_the_run(place, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(RECORD))
    assert str(repetition.default_folder(read_run(path))) == f"runs/{name}"
    (tmp_path / "runs" / name).mkdir(parents=True)
    assert str(repetition.default_folder(read_run(path))) == f"runs/{name}-2"
