"""What commands write depends on neither the order in which a disk lists files, nor jobs, nor the process."""

import os
import random

import numpy as np
import pytest
import soundfile

from tests.experiments.repeating.elsewhere import computed

RATE = 8000
CORPUS = """\
corpus:
  class_path: datamodules.AudioFolder
  init_args: {{folder: {folder}, table_suffix: .csv, group_pattern: "^([a-z]+)_"}}
directory: {out}
rate: 8000
hop: 80
segment: 0.5
context: 0.1
splits: {{train: 0.6, validation: 0.4}}
"""


class _Shuffled:
    """What `os.scandir` gives, in another order."""

    def __init__(self, entries, draw):
        with entries:
            self._entries = list(entries)
        draw.shuffle(self._entries)

    def __iter__(self):
        return iter(self._entries)

    __next__ = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def close(self):
        pass


@pytest.fixture
def shuffled(monkeypatch):
    """From now on folders are listed in another order."""
    scandir, listdir, draw = os.scandir, os.listdir, random.Random(5)

    def shuffle():
        monkeypatch.setattr(os, "scandir", lambda path=".": _Shuffled(scandir(path), draw))
        monkeypatch.setattr(os, "listdir", lambda path=".": draw.sample(found := listdir(path), len(found)))

    return shuffle


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Nine sung notes of three singers with their tables, and the same tables a little sharp."""
    folder = tmp_path_factory.mktemp("songs")
    times = np.arange(0, 0.99, 0.01)
    for number, singer in enumerate(["anna", "bert", "carl"] * 3):
        f0 = 200 + 20 * number
        samples = 0.3 * np.sin(2 * np.pi * f0 * np.arange(RATE) / RATE)
        soundfile.write(folder / f"{singer}_{number}.wav", samples, RATE)
        for name, factor in (("", 1.0), ("sharp", 1.01)):
            (folder / name).mkdir(exist_ok=True)
            np.savetxt(
                folder / name / f"{singer}_{number}.csv", np.stack([times, 0 * times + f0 * factor], 1), "%.4f", ","
            )
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_prepared_shards_depend_on_neither_jobs_nor_the_order_of_files(recordings, tmp_path, melisma, shuffled):
    def prepare(name, *words):
        (tmp_path / f"{name}.yaml").write_text(CORPUS.format(folder=recordings, out=tmp_path / name))
        outcome = melisma("prepare", tmp_path / f"{name}.yaml", *words)
        assert outcome.code == 0, outcome.err
        return contents(tmp_path / name)

    expected = prepare("one")
    assert sum(name.endswith(".tar") for name in expected) == 2
    assert prepare("two", "-j", 2) == expected
    shuffled()
    assert prepare("shuffled") == expected


def test_an_evaluation_and_its_page_are_the_same_twice_and_in_any_order_of_files(
    recordings, tmp_path, melisma, shuffled
):
    def evaluate(name):
        out = tmp_path / name / "scored"
        for words in (
            ["evaluate", recordings, f"sharp={recordings / 'sharp'}", "--out", out],
            ["report", out, "--recordings", recordings, "--audio", "--bootstrap", "100"],
        ):
            outcome = melisma(*words)
            assert outcome.code == 0, outcome.err
        return contents(out)

    expected = evaluate("one")
    assert "report.html" in expected
    again = evaluate("two")
    shuffled()
    for found in (again, evaluate("three")):
        assert found.keys() == expected.keys()
        assert [name for name in expected if found[name] != expected[name]] == []


def test_the_catalogue_is_the_same_in_any_order_of_files(melisma, shuffled):
    expected = melisma("catalogue", "--family", "melody")
    shuffled()
    assert melisma("catalogue", "--family", "melody").out == expected.out != ""


@pytest.mark.long(seconds=60)
def test_shards_and_f0_are_the_same_in_another_process_with_other_hashes(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, hashes in ((one, "1"), (other, "77")):
        folder.mkdir()
        computed(folder, PYTHONHASHSEED=hashes)
    assert contents(one) == contents(other)
