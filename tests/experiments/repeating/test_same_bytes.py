"""What commands write depends on neither the order in which a disk lists files, nor jobs, the process or the day."""

import io
import itertools
import json
import os
import random
import re
import threading
import time

import numpy as np
import pytest
import soundfile

from experiments.transcription.pipe import transcribe_pipe
from experiments.transcription.writing import CLIPS, PHONES, PITCH
from tests.experiments.repeating.elsewhere import computed
from tests.experiments.transcription import conftest as untrained

RATE = 8000
COSTS = {"seconds", "cpu_seconds", "real_time_factors", "audio_seconds_per_cpu_second"}  # measured, so never twice one
CONSTANT = """
import numpy as np


class Constant:
    def __call__(self, samples, rate):
        times = np.arange(0, len(samples) / rate, 0.01)
        return times, np.full(times.shape, 300.0)
"""
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


@pytest.fixture
def two_days_later(monkeypatch):
    """From now on the clock is ahead: what is stamped, such as a member of an archive, has another date."""
    now = time.time
    return lambda: monkeypatch.setattr(time, "time", lambda: now() + 2 * 86400)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differing(found, expected):
    """Names of the files that are not the same; of pages, the whole of which pytest would print."""
    assert found.keys() == expected.keys()
    return [name for name in expected if found[name] != expected[name]]


def without_costs(files):
    """What a comparison wrote, without how long it took, which is all that may differ."""

    def kept(value):
        if isinstance(value, dict):
            return {key: kept(each) for key, each in value.items() if key not in COSTS}
        return [kept(each) for each in value] if isinstance(value, list) else value

    found = dict(files)
    for name, content in files.items():
        if name.endswith("report.html"):
            found[name] = re.sub(rb'((real time factors|audio seconds per cpu second)",")[^"]*', rb"\1", content)
        elif name.endswith(("method.json", "summary.json", "judgement.json")):
            found[name] = json.dumps(kept(json.loads(content))).encode()
    return found


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
        assert differing(found, expected) == []


@pytest.mark.long(seconds=7)
def test_a_comparison_and_its_page_are_the_same_twice_but_for_what_is_timed(
    released_folder, melody_shards, tmp_path, melisma, shuffled, two_days_later
):
    (tmp_path / "constant.py").write_text(CONSTANT)
    methods = f"ours={released_folder},constant={tmp_path / 'constant.py'}:Constant"

    def compare(name):
        out = tmp_path / name / "compared"
        for words in (
            ["compare", f"{melody_shards}:validation", "--methods", methods, "--out", out, "--bootstrap", 100],
            ["report", out, "--audio", "--bootstrap", 100],
        ):
            outcome = melisma(*words)
            assert outcome.code == 0, outcome.err
        return without_costs(contents(out))

    expected = compare("one")
    assert {"judgement.md", "pianorolls.png", "ours/method.json", "report.html"} < expected.keys()
    shuffled()
    two_days_later()
    assert differing(compare("two"), expected) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stated", "formats"),
    [(None, PITCH), (untrained.CLIPS, CLIPS), (untrained.UTTERANCES, PHONES)],
    ids=["pitch", "classes", "phones"],
)
def test_answers_in_all_formats_are_the_same_twice_in_any_order_and_on_another_day(
    stated, formats, recordings, tmp_path, melisma, shuffled, two_days_later
):
    model = [] if stated is None else ["--model", untrained.made_run(tmp_path / "run", stated)]
    songs = sorted(recordings.glob("*.wav"))[:2]
    (tmp_path / "songs").mkdir()
    for song in songs:
        (tmp_path / "songs" / song.name).symlink_to(song)

    def transcribe(name, *audio):
        outcome = melisma("transcribe", *audio, *model, "--format", ",".join(formats), "--out", tmp_path / name)
        assert outcome.code == 0, outcome.err
        return contents(tmp_path / name)

    expected = transcribe("one", *songs)
    assert len(expected) == 2 * len(formats) + 1, "with transcription.json"
    shuffled()
    two_days_later()
    assert differing(transcribe("two", *reversed(songs)), expected) == []
    assert differing(transcribe("three", tmp_path / "songs"), expected) == []


@pytest.mark.slow
@pytest.mark.parametrize(("header", "rate"), [(0, None), (44, RATE)], ids=["wave", "bare"])
def test_rows_from_a_pipe_are_the_same_in_whatever_pieces_it_is_written(header, rate, recordings):
    song = (recordings / "anna_0.wav").read_bytes()[header:]

    def heard(pieces):
        reader, writer = os.pipe()

        def write():
            with open(writer, "wb", buffering=0) as file:
                for piece in pieces:
                    file.write(piece)
                    time.sleep(0.001)  # so that whoever reads has to wait for the next

        thread = threading.Thread(target=write)
        thread.start()
        with open(reader, "rb") as source:
            transcribe_pipe(source, sink := io.StringIO(), None, rate)
        thread.join()
        return sink.getvalue()

    expected = heard([song])
    assert expected.count("\n") == 101
    cuts = [0, *sorted(random.Random(5).sample(range(1, len(song)), 300)), len(song)]
    assert heard([song[start:end] for start, end in itertools.pairwise(cuts)]) == expected


def test_the_catalogue_is_the_same_in_any_order_of_files(melisma, shuffled):
    expected = melisma("catalogue", "--family", "melody")
    shuffled()
    assert melisma("catalogue", "--family", "melody").out == expected.out != ""


@pytest.mark.long(seconds=60)
def test_all_that_is_written_is_the_same_in_another_process_with_other_hashes(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, hashes in ((one, "1"), (other, "77")):
        folder.mkdir()
        computed(folder, PYTHONHASHSEED=hashes)
    expected = without_costs(contents(one))
    assert {"f0.npz", "answers/song.jams", "compared/report.html"} < expected.keys()
    assert differing(without_costs(contents(other)), expected) == []
