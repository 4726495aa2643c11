"""Windows of streamed shards: those of the index, in equal numbers on all ranks, and never from half a shard."""

import gc
import json
import shutil
import signal
import tarfile
import threading
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain

import numpy as np
import pytest
import torch
import webdataset
from webdataset.gopen import Pipe

from datamodules.annotations.f0_series import MultiF0Series
from datamodules.augment import item_seeds
from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.melody import MelodyData
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.shards.index import SplitIndex
from datamodules.streaming.pipeline_reader import PipelineReader, ShardTurns
from datamodules.streaming.tar_streams import track_number, unpack
from datamodules.windows.loaders import TrainingLoader
from datamodules.windows.plan import Windows
from datamodules.windows.reader import PooledReader, WindowReader
from datamodules.windows.source import Processes
from tests.given_corpus import Given, GivenCorpus

WINDOWS = 1200  # 4 tracks of 300 frames, in 12 records, in 3 shards


@pytest.fixture
def tars(melody_shards):
    return [str(path) for path in sorted(melody_shards.glob("train-*.tar"))]


@pytest.fixture
def lone_tars(tars, tmp_path):
    """Copies without the index beside them."""
    return [shutil.copy(tar, tmp_path) for tar in tars]


@pytest.fixture
def served(melody_shards, monkeypatch):
    """Address of a server of the shards."""
    if shutil.which("curl") is None:
        pytest.skip("webdataset fetches over http with the program curl, which is missing")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(melody_shards))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def streamed(urls, rank=0, ranks=1, workers=0, batch_size=16, start=0, epoch=0, seed=0, windows=None, **options):
    reader = PipelineReader(urls, **{"windows_per_epoch": WINDOWS, "records": 4, **options})
    with pytest.warns(UserWarning, match="inexact"):
        source = reader.open(256, windows or Windows(), seed, Processes(rank, ranks, workers))
    return TrainingLoader(source, batch_size, rank, ranks, workers, lambda: (epoch, start))


def indexed(directory, windows=None):
    index = SplitIndex([directory], "train")
    return index, TrainingLoader(PooledReader(WindowReader(index, 256, windows or Windows()), 0, 4, 2), 1, 0, 1, 0)


def places(loader):
    return [list(zip(batch.track.tolist(), batch.frame.tolist(), strict=True)) for batch in loader]


def contents(loader, numbers=None):
    """Bytes of audio, f0 and validity of every window, by track and first frame."""
    found = {}
    for batch in loader:
        for audio, f0, valid, track, frame in zip(
            *map(torch.Tensor.numpy, (batch.signal, batch.f0, batch.valid)),
            batch.track.tolist(), batch.frame.tolist(), strict=True,
        ):  # fmt: skip
            value = audio.tobytes(), f0.tobytes(), valid.tobytes()
            assert found.setdefault((numbers[track] if numbers else track, frame), value) == value
    return found


def assert_the_same_windows(directory, loader, windows=None):
    """What is streamed is what the index gives, and all of it if enough is streamed."""
    index, exact = indexed(directory, windows)
    expected = contents(exact, [track_number(name) for name in index.tracks])
    got = contents(loader)
    assert got and got == {place: expected[place] for place in got}
    assert len(got) == len(expected)


class TestSameWindows:
    @pytest.mark.parametrize(
        "windows", [Windows(), Windows(frames=4, stride=3), Windows(voiced_only=True)], ids=["one", "four", "voiced"]
    )
    def test_from_paths(self, melody_shards, tars, windows):
        loader = streamed(tars, windows=windows, windows_per_epoch=4 * WINDOWS)
        assert_the_same_windows(melody_shards, loader, windows)

    def test_from_file_urls_with_braces(self, melody_shards, tars):
        urls = f"file:{melody_shards}/train-{{000000..{len(tars) - 1:06d}}}-of-{len(tars):06d}.tar"
        assert PipelineReader(urls, 1).urls == [f"file:{tar}" for tar in tars]
        assert_the_same_windows(melody_shards, streamed(urls, windows_per_epoch=4 * WINDOWS))

    def test_from_a_web_server(self, melody_shards, tars, served):
        urls = [f"{served}/{tar.rpartition('/')[2]}" for tar in tars]
        assert_the_same_windows(melody_shards, streamed(urls, windows_per_epoch=4 * WINDOWS))

    def test_from_a_command(self, melody_shards, tars):
        urls = [f"pipe:cat {tar}" for tar in tars]
        assert_the_same_windows(melody_shards, streamed(urls, windows_per_epoch=4 * WINDOWS, allow_pipe=True))

    def test_by_workers_of_two_ranks(self, melody_shards, tars):
        loaders = [streamed(tars, rank, 2, 2, windows_per_epoch=8 * WINDOWS) for rank in range(2)]
        assert_the_same_windows(melody_shards, [batch for loader in loaders for batch in loader])

    def test_of_raw_samples(self, make_recipe, tmp_path):
        prepare(make_recipe(tmp_path, audio="i16"), progress=False)
        loader = streamed([str(path) for path in tmp_path.glob("train-*.tar")], windows_per_epoch=4 * WINDOWS)
        assert_the_same_windows(tmp_path, loader)


def test_the_track_is_a_hash_of_its_id_and_the_frame_its_own(melody_shards, tars):
    index = SplitIndex([melody_shards], "train")
    got = {place for batch in places(streamed(tars, windows_per_epoch=4 * WINDOWS)) for place in batch}
    assert got == {(track_number(name), frame) for name in index.tracks for frame in range(300)}
    assert all(0 <= track < 1 << 63 for track, _ in got)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shards", [1, 3])
def test_all_ranks_have_as_many_batches_however_few_shards(tars, ranks, workers, shards):
    loaders = [streamed(tars[:shards], rank, ranks, workers, batch_size=50) for rank in range(ranks)]
    got = [places(loader) for loader in loaders]
    assert {len(loader) for loader in loaders} == {len(batches) for batches in got} == {WINDOWS // (50 * ranks)}
    assert {len(batch) for batches in got for batch in batches} == {50}


@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_seed_gives_the_same_order(tars, workers):
    assert places(streamed(tars, 1, 2, workers)) == places(streamed(tars, 1, 2, workers))


def test_another_epoch_seed_or_rank_gives_another_order(tars):
    orders = [
        places(streamed(tars, rank, 2, epoch=epoch, seed=seed))
        for rank, epoch, seed in ((0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0))
    ]
    assert all(one != other for number, one in enumerate(orders) for other in orders[:number])


@pytest.mark.parametrize("workers", [0, 2])
def test_one_loader_gives_every_epoch_another_order_and_the_same_one_again(tars, workers):
    loader, epochs = streamed(tars, workers=workers), iter([0, 1, 0])
    loader.begin = lambda: (next(epochs), 0)
    first, second, again = (places(loader) for _ in range(3))
    assert first != second
    assert first == again


def test_the_order_does_not_depend_on_the_size_of_the_batch(tars):
    one, other = (list(chain(*places(streamed(tars, batch_size=size)))) for size in (16, 100))
    assert one == other


def test_the_rest_of_an_epoch_is_of_another_stream(tars):
    whole, rest = places(streamed(tars)), places(streamed(tars, start=20 * 16))
    assert len(rest) == len(whole) - 20
    assert rest not in (whole[20:], whole[: len(rest)])


def test_an_epoch_meets_nearly_all_windows(tars):
    got = Counter(place for batch in places(streamed(tars, records=1)) for place in batch)
    assert len(got) > 0.99 * WINDOWS


def test_variables_that_launchers_leave_behind_change_nothing(tars, monkeypatch):
    expected = places(streamed(tars, 1, 2))
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "WORKER": "1", "NUM_WORKERS": "2", "WDS_SEED": "7"}.items():
        monkeypatch.setenv(name, value)
    assert places(streamed(tars, 1, 2)) == expected


def test_every_window_has_a_seed_of_its_own_track_and_frame(tars):
    (batch,) = streamed(tars, epoch=3, seed=5, windows_per_epoch=16)
    assert batch.seed.tolist() == item_seeds(5, 3, batch.track.numpy(), batch.frame.numpy()).tolist()


def test_workers_share_what_a_process_holds(tars):
    """Two lanes of eight records each deliver from sixteen at a time; shared by four workers, from four each."""
    reader = PipelineReader(tars, 1, records=16)
    with pytest.warns(UserWarning):
        alone, shared = (reader.open(256, Windows(), 0, Processes(0, 1, workers)) for workers in (0, 4))
    alone.read(0, np.arange(1)), shared.read(0, np.arange(1))
    assert (sum(alone._stream._sizes), sum(shared._stream._sizes)) == (16, 4)


def test_consumers_share_each_permutation_of_the_shards():
    urls = [f"{number:02d}.tar" for number in range(12)]
    turns = [ShardTurns(urls, [0, 0, 0], consumer, 5).shards() for consumer in range(5)]
    order = [next(turns[place % 5])["url"] for place in range(60)]
    cycles = [order[low : low + 12] for low in range(0, 60, 12)]
    assert all(sorted(cycle) == urls for cycle in cycles)
    assert cycles[0] != cycles[1]


def test_neighbouring_windows_are_of_different_records(tars):
    batches = places(streamed(tars, records=12, windows_per_epoch=10 * WINDOWS, batch_size=50))
    assert np.mean([len({(track, frame // 100) for track, frame in batch}) for batch in batches[10:]]) > 9


def test_several_voices_are_padded_as_by_the_index(tmp_path):
    def voices(number):
        tone = Audio(0.1 * np.sin(np.arange(12000) * number / 10).astype(np.float32), 8000)
        f0 = MultiF0Series(np.arange(150) / 100, np.tile(100.0 * np.arange(1, number + 1), (150, 1)))
        return Recording(f"r{number}", Given(tone), Given(f0), f"r{number}")

    corpus = GivenCorpus([voices(1), voices(3)])
    prepare(ShardRecipe(corpus, str(tmp_path), 8000, 80, 1.0, 0.1, splits={"train": 1.0}), progress=False)
    tars = [str(path) for path in tmp_path.glob("train-*.tar")]
    assert_the_same_windows(tmp_path, streamed(tars, pitches=3, windows_per_epoch=2000))
    with pytest.raises(DataError, match=r"train-0.*: t.*3 pitches at a time, data\.reader\.pitches is 2"):
        places(streamed(tars, pitches=2))


def cut(tar, size):
    with open(tar, "r+b") as file:
        file.truncate(size)


def headers(tar):
    with tarfile.open(tar) as file:
        return [(info.name, info.offset, info.offset_data) for info in file]


def end(tar):
    with tarfile.open(tar) as file:
        file.getmembers()
        return file.offset


def rewrite(tar, change):
    """Change every record of a shard."""
    samples = list(webdataset.tariterators.group_by_keys(unpack([{"url": tar}])))
    with webdataset.TarWriter(tar, mtime=0, encoder=False) as file:
        for sample in samples:
            change(sample)
            file.write({key: value for key, value in sample.items() if key != "__url__"})


class TestBroken:
    def refused(self, urls, message, **options):
        with pytest.raises(DataError, match=message) as refusal:
            places(streamed(urls, windows_per_epoch=4 * WINDOWS, **options))
        return str(refusal.value)

    @pytest.mark.parametrize(
        "where", ["between records", "between members", "in a header", "in data", "before the end"]
    )
    def test_a_tar_cut_anywhere_is_refused(self, lone_tars, where):
        files = headers(lone_tars[1])
        first_of_a_record = next(n for n in range(1, len(files)) if files[n][0][:15] != files[n - 1][0][:15])
        cut(
            lone_tars[1],
            {
                "between records": files[first_of_a_record][1],
                "between members": files[first_of_a_record + 1][1],
                "in a header": files[2][1] + 100,
                "in data": files[2][2] + 100,
                "before the end": end(lone_tars[1]) + 512,
            }[where],
        )
        self.refused(lone_tars, lone_tars[1])

    def test_a_cut_through_a_pipe_is_refused(self, lone_tars):
        cut(lone_tars[0], headers(lone_tars[0])[3][1])
        self.refused([f"pipe:cat {tar}" for tar in lone_tars], f"pipe:cat {lone_tars[0]}.*cut off", allow_pipe=True)

    def test_a_flipped_bit_in_a_header_is_refused(self, lone_tars):
        with open(lone_tars[1], "r+b") as file:
            file.seek(headers(lone_tars[1])[4][1])
            file.write(b"X")
        self.refused(lone_tars, f"{lone_tars[1]}.*damaged")

    def test_a_local_tar_of_another_size_than_its_index_says_is_refused(self, tars, lone_tars):
        shutil.copy(tars[2].replace(".tar", ".json"), lone_tars[2].replace(".tar", ".json"))
        with open(lone_tars[2], "ab") as file:
            file.write(bytes(512))
        self.refused(lone_tars, f"{lone_tars[2]}.*bytes, but its index says")

    @pytest.mark.parametrize("member", ["f0", "flac", "json"])
    def test_a_record_without_a_member_is_refused_by_its_key(self, lone_tars, member):
        rewrite(lone_tars[0], lambda sample: sample.pop(member))
        self.refused(lone_tars, rf"{lone_tars[0]}: t\d+_\d+: has no {member}")

    @pytest.mark.parametrize(
        ("member", "value"),
        [("json", b"{"), ("json", b"[]"), ("json", b'{"rate": 8000}'), ("flac", b"fLaC"), ("f0", bytes(12))],
        ids=["no JSON", "no object", "no grid", "no FLAC", "too few f0"],
    )
    def test_a_damaged_member_is_refused_by_its_key(self, lone_tars, member, value):
        rewrite(lone_tars[0], lambda sample: sample.update({member: value}))
        self.refused(lone_tars, rf"{lone_tars[0]}: t\d+_\d+: damaged")

    def test_audio_that_is_shorter_than_the_frames_is_refused(self, lone_tars):
        rewrite(lone_tars[0], lambda sample: (sample.pop("flac"), sample.update(i16=bytes(2000))))
        self.refused(lone_tars, rf"{lone_tars[0]}: t\d+_\d+: 1000 samples are fewer")

    def test_shards_of_another_grid_are_refused(self, lone_tars):
        def shift(sample):
            sample["json"] = json.dumps({**json.loads(sample["json"]), "rate": 16000}).encode()

        rewrite(lone_tars[2], shift)
        self.refused(lone_tars, r"t\d+_\d+: its grid is .*prepare all alike")

    def test_two_records_of_one_key_in_succession_are_refused(self, lone_tars):
        with webdataset.TarWriter(lone_tars[0], mtime=0, encoder=False) as tar:
            for _ in range(2):
                tar.write({"__key__": "same", "json": b"{}"})
        self.refused(lone_tars, f"{lone_tars[0]}.*same.json is in it twice")

    def test_shards_without_a_window_are_refused_instead_of_read_for_ever(self, lone_tars):
        for tar in lone_tars:
            rewrite(tar, lambda sample: sample.update(f0=bytes(len(sample["f0"]))))
        self.refused(lone_tars, "3 shards in succession hold no training window", windows=Windows(voiced_only=True))
        for tar in lone_tars:
            webdataset.TarWriter(tar).close()
        self.refused(lone_tars, "3 shards in succession hold no training window")

    def test_what_cannot_be_fetched_is_refused_by_its_address(self, tars, served):
        self.refused(f"{served}/nothing.tar", f"{served}/nothing.tar.*exit 22")
        self.refused(f"{tars[0]}.gone", f"{tars[0]}.gone: no such file")

    @pytest.mark.parametrize(
        "command", ["false", "cat {} && exec 1>&- && sleep 0.2 && exit 3", "head -c 20000 {}", "echo no tar"]
    )
    def test_a_command_that_fails_or_stops_early_is_refused(self, tars, command):
        url = f"pipe:{command.format(tars[0])}"
        assert url in self.refused(url, "cannot be read as a whole tar", allow_pipe=True)


class TestUrls:
    def test_a_command_needs_leave(self, tars, tmp_path):
        for url in (f"pipe:touch {tmp_path}/ran", f"PIPE:touch {tmp_path}/ran", f" pipe:touch {tmp_path}/ran"):
            with pytest.raises(DataError, match=r"data\.reader\.allow_pipe: true"):
                PipelineReader([*tars, url], 1)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"urls": "s3://bucket/train.tar"}, r"data\.reader\.urls: 's3://bucket/train.tar'.*use pipe:"),
            ({"urls": "${NOWHERE}/train.tar"}, r"data\.reader\.urls: .*cannot be expanded"),
            ({"urls": []}, r"data\.reader\.urls: none"),
            ({"windows_per_epoch": 0}, r"data\.reader\.windows_per_epoch: 0"),
            ({"records": 0}, r"data\.reader\.records: 0"),
            ({"pitches": -1}, r"data\.reader\.pitches: -1"),
        ],
    )
    def test_impossible_values_are_refused_by_their_key(self, options, message):
        with pytest.raises(DataError, match=message):
            PipelineReader(**{"urls": "train.tar", "windows_per_epoch": 1, **options})

    def test_an_index_beside_it_would_have_no_effect(self):
        with pytest.raises(DataError, match=r"data\.train: has no effect"):
            MelodyData(train=["data/mine"], reader=PipelineReader("train.tar", 1))


def test_a_stream_that_is_left_stops_its_command(tars):
    command = f"cat {tars[0]}; head -c 1000000 /dev/zero; exec sleep 1000"
    loader = streamed(f"pipe:{command}", allow_pipe=True, windows_per_epoch=100, records=1)
    list(loader)
    (process,) = (each.proc for each in gc.get_objects() if type(each) is Pipe and each.args[0] == (command,))
    assert process.poll() is None
    loader.reader._stream = None
    assert process.returncode == -signal.SIGKILL
