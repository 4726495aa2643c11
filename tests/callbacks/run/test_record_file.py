"""A record of a run that was edited, cut or made by somebody else is refused by file and key."""

import copy
import json
from pathlib import Path

import pytest

from callbacks.run.record_file import check_record
from datamodules.errors import DataError

RECORD = {
    "command": ["melisma", "fit"],
    "seed": 0,
    "commit": None,
    "data_sets": {"data/mine": "0" * 64},
    "metrics": {"val/mine/loss": float("nan"), "val/mine/raw_pitch_accuracy": 1},
    "validations": [{"step": 1, "epoch": 0, "metrics": {"val/mine/loss": 0.5}}],
    "best": {"metric": "val/mine/loss", "value": 0.5, "step": 1, "epoch": 0},
    "throughput": {"windows_per_second": 10.5},
    "packages": {"python": "3.11"},
    "config": {"trainer": {"devices": 1}, "data": {"init_args": None}},
}
DAMAGES = [
    (("command",), "melisma fit", "command: 'melisma fit': a list is expected"),
    (("command", 1), 5, "command[1]: 5: text is expected"),
    (("seed",), True, "seed: True: a whole number that is not negative is expected"),
    (("seed",), 1 << 80, "seed: 1208925819614629174706176: a whole number"),
    (("data_sets",), [], "data_sets: []: an object is expected"),
    (("data_sets", "data/mine"), None, "data_sets.'data/mine': None: text is expected"),
    (("metrics", "val/mine/loss"), "0.5", "metrics.'val/mine/loss': '0.5': a number is expected"),
    (("validations",), {}, "validations: {}: a list is expected"),
    (("validations", 0), 3, "validations[0]: 3: an object is expected"),
    (("validations", 0, "step"), -1, "validations[0].step: -1: a whole number"),
    (("validations", 0, "step"), None, "validations[0]: has no step"),
    (("validations", 0, "metrics"), {"a": []}, "validations[0].metrics.'a': []: a number is expected"),
    (("best", "value"), "x" * 10_000, "best.value: 'xxx"),
    (("best", "step"), None, "best: has no step"),
    (("throughput", "windows_per_second"), {}, "throughput.'windows_per_second': {}: a number is expected"),
    (("packages",), 3, "packages: 3: an object is expected"),
    (("config", "trainer"), [], "config.trainer: []: an object is expected"),
    (("config", "data", "init_args"), "x", "config.data.init_args: 'x': an object is expected"),
]


def test_what_a_run_writes_is_taken_and_so_is_what_earlier_versions_left_out():
    check_record(RECORD, "record.json")
    check_record({}, "record.json")
    for key in RECORD:
        check_record({**RECORD, key: None}, "record.json")
        check_record({name: value for name, value in RECORD.items() if name != key}, "record.json")


@pytest.mark.parametrize(("place", "value", "message"), DAMAGES, ids=[".".join(map(str, each[0])) for each in DAMAGES])
def test_a_value_of_another_kind_is_refused_by_file_and_key(place, value, message):
    record = copy.deepcopy(RECORD)
    inner = record
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    with pytest.raises(DataError) as refused:
        check_record(record, "mine/record.json")
    assert str(refused.value).startswith(f"mine/record.json: {message}") and len(str(refused.value)) < 400


def test_every_record_of_the_repository_is_taken():
    found = []
    for path in Path(__file__).parents[3].glob("experiments/**/record*/**/*.json"):
        record = json.loads(path.read_text())
        if isinstance(record.get("run", record), dict) and "metrics" in record.get("run", record):
            check_record(record.get("run", record), path)
            found.append(path)
    assert found
