"""Who works on what: one owner for each name, whatever dies or sleeps."""

import json
import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from experiments.claims import Claims
from tests.slurm_local import wait_for

NAME = "HCNN/fold 1/seed0"


def renamed(path, **changes):
    """Let a claim's owner be another one."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def hold(folder, connection):
    claim = Claims(folder).take(NAME)
    connection.send(claim is not None)
    signal.pause()


@pytest.fixture
def other(tmp_path):
    """Another process, which has the name."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, there))
    process.start()
    assert here.recv()
    yield process
    process.kill()
    process.join()


def test_a_name_has_one_owner_until_it_is_given_back(tmp_path):
    claims, others = Claims(tmp_path / "below"), Claims(tmp_path / "below")
    assert claims.owner(NAME) is None
    with claims.take(NAME) as claim:
        assert others.take(NAME) is None
        assert str(os.getpid()) in others.owner(NAME)
        assert not claim.lost
        with others.take("another") as second:
            assert second is not None
    assert others.owner(NAME) is None
    with others.take(NAME) as claim:
        assert claim is not None


def test_it_is_given_back_by_an_error(tmp_path):
    with pytest.raises(KeyError), Claims(tmp_path).take(NAME):
        raise KeyError
    assert Claims(tmp_path).owner(NAME) is None


def test_the_name_of_a_killed_process_of_this_host_is_free_at_once(tmp_path, other):
    claims = Claims(tmp_path)
    assert str(other.pid) in claims.owner(NAME)
    assert claims.take(NAME) is None
    os.kill(other.pid, signal.SIGKILL)  # not waited for: it stays as a zombie
    deadline = time.monotonic() + 10
    while claims.owner(NAME) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    with claims.take(NAME) as claim:
        assert claim is not None


def test_a_new_process_with_the_number_of_a_dead_one_is_not_its_owner(tmp_path, other):
    (path,) = files(tmp_path)
    renamed(path, started=json.loads(path.read_text())["started"] - 1)
    assert Claims(tmp_path).owner(NAME) is None


def test_an_owner_elsewhere_lives_as_long_as_it_renews(tmp_path):
    claim = Claims(tmp_path, 0.5).take(NAME)
    (path,) = files(tmp_path)
    renamed(path, machine="another", pid=1)
    for _ in range(3):
        os.utime(path, (1, 1))
        assert wait_for(lambda: path.stat().st_mtime > 1, 20)
    claim._ended.set()
    claim._thread.join()
    now = path.stat().st_mtime
    os.utime(path, (now + 3600, now + 3600))
    assert Claims(tmp_path, 0.5).take(NAME) is None
    os.utime(path, (now - 3600, now - 3600))
    with Claims(tmp_path, 0.5).take(NAME) as second:
        assert claim.lost
        assert not second.lost


def test_who_slept_too_long_has_lost_the_name_and_does_not_give_it_back_for_the_next(tmp_path):
    with Claims(tmp_path).take(NAME) as claim:
        (path,) = files(tmp_path)
        renamed(path, machine="another")
        os.utime(path, (1, 1))
        second = Claims(tmp_path).take(NAME)
        assert claim.lost
    assert Claims(tmp_path).take(NAME) is None
    assert not second.lost
    second.__exit__(None, None, None)


def test_who_could_not_renew_in_time_has_lost_the_name(tmp_path, monkeypatch):
    claim = Claims(tmp_path, 1000.0).take(NAME)
    assert not claim.lost
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1001)
    assert claim.lost
    monkeypatch.undo()
    claim.renew()
    assert claim.lost
    claim.__exit__(None, None, None)


def test_a_claim_that_is_being_written_is_someones(tmp_path):
    with Claims(tmp_path).take(NAME):
        (path,) = files(tmp_path)
        path.write_text("")
        assert Claims(tmp_path).take(NAME) is None
        os.utime(path, (1, 1))
        assert Claims(tmp_path).owner(NAME) is None


def test_one_of_many_gets_what_a_dead_owner_had(tmp_path):
    place = files(tmp_path)
    with Claims(tmp_path).take(NAME):
        place = files(tmp_path)[0]
    for turn in range(20):
        with ThreadPoolExecutor(8) as pool:
            taken = [each for each in pool.map(lambda _: Claims(tmp_path).take(NAME), range(8)) if each is not None]
        assert len(taken) == 1, turn
        taken[0].__exit__(None, None, None)
    assert place.exists(), "a number that is used again could have two owners"


def test_a_folder_that_is_gone_is_nobodys(tmp_path):
    claims = Claims(tmp_path / "claims")
    with claims.take(NAME):
        for path in sorted((tmp_path / "claims").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        assert claims.owner(NAME) is None
