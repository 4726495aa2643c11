"""The cache: what is removed first, what is never removed, and what a writer that fails or dies leaves behind."""

import multiprocessing
import os
import signal
import time

import pytest

from datamodules.storage.cache import SharedCache, cost, let_go

SIZE = 1000
ROOM = 4


@pytest.fixture
def cache(tmp_path):
    made = SharedCache(tmp_path / "cache", ROOM * cost(SIZE))
    made.make()
    return made


def fill(cache, *keys):
    for key in keys:
        cache.put(key, key.encode() * SIZE)
        time.sleep(0.02)  # the clock of the file system goes on by up to 10 ms at once


def there(cache):
    return {path.name for path in (cache.folder / "objects").iterdir()}


def noted(cache):
    return int((cache.folder / "used").read_bytes())


def test_what_was_not_used_for_longest_goes_first(cache):
    fill(cache, "a", "b", "c", "d")
    assert cache.get("a") == b"a" * SIZE and noted(cache) == cache.limit
    fill(cache, "e")
    assert "b" not in there(cache) and {"a", "e"} <= there(cache)
    assert cache.get("b") is None
    assert noted(cache) == len(there(cache)) * cost(SIZE) <= cache.limit


def test_what_is_held_stays_until_it_is_let_go(cache):
    fill(cache, "a", "b", "c", "d")
    held = cache.hold("a", SIZE)
    fill(cache, *"efghij")
    assert "a" in there(cache) and held.read() == b"a" * SIZE
    let_go(held)
    fill(cache, *"klmnop")
    assert "a" not in there(cache)


def test_of_a_file_of_another_size_there_is_nothing_to_hold(cache):
    fill(cache, "a")
    assert cache.hold("a", SIZE + 1) is None and cache.hold("b", SIZE) is None


def test_what_does_not_fit_beside_what_is_held_is_left_out(cache):
    fill(cache, "a", "b", "c", "d")
    held = [cache.hold(key, SIZE) for key in "abcd"]
    fill(cache, "e")
    assert there(cache) == set("abcd") and noted(cache) == cache.limit
    cache.put("large", bytes(2 * cache.limit))
    assert there(cache) == set("abcd")
    for file in held:
        let_go(file)


def test_a_writer_that_fails_leaves_nothing(cache):
    with pytest.raises(ValueError, match="lost"), cache.writing("a", SIZE) as file:
        file.write(b"half")
        raise ValueError("lost")
    assert cache.get("a") is None and noted(cache) == 0
    assert not list((cache.folder / "incoming").iterdir())


def test_room_is_taken_before_the_first_byte_is_written(cache):
    with cache.writing("a", 3 * SIZE) as file:
        assert noted(cache) == cost(3 * SIZE)
        assert [path.stat().st_size for path in (cache.folder / "incoming").iterdir()] == [3 * SIZE]
        assert "a" not in there(cache)
        file.write(bytes(3 * SIZE))
    assert there(cache) == {"a"} and noted(cache) == cost(3 * SIZE)


def stuck(cache, began):
    with cache.writing("dead", SIZE) as file:
        file.write(b"half")
        began.set()
        time.sleep(60)


def test_what_a_killed_writer_leaves_is_removed_but_not_what_a_living_one_is_writing(cache):
    context = multiprocessing.get_context("fork")
    began = context.Event()
    writer = context.Process(target=stuck, args=(cache, began))
    writer.start()
    assert began.wait(30)
    fill(cache, *"abcdefgh")
    (left,) = (cache.folder / "incoming").iterdir()
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    fill(cache, *"ijkl")
    assert not left.exists() and cache.get("dead") is None
    assert noted(cache) == len(there(cache)) * cost(SIZE) <= cache.limit


def test_the_sum_is_found_again_when_its_file_is_lost_or_torn(cache):
    fill(cache, "a", "b")
    (cache.folder / "used").unlink()
    fill(cache, *"cdef")
    assert 0 < len(there(cache)) <= ROOM
    (cache.folder / "used").write_bytes(b"torn")
    fill(cache, *"ghij")
    assert 0 < len(there(cache)) <= ROOM and noted(cache) == len(there(cache)) * cost(SIZE)


def wait(over):
    over.wait(60)


def test_a_process_that_was_forked_while_a_lock_was_held_does_not_keep_it(cache):
    context = multiprocessing.get_context("fork")
    over = context.Event()
    with cache._locked():
        child = context.Process(target=wait, args=(over,))
        child.start()
    writer = context.Process(target=fill, args=(cache, "a"))
    writer.start()
    writer.join(20)
    alive = writer.is_alive()
    over.set()
    writer.kill()
    child.join()
    assert not alive and there(cache) == {"a"}
