"""A signal to all processes of a job does not end a loader's workers before the process that they belong to."""

import multiprocessing
import signal
import subprocess
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
    subprocess.run(["kill", f"-{int(number)}", *(str(worker.pid) for worker in workers)], check=True)
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


def read_a_batch_and_end(shards, started):
    loader = iter(MelodyData(window=256, train=[str(shards)], workers=2).train_dataloader())
    next(loader)
    read_a_batch_and_end.kept = loader  # as a trainer that nobody has collected keeps it
    started.send(True)


def test_a_process_that_ends_with_workers_left_ends_them(melody_shards):
    """One of `multiprocessing`, as of a sweep's fits, sends them SIGTERM once and waits for them."""
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=read_a_batch_and_end, args=(melody_shards, sender))
    process.start()
    assert receiver.recv()
    process.join(60)
    alive = process.is_alive()
    process.kill()
    assert not alive and process.exitcode == 0
