"""The format on disk: plain tars, exact indexes, and every damage found and named."""

import json
import tarfile
from base64 import b64decode

import numpy as np
import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.shards.format import Grid, decode_audio, is_done, read_sidecar, sidecar
from datamodules.shards.index import SplitIndex
from datamodules.shards.verify import verify
from datamodules.shards.writer import RecordPlan, TrackArrays, encode_record, write_shard
from datamodules.windows.loaders import TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader

GRID = Grid(rate=8000, hop=80, segment=100, context=800)


def track(seconds=2.5):
    samples = np.random.default_rng(0).integers(-3000, 3000, int(seconds * 8000)).astype(np.int16)
    f0 = np.where(np.arange(int(seconds * 100)) % 7 == 0, 0, 220.0).astype(np.float32)
    return TrackArrays(f0.size, samples, f0)


def segment(start, key="t000000_0000000"):
    return RecordPlan(key, "song", start, {"artist": "nobody"})


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2), st.integers(1, 21_000))
def test_a_record_is_the_track_around_its_frames_and_silence_beyond_the_ends(number, samples):
    frames = -(-samples // 80)
    whole = TrackArrays(frames, np.arange(1, samples + 1).astype(np.int16), np.full(frames, 100.0, np.float32))
    start = number * GRID.segment
    if start >= whole.f0.size:
        return
    members, entry = encode_record(whole, segment(start), GRID)
    audio = decode_audio(members["flac"].data, "flac")
    padded = np.concatenate([np.zeros(800, np.int16), whole.samples, np.zeros(30_000, np.int16)])
    begin = start * 80
    assert np.array_equal(audio, padded[begin : begin + (entry["frames"] - 1) * 80 + 1600])
    assert entry["frames"] == min(100, whole.f0.size - start)


def test_labels_go_on_behind_the_owned_frames_as_far_as_the_context():
    members, entry = encode_record(track(), segment(100), GRID)
    f0 = np.frombuffer(members["f0"].data, "<f4")
    assert entry["frames"] == 100
    assert np.array_equal(f0, track().f0[100:210])
    voiced = np.unpackbits(np.frombuffer(b64decode(entry["voiced"]), np.uint8), count=100)
    assert np.array_equal(voiced, f0[:100] > 0)


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "train-000000-of-000001.tar"
    records = [encode_record(track(), segment(start, f"t000000_{start:07d}"), GRID) for start in (0, 100, 200)]
    write_shard(path, records, "plan", GRID)
    return path


def test_the_same_records_give_the_same_bytes(shard, tmp_path):
    (tmp_path / "again").mkdir()
    records = [encode_record(track(), segment(start, f"t000000_{start:07d}"), GRID) for start in (0, 100, 200)]
    write_shard(tmp_path / "again" / shard.name, records, "plan", GRID)
    assert (tmp_path / "again" / shard.name).read_bytes() == shard.read_bytes()
    assert sidecar(tmp_path / "again" / shard.name).read_bytes() == sidecar(shard).read_bytes()


def test_tar_and_webdataset_read_what_the_index_says(shard):
    index = read_sidecar(shard)
    with tarfile.open(shard) as tar:
        named = {info.name: tar.extractfile(info).read() for info in tar}
    for record in index["records"]:
        for name, member in record["members"].items():
            with shard.open("rb") as file:
                file.seek(member["offset"])
                assert file.read(member["size"]) == named[f"{record['key']}.{name}"]
    samples = list(webdataset.WebDataset(str(shard), shardshuffle=False, empty_check=False))
    assert [sample["__key__"] for sample in samples] == [record["key"] for record in index["records"]]
    assert json.loads(samples[1]["json"])["artist"] == "nobody"


def test_nothing_but_finished_files_has_a_final_name(shard, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    target = tmp_path / "other" / "train-000000-of-000001.tar"
    target.parent.mkdir()
    with pytest.raises(OSError, match="disk full"):
        write_shard(target, [encode_record(track(), segment(0), GRID)], "plan", GRID)
    assert list(target.parent.iterdir()) == []


def test_done_means_whole_and_of_the_same_plan(shard):
    assert is_done(shard, "plan")
    assert not is_done(shard, "another plan")
    shard.write_bytes(shard.read_bytes()[:-1])
    assert not is_done(shard, "plan")


def damaged(directory, how, make_recipe):
    path = sorted(directory.glob("train-*.tar"))[0]
    data = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(data[:-512])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "missing":
        path.unlink()
    elif how == "flipped":
        data[1600] ^= 1  # within the first record's audio
        path.write_bytes(data)
    elif how == "index":
        sidecar(path).write_text("{")
    elif how == "format":
        sidecar(path).write_text(json.dumps({"format": 99}))
    elif how == "changed index":
        sidecar(path).write_text(sidecar(path).read_text().replace('"start": 100', '"start": 200'))
    elif how == "foreign":
        other = directory.with_name("other")
        prepare(make_recipe(other, seed=7), progress=False)
        path.write_bytes((other / path.name).read_bytes())
        sidecar(path).write_bytes(sidecar(other / path.name).read_bytes())
    return path


DAMAGES = ["truncated", "empty", "missing", "flipped", "index", "format", "changed index", "foreign"]


@pytest.mark.parametrize("how", DAMAGES)
def test_every_damage_is_one_message_that_names_the_shard(how, make_recipe, tmp_path):
    prepare(make_recipe(tmp_path / "data"), progress=False)
    path = damaged(tmp_path / "data", how, make_recipe)
    (tmp_path / "data" / "train.index").unlink()  # with it, no sidecar is read
    with pytest.raises(DataError, match=path.stem) as caught:
        index = SplitIndex([tmp_path / "data"], "train")
        for record in range(len(index)):
            index.read_audio(record)
    assert "melisma prepare" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["truncated", "empty", "missing", "flipped", "foreign"])
def test_damage_of_a_tar_is_named_also_with_the_column_file(how, make_recipe, tmp_path):
    prepare(make_recipe(tmp_path / "data"), progress=False)
    path = damaged(tmp_path / "data", how, make_recipe)
    with pytest.raises(DataError, match=rf"{path.stem}.*melisma prepare"):
        index = SplitIndex([tmp_path / "data"], "train")
        for record in range(len(index)):
            index.read_audio(record)


@pytest.mark.parametrize("how", DAMAGES)
def test_verify_finds_every_damage_and_says_it_once(how, make_recipe, tmp_path):
    prepare(make_recipe(tmp_path / "data"), progress=False)
    assert not any(finding.problem for finding in verify(tmp_path / "data"))
    path = damaged(tmp_path / "data", how, make_recipe)
    (problem,) = (finding.problem for finding in verify(tmp_path / "data") if finding.problem)
    assert path.stem in problem and "melisma prepare" in problem
    before = path.exists() and path.read_bytes()
    assert prepare(make_recipe(tmp_path / "data"), progress=False).built == (how != "flipped")
    if how == "flipped":  # what has the right size is rebuilt once it is gone
        path.unlink()
        assert prepare(make_recipe(tmp_path / "data"), progress=False).built
        assert path.read_bytes() != before
    assert not any(finding.problem for finding in verify(tmp_path / "data"))


@pytest.mark.parametrize("workers", [0, 2])
def test_damage_that_a_loader_meets_is_one_line_also_from_its_workers(workers, make_recipe, tmp_path):
    prepare(make_recipe(tmp_path / "data"), progress=False)
    path = damaged(tmp_path / "data", "flipped", make_recipe)
    reader = PooledReader(WindowReader(SplitIndex([tmp_path / "data"], "train"), 256, Windows()), 0, 4, 2)
    with pytest.raises(DataError, match=path.stem) as caught:
        list(TrainingLoader(reader, 4, 0, 1, workers))
    assert "\n" not in str(caught.value)
    del caught  # with the loader: workers of one that the collector of cycles finds are waited for


def test_a_missing_split_names_those_there_are(melody_shards):
    with pytest.raises(DataError, match="no split 'holdout'; it has test, train, validation"):
        SplitIndex([melody_shards], "holdout")


def test_a_directory_without_dataset_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no dataset\.json"):
        SplitIndex([tmp_path], "train")
