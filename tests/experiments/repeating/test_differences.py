"""What two runs differ in, and what makes no difference."""

import copy
import json

import pytest
import yaml

from experiments.repeating.differences import ABSENT, RunDifferences, flattened
from experiments.repeating.recorded import read_run_or_config

RECORD = {
    "command": ["melisma", "fit"],
    "repeats": None,
    "seed": 0,
    "commit": "a" * 40,
    "data_sets": {"data/songs": "1" * 64},
    "checkpoint": None,
    "metrics": {"val/songs/accuracy": 0.5, "val/songs/undefined": float("nan")},
    "validations": [{"step": 4, "epoch": 0, "metrics": {"val/songs/accuracy": 0.5}}],
    "best": {"metric": "val/songs/accuracy", "value": 0.5, "step": 4, "epoch": 0},
    "finished": True,
    "parameters": 12,
    "processes": 1,
    "hours": 0.1,
    "hardware": "1 threads on 2 CPU cores",
    "threads": 1,
    "cpu_capability": "AVX2",
    "packages": {"torch": "2.11.0"},
    "config": {
        "seed_everything": 0,
        "trainer": {"max_steps": 4, "logger": False, "callbacks": [{"class_path": "callbacks.PredictedF0"}]},
        "model": {"class_path": "lightning_modules.MelodyTracker", "init_args": {"betas": [0.9, 0.99]}},
        "data": {"init_args": {"train": ["data/songs"], "validation": {"songs": "data/songs"}}},
    },
}


def changed(keys, value):
    record = copy.deepcopy(RECORD)
    place = record
    for key in keys[:-1]:
        place = place[key]
    if value is ABSENT:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    return record


@pytest.fixture
def differences(tmp_path):
    def between(one, other):
        paths = []
        for number, record in enumerate((one, other)):
            paths.append(tmp_path / f"{number}.json")
            paths[-1].write_text(json.dumps(record))
        return RunDifferences(*map(read_run_or_config, paths))

    return between


@pytest.mark.parametrize(
    ("keys", "value", "section", "line"),
    [
        (("config", "seed_everything"), 1, "configuration", "seed_everything: 0 -> 1"),
        (("config", "trainer", "max_steps"), ABSENT, "configuration", "trainer.max_steps: 4 -> absent"),
        (
            ("config", "trainer", "callbacks", 0, "class_path"),
            "callbacks.Pianorolls",
            "configuration",
            "trainer.callbacks.0.class_path: callbacks.PredictedF0 -> callbacks.Pianorolls",
        ),
        (
            ("config", "model", "init_args", "betas"),
            [0.9, 0.9],
            "configuration",
            "model.init_args.betas: [0.9, 0.99] -> [0.9, 0.9]",
        ),
        (("data_sets", "data/songs"), "2" * 64, "data", "data/songs: 111111111111 -> 222222222222"),
        (("commit",), "b" * 40, "code", f"commit: {'a' * 40} -> {'b' * 40}"),
        (("packages", "torch"), "2.12.0", "code", "packages.torch: 2.11.0 -> 2.12.0"),
        (("threads",), 2, "hardware", "threads: 1 -> 2"),
        (("cpu_capability",), "AVX512", "hardware", "cpu_capability: AVX2 -> AVX512"),
        (("processes",), 2, "hardware", "processes: 1 -> 2"),
        (("metrics", "val/songs/accuracy"), 0.5000000001, "figures", "val/songs/accuracy: 0.5 -> 0.5000000001"),
        (("metrics", "val/songs/undefined"), 0.0, "figures", "val/songs/undefined: nan -> 0.0"),
        (("metrics", "val/songs/accuracy"), ABSENT, "figures", "val/songs/accuracy: 0.5 -> absent"),
        (("best", "step"), 8, "figures", "best.step: 4 -> 8"),
        (("finished",), False, "figures", "finished: True -> False"),
    ],
)
def test_a_change_is_shown_in_its_section(differences, keys, value, section, line):
    found = differences(RECORD, changed(keys, value))
    lines = list(found.lines())
    assert found.any and lines[lines.index(section) + 1] == f"  {line}"
    if section in ("code", "hardware", "figures"):
        assert [name for name, changes in found.sections.items() if changes] == [section]
    turned = differences(changed(keys, value), RECORD).sections[section]
    assert {key: f"{other} {one}" for key, (one, other) in found.sections[section].items()} == {
        key: f"{one} {other}" for key, (one, other) in turned.items()
    }


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("hours",), 3.0),
        (("command",), ["python", "-m", "experiments", "fit"]),
        (("repeats",), "runs/abc/record.json"),
        (("seed",), None),  # the configuration has it
        (("config", "trainer", "logger"), {"class_path": "CSVLogger", "init_args": {"save_dir": "runs"}}),
        (("config", "ckpt_path"), "runs/abc/checkpoints/last.ckpt"),
        (("config", "run_record"), {"repeats": "runs/abc/record.json"}),
        (("config", "trainer", "accelerator"), "cpu"),  # the hardware says what came of it
        (("cpu_capability",), ABSENT),  # an earlier version did not record it
        (("threads",), ABSENT),  # it did, in words
    ],
)
def test_what_makes_no_difference_is_not_counted(differences, keys, value):
    assert not differences(RECORD, changed(keys, value)).any


def test_the_same_data_elsewhere_are_the_same(differences):
    moved = json.loads(json.dumps(RECORD).replace("data/songs", "/disk/songs"))
    found = differences(RECORD, moved)
    assert not found.any and "data.init_args.train" in found.uncounted
    moved["data_sets"]["/disk/songs"] = "2" * 64
    assert set(differences(RECORD, moved).sections["data"]) == {"data/songs", "/disk/songs"}


def test_a_configuration_is_compared_with_that_of_a_record(differences, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed(("config", "seed_everything"), 2)["config"]))
    (tmp_path / "record.json").write_text(json.dumps({"recipe": "x", "run": RECORD}))
    found = RunDifferences(*(read_run_or_config(tmp_path / name) for name in ("record.json", "config.yaml")))
    assert found.sections == {"configuration": {"seed_everything": (0, 2)}}
    assert found.not_compared == ["data", "code", "hardware", "figures"]


def test_keys_are_dotted_and_mappings_in_lists_numbered():
    nested = {"a": {"b": [1, 2], "c": {}}, "d": [{"e": 1}, {"e": {"f": None}}]}
    assert flattened(nested) == {"a.b": [1, 2], "a.c": {}, "d.0.e": 1, "d.1.e.f": None}


def test_a_long_value_is_cut_short(differences):
    found = list(differences(RECORD, changed(("config", "model", "init_args", "betas"), "x" * 100_000)).lines())
    assert "  model.init_args.betas: [0.9, 0.99] -> xxx" in "\n".join(found) and max(map(len, found)) < 500


def test_a_long_section_is_cut_short_and_json_has_all(melisma, tmp_path):
    many = changed(("metrics",), {f"val/songs/{number}": float(number) for number in range(40)})
    for name, record in (("one", RECORD), ("other", many)):
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    outcome = melisma("diff", tmp_path / "one.json", tmp_path / "other.json")
    assert outcome.code == 1 and "  and 22 more, which --json lists" in outcome.out
    outcome = melisma("diff", tmp_path / "one.json", tmp_path / "other.json", "--json")
    assert outcome.code == 1 and len(json.loads(outcome.out)["figures"]) == 42
    for wrong in ("none.json", "none"):
        outcome = melisma("diff", tmp_path / "one.json", tmp_path / wrong)
        assert outcome.code == 2 and len(outcome.err.splitlines()) == 1 and wrong in outcome.err
