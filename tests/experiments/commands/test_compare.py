"""`melisma compare`: methods over prepared data, with tables that are kept, and the table of `melisma evaluate`."""

import csv
import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from datamodules import ShardRecipe, SyntheticMelody
from datamodules.annotations.f0_tables import read_f0
from datamodules.files import file_name
from datamodules.preparation.prepare import prepare
from experiments.cli import run
from experiments.trackers.catalogue import METHODS, Method

PERIODS = """
import time
from pathlib import Path

import numpy as np


class Periods:
    '''The autocorrelation's peak of 64 ms about each frame; waits after one recording while a file is there.'''

    def __init__(self, lowest, wait):
        self.lowest, self.wait, self.calls = lowest, Path(wait), 0

    def __call__(self, samples, rate):
        self.calls += 1
        while self.calls > 2 and self.wait.exists():
            time.sleep(0.02)
        hop, width = rate // 100, rate * 64 // 1000
        padded = np.pad(samples.astype(float), width)
        f0 = []
        for start in range(width // 2, width // 2 + len(samples), hop):
            frame = padded[start : start + width]
            power = np.abs(np.fft.rfft(frame, 2 * width)) ** 2
            shape = np.fft.irfft(power)[: rate // self.lowest]
            first = rate // 1000
            lag = first + shape[first:].argmax()
            f0.append(rate / lag if shape[lag] > 0.5 * shape[0] > 1e-6 else -rate / lag)
        return np.arange(len(f0)) * hop / rate, np.array(f0)
"""
CONSTANT = """
import numpy as np


class Constant:
    def __call__(self, samples, rate):
        if abs(samples).max() == 0:
            raise ValueError("nothing to hear")
        times = np.arange(0, len(samples) / rate, 0.01)
        return times, np.full(times.shape, 300.0)
"""


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """`periods`, which tracks, and `constant`, which says 300 Hz."""
    for name, text in (("periods", PERIODS), ("constant", CONSTANT)):
        (tmp_path / f"{name}.py").write_text(text)
    settings = {"lowest": 150, "wait": str(tmp_path / "wait")}
    fakes = {
        "periods": Method(tmp_path / "periods.py", "Periods", settings, "periods", ("numpy",)),
        "constant": Method(tmp_path / "constant.py", "Constant", {}, "constant", ("numpy",)),
    }
    for name, method in fakes.items():
        monkeypatch.setitem(METHODS, name, method)
    return fakes


@pytest.fixture(autouse=True)
def pictures(monkeypatch):
    """Folders for which pictures would be drawn; drawing them is tested on its own."""
    folders = []
    monkeypatch.setattr("experiments.evaluation.pictures.write_pictures", lambda folder, *_: folders.append(folder))
    return folders


@pytest.fixture
def compare(fakes, melisma, melody_shards, tmp_path):
    def go(methods, *words):
        words = ("--split", "validation", "--out", tmp_path / "out", "--bootstrap", 100, *words)
        return melisma("compare", melody_shards, "--methods", methods, *words)

    return go


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.glob("*.csv"))}


def figures(out):
    return {name: (out / name).read_bytes() for name in ("tracks.csv", "summary.csv")}


def test_methods_are_tracked_scored_drawn_and_timed_and_evaluate_gives_the_same(compare, melisma, pictures, tmp_path):
    out = tmp_path / "out"
    outcome = compare("periods,constant")
    assert outcome.code == 0, outcome.err
    summary = json.loads((out / "summary.json").read_text())
    periods, constant = (summary["methods"][name]["raw_pitch_accuracy"] for name in ("periods", "constant"))
    assert periods["mean"] > 0.8 > 0.4 > constant["mean"]
    assert constant["difference"] == pytest.approx(constant["mean"] - periods["mean"])
    assert summary["real_time_factors"]["periods"] > 0
    assert "real-time factor" in outcome.out and "difference from periods" in outcome.out
    assert pictures == [out] and f"box_plots.png and pianorolls.png in {out}" in outcome.out
    for name in ("periods", "constant", "reference"):
        assert len(stamps(out / name)) == 3
    before = figures(out)
    words = (f"{name}={out / name}" for name in ("periods", "constant"))
    again = melisma("evaluate", out / "reference", *words, "--bootstrap", 100, "--out", tmp_path / "r")
    assert again.code == 0 and figures(tmp_path / "r") == before


@pytest.mark.long
def test_tables_are_used_again_until_settings_code_or_data_change(compare, fakes, monkeypatch, tmp_path):
    out = tmp_path / "out"
    assert compare("constant").code == 0
    first = stamps(out / "constant")
    outcome = compare("constant,periods")
    assert outcome.code == 0 and stamps(out / "constant") == first
    next(iter(first)).unlink()
    assert compare("constant").code == 0
    after = stamps(out / "constant")
    assert [after[path] == first[path] for path in first] == [False, True, True]
    fakes["constant"].file.write_text(CONSTANT.replace("300.0", "310.0"))
    outcome = compare("constant")
    assert outcome.code == 0 and "constant: its tables were made otherwise" in outcome.err
    assert all(table.read_text().split(",")[1].startswith("310\n") for table in stamps(out / "constant"))
    settings = {**fakes["periods"].settings, "lowest": 160}
    other = Method(fakes["periods"].file, "Periods", settings, "periods", ("numpy",))
    monkeypatch.setitem(METHODS, "periods", other)
    assert "periods: its tables were made otherwise" in compare("periods").err
    outcome = compare("constant,periods", "--split", "test")
    assert outcome.code == 0 and outcome.err.count("were made otherwise") == 2
    assert len(stamps(out / "constant")) == 2


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_stopped(compare, tmp_path):
    out, wait = tmp_path / "out", tmp_path / "wait"
    wait.touch()
    process = multiprocessing.get_context("fork").Process(target=compare, args=("periods",))  # imports nothing anew
    process.start()
    deadline = time.monotonic() + 120
    while not stamps(out / "periods") and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    wait.unlink()
    first = stamps(out / "periods")
    assert len(first) == 1 and not (out / "summary.json").exists()
    (
        out / "periods" / f".t.csv.melisma-{os.uname().nodename}.{process.pid}-1.tmp"
    ).touch()  # as if it had been writing one
    assert compare("periods").code == 0
    after = stamps(out / "periods")
    assert len(after) == 3 and all(after[path] == first[path] for path in first)
    assert len(list((out / "periods").iterdir())) == 4
    resumed = figures(out)
    assert compare("periods", "--out", tmp_path / "undisturbed").code == 0
    assert figures(tmp_path / "undisturbed") == resumed


def test_a_recording_that_fails_is_named_the_rest_is_kept_and_nothing_is_scored(compare, fakes, tmp_path):
    broken = CONSTANT.replace("abs(samples).max() == 0", "len(samples) > 16000 and samples[11] > 0")
    fakes["constant"].file.write_text(broken)
    outcome = compare("constant,periods")
    failed = outcome.err.count("constant: ValueError: nothing to hear")
    assert outcome.code == 1 and 1 <= failed < 3
    assert f"{failed} recordings could not be tracked:" in outcome.err
    out = tmp_path / "out"
    assert len(stamps(out / "constant")) == 3 - failed and len(stamps(out / "periods")) == 3
    assert not (out / "summary.json").exists()


def test_everything_that_is_missing_is_named_before_anything_runs(compare, monkeypatch, tmp_path):
    for name in ("one", "two"):
        monkeypatch.setitem(
            METHODS, name, Method(tmp_path / "constant.py", "Constant", {}, f"no-{name}", (f"no-{name}",))
        )
    outcome = compare("constant,one,two,mine=nowhere/checkpoints/best.ckpt")
    assert outcome.code == 1 and not (tmp_path / "out").exists()
    for words in ("-m pip install 'no-one'", "-m pip install 'no-two'", "nowhere/checkpoints/best.ckpt"):
        assert words in outcome.err


def test_an_environment_of_its_own_runs_a_method(compare, fakes, tmp_path):
    """An interpreter that is a script: it says that it was used."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ntouch {tmp_path / "used"}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    outcome = compare("constant", f"--environment=constant={python}")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "used").exists()
    outcome = compare("constant", "--environment", f"periods={python}")
    assert outcome.code == 1 and "--environment periods: --methods names no public tracker 'periods'" in outcome.err


@pytest.mark.parametrize(
    ("methods", "complaint"),
    [
        ("constant,crepe", "'crepe' is not known; there are pyin, "),
        ("constant,constant", "the name 'constant' is taken"),
        ("reference=x.ckpt", "the name 'reference' is taken"),
        ("a/b=x.ckpt", "method 'a/b'"),
        (",", "--methods: none is named"),
    ],
)
def test_methods_that_are_none_are_refused(compare, methods, complaint):
    outcome = compare(methods)
    assert outcome.code == 1 and complaint in outcome.err


@pytest.mark.slow
def test_a_checkpoint_of_ours_is_a_method_and_gives_what_transcribe_gives(compare, melisma, small_recipe, tmp_path):
    run(["fit", "--config", str(small_recipe), "--trainer.default_root_dir", str(tmp_path)])
    best = next((tmp_path / "runs").iterdir()) / "checkpoints" / "best.ckpt"
    outcome = compare(f"ours={best},constant")
    assert outcome.code == 0, outcome.err
    reported = json.loads((tmp_path / "out" / "summary.json").read_text())["methods"]["ours"]
    assert melisma("validate", "--config", best.parents[1] / "config.yaml", "--ckpt_path", best).code == 0
    with (tmp_path / "out" / "tracks.csv").open(newline="") as file:
        scores = [float(row["value"]) for row in csv.DictReader(file) if row["metric"] == "raw_pitch_accuracy"][:3]
    assert reported["raw_pitch_accuracy"]["mean"] == pytest.approx(np.mean(scores))
    first = stamps(tmp_path / "out" / "ours")
    tables = best.parents[1] / "validate" / "mine" / "f0"
    for path in first:
        ours, theirs = (read_f0(table) for table in (path, tables / path.name))
        assert np.allclose(ours.times, theirs.times)
        assert np.abs(1200 * np.log2(ours.f0 / theirs.f0)).max() < 0.01
        assert path.read_text().startswith("time,frequency,confidence,voiced\n")


def test_a_released_model_is_a_method_by_its_name_or_its_folder(compare, released_folder, monkeypatch, tmp_path):
    monkeypatch.setattr("experiments.released.FOLDER", tmp_path / "checkpoints")
    outcome = compare("small")
    assert outcome.code == 1 and "'small' is not known" in outcome.err
    shutil.copytree(released_folder, tmp_path / "checkpoints" / "small")
    outcome = compare(f"small,elsewhere={released_folder},named=small")
    assert outcome.code == 0, outcome.err
    out = tmp_path / "out"
    tables = [[path.read_bytes() for path in stamps(out / name)] for name in ("small", "elsewhere", "named")]
    assert tables[0] == tables[1] == tables[2] and len(tables[0]) == 3
    first = stamps(out / "small")
    assert compare("small").code == 0 and stamps(out / "small") == first
    config = tmp_path / "checkpoints" / "small" / "config.yaml"
    config.write_text(config.read_text().replace("voicing_threshold: 0.37", "voicing_threshold: 0.99"))
    assert "small: its tables were made otherwise" in compare("small").err


HOSTILE = ("../../x", "/tmp/melisma-outside", "..", "a/b", "x" * 300, ".hidden", "plain")


class HostileIds(SyntheticMelody):
    """Recordings with ids that a corpus refuses: as in an index that somebody else made."""

    def recordings(self):
        found = super().recordings()
        for recording, name in zip(found, HOSTILE, strict=True):
            object.__setattr__(recording, "id", name)
        return found


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_tracks_whose_ids_are_paths_have_their_tables_in_the_folder_of_the_method(fakes, melisma, tmp_path):
    data, out = tmp_path / "data", tmp_path / "deep" / "deeper" / "out"
    corpus = HostileIds({"validation": len(HOSTILE)}, seconds=0.5, rate=8000)
    prepare(ShardRecipe(corpus, str(data), 8000, 80, segment=1.0, context=0.1), progress=False)
    before = files(tmp_path)
    for again in range(2):
        outcome = melisma("compare", data, "--methods=constant", "--out", out, "--bootstrap", 100)
        assert outcome.code == 0, outcome.err
        for method in ("constant", "reference"):
            names = {path.name for path in (out / method).iterdir()}
            assert names == {"method.json", *(f"{file_name(name)}.csv" for name in HOSTILE)}
        assert {path: data for path, data in files(tmp_path).items() if not path.is_relative_to(out)} == before
        assert not Path("/tmp/melisma-outside.csv").exists()
        if not again:
            first = stamps(out / "constant")
    assert stamps(out / "constant") == first


def test_tables_that_the_record_does_not_name_are_never_deleted_or_replaced(compare, fakes, tmp_path):
    folder = tmp_path / "out" / "constant"
    assert compare("constant").code == 0
    record = json.loads((folder / "method.json").read_text())
    name = next(iter(record["tracks"]))
    del record["tracks"][name]
    (folder / "method.json").write_text(json.dumps(record))
    for path in (folder / f"{name}.csv", folder / "mine.csv"):
        path.write_text("mine")
    outcome = compare("constant")
    assert outcome.code == 1 and f"{folder / name}.csv: stands in the way" in outcome.err
    fakes["constant"].file.write_text(CONSTANT.replace("300.0", "310.0"))
    assert compare("constant").code == 1
    assert (folder / f"{name}.csv").read_text() == (folder / "mine.csv").read_text() == "mine"
