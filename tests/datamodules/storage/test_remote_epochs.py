"""An epoch from a server that fails is the epoch from a folder: windows, clips, order, resuming; the cache's bound."""

import fcntl
import os
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.classification import ClipData
from datamodules.melody import MelodyData
from datamodules.storage.cache import SharedCache
from tests.datamodules.clip_shards import CLASSES
from tests.datamodules.storage.servers import FAILURES

SHARE = 0.05


def windows(directory, **options):
    return MelodyData(256, train=[directory], validation={"mine": directory}, streams=4, group=2, **options)


def clips(directory, **options):
    return ClipData(CLASSES, train=[directory], validation={"mine": directory}, batch_size=4, **options)


def epoch(data, begin=(0, 0)):
    """The tensors of all batches of an epoch from a place on, field by field behind each other."""
    data.begin_epoch = lambda: begin
    fields = [
        [value.flatten() for value in batch if isinstance(value, torch.Tensor)] for batch in data.train_dataloader()
    ]
    return [torch.cat(field) for field in zip(*fields, strict=True)]


def scored(data):
    """The tensors of all batches of validation."""
    (loader,) = data.val_dataloader()
    return [value for batch in loader for value in batch if isinstance(value, torch.Tensor)]


def the_same(ours, theirs):
    assert len(ours) == len(theirs) > 2
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def taken(folder: Path) -> int:
    """Bytes of disk that the files of a cache take at one moment: its lock is held meanwhile."""
    found = {}
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("incoming", "objects"):
            for entry in os.scandir(folder / name):
                with suppress(FileNotFoundError):  # a file that is finished meanwhile moves from the one to the other
                    stat = os.lstat(entry.path)
                    found[stat.st_ino] = stat.st_blocks * 512
        fcntl.flock(lock, fcntl.LOCK_UN)  # a worker that was forked meanwhile has it open
    return sum(found.values())


@contextmanager
def watched(folder: Path):
    """The largest number of bytes that a folder took while the block ran."""
    most, over = [0, 0], threading.Event()

    def watch():
        while not over.is_set():
            if (folder / "lock").exists():
                most[0] = max(most[0], taken(folder))
                most[1] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


@pytest.fixture(params=["windows", "clips"])
def kind(request, melody_shards, clip_shards):
    """How the data are read, and where they are."""
    return {"windows": (windows, Path(melody_shards)), "clips": (clips, Path(clip_shards))}[request.param]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_an_epoch_from_a_failing_server_is_the_local_one_and_the_cache_keeps_its_bound(kind, serve, remote, workers):
    make, folder = kind
    size = sum(path.stat().st_size for path in folder.glob("train-*.tar"))
    bound = size / 4
    server = serve(folder, share=SHARE, seed=workers)
    local = make(str(folder))
    data = make(server.url, workers=workers, remote=remote(gigabytes=bound / 1e9, retries=8))
    with watched(data.remote.folder) as most:
        for number in range(3):
            assert the_same(epoch(data, (number, 0)), epoch(local, (number, 0)))
        assert the_same(scored(data), scored(local))
    assert 0 < most[0] <= bound and most[1] > 10
    assert int((data.remote.folder / "used").read_bytes()) <= bound
    assert data.training_index.identity == local.training_index.identity


@pytest.mark.long
@pytest.mark.slow
def test_every_way_of_failing_occurred(melody_shards, serve, remote):
    server = serve(melody_shards, share=0.4, seed=1)
    data = windows(server.url, remote=remote(gigabytes=1e-4, retries=20))
    assert the_same(epoch(data), epoch(windows(str(melody_shards))))
    assert {failure for *_, failure in server.asked} == {None, *FAILURES}


def test_an_epoch_goes_on_in_the_middle(kind, serve, remote):
    make, folder = kind
    server = serve(folder, share=SHARE, seed=7)
    data, local = make(server.url, remote=remote(retries=8)), make(str(folder))
    middle = (2, data.items_per_epoch // 2)
    rest = epoch(data, middle)
    assert the_same(rest, epoch(local, middle))
    assert 0 < rest[-1].numel() < epoch(local, (2, 0))[-1].numel()


def test_what_is_in_the_cache_is_not_fetched_again_by_the_next_run(kind, serve, remote):
    make, folder = kind
    server = serve(folder)
    epoch(make(server.url, remote=remote()))
    fetched = [name for name, *_ in server.asked]
    assert any(name.endswith(".tar") for name in fetched)
    server.asked.clear()
    epoch(make(server.url, remote=remote()))
    assert [name for name, *_ in server.asked] == ["dataset.json"] * 2


@pytest.mark.sampled(1)
def test_shards_behind_a_command_are_read_as_those_in_a_folder(kind, remote):
    make, folder = kind
    data = make(f"pipe:cat {folder}/{{name}}", remote=remote(), workers=2)
    local = make(str(folder))
    assert the_same(epoch(data), epoch(local)) and the_same(scored(data), scored(local))


def test_shards_in_the_memory_of_a_file_system_are_read_too(melody_shards, remote):
    import fsspec

    files = fsspec.filesystem("memory")
    for path in Path(melody_shards).iterdir():
        files.pipe_file(f"/bucket/mine/{path.name}", path.read_bytes())
    data = windows("memory://bucket/mine", remote=remote(), workers=2)
    assert the_same(epoch(data), epoch(windows(str(melody_shards))))


def test_records_next_to_each_other_are_asked_for_together_and_before_they_are_read(melody_shards, serve, remote):
    server = serve(melody_shards)
    index = windows(server.url, remote=remote()).training_index
    server.asked.clear()
    index.prefetch(range(len(index)), ("flac", "f0"))
    while any(storage.process.coming for storage in index._storages):
        time.sleep(0.01)
    tars = len(list(Path(melody_shards).glob("train-*.tar")))
    assert len(server.asked) == tars < len(index)
    for record in range(len(index)):
        index.read_audio(record), index.read_f0(record)
    assert len(server.asked) == tars


def test_a_shared_cache_of_several_writers_keeps_its_bound(tmp_path):
    """Processes that write at the same time; the sum that they note is that of the files."""
    import multiprocessing

    bound = 40 * 4352
    context = multiprocessing.get_context("fork")
    with watched(tmp_path) as most:
        writers = [context.Process(target=_write, args=(tmp_path, bound, number)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert bound / 3 < most[0] <= bound
    assert int((tmp_path / "used").read_bytes()) >= sum(1 for _ in (tmp_path / "objects").iterdir()) * 4352


def _write(folder, bound, seed):
    cache = SharedCache(folder, bound)
    cache.make()
    rng = np.random.default_rng(seed)
    for number in range(150):
        cache.put(f"{seed}-{number}", rng.bytes(int(rng.integers(1, 9000))))
