"""A signal to all processes of a job does not end a loader's workers before the process that they belong to."""

import os
import signal
import time

import pytest

from datamodules import MelodyData
from datamodules.windows import loaders


@pytest.fixture
def loader_of(melody_shards, monkeypatch):
    """Makes a loader that is not through with its epoch when the first batch has come."""
    monkeypatch.setattr(loaders, "MESSAGE", 32)
    return lambda: MelodyData(window=256, train=[str(melody_shards)], batch_size=8, workers=2).train_dataloader()


def signalled(loader, number):
    workers = loader._messages._iterator._workers
    for worker in workers:
        os.kill(worker.pid, number)
    time.sleep(0.5)  # two signals at once may be one
    return workers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_an_epoch_goes_on_when_its_workers_are_signalled(loader_of, number):
    expected = [batch.signal for batch in loader_of()]
    loader = loader_of()
    batches = iter(loader)
    found = [next(batches).signal]
    signalled(loader, number)
    found += [batch.signal for batch in batches]
    assert len(found) == len(expected) and all(map(lambda one, other: one.equal(other), found, expected))


def test_a_second_sigterm_ends_them(loader_of):
    loader = loader_of()
    next(iter(loader))
    signalled(loader, signal.SIGTERM)
    with pytest.raises(RuntimeError, match="killed by signal: Terminated"):
        signalled(loader, signal.SIGTERM)
        time.sleep(20)


@pytest.mark.slow
def test_a_process_ends_whose_loader_has_workers_and_was_not_read_to_its_end(melody_shards):
    """Its workers do not obey the first SIGTERM, which is all that multiprocessing sends before it waits for them."""
    process = multiprocessing.get_context("fork").Process(target=read_one_batch, args=(melody_shards,))
    process.start()
    process.join(60)
    ended = process.exitcode
    process.kill()
    assert ended == 0


def read_one_batch(shards):
    torch.set_num_threads(1)
    data = MelodyData(train=[str(shards)], batch_size=4, workers=2)
    data.take(Grid(8000, 80), Windows(256)) if hasattr(data, "take") else None
    KEPT.append(data)
