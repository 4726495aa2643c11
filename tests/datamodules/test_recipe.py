"""Preparing shards: repeatable, continued after any interruption, and refusing what would mix two recipes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from datamodules.corpora import AudioFolder, SyntheticMelody
from datamodules.errors import DataError
from datamodules.index import SplitIndex
from datamodules.recipe import ShardRecipe, is_prepared, prepare
from datamodules.shards import read_sidecar

ROOT = Path(__file__).parents[2]


def digests(directory):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(directory.iterdir()) if p.is_file()}


def test_the_same_recipe_gives_the_same_bytes_with_any_number_of_jobs(make_recipe, melody_shards, tmp_path):
    assert prepare(make_recipe(tmp_path / "again"), jobs=2, progress=False)
    assert digests(tmp_path / "again") == digests(melody_shards)
    assert not list((tmp_path / "again").glob(".*")), "nothing is left over"


def test_preparing_twice_does_nothing(make_recipe, melody_shards):
    before = {p.name: p.stat().st_mtime_ns for p in melody_shards.iterdir()}
    assert not prepare(make_recipe(melody_shards), progress=False)
    assert {p.name: p.stat().st_mtime_ns for p in melody_shards.iterdir()} == before


def test_training_records_are_permuted_and_others_in_order(melody_shards):
    train, validation = (SplitIndex([melody_shards], split) for split in ("train", "validation"))
    assert sorted(train.keys) != train.keys
    assert sorted(validation.keys) == validation.keys


def test_every_frame_of_every_recording_is_owned_by_one_record(melody_shards):
    for split, tracks in (("train", 4), ("validation", 3), ("test", 2)):
        index = SplitIndex([melody_shards], split)
        owned = sorted(
            (int(index.track[r]), frame)
            for r in range(len(index))
            for frame in range(int(index.start[r]), int(index.start[r] + index.frames[r]))
        )
        assert owned == [(track, frame) for track in range(tracks) for frame in range(300)]


def test_the_truth_in_the_shards_is_that_of_the_corpus(make_recipe, melody_shards, tmp_path):
    corpus = make_recipe(tmp_path).corpus
    index = SplitIndex([melody_shards], "validation")
    for recording in corpus.recordings():
        if recording.split == "validation":
            track = index.tracks.index(recording.id)
            f0 = np.concatenate([index.read_f0(r)[: index.frames[r]] for r in np.flatnonzero(index.track == track)])
            np.testing.assert_allclose(f0, recording.truth.read().at(np.arange(300) * 0.01), rtol=1e-6)


def test_another_recipe_in_the_same_directory_is_refused_by_the_key_that_differs(make_recipe, melody_shards):
    with pytest.raises(DataError, match="hop: 80, the recipe now says 40"):
        is_prepared(make_recipe(melody_shards, hop=40))
    longer = replace(make_recipe(melody_shards), corpus=SyntheticMelody({"train": 1}, seconds=1.0, rate=8000))
    with pytest.raises(DataError, match="made with corpus"):
        prepare(longer, progress=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"hop": 0}, "hop: 0"), ({"segment": 0.001}, "segment"), ({"context": -1.0}, "context"), ({"rate": -5}, "rate")],
)
def test_impossible_values_are_named(make_recipe, tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        make_recipe(tmp_path, **change)


def test_a_damaged_shard_is_rebuilt_and_the_others_kept(make_recipe, tmp_path):
    prepare(make_recipe(tmp_path), progress=False)
    before = digests(tmp_path)
    victim, other = sorted(tmp_path.glob("train-*.tar"))[:2]
    victim.write_bytes(victim.read_bytes()[:-512])
    kept = other.stat().st_mtime_ns
    assert prepare(make_recipe(tmp_path), progress=False)
    assert digests(tmp_path) == before
    assert other.stat().st_mtime_ns == kept


def folder(path, corrupt=None, table="0.0,220\n0.5,0\n"):
    path.mkdir()
    for number in range(3):
        soundfile.write(path / f"a{number}.flac", np.zeros(8000), 8000)
        (path / f"a{number}.csv").write_text(table)
    if corrupt:
        file = path / "a1.flac"
        file.write_bytes(corrupt(file.read_bytes()))
    return AudioFolder(str(path))


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ({"corrupt": lambda data: data[: len(data) // 3]}, "a1.flac"),
        ({"corrupt": lambda data: b"no audio"}, "a1.flac"),
        ({"table": "0.0,nan\n"}, r"a\d.csv.*1"),
        ({"table": "0.5,220\n0.1,220\n"}, r"a\d.csv.*2"),
    ],
)
def test_bad_input_leaves_no_shard(tmp_path, corpus, message):
    recipe = ShardRecipe(folder(tmp_path / "in", **corpus), str(tmp_path / "out"), 8000, 80, splits={"train": 1.0})
    with pytest.raises(DataError, match=message) as caught:
        prepare(recipe, progress=False)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob("*.tar")) and not list((tmp_path / "out").glob("*.json"))


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="in"):
        prepare(ShardRecipe(AudioFolder(str(tmp_path / "in")), str(tmp_path / "out")), progress=False)
    assert not (tmp_path / "out").exists()


KILLED = """
import sys
sys.path.insert(0, {root!r})
from datamodules.corpora import SyntheticMelody
from datamodules.recipe import ShardRecipe, prepare
import datamodules.recipe as recipe, time
write = recipe.write_shard
recipe.write_shard = lambda *a: (write(*a), time.sleep(0.2))
prepare(ShardRecipe(SyntheticMelody({{"train": 12}}, seconds=3.0, rate=8000), {out!r}, 8000, 80, segment=1.0,
        context=0.1, records_per_shard=3), progress=False)
"""


def test_after_kill_9_finished_shards_are_kept_and_nothing_truncated_is_visible(tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", KILLED.format(root=str(ROOT), out=str(out))])
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.json"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = sorted(out.glob("train-*.json"))
    assert 4 <= len(done) < 12 and not (out / "dataset.json").exists()
    for index in done:
        assert len(read_sidecar(index.with_suffix(".tar"))["records"]) == 3
    kept = {path: path.stat().st_mtime_ns for path in done}
    corpus = SyntheticMelody({"train": 12}, seconds=3.0, rate=8000)
    recipe = ShardRecipe(corpus, str(out), 8000, 80, segment=1.0, context=0.1, records_per_shard=3)
    assert prepare(recipe, progress=False)
    assert {path: path.stat().st_mtime_ns for path in done} == kept
    assert not list(out.glob(".*"))
    prepare(replace(recipe, directory=str(tmp_path / "fresh")), progress=False)
    assert digests(out) == digests(tmp_path / "fresh")
    assert json.loads((out / "dataset.json").read_bytes())["splits"]["train"]["tracks"] == 12
