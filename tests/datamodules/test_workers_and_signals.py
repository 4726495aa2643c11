"""A signal to all processes of a job does not end a loader's workers before the process that they belong to."""

import multiprocessing
import os
import signal
import time

import pytest
import torch

from datamodules import MelodyData
from datamodules.windows import loaders

KEPT = []  # not collected before a process ends


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


def test_a_process_ends_that_has_not_read_its_loader_to_the_end(loader_of):
    """Its workers do not obey the first SIGTERM, which is all that multiprocessing sends before it waits for them."""

    def read():
        torch.set_num_threads(1)
        KEPT.append(loader_of())
        KEPT.append(iter(KEPT[0]))
        next(KEPT[1])

    process = multiprocessing.get_context("fork").Process(target=read)
    process.start()
    process.join(30)
    code = process.exitcode
    process.kill()
    assert code == 0
