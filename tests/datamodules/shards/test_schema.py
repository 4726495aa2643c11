"""dataset.json and sidecars: what `prepare` writes is accepted, of any version; all else is named in one line."""

import copy
import hashlib
import json
import shutil

import pytest

from datamodules.errors import DataError
from datamodules.shards.access import describe
from datamodules.shards.format import CHECK, read_sidecar, sidecar
from datamodules.shards.index import SplitIndex
from datamodules.shards.schema import read_description, read_index
from tests import dataset_json


@pytest.fixture(scope="module")
def description(melody_shards):
    return json.loads((melody_shards / "dataset.json").read_bytes())


@pytest.fixture(scope="module")
def index(melody_shards):
    return json.loads(next(melody_shards.glob("train-*.json")).read_bytes())


def changed(document, path, value):
    made = copy.deepcopy(document)
    made.pop("sha256_of_the_rest", None)
    holder = made
    for part in path[:-1]:
        holder = holder[part]
    if value is KeyError:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return json.dumps(made).encode()


def refused(read, content):
    with pytest.raises(DataError) as caught:
        read(content, "here.json")
    said = str(caught.value)
    assert said.startswith("here.json: ") and "\n" not in said and len(said) < 400
    return said


OF_DESCRIPTION = {
    "a format of the future": (("format",), 9, "format: 9: 1 is expected"),
    "no id": (("id",), KeyError, "id: missing"),
    "no splits": (("splits",), KeyError, "splits: missing"),
    "a rate of zero": (("rate",), 0, "rate: 0: greater than or equal to 1 is expected"),
    "a rate that is text": (("rate",), "16000", "rate: '16000': a valid integer is expected"),
    "a rate that is no number": (("rate",), float("nan"), "rate: nan: "),
    "a rate that nothing records at": (("rate",), 10**9, "rate: 1000000000: less than or equal to 10000000"),
    "a hop of zero": (("hop",), 0, "hop: 0: greater than or equal to 1 is expected"),
    "a negative segment": (("segment",), -1, "segment: -1: greater than or equal to 0"),
    "a context without end": (("context",), 2**80, "context: 1208925819614629174706176: "),
    "a rate of another recipe": (("rate",), 4000, "rate: 4000, but recipe.rate is 8000"),
    "shards that are a number": (("splits", "train", "shards"), 3, "splits.train.shards: 3: a valid array"),
    "a shard elsewhere": (("splits", "train", "shards", 0), "../x.tar", "splits.train.shards[0]: '../x.tar': not the"),
    "a split elsewhere": (("splits", "../x"), {"shards": []}, "a name is expected that a file can begin with"),
    "fewer hashes than shards": (("splits", "train", "indexes", 0), KeyError, "splits.train.indexes: 2, but there are"),
    "a hash that is none": (("splits", "train", "indexes", 0), "é" * 64, "64 hexadecimal digits are expected"),
    "columns elsewhere": (("splits", "train", "columns", "name"), "x.index", "columns.name: 'x.index', expected train"),
    "hours below zero": (("splits", "train", "hours"), -1.0, "splits.train.hours: -1.0: greater than or equal to 0"),
    "labels without classes": (("splits", "train", "labels"), {"a": 1}, "splits.train.labels: 'a' is none of the"),
}


@pytest.mark.parametrize(("path", "value", "expected"), OF_DESCRIPTION.values(), ids=OF_DESCRIPTION)
def test_a_value_that_dataset_json_cannot_have_is_refused_with_its_key(description, path, value, expected):
    assert expected in refused(read_description, changed(description, path, value))


def test_a_shard_that_two_splits_name_is_refused(description):
    twice = description["splits"]["train"]["shards"][0]
    content = changed(description, ("splits", "test", "shards", 0), twice)
    assert f"the shard {twice!r} stands there twice" in refused(read_description, content)


RECORD = ("records", 0)
F0, FLAC = (*RECORD, "members", "f0"), (*RECORD, "members", "flac")
OF_INDEX = {
    "null": ((), None, "None: an object is expected"),
    "records that are a number": (("records",), 3, "records: 3: a valid array is expected"),
    "no members": ((*RECORD, "members"), KeyError, "records[0].members: missing"),
    "a track that is a number": ((*RECORD, "track"), 7, "records[0].track: 7: a valid string"),
    "frames beyond the members": ((*RECORD, "frames"), 2**39, "records[0].voiced: 20 characters are not those of"),
    "frames that ask for 32 TiB": ((*RECORD, "frames"), 2**45, "records[0].frames: 35184372088832: less than"),
    "no frames": ((*RECORD, "frames"), 0, "records[0].frames: 0: greater than or equal to 1"),
    "a member behind the end": ((*F0, "offset"), 2**40, "records[0].members.f0: it ends behind the"),
    "a shape of other bytes": ((*F0, "shape"), [100, 2], "records[0].members.f0.shape: [100, 2] is not that of its"),
    "samples of another length": ((*FLAC, "shape"), [2**30], "records[0].members.flac.shape: [1073741824] is not that"),
    "no shape": ((*F0, "shape"), [], "records[0].members.f0.shape: []: "),
    "another type": ((*F0, "dtype"), "object", "records[0].members.f0.dtype: 'object', expected float32"),
    "a hash that is none": ((*F0, "sha256"), "x" * 64, "records: a sha256 is not 64 hexadecimal digits"),
    "a hash with blanks": ((*F0, "sha256"), "ab " * 21 + "a", "records: a sha256 is not 64 hexadecimal digits"),
    "a bitmap that is none": ((*RECORD, "voiced"), "?" * 20, "records[0].voiced: "),
    "a rate of zero": (("rate",), 0, "rate: 0: greater than or equal to 1"),
    "a hop of zero": (("hop",), 0, "hop: 0: greater than or equal to 1"),
    "a hop below zero": (("hop",), -80, "hop: -80: greater than or equal to 1"),
    "a segment below zero": (("segment",), -1, "segment: -1: greater than or equal to 0"),
    "no bitmap": ((*RECORD, "voiced"), KeyError, "records[0].voiced: missing, but there is an f0"),
    "a format of the future": (("format",), 99, "format: 99: 1 is expected"),
}


@pytest.mark.parametrize(("path", "value", "expected"), OF_INDEX.values(), ids=OF_INDEX)
def test_a_value_that_a_sidecar_cannot_have_is_refused_with_its_key(index, path, value, expected):
    content = changed(index, path, value) if path else json.dumps(value).encode()
    assert expected in refused(read_index, content)


def test_samples_that_no_bytes_can_hold_are_refused_where_a_sidecar_states_no_grid(index):
    older = {key: value for key, value in index.items() if key not in ("rate", "hop", "segment", "context")}
    assert read_index(json.dumps(older).encode(), "here.json")["records"] == index["records"]
    said = refused(read_index, changed(older, (*FLAC, "shape"), [2**30]))
    assert "records[0].members.flac.shape: [1073741824] is more than" in said


@pytest.mark.parametrize("read", [read_description, read_index])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"null",
        b"[]",
        b'{"format": 1, "rate": ' + b"9" * 10_000 + b"}",
        b'{"format": "' + b"x" * 5_000_000 + b'"}',
        b'{"' + b"x" * 5_000_000 + b'": 1}',
        b'{"format": "\\udcff"}',
        b'{"\\udcff": ' + b"[" * 100_000,
    ],
    ids=range(11),
)
def test_bytes_that_are_nothing_of_the_kind_are_refused_in_one_line(read, content):
    refused(read, content)


def test_what_prepare_writes_is_accepted_with_the_keys_that_other_versions_add(description, index):
    assert read_description(json.dumps(description).encode(), "") == description
    known = {name: value for name, value in index.items() if name != "sha256_of_the_rest"}
    assert (
        read_index(json.dumps(index).encode(), "") == read_index(json.dumps(known | {"new": 1}).encode(), "") == known
    )
    later = {**description, "new": [1], "recipe": {**description["recipe"], "newer": None}}
    del later["sha256_of_the_rest"]
    assert read_description(json.dumps(later).encode(), "") == later


def test_a_description_and_a_sidecar_without_the_newer_keys_are_accepted(description, index):
    for key in ("sha256_of_the_rest", "recipe", "left_out", "converted", "classes", "phones"):
        description = {name: value for name, value in description.items() if name != key}
        assert read_description(json.dumps(description).encode(), "") == description
    plain = {name: index[name] for name in ("format", "bytes", "sha256", "records")}
    assert read_index(json.dumps(plain).encode(), "") == plain


def test_an_id_that_is_no_unicode_is_accepted(index):
    # Names of files may hold any bytes; Python has those that are no UTF-8 as lone surrogates.
    content = changed(index, (*RECORD, "track"), "song\udcff")
    assert read_index(content, "")["records"][0]["track"] == "song\udcff"


def test_an_edited_dataset_json_is_refused_until_its_hash_is_removed(melody_shards, tmp_path):
    folder = shutil.copytree(melody_shards, tmp_path / "copy")
    described = json.loads((folder / "dataset.json").read_bytes())
    described["splits"]["train"]["frames"] += 1
    (folder / "dataset.json").write_text(json.dumps(described, indent=4))
    with pytest.raises(DataError, match=r"damaged, or edited.*remove its key sha256_of_the_rest$"):
        describe(folder)
    dataset_json.write(folder, described)
    assert describe(folder)["splits"]["train"]["frames"] == described["splits"]["train"]["frames"]


def test_a_dataset_json_that_is_only_laid_out_otherwise_is_accepted(melody_shards, tmp_path):
    content = json.loads((melody_shards / "dataset.json").read_bytes())
    (tmp_path / "dataset.json").write_text(json.dumps(dict(reversed(content.items()))))
    assert describe(tmp_path) == content


def test_a_grid_that_is_not_that_of_the_records_is_refused(melody_shards, tmp_path):
    for key, value in (("hop", 81), ("segment", 99), ("context", 801)):
        folder = shutil.copytree(melody_shards, tmp_path / key)
        described = {**describe(folder), key: value}
        del described["recipe"]
        dataset_json.write(folder, described)
        with pytest.raises(DataError, match=rf"dataset.json: .*{key} {value}.* are not those of its records"):
            SplitIndex([folder], "train")


def test_a_sidecar_of_another_shard_is_refused(melody_shards, tmp_path):
    one, other = sorted(melody_shards.glob("train-*.tar"))[:2]
    shutil.copy(one, tmp_path / other.name)
    shutil.copy(sidecar(one), sidecar(tmp_path / other.name))
    with pytest.raises(DataError, match=rf"{other.stem}.json: the index of '{one.name}', not of this shard"):
        read_sidecar(tmp_path / other.name)


def without_columns(melody_shards, folder):
    """A copy of a version without column files and hashes of sidecars."""
    shutil.copytree(melody_shards, folder, ignore=shutil.ignore_patterns("*.index"))
    described = json.loads((folder / "dataset.json").read_bytes())
    for split in described["splits"].values():
        del split["columns"], split["indexes"]
    dataset_json.write(folder, described)
    return folder


def test_a_frame_that_is_in_no_record_is_found_when_the_split_is_opened(melody_shards, tmp_path):
    folder = without_columns(melody_shards, tmp_path / "copy")
    path = next(folder.glob("validation-000000-*.json"))
    index = json.loads(path.read_bytes())
    del index["sha256_of_the_rest"]
    left = index["records"].pop(1)
    content = json.dumps(index).encode()
    path.write_bytes(content[:-1] + CHECK + hashlib.sha256(content).hexdigest().encode() + b'"}')
    with pytest.raises(DataError, match=rf"a record of '{left['track']}' begins at frame 200, where 100 is expected"):
        SplitIndex([folder], "validation")
