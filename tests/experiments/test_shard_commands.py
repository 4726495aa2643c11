"""`melisma verify` and `melisma inspect` on good and damaged directories."""

import shutil

import pytest


@pytest.fixture
def copy(melody_shards, tmp_path):
    return shutil.copytree(melody_shards, tmp_path / "copy")


def test_good_shards_pass(melisma, melody_shards):
    outcome = melisma("verify", melody_shards)
    assert outcome.code == 0
    assert "0 with a problem" in outcome.out


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "missing", "foreign"])
def test_each_damage_is_one_line_that_names_the_shard(melisma, copy, damage):
    victim = sorted(copy.glob("train-*.tar"))[1]
    if damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:-1024])
    elif damage == "flipped":
        data = bytearray(victim.read_bytes())
        data[-700] ^= 1
        victim.write_bytes(data)
    elif damage == "empty":
        victim.write_bytes(b"")
    elif damage == "missing":
        victim.unlink()
    else:
        victim = shutil.copy(victim, copy / "train-000099-of-000100.tar")
    outcome = melisma("verify", copy)
    assert outcome.code == 1
    complaints = [line for line in outcome.err.splitlines() if line.startswith("melisma: ")]
    assert len(complaints) == 1 and str(victim) in complaints[0]


def test_inspect_tells_counts_hours_voicing_and_rows(melisma, melody_shards):
    outcome = melisma("inspect", melody_shards, "--rows=1")
    assert outcome.code == 0
    assert "8000 Hz, a label frame every 80 samples (10 ms), records of 100 frames with 0.1 s of context" in outcome.out
    assert "train: 4 tracks, 12 records, 0.00 h" in outcome.out
    assert outcome.out.count("  t00000") == 3


def test_a_directory_that_was_never_prepared_is_named(melisma, tmp_path):
    for command in ("verify", "inspect"):
        outcome = melisma(command, tmp_path)
        assert outcome.code == 1
        assert f"{tmp_path}: no dataset.json" in outcome.err
