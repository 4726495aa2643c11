"""`melisma verify` and `melisma inspect` on good and damaged directories."""

import shutil

import numpy as np
import pytest
import soundfile
import yaml

from datamodules import AudioFolder, DataError, MelodyData, ShardRecipe


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


def test_parts_of_the_shards_are_verified_by_several_jobs(melisma, copy):
    shards = sorted(copy.glob("*.tar"))
    for victim in shards[:2]:
        victim.write_bytes(b"")
    shutil.copy(shards[2], copy / "foreign.tar")
    whole = melisma("verify", copy, "--jobs=3")
    assert f"{len(shards) + 1} shards, 3 with a problem" in whole.out
    parts = [melisma("verify", copy, f"--share={part}/2") for part in range(2)]
    lines = [line for part in parts for line in part.err.splitlines() if line.startswith("melisma: ")]
    assert sorted(lines) == sorted(line for line in whole.err.splitlines() if line.startswith("melisma: "))
    assert sum(int(part.out.split(": ")[1].split()[0]) for part in parts) == len(shards) + 1


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


@pytest.fixture
def clips(tmp_path):
    """A recipe over three clips in two folders named after their words, of which one cannot be decoded."""
    for name, level in (("yes/a", 0.1), ("no/b", 0.2), ("no/c", None)):
        path = tmp_path / "clips" / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        if level is None:
            path.write_bytes(b"no audio")
        else:
            soundfile.write(path, np.full(4000, level), 8000)
    recipe = tmp_path / "clips.yaml"
    recipe.write_text(f"""
corpus:
  class_path: datamodules.AudioFolder
  init_args: {{folder: {tmp_path / "clips"}, label_pattern: "^([a-z]+)/"}}
directory: {tmp_path / "shards"}
rate: 8000
hop: 80
segment: null
context: 0.0
splits: {{train: 1.0}}
classes: ["yes", "no"]
""")
    return recipe


def test_prepare_reports_bad_items_at_the_end_and_by_its_exit_code(melisma, clips, tmp_path):
    outcome = melisma("prepare", clips)
    assert outcome.code == 1
    assert "train             2 tracks        2 records" in outcome.out
    assert f"left out: {tmp_path}/clips/no/c.flac: cannot be decoded" in outcome.err
    assert "1 recordings could not be used" in outcome.err
    outcome = melisma("inspect", tmp_path / "shards")
    assert "left out: " in outcome.out and "classes: yes no" in outcome.out
    assert "       1  yes" in outcome.out and "label no" in outcome.out and "a record for each recording" in outcome.out
    soundfile.write(tmp_path / "clips" / "no" / "c.flac", np.zeros(4000), 8000)
    assert melisma("prepare", clips).code == 0
    assert "       2  no" in melisma("inspect", tmp_path / "shards").out


def test_fit_does_not_train_on_what_it_had_to_leave_out_unasked(melisma, clips, tmp_path):
    with pytest.raises(DataError, match=r"1 recordings could not be used: .*c\.flac"):
        MelodyData(recipes=[recipe_of(clips)]).prepare_data()
    with pytest.warns(UserWarning, match="1 recordings could not be used"):
        MelodyData(recipes=[recipe_of(clips)]).prepare_data()


def recipe_of(path):
    values = yaml.safe_load(path.read_text())
    return ShardRecipe(AudioFolder(**values.pop("corpus")["init_args"]), **values)


@pytest.mark.parametrize("share", ["3/3", "1", "a/2", "-1/2"])
def test_an_impossible_share_is_named(melisma, clips, share):
    outcome = melisma("prepare", clips, f"--share={share}")
    assert outcome.code == 1 and f"--share {share}: expected I/N" in outcome.err


@pytest.mark.parametrize("folder", ["/", "/proc/x", "/dev/null"])
def test_a_place_that_takes_no_cache_is_refused(melisma, clips, tmp_path, folder):
    outcome = melisma("prepare", clips, f"--cache={folder}")
    assert outcome.code == 1 and not (tmp_path / "shards").exists()
    assert outcome.err.startswith(f"melisma: --cache: '{folder}': is no place for arrays")


def test_a_share_of_the_work_is_enough_to_finish(melisma, clips, tmp_path):
    assert melisma("prepare", clips, "--share=1/2", "--backend=threading").code == 1
    assert (tmp_path / "shards" / "dataset.json").exists()


@pytest.mark.parametrize("again", [False, True])
def test_prepare_notes_what_it_resampled_and_mixed(melisma, tmp_path, again):
    for name, rate, channels in (("a", 8000, 1), ("b", 8000, 2), ("c", 16000, 1), ("d", 16000, 2)):
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, (rate // 10, channels))
        soundfile.write(tmp_path / f"{name}.wav", noise, rate)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({
        "corpus": {"class_path": "datamodules.AudioFolder", "init_args": {"folder": str(tmp_path)}},
        "directory": str(tmp_path / "shards"), "rate": 16000, "splits": {"predict": 1.0}, "segment": None,
        "context": 0.0,
    }))  # fmt: skip
    for _ in range(1 + again):
        outcome = melisma("prepare", tmp_path / "recipe.yaml")
    assert outcome.code == 0
    assert "  2 recordings mixed to mono\n  2 recordings resampled from 8000 Hz\n" in outcome.out
