"""What cannot be read from afar, and the one line that says so."""

import json
import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.shards.index import SplitIndex, describe
from datamodules.shards.metadata import read_metadata
from datamodules.storage.options import RemoteShards
from datamodules.storage.places import is_remote, open_storage, without_secrets
from tests import dataset_json


def index_at(place, options, split="train"):
    return SplitIndex([open_storage(place, options)], split)


def read_all(index):
    return [(index.read_audio(record), index.read_f0(record)) for record in range(len(index))]


def test_bytes_that_stay_damaged_are_refused_with_shard_and_key(melody_shards, serve, remote):
    server = serve(melody_shards)
    tar = sorted(Path(melody_shards).glob("train-*.tar"))[1]
    local = SplitIndex([melody_shards], "train")
    record = int(np.flatnonzero(local.shard == 1)[2])
    data = bytearray(tar.read_bytes())
    data[local._entry(record, "flac").offset + 7] ^= 4
    server.changed[tar.name] = bytes(data)
    index = index_at(server.url, remote(retries=3))
    with pytest.raises(DataError) as refused:
        index.read_audio(record)
    assert str(refused.value) == (
        f"{server.url}/{tar.name}: {local.keys[record]}.flac: its bytes are not those that were written; it was "
        "fetched 4 times; copy the shard there again"
    )
    assert sum(name == tar.name for name, *_ in server.asked) == 4
    server.changed.clear()
    assert np.array_equal(index.read_audio(record), local.read_audio(record))  # nothing damaged was kept


@pytest.mark.parametrize(
    ("status", "words", "requests"),
    [
        (404, "not there; check the address", 1),
        (403, "not allowed; check your credentials", 1),
        (400, "refused with status 400", 1),
        (503, r"not fetched in 3 attempts \(ClientResponseError: 503.*\); check that it can be reached, or raise "
              r"data\.remote\.retries or data\.remote\.timeout", 3),
    ],
)  # fmt: skip
def test_a_server_that_refuses_is_named(melody_shards, serve, remote, status, words, requests):
    server = serve(melody_shards)
    server.statuses["dataset.json"] = status
    with pytest.raises(DataError, match=f"{server.url}/dataset.json: {words}"):
        index_at(server.url, remote(retries=2))
    assert len(server.asked) == requests


def test_a_server_that_is_not_there_is_named(remote):
    with pytest.raises(DataError, match=r"http://127.0.0.1:9/mine/dataset.json: not fetched in 2 attempts"):
        index_at("http://127.0.0.1:9/mine", remote(retries=1))


def test_a_shard_that_is_too_short_is_named(melody_shards, serve, remote):
    server = serve(melody_shards)
    tar = sorted(Path(melody_shards).glob("train-*.tar"))[0]
    server.changed[tar.name] = tar.read_bytes()[:100]
    with pytest.raises(DataError, match=f"{tar.name}: shorter than its index says; copy the prepared directory there"):
        read_all(index_at(server.url, remote()))


def test_a_server_without_ranges_is_refused_with_what_to_write_instead(melody_shards, serve, remote):
    server = serve(melody_shards)
    server.ranges = False
    with pytest.raises(DataError, match=r"whole files instead of the bytes asked for; write pipe:curl -sSf http://.*{"):
        read_all(index_at(server.url, remote()))


def test_no_password_and_no_query_stands_in_a_message_but_both_are_sent(melody_shards, serve, remote):
    server = serve(melody_shards)
    place = server.url.replace("http://", "http://jo:hidden@") + "?sig=hidden"
    index = index_at(place, remote())
    read_all(index)
    assert set(server.queries) == {"sig=hidden"} and "hidden" not in index.directory
    server.statuses["dataset.json"] = 500
    with pytest.raises(DataError) as refused:
        index_at(place, remote(retries=0))
    assert "hidden" not in str(refused.value) and server.url in str(refused.value)
    assert without_secrets("pipe:curl 'https://a:b@host/x/{name}?c=d' -v") == "pipe:curl 'https://host/x/{name}' -v"


@pytest.mark.parametrize(
    "name", ["../train.tar", "http://elsewhere/train.tar", "/etc/train.tar", "pipe:true.tar", ".x.tar"]
)
def test_names_in_a_data_set_lead_nowhere_else(melody_shards, tmp_path, serve, remote, name):
    folder = tmp_path / "mine"
    shutil.copytree(melody_shards, folder)
    described = json.loads((folder / "dataset.json").read_text())
    described["splits"]["train"]["shards"][0] = name
    dataset_json.write(folder, described)
    for place in (folder, serve(folder).url):
        with pytest.raises(DataError, match=r"dataset.json: splits.train.shards\[0\]: .*: not the name of a shard"):
            index_at(place, remote())


def test_a_path_is_never_a_url_or_a_command():
    assert is_remote("https://host/mine") and is_remote("s3://bucket/mine") and is_remote("pipe:cat {name}")
    assert not any(
        map(is_remote, ["data/mine", "/data/mine", "C:/mine", Path("pipe:cat {name}"), "a:b", "mine://"[:4]])
    )


def test_what_nothing_opens_is_refused(remote):
    with pytest.raises(DataError, match="nowhere://mine: nothing is known that opens nowhere://"):
        index_at("nowhere://mine", remote())
    with pytest.raises(DataError, match=r"pipe:cat mine: no {name} in it; write the command with {name}"):
        index_at("pipe:cat mine", remote())


def test_a_command_that_fails_is_named_with_what_it_says(melody_shards, remote):
    with pytest.raises(DataError, match=r"pipe:cat /nowhere/dataset.json: not fetched in 2 attempts \(OSError: the comm"
                                        r"and ended with 1: cat: /nowhere/dataset.json: No such file"):  # fmt: skip
        index_at("pipe:cat /nowhere/{name}", remote(retries=1))
    with pytest.raises(DataError, match=r"the command ended with 127: .*install the program"):
        index_at("pipe:no-such-program {name}", remote())
    with pytest.raises(DataError, match=r"not fetched in 1 attempts \(TimeoutError: nothing came for 0.3 s"):
        index_at("pipe:sleep 60; cat {name}", remote(retries=0, timeout=0.3))


def test_a_split_behind_a_command_that_the_cache_cannot_hold_is_refused(melody_shards, remote):
    size = sum(path.stat().st_size for path in Path(melody_shards).glob("train-*.tar"))
    with pytest.raises(
        DataError, match=r"data.remote.gigabytes: 0.0001, but split train of pipe:cat .* takes \d+ bytes"
    ):
        index_at(f"pipe:cat {melody_shards}/{{name}}", remote(gigabytes=1e-4))
    assert size > 1e5


def test_a_command_that_loses_bytes_is_asked_again_and_then_refused(melody_shards, tmp_path, remote):
    count = tmp_path / "count"
    shard = "case {name} in *.tar) echo >> %s; head -c 5000 %s/{name};; *) cat %s/{name};; esac"
    command = "pipe:" + shard % (count, melody_shards, melody_shards)
    with pytest.raises(
        DataError, match=r"train-\d+-of-\d+.tar.*: its bytes are not those that were written; it was fetched 3"
    ):
        read_all(index_at(command, remote(retries=2)))
    assert count.read_text().count("\n") == 3


def test_a_data_set_without_column_files_is_read_by_its_sidecars_once(melody_shards, tmp_path, serve, remote):
    folder = tmp_path / "mine"
    shutil.copytree(melody_shards, folder, ignore=shutil.ignore_patterns("*.index"))
    server, local = serve(folder), SplitIndex([melody_shards], "train")
    described = json.loads((folder / "dataset.json").read_text())
    for split in described["splits"].values():
        del split["columns"]
    dataset_json.write(folder, described)
    for requests in (2 + len(described["splits"]["train"]["shards"]), 2):
        index = index_at(server.url, remote())
        assert len(server.asked) == requests and index.identity == local.identity
        server.asked.clear()
    ours, theirs = read_all(index), read_all(local)
    assert all(
        np.array_equal(*pair) for one, other in zip(ours, theirs, strict=True) for pair in zip(one, other, strict=True)
    )
    del described["splits"]["train"]["indexes"]
    dataset_json.write(folder, described)
    assert index_at(server.url, remote()).identity == local.identity


def test_a_column_file_that_is_missing_or_damaged_gives_way_to_the_sidecars(melody_shards, serve, remote):
    server = serve(melody_shards)
    server.statuses["train.index"] = 404
    with pytest.warns(UserWarning, match="train.index: not there.*the indexes of the shards are read instead"):
        index_at(server.url, remote())
    server = serve(melody_shards)
    whole = (Path(melody_shards) / "validation.index").read_bytes()
    server.changed["validation.index"] = whole[:-200] + bytes(200)
    with pytest.warns(UserWarning, match="validation.index: its bytes are not those that were written"):
        index_at(server.url, remote(retries=1), "validation")


def test_changed_data_behind_the_same_url_are_other_data(melody_shards, make_recipe, tmp_path, serve, remote):
    from datamodules.preparation.prepare import prepare

    folder = tmp_path / "mine"
    shutil.copytree(melody_shards, folder)
    server = serve(folder)
    before = read_all(index_at(server.url, remote()))
    shutil.rmtree(folder)
    prepare(make_recipe(folder, context=0.05), progress=False)
    index = index_at(server.url, remote())
    after, local = read_all(index), read_all(SplitIndex([folder], "train"))
    assert all(np.array_equal(one[0], other[0]) for one, other in zip(after, local, strict=True))
    assert not np.array_equal(before[0][0], after[0][0])


@pytest.mark.sampled(1)
@pytest.mark.parametrize("columns", [True, False])
def test_what_rots_in_the_cache_is_fetched_again(melody_shards, tmp_path, serve, remote, columns, recwarn):
    folder = tmp_path / "mine"
    shutil.copytree(melody_shards, folder)
    if not columns:
        described = json.loads((folder / "dataset.json").read_text())
        del described["splits"]["train"]["columns"]
        dataset_json.write(folder, described)
    server, options = serve(folder), remote()
    before = read_all(index_at(server.url, options))
    for path in (options.folder / "objects").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    server.asked.clear()
    after = read_all(index_at(server.url, options))
    assert all(np.array_equal(one[0], other[0]) for one, other in zip(before, after, strict=True))
    fetched = {name for name, *_ in server.asked}
    assert ("train.index" in fetched) is columns and any(name.endswith(".tar") for name in fetched)
    assert not [warning for warning in recwarn if "indexes of the shards" in str(warning.message)]


def test_an_index_that_is_sent_to_another_process_reads_there(melody_shards, serve, remote):
    server = serve(melody_shards)
    for place in (server.url, f"pipe:cat {melody_shards}/{{name}}"):
        index = index_at(place, remote())
        before = read_all(index)
        sent = pickle.loads(pickle.dumps(index))
        assert all(np.array_equal(one[0], other[0]) for one, other in zip(before, read_all(sent), strict=True))


def test_a_cache_that_cannot_be_written_is_named(melody_shards, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"data.remote.cache: .*/file/cache: cannot be written .*; name another folder"):
        index_at("http://127.0.0.1:9/mine", RemoteShards(cache=str(tmp_path / "file" / "cache")))


@pytest.mark.parametrize("option", [{"gigabytes": 0}, {"timeout": -1}, {"retries": -1}, {"connections": 0}])
def test_options_out_of_range_are_refused(option):
    (name,) = option
    with pytest.raises(DataError, match=f"data.remote.{name}: "):
        RemoteShards(**option)


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert RemoteShards().folder == tmp_path / "melisma" / "shards" and RemoteShards().limit == 10**10
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert RemoteShards().folder == Path.home() / ".cache" / "melisma" / "shards"


def test_a_reader_of_earlier_versions_is_refused_with_what_to_write():
    with pytest.raises(DataError, match=r"data.reader: .* write the prepared directory, as in data.train: \[https://"):
        MelodyData(256, reader={"class_path": "datamodules.PipelineReader", "init_args": {"urls": "x"}})
    assert MelodyData(256, train=["data/mine"], reader=None).train_directories == ["data/mine"]


def test_prepare_writes_into_folders_only(make_recipe):
    for place in ("https://jo:hidden@host/mine", "pipe:cat {name}"):
        with pytest.raises(DataError, match=r"directory: .*: shards are written into a folder") as refused:
            make_recipe(place)
        assert "hidden" not in str(refused.value)


def test_metadata_come_from_afar_too(melody_shards, serve, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert read_metadata(serve(melody_shards).url, "train") == read_metadata(melody_shards, "train")
    assert describe(serve(melody_shards).url) == describe(melody_shards)


def test_ids_of_data_sets_are_recorded_without_fetching_what_is_not_in_use(melody_shards, serve, remote):
    server = serve(melody_shards)
    data = MelodyData(
        256, train=[server.url], test={"far": "http://127.0.0.1:9/mine"}, validation={"here": str(melody_shards)},
        remote=remote(),
    )  # fmt: skip
    identity = describe(melody_shards)["id"]
    assert data.data_sets == {str(melody_shards): identity}
    assert len(data.training_index)
    assert data.data_sets == {str(melody_shards): identity, server.url: identity}


def test_threads_of_a_fetch_do_not_keep_a_process(melody_shards, serve, remote):
    server = serve(melody_shards, latency=0.3)
    index_at(server.url, remote()).prefetch(range(3), ("flac",))
    fetching = [thread for thread in threading.enumerate() if thread.name == "fetching"]
    assert fetching and all(thread.daemon for thread in fetching)
