"""Files found by listing folders are those that pathlib finds, and tables those whose pattern matches."""

import glob
import itertools
import os
from pathlib import Path

import pytest

from datamodules.corpora import AudioFolder
from datamodules.corpora.sources.listing import Present, partners, visible_names
from datamodules.errors import DataError

FILES = [
    *("a.wav", "b.WAV", "a b.wav", "a.b.wav", "z/a.wav", "z/y/a.wav", "z/y/x/c.wav", "a/z.wav", "a!/z.wav", "[a].wav"),
    *(".hidden.wav", ".hidden/a.wav", "z/.hidden/a.wav", "z/.a.wav", "z/a.txt", "z/a/a/a.wav", "a-/a/b.wav"),
]


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link.wav").symlink_to("a.wav")
    (tmp_path / "broken.wav").symlink_to("nowhere")
    (tmp_path / "linked").symlink_to("z")
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        *("*", "**/*", "*.wav", "**/*.wav", "z/*.wav", "*/*.wav", "z/**/*.wav", "**/a/*", "**/a/**/*.wav", "z/a.txt"),
        *("**/a.wav", "*/y/*", "[ab].wav", "[!ab].wav", "?.wav", "./z//*", ".hidden/*", "../*", "linked/*", "**"),
        *("linked/**/*", "[[]a].wav", "*/y/x/c.wav", "nothing/*", "z", "broken.wav", "a/*/", "**/**/*.wav"),
    ],
)
def test_the_files_that_pathlib_finds_in_its_order(folder, pattern):
    found = sorted(path for path in folder.glob(pattern) if not path.is_dir())
    names = [path.relative_to(folder).as_posix() for path in found]
    assert visible_names(folder, pattern) == [name for name in names if not any(map(hidden, name.split("/")))]


def hidden(name):
    return name.startswith(".")


@pytest.mark.parametrize("pattern", ["", "/etc/*", "a**/b", "."])
def test_what_is_no_pattern(folder, pattern):
    with pytest.raises(DataError, match="is not a pattern"):
        visible_names(folder, pattern)


STEMS = ["a", "aa", "a_b", "a_STEM_b", "b", "x[1]", "", "a.b"]
NAMES = [*STEMS, "a_STEM_a", "a_STEM_b_STEM_c", "aaa", "c", "b_a", "x1"]


@pytest.mark.parametrize(
    "table",
    [
        *(
            "f0/{}.csv",
            "f0/{}_STEM_*.csv",
            "**/{}.csv",
            "*/{}.csv",
            "f0/*_{}.csv",
            "f0/{}*",
            "f0/?{}.csv",
            "**/{}*.csv",
        ),
        *("{}/{}.csv", "{}/*.csv", "f0/{}_{}.csv", "f0/[ab]*{}.csv", "f0/*{}*", "./f0//{}.csv", "**/{}/**/*.csv"),
        *("f0/{}[_.]*", "f0/{}[!_]sv", "{}/**/{}*"),
    ],
)
def test_the_tables_that_a_pattern_of_each_name_finds(tmp_path, table):
    for name in NAMES:
        for place in (f"f0/{name}.csv", f"f0/{name}_STEM_1.csv", f"{name or 'empty'}/{name}.csv", f"f0/b_{name}.csv"):
            (tmp_path / place).parent.mkdir(exist_ok=True)
            (tmp_path / place).touch()
    for stem in STEMS:
        if not stem and not table.startswith("f0/{}"):
            continue  # an empty name leaves another pattern, or none
        expected = visible_names(tmp_path, table.replace("{}", glob.escape(stem)))
        if len(expected) > 1:
            with pytest.raises(DataError) as error:
                partners(tmp_path, [f"{stem}.wav"], "*.wav", table)
            assert f"both {tmp_path / expected[0]} and {tmp_path / expected[1]} match" in str(error.value)
        else:
            found = partners(tmp_path, [f"{stem}.wav"], "*.wav", table)
            assert found == (expected or [table.replace("{}", stem)])


def test_present_files_are_known_by_their_folder_and_others_are_asked_for(folder):
    present = Present(folder)
    for name in ("a.wav", "z/y/a.wav", "link.wav", "linked/a.wav", str(folder / "a.wav"), "z/../a.wav"):
        assert present(name), name
    for name in ("broken.wav", "z", "a.txt", "nothing/a.wav"):
        assert not present(name), name


def test_files_of_a_corpus_are_not_asked_for_anything(tmp_path, monkeypatch):
    for name, number in itertools.product(("audio", "f0"), range(50)):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"n{number}{'.wav' if name == 'audio' else '_1.csv'}").touch()
    asked, listed = [], []
    stat, scandir = os.stat, os.scandir
    monkeypatch.setattr(os, "stat", lambda path, *rest, **more: asked.append(path) or stat(path, *rest, **more))
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(Path(path).name) or scandir(path))
    corpus = AudioFolder(str(tmp_path), audio="audio/*.wav", table="f0/{}_*.csv")
    assert len(corpus.recordings()) == 50
    assert len(asked) < 10
    assert sorted(listed) == ["audio", "audio", "f0", "f0"]
