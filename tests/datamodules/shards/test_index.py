"""`SplitIndex` upon the column file: equal to what the sidecars say, of any kind of data, and converted from them."""

import errno
import gc
import multiprocessing
import os
import pickle
import shutil
import tempfile
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from datamodules.annotations.f0_series import F0Series, MultiF0Series
from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.spectrograms import ConstantQ
from datamodules.shards import conversion
from datamodules.shards.format import read_sidecar
from datamodules.shards.index import SplitIndex, describe
from tests import dataset_json
from tests.experiments.machine_faults.forked import without_privileges
from tests.given_corpus import Given, GivenCorpus

RATE = 8000
TIMES = np.arange(330) / 100
GLIDE = F0Series(TIMES, np.where(TIMES % 0.5 < 0.2, 0.0, 200 + 10 * TIMES))
CHORD = MultiF0Series(TIMES, np.where(TIMES % 0.5 < 0.2, 0.0, 300.0)[:, None] * [1.0, 1.5])
LABELLED = {"label": "b", "transcript": "x y"}
COLUMNS = ("track", "track_frames", "start", "frames", "samples", "shard", "label", "symbols", "voiced")


def recording(name, truth=GLIDE, **options):
    noise = np.random.default_rng(len(name)).uniform(-0.5, 0.5, int(3.3 * RATE)).astype(np.float32)
    return Recording(name, Given(Audio(noise, RATE)), None if truth is None else Given(truth), name, **options)


def made(directory, names, **options):
    recordings = options.pop("recordings", None) or [recording(name) for name in names]
    values = {"segment": 1.0, "context": 0.1, "splits": {"train": 1.0}, "records_per_shard": 3, **options}
    prepare(ShardRecipe(GivenCorpus(recordings), str(directory), RATE, 80, **values), progress=False)
    return directory


KINDS = {
    "flac": {},
    "i16": {"audio": "i16"},
    "whole": {"segment": None, "context": 0.0},
    "pitches": {"recordings": [recording("a", CHORD), recording("bb", GLIDE), recording("ccc", CHORD)]},
    "some without": {"recordings": [recording("a", None), recording("bb"), recording("ccc", None)]},
    "labels": {
        "recordings": [recording(n, None, **LABELLED) for n in ("c", "b", "a")],
        "classes": ["b"],
        "segment": None,
    },
    "spectrogram": {"spectrogram": ConstantQ(octaves=4)},
}


@pytest.fixture(scope="module", params=KINDS)
def directory(request, tmp_path_factory):
    return made(tmp_path_factory.mktemp("kind"), ["b", "aa", "ccc", "dddd"], **KINDS[request.param])


def said(directories, leads):
    """The records of the sidecars, with their shards, and the tracks' names."""
    shards = [
        (folder / name, lead)
        for folder, lead in zip(directories, leads, strict=True)
        for name in describe(folder)["splits"]["train"]["shards"]
    ]
    return [
        (number, path, lead + each["track"], each)
        for number, (path, lead) in enumerate(shards)
        for each in read_sidecar(path)["records"]
    ]


def check(index, records):
    tracks = sorted({track for _, _, track, _ in records})
    labels = sorted({each["label"] for *_, each in records if "label" in each})
    assert list(index.tracks) == tracks and list(index.labels) == labels and len(index) == len(records)
    assert list(index.keys) == [each["key"] for *_, each in records]
    assert index.track.tolist() == [tracks.index(track) for _, _, track, _ in records]
    assert index.shard.tolist() == [number for number, *_ in records]
    assert index.label.tolist() == [labels.index(each["label"]) if "label" in each else -1 for *_, each in records]
    assert index.symbols.tolist() == [each.get("symbols", -1) for *_, each in records]
    for name in ("start", "frames"):
        assert getattr(index, name).tolist() == [each[name] for *_, each in records]
    ends = [max(each["start"] + each["frames"] for _, _, track, each in records if track == name) for name in tracks]
    assert index.track_frames.tolist() == ends
    members = [each["members"] for *_, each in records]
    assert index.has_audio and index.has_f0 == all("f0" in each for each in members)
    assert index.pitches == max([n for each in members if "f0" in each for n in each["f0"]["shape"][1:]], default=0)
    for number in range(len(tracks)):
        mine = [place for place, (_, _, track, _) in enumerate(records) if track == tracks[number]]
        assert index.records_of(number).tolist() == sorted(mine, key=lambda place: records[place][3]["start"])
    bits, begins = index.voiced_bits(0, len(records))
    for place, (_, path, _, each) in enumerate(records):
        voiced = np.zeros(each["frames"], np.uint8)
        if "voiced" in each:
            voiced = np.unpackbits(np.frombuffer(b64decode(each["voiced"]), np.uint8), count=each["frames"])
        assert_array_equal(index.voiced_frames(place), voiced)
        assert index.voiced[place] == voiced.sum() == bits[begins[place] : begins[place + 1]].sum()
        read = {"f0": index.read_f0, "cqt": index.read_spectrum, "flac": index.read_audio, "i16": index.read_audio}
        for name, member in each["members"].items():
            if name in read:
                assert list(read[name](place).shape) == member["shape"]
            if name in ("f0", "cqt", "i16"):
                stored = path.read_bytes()[member["offset"] :][: member["size"]]
                assert read[name](place).tobytes() == stored


def test_it_is_what_the_sidecars_say(directory):
    check(SplitIndex([directory], "train"), said([directory], [""]))


def test_with_the_column_file_no_sidecar_is_read(directory, tmp_path):
    shutil.copytree(directory, tmp_path / "copy")
    expected = SplitIndex([directory], "train")
    for path in (tmp_path / "copy").glob("train-*.json"):
        path.unlink()
    same(SplitIndex([tmp_path / "copy"], "train"), expected)


def same(index, expected):
    for name in COLUMNS:
        assert_array_equal(getattr(index, name), getattr(expected, name))
    for name in ("tracks", "keys", "labels", "identity", "grid", "has_audio", "has_f0", "pitches"):
        assert getattr(index, name) == getattr(expected, name), name
    assert_array_equal(index.read_audio(1), expected.read_audio(1))


def test_data_of_an_earlier_version_get_the_file_that_prepare_writes(directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "copy")
    written, expected = (copy / "train.index").read_bytes(), SplitIndex([directory], "train")
    (copy / "train.index").unlink()
    listed = sorted(os.listdir(directory))
    same(SplitIndex([copy], "train"), expected)
    assert (copy / "train.index").read_bytes() == written and sorted(os.listdir(copy)) == listed


def test_a_dataset_json_without_hashes_of_sidecars_serves_as_well(directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "copy")
    description = describe(copy)
    del description["splits"]["train"]["indexes"]
    dataset_json.write(copy, description)
    time = (copy / "train.index").stat().st_mtime_ns
    same(SplitIndex([copy], "train"), SplitIndex([directory], "train"))
    assert (copy / "train.index").stat().st_mtime_ns == time


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return made(tmp_path_factory.mktemp("plain"), ["b", "aa", "ccc", "dddd"])


def test_where_nothing_can_be_written_the_columns_are_a_temporary_file(plain, tmp_path, monkeypatch):
    copy, temporary = shutil.copytree(plain, tmp_path / "copy"), tmp_path / "temporary"
    temporary.mkdir()
    (copy / "train.index").unlink()

    def refuse(*_, **__):
        raise PermissionError("read-only")

    monkeypatch.setattr(conversion, "write_atomically", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    index = SplitIndex([copy], "train")
    again = pickle.loads(pickle.dumps(index))  # as a spawned worker has it
    same(index, SplitIndex([plain], "train"))
    same(again, index)
    assert not (copy / "train.index").exists() and len(list(temporary.iterdir())) == 1
    del index, again
    gc.collect()
    assert list(temporary.iterdir()) == []


def opened_in_a_process(folder):
    """Records of a split that a process without a right to write there has opened, and files that are left of it."""
    without_privileges()
    temporary = Path(tempfile.gettempdir())
    index = SplitIndex([folder], "train")
    return len(index), index.tracks[0], len(list(temporary.iterdir()))


def test_shards_in_a_folder_that_is_read_only_are_opened(plain, tmp_path, monkeypatch):
    copy, temporary = shutil.copytree(plain, tmp_path / "copy"), tmp_path / "temporary"
    temporary.mkdir()
    (copy / "train.index").unlink()
    before = sorted(path.name for path in copy.iterdir())
    copy.chmod(0o555)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    expected = SplitIndex([plain], "train")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(opened_in_a_process, (copy,)) == (len(expected), "aa", 1)
    assert sorted(path.name for path in copy.iterdir()) == before


def test_shards_on_a_full_disk_are_opened(plain, tmp_path, monkeypatch):
    copy = shutil.copytree(plain, tmp_path / "copy")
    (copy / "train.index").unlink()
    before = sorted(path.name for path in copy.iterdir())

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)  # which a file goes through before it gets its name
    same(SplitIndex([copy], "train"), SplitIndex([plain], "train"))
    assert sorted(path.name for path in copy.iterdir()) == before


def changed(path, how):
    data = bytearray(path.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "header":
        data[-200] ^= 1
    elif how == "numbers":
        data[70] ^= 1
    elif how == "empty":
        data = b""
    elif how == "of another split":
        data = path.with_name("validation.index").read_bytes()
    path.unlink()  # what is mapped must not change
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "header", "numbers", "empty", "of another split"])
def test_a_damaged_file_is_named_and_made_again(how, make_recipe, tmp_path):
    prepare(make_recipe(tmp_path), progress=False)
    path, expected = tmp_path / "train.index", SplitIndex([tmp_path], "train")
    written = path.read_bytes()
    changed(path, how)
    with pytest.warns(UserWarning, match=r"train\.index: .*; the indexes of the shards are read instead") as warned:
        same(SplitIndex([tmp_path], "train"), expected)
    assert len(warned) == 1 and "\n" not in str(warned[0].message)
    assert path.read_bytes() == written


def members(index):
    read = index.read_audio, index.read_f0, index.voiced_frames
    return [each(record).tolist() for record in range(len(index)) for each in read]


@pytest.mark.parametrize(("name", "least"), [("rows", 0.8), ("bitmaps", 1)])
def test_damage_of_what_is_read_later_is_found_when_it_is_read(name, least, plain, tmp_path):
    copy = shutil.copytree(plain, tmp_path / "copy")
    index = SplitIndex([copy], "train")
    columns, expected = index._parts[0], members(index)
    begin, size = columns._arrays[name]["offset"], columns.array(name).nbytes
    written, path = (copy / "train.index").read_bytes(), copy / "train.index"
    places, found = range(begin, begin + size, 37), 0
    for place in places:
        data = bytearray(written)
        data[place] ^= 1
        path.unlink()
        path.write_bytes(data)
        try:
            assert members(SplitIndex([copy], "train")) == expected  # the row's length of audio is not needed
        except DataError as error:
            assert "\n" not in str(error) and str(copy) in str(error)
            found += 1
    assert found >= least * len(places)


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_a_file_of_a_user_in_its_place_stays(kind, make_recipe, tmp_path):
    path = tmp_path / "data" / "train.index"
    path.parent.mkdir()
    {"file": lambda: path.write_text("mine"), "folder": path.mkdir, "dangling link": lambda: path.symlink_to("x")}[
        kind
    ]()
    with pytest.warns(UserWarning, match=r"train\.index: not written by `melisma prepare`; it is left as it is"):
        prepare(make_recipe(tmp_path / "data"), progress=False)
    with pytest.warns(UserWarning, match=r"train\.index: .*it is left as it is"):
        index = SplitIndex([tmp_path / "data"], "train")
    assert path.is_symlink() or path.is_dir() or path.read_text() == "mine"
    check(index, said([tmp_path / "data"], [""]))


def test_a_pickled_index_does_not_grow_with_its_records(plain, tmp_path):
    larger = made(tmp_path, [f"track-{number}" for number in range(40)], records_per_shard=500)
    small, large = (SplitIndex([folder], "train") for folder in (plain, larger))
    assert len(large) == 10 * len(small)
    assert len(pickle.dumps(large)) < len(pickle.dumps(small)) + 100
    same(pickle.loads(pickle.dumps(large)), large)


def test_a_copy_whose_file_was_replaced_meanwhile_is_refused(make_recipe, tmp_path):
    prepare(make_recipe(tmp_path), progress=False)
    copy = pickle.dumps(SplitIndex([tmp_path], "train"))
    changed(tmp_path / "train.index", "of another split")
    with pytest.raises(DataError, match=r"train\.index: has been replaced"):
        pickle.loads(copy)


def test_several_directories_are_one(plain, tmp_path):
    labelled = [recording(name, GLIDE, label=name, transcript="x") for name in ("z", "aa", "c")]
    others = [
        made(tmp_path / "a-b", [], recordings=labelled, classes=["z", "aa", "c"]),
        made(tmp_path / "a", [], recordings=[recording("m", label="q")], classes=["q"], audio="i16"),
    ]
    folders = [plain, *others]
    index = SplitIndex(folders, "train")
    check(index, said(folders, [f"{folder.name}/" for folder in folders]))
    assert index.tracks.index("a/m") == 3 and index.directory == ", ".join(map(str, folders))
    check(pickle.loads(pickle.dumps(index)), said(folders, [f"{folder.name}/" for folder in folders]))


def test_directories_of_one_name_share_their_tracks_as_ever(plain, tmp_path):
    other = made(tmp_path / plain.name, ["b", "x"])
    for folders in ([plain, other], [plain, plain]):
        check(SplitIndex(folders, "train"), said(folders, [f"{plain.name}/"] * 2))


def test_shapes_of_members_are_those_of_each_directory(tmp_path):
    both = made(tmp_path / "cqt", ["a"], spectrogram=ConstantQ(octaves=4)), made(tmp_path / "none", ["a"])
    index = SplitIndex(both, "train")
    assert dict(index.widths("cqt")) == {str(both[0]): (1, 240), str(both[1]): None} and not index.holds("cqt")
    assert index.width("cqt") == (1, 240)
    with pytest.raises(DataError, match="no 'feat' member"):
        index.width("feat")


def _open(folder, barrier, queue):
    barrier.wait()
    queue.put(SplitIndex([folder], "train").frames.sum())


def test_processes_that_convert_at_once_do_not_hurt_each_other(plain, tmp_path):
    copy = shutil.copytree(plain, tmp_path / "copy")
    written = (copy / "train.index").read_bytes()
    (copy / "train.index").unlink()
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_open, args=(copy, barrier, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    assert {int(queue.get(timeout=60)) for _ in processes} == {4 * 330}
    for process in processes:
        process.join()
    assert (copy / "train.index").read_bytes() == written
    assert sorted(map(str, Path(copy).iterdir())) == sorted(str(copy / name) for name in os.listdir(plain))
