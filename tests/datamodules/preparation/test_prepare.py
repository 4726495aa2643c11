"""Preparing shards: repeatable, continued after any interruption, and refusing what would mix two recipes."""

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from datamodules.corpora import AudioFolder, SyntheticMelody
from datamodules.errors import DataError
from datamodules.preparation import preprocess
from datamodules.preparation.description import prepared
from datamodules.preparation.engines import Engine
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.shard_tasks import ShardTask
from datamodules.preparation.sharing import Share
from datamodules.shards.format import read_sidecar
from datamodules.shards.index import SplitIndex

ROOT = Path(__file__).parents[3]


def digests(directory):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(directory.iterdir()) if p.is_file()}


@pytest.mark.parametrize(
    "engine",
    [Engine(2, "threading"), *(pytest.param(Engine(2, kind), marks=pytest.mark.long) for kind in ("loky", "dask"))],
)
def test_every_engine_gives_the_same_bytes(make_recipe, melody_shards, tmp_path, engine):
    assert prepare(make_recipe(tmp_path / "again"), engine, progress=False).built
    assert digests(tmp_path / "again") == digests(melody_shards)


def test_a_scheduler_is_refused_where_there_is_no_use_for_it(make_recipe, tmp_path):
    with pytest.raises(DataError, match="scheduler"):
        prepare(make_recipe(tmp_path), Engine(scheduler="tcp://nowhere:1"), progress=False)


def test_any_share_of_the_work_can_finish_alone(make_recipe, melody_shards, tmp_path):
    assert prepare(make_recipe(tmp_path), progress=False, share=Share(2, 5)).built
    assert digests(tmp_path) == digests(melody_shards)
    assert not prepare(make_recipe(tmp_path), progress=False, share=Share(1, 5)).built


def test_shares_that_run_at_once_give_the_same_bytes_and_do_each_others_work(make_recipe, melody_shards, tmp_path):
    with multiprocessing.get_context("fork").Pool(3) as pool:  # imports nothing anew
        recipe = make_recipe(tmp_path)
        results = [pool.apply_async(prepare, (recipe, Engine(), False, None, Share(i, 3))) for i in range(3)]
        assert all(result.get(60).left_out == {} for result in results)
    assert digests(tmp_path) == digests(melody_shards)
    assert not list(tmp_path.glob(".*"))


def test_preparing_twice_does_nothing(make_recipe, melody_shards):
    before = {p.name: p.stat().st_mtime_ns for p in melody_shards.iterdir()}
    assert not prepare(make_recipe(melody_shards), progress=False).built
    assert {p.name: p.stat().st_mtime_ns for p in melody_shards.iterdir()} == before


def test_training_records_are_permuted_and_others_in_order(melody_shards):
    train, validation = (SplitIndex([melody_shards], split) for split in ("train", "validation"))
    assert sorted(train.keys) != list(train.keys)
    assert sorted(validation.keys) == list(validation.keys)


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
        prepared(make_recipe(melody_shards, hop=40))
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
    assert prepare(make_recipe(tmp_path), progress=False).built
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
    return AudioFolder(str(path), table_suffix=".csv")


@pytest.mark.parametrize("table", ["0.0,nan\n", "0.5,220\n0.1,220\n"])
def test_where_nothing_can_be_used_there_is_one_message_and_no_shard(tmp_path, table):
    recipe = ShardRecipe(folder(tmp_path / "in", table=table), str(tmp_path / "out"), 8000, 80, splits={"train": 1.0})
    with pytest.raises(DataError, match=r"splits.train: none of its recordings can be used: .*a0.csv, line") as caught:
        prepare(recipe, progress=False)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob("*.tar")) and not list((tmp_path / "out").glob("*.json"))


@pytest.mark.parametrize("corrupt", [lambda data: data[: len(data) // 3], lambda data: b"no audio"])
def test_a_bad_recording_is_left_out_reported_and_tried_again(tmp_path, corrupt):
    recipe = ShardRecipe(
        folder(tmp_path / "in", corrupt), str(tmp_path / "out"), 8000, 80, splits={"train": 1.0}, context=0.1
    )
    result = prepare(recipe, progress=False)
    assert list(result.left_out) == ["a1"] and "a1.flac" in result.left_out["a1"]
    assert SplitIndex([tmp_path / "out"], "train").tracks == ("a0", "a2")
    assert prepare(recipe, progress=False) == (False, result.left_out)
    soundfile.write(tmp_path / "in" / "a1.flac", np.zeros(8000), 8000)
    assert prepare(recipe, progress=False, again=True) == (True, {})
    assert SplitIndex([tmp_path / "out"], "train").tracks == ("a0", "a1", "a2")
    assert not list((tmp_path / "out").glob(".*"))


def test_the_cache_may_be_kept_and_shared(make_recipe, tmp_path, monkeypatch):
    prepare(make_recipe(tmp_path / "one"), progress=False, cache=tmp_path / "cache")
    monkeypatch.setattr(preprocess, "to_mono_int16", None)  # audio is not resampled again
    prepare(make_recipe(tmp_path / "two", segment=0.5), progress=False, cache=tmp_path / "cache")
    assert not list((tmp_path / "two").glob(".*"))
    with pytest.raises(TypeError):
        prepare(make_recipe(tmp_path / "three"), progress=False)


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="in"):
        prepare(ShardRecipe(AudioFolder(str(tmp_path / "in")), str(tmp_path / "out")), progress=False)
    assert not (tmp_path / "out").exists()


KILLED = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.datamodules.preparation.test_prepare import many_shards
from datamodules.preparation.engines import Engine
from datamodules.preparation.prepare import prepare
from datamodules.preparation.sharing import Share
if __name__ == "__main__":
    prepare(many_shards(Path({out!r})), {engine}, progress=False, share={share})
"""


def many_shards(directory):
    corpus = SyntheticMelody({"train": 60}, seconds=3.0, rate=8000, lowest_note=60, highest_note=72)
    return ShardRecipe(corpus, str(directory), 8000, 80, segment=1.0, context=0.1, records_per_shard=2)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("uninterrupted")
    prepare(many_shards(directory), progress=False)
    return digests(directory)


@pytest.mark.long
@pytest.mark.parametrize(
    ("engine", "share"),
    [("Engine()", "None"), ("Engine(2)", "None"), ("Engine()", "Share(1, 3)")],
)
def test_kill_9_in_between_changes_nothing(tmp_path, uninterrupted, engine, share):
    out = tmp_path / "out"
    script = tmp_path / "killed.py"  # a file, because workers of some engines import it again
    script.write_text(KILLED.format(root=str(ROOT), out=str(out), engine=engine, share=share))
    process = subprocess.Popen([sys.executable, script], start_new_session=True, cwd=ROOT)
    deadline = time.monotonic() + 120
    while len(list(out.glob("*.json"))) < 4 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = sorted(out.glob("train-*.json"))
    assert 4 <= len(done) < 90 and not (out / "dataset.json").exists()
    for index in done:
        assert len(read_sidecar(index.with_suffix(".tar"))["records"]) == 2
    kept = {path: path.stat().st_mtime_ns for path in done}
    assert prepare(many_shards(out), progress=False).built
    assert {path: path.stat().st_mtime_ns for path in done} == kept
    assert not list(out.glob(".*"))
    assert digests(out) == uninterrupted


class TestInterrupted:
    """What a call does that goes on after one which was interrupted as it began to write shards."""

    @pytest.fixture
    def recipe(self, tmp_path, monkeypatch):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            recipe = ShardRecipe(folder(tmp_path / "in"), str(tmp_path / "out"), 8000, 80, splits={"train": 1.0})
            patched.setattr(ShardTask, "build", interrupt)
            prepare(recipe, progress=False)
        return recipe

    def test_nothing_is_read_again_and_every_source_asked_once(self, recipe, monkeypatch):
        asked, stat = Counter(), os.stat
        monkeypatch.setattr(preprocess.Preprocessor, "_make", interrupt)
        monkeypatch.setattr(os, "stat", lambda path, **more: asked.update([str(path)]) or stat(path, **more))
        prepare(recipe, progress=False)
        sources = {str(path): asked[str(path)] for path in Path(recipe.corpus.folder).iterdir()}
        assert len(sources) == 6 and set(sources.values()) == {1}

    def test_one_that_has_changed_is_read_again(self, recipe, monkeypatch):
        made, make = [], preprocess.Preprocessor._make
        soundfile.write(Path(recipe.corpus.folder, "a1.flac"), np.zeros(16000), 8000)
        monkeypatch.setattr(
            preprocess.Preprocessor, "_make", lambda self, recording: made.append(recording.id) or make(self, recording)
        )
        prepare(recipe, progress=False)
        assert made == ["a1"]
        assert SplitIndex([recipe.directory], "train").track_frames.tolist() == [100, 200, 100]

    def test_notes_of_processes_that_were_killed_are_those_of_all(self, recipe, monkeypatch):
        (noted,) = Path(recipe.directory, ".staging", "notes").iterdir()
        lines = noted.read_bytes().splitlines(keepends=True)
        noted.write_bytes(lines[0] + lines[1][:20])
        (noted.parent / "another.1.x").write_bytes(lines[2])
        made, make = [], preprocess.Preprocessor._make
        monkeypatch.setattr(
            preprocess.Preprocessor, "_make", lambda self, recording: made.append(recording.id) or make(self, recording)
        )
        prepare(recipe, progress=False, share=Share(1, 2))
        assert made == ["a1"]


def interrupt(*_):
    raise KeyboardInterrupt


def test_every_task_of_a_dead_share_is_begun_once(make_recipe, melody_shards, tmp_path, monkeypatch):
    begun, build = [], ShardTask.build
    monkeypatch.setattr(ShardTask, "build", lambda task: begun.append(task.path.name) or build(task))
    prepare(make_recipe(tmp_path), progress=False, share=Share(3, 8))
    assert len(begun) == len(set(begun)) == len(list(tmp_path.glob("*.tar")))
    assert digests(tmp_path) == digests(melody_shards)
