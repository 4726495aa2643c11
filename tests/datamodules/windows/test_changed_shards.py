"""Files of a prepared directory that somebody changes while an epoch is under way: found when they are read."""

import os
import shutil
import signal
from multiprocessing import get_context

import numpy as np
import pytest

from datamodules import ClipData, MelodyData
from datamodules.errors import DataError
from datamodules.shards.index import SplitIndex
from datamodules.storage import local
from datamodules.windows import loaders
from tests.datamodules.clip_shards import CLASSES

SEGMENT = 50


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, prepare_contours):
    """More records than the pools of an epoch hold decoded, in a dozen shards."""
    random = np.random.default_rng(0)
    contours = [random.uniform(100, 400, 500) for _ in range(40)]
    folder = tmp_path_factory.mktemp("changing")
    return prepare_contours(folder, SEGMENT, train=contours, validation=contours[:4])


def overwrite(path):
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


def overwrite_with_others(path):
    """As `cp` of another file of this name does."""
    content = path.read_bytes()
    path.write_bytes(content[:16] + bytes(64) + content[16:])


def rename(path):
    other = path.with_name("other")
    other.write_bytes(bytes(path.stat().st_size))
    os.replace(other, path)


def halve(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def touch(path):
    os.utime(path)


def delete(path):
    path.unlink()


def training(folder, workers):
    data = MelodyData(window=8, train=[str(folder)], batch_size=64, workers=workers, streams=8, group=2)
    return data.train_dataloader()


def validation(folder, workers):
    return MelodyData(window=8, validation={"mine": str(folder)}, batch_size=64, workers=workers).val_dataloader()[0]


def utterances(folder, workers):
    return ClipData(CLASSES, train=[str(folder)], batch_size=4, block=2, workers=workers).train_dataloader()


def epoch(make, folder, workers, change, pattern, count):
    """Change files behind some batches, and read on; what came of it."""
    loader = make(folder, workers)
    batches = iter(loader)
    for _ in range(count):
        next(batches)
    for path in folder.glob(pattern):
        change(path)
    try:
        count += sum(1 for _ in batches)
    except DataError as error:
        return str(error)
    return "whole" if count == len(loader) else f"{count} of {len(loader)}"


def outcome(prepared, folder, workers, change, pattern, monkeypatch, make=training, before=3):
    """Of an epoch in a process of its own, which a signal may end, and which must not stand still."""
    shutil.copytree(prepared, folder)
    monkeypatch.setattr(loaders, "MESSAGE", 64)
    here, there = get_context("fork").Pipe(duplex=False)

    def run():
        signal.alarm(100)
        there.send(epoch(make, folder, workers, change, pattern, before))

    process = get_context("fork").Process(target=run)
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        process.join()
        return f"ended with {process.exitcode}"


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", [overwrite, overwrite_with_others, halve, empty], ids=lambda each: each.__name__)
def test_damage_to_a_shard_in_mid_epoch_is_found_when_it_is_read(prepared, tmp_path, monkeypatch, change, workers):
    found = outcome(prepared, tmp_path / "work", workers, change, "*.tar", monkeypatch)
    assert "work/train-" in found and "its bytes are not those that were written; delete the shard" in found
    assert "\n" not in found  # nor the traceback of a worker


@pytest.mark.sampled(4)
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", [rename, delete], ids=lambda each: each.__name__)
@pytest.mark.parametrize("pattern", ["*.tar", "*.index"])
def test_a_file_that_is_open_outlives_its_name(prepared, tmp_path, monkeypatch, change, workers, pattern):
    found = outcome(prepared, tmp_path / "work", workers, change, pattern, monkeypatch)
    # A worker may have yet to open a tar that another one has open.
    refused = ("not those that were written", "No such file") if workers and pattern == "*.tar" else ()
    assert found == "whole" or any(why in found for why in refused)


@pytest.mark.parametrize(("change", "expected"), [(rename, "not those that were written"), (delete, "No such file")])
def test_a_shard_that_is_opened_again_is_compared_with_its_index(prepared, tmp_path, monkeypatch, change, expected):
    monkeypatch.setattr(local, "OPEN_FILES", 1)
    found = outcome(prepared, tmp_path / "work", 0, change, "*.tar", monkeypatch)
    assert "work/train-" in found and expected in found and "\n" not in found


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize("change", [overwrite, overwrite_with_others, halve, empty], ids=lambda each: each.__name__)
def test_a_column_file_that_somebody_writes_to_ends_the_epoch(prepared, tmp_path, monkeypatch, change, workers):
    # Also where it is cut off, which ends a process that looks at a mapped page behind the end.
    found = outcome(prepared, tmp_path / "work", workers, change, "*.index", monkeypatch)
    assert found.endswith("work/train.index: somebody has written to it while it was in use; start again")


@pytest.mark.parametrize("change", [overwrite, empty], ids=lambda each: each.__name__)
@pytest.mark.parametrize(("make", "before"), [(training, 0), (validation, 0), (validation, 2), (utterances, 0)])
def test_a_column_file_is_looked_at_by_every_loader_before_it_reads(
    prepared, clip_shards, tmp_path, monkeypatch, change, make, before
):
    given = clip_shards if make is utterances else prepared
    found = outcome(given, tmp_path / "work", 0, change, "*.index", monkeypatch, make, before)
    split = "validation" if make is validation else "train"
    assert found.endswith(f"work/{split}.index: somebody has written to it while it was in use; start again")


@pytest.mark.parametrize("byte", [b"\0", b"\xff"])
def test_a_record_that_an_overwritten_column_file_names_no_more_is_blamed_on_the_file(prepared, tmp_path, byte):
    folder = shutil.copytree(prepared, tmp_path / "work")
    index = SplitIndex([folder], "train")
    assert len(index.read_f0(0)) >= SEGMENT
    with (folder / "train.index").open("r+b") as file:
        file.write(byte * (folder / "train.index").stat().st_size)
    for read in (index.read_audio, index.read_f0, index.read_transcript):
        with pytest.raises(DataError, match=r"work/train\.index: (somebody has written to it|damaged)"):
            read(0)


def test_a_column_file_that_is_only_touched_serves_on(prepared, tmp_path, monkeypatch):
    assert outcome(prepared, tmp_path / "work", 0, touch, "*.index", monkeypatch) == "whole"
