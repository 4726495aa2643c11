"""The reader of logs of Weights & Biases: across blocks, at every cut, and with a flipped bit."""

import struct
import zlib

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from tests.wandb_log import BEGINNING, BLOCK, Unfinished, contents, finished, records


def log_of(contents):
    """A log with these records, as the format has it."""
    data = bytearray(BEGINNING)
    for content in contents:
        first = True
        while True:
            left = BLOCK - len(data) % BLOCK
            if left < 7:
                data += bytes(left)
                continue
            part, content = content[: left - 7], content[left - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not content]
            data += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            first = False
            if not content:
                break
    return bytes(data)


def record(number, size):
    made = Record(num=number)
    made.output.line = "x" * size
    return made


@pytest.mark.parametrize("short", range(-1, 16))
def test_records_cross_blocks_wherever_one_ends(short):
    # The first ends `short` bytes before the block does: too few for a header, just a header, or a header and content.
    sizes = [BLOCK - len(BEGINNING) - 7 - short, 3, 3 * BLOCK, 0, BLOCK - 7]
    written = [bytes([number]) * size for number, size in enumerate(sizes)]
    assert list(contents(log_of(written))) == written


def test_a_log_that_is_being_written_gives_what_is_whole(tmp_path):
    made = [record(1, 40), record(2, BLOCK), record(3, 40)]
    whole, path = log_of([each.SerializeToString() for each in made]), tmp_path / "run-x.wandb"
    ends = [len(log_of([each.SerializeToString() for each in made[:count]])) for count in range(len(made) + 1)]
    cuts = {*range(150), *range(BLOCK - 30, BLOCK + 150), *range(len(whole) - 70, len(whole) + 1)}
    for cut in sorted(cuts & set(range(len(whole) + 1))):
        path.write_bytes(whole[:cut])
        assert records(path) == made[: sum(end <= cut for end in ends[1:])]
        if cut not in ends:
            with pytest.raises(Unfinished):
                list(contents(whole[:cut]))


def test_damage_is_found_by_the_sum():
    whole = log_of([b"content" * 9, b"more"])
    assert list(contents(whole))
    for place in range(len(BEGINNING) + 7, len(BEGINNING) + 7 + 63):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        with pytest.raises(ValueError, match=f"byte {len(BEGINNING)}: the record is damaged"):
            list(contents(bytes(damaged)))
    with pytest.raises(ValueError, match="no log"):
        list(contents(b"another file"))


def test_the_end_of_a_run_is_waited_for(tmp_path):
    path, end = tmp_path / "run-x.wandb", Record(num=2)
    end.exit.exit_code = 3
    path.write_bytes(log_of([record(1, 5).SerializeToString()]))
    with pytest.raises(AssertionError, match="no end after 0 s, 1 records"):
        finished(path, seconds=0)
    path.write_bytes(log_of([record(1, 5).SerializeToString(), end.SerializeToString()]))
    assert finished(path)[-1].exit.exit_code == 3
