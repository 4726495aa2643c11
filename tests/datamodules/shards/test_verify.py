"""`verify` finds all damage that changes what is read, and says of which file it is."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from datamodules.shards.columns import TAIL, ColumnFile
from datamodules.shards.verify import verify
from tests import dataset_json


@pytest.fixture
def folder(melody_shards, tmp_path):
    return shutil.copytree(melody_shards, tmp_path / "mine")


def problems(folder):
    return [finding.problem for finding in verify(folder) if finding.problem]


def described(folder):
    return json.loads((folder / "dataset.json").read_bytes())


def test_nothing_is_said_of_what_prepare_wrote(folder):
    assert problems(folder) == []


def test_a_grid_that_is_not_that_of_the_sidecars_is_found(folder):
    description = described(folder)
    description["rate"] = 4000
    del description["recipe"]
    dataset_json.write(folder, description)
    found = problems(folder)
    assert len(found) == len(list(folder.glob("*.tar"))) and all(
        "dataset.json says Grid(rate=4000" in each for each in found
    )


@pytest.mark.parametrize("key", ["records", "frames"])
def test_counts_that_are_not_those_of_the_shards_are_found(folder, key):
    description = described(folder)
    description["splits"]["validation"][key] += 1
    dataset_json.write(folder, description)
    (found,) = problems(folder)
    assert f"dataset.json: splits.validation.{key}: " in found


def test_an_id_of_other_shards_is_found(folder):
    dataset_json.write(folder, {**described(folder), "id": "0" * 64})
    (found,) = problems(folder)
    assert "dataset.json: id: not that of its shards" in found


def test_a_shard_that_dataset_json_lacks_is_found_and_so_is_its_column_file(folder):
    description = described(folder)
    for key in ("shards", "indexes"):
        description["splits"]["train"][key].pop()
    dataset_json.write(folder, description)
    found = problems(folder)
    assert any("train.index: of other shards" in each for each in found)
    assert any("not one of the shards that dataset.json names" in each for each in found)
    assert any("splits.train.records" in each for each in found)


@pytest.mark.parametrize("name", ["rows", "bitmaps", "keys", "start"])
def test_damage_to_a_column_file_of_which_no_hash_is_stated_is_found(folder, name):
    description = described(folder)
    for split in description["splits"].values():
        del split["columns"]
    dataset_json.write(folder, description)
    path = folder / "train.index"
    place = ColumnFile(path)._arrays[name]["offset"]
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    (found,) = problems(folder)
    assert f"train.index: damaged ({name} is not what was written)" in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("track", -1),
        ("frames", 0),
        ("order", 10**6),
        ("first", 10**6),
        ("bitmap_ends", -1),
        ("shard", 99),
        ("start", -5),
    ],
)
def test_numbers_that_cannot_be_are_found_though_their_hash_is_right(folder, name, value):
    description = described(folder)
    path = folder / "train.index"
    content = path.read_bytes()
    length = TAIL.unpack(content[-TAIL.size :])[0]
    header = json.loads(content[-TAIL.size - length : -TAIL.size])
    array = header["arrays"][name]
    values = np.frombuffer(content, array["dtype"], int(np.prod(array["shape"])), array["offset"]).copy()
    values[1] = value
    array["sha256"] = hashlib.sha256(values.tobytes()).hexdigest()
    text = json.dumps(header).encode()
    begin, end = array["offset"], array["offset"] + values.nbytes
    before = content[:begin] + values.tobytes() + content[end : -TAIL.size - length]
    path.write_bytes(before + text + TAIL.pack(len(text), hashlib.sha256(text).digest(), content[-16:]))
    del description["splits"]["train"]["columns"]
    dataset_json.write(folder, description)
    (found,) = problems(folder)
    assert f"train.index: damaged ({name} has values that it cannot have)" in found


@pytest.mark.parametrize("name", ["train-000000-of-000003.json", "train-000000-of-000003.tar"])
def test_a_folder_in_the_place_of_a_file_is_one_finding_and_the_rest_is_checked(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    findings = list(verify(folder))
    assert len(findings) == 7
    (found,) = [finding.problem for finding in findings if finding.problem]
    assert name in found
