"""`melisma sweep` with fits that only pretend."""

import csv
import errno
import json
import os
import signal
import tempfile
import threading
import time
from contextlib import nullcontext

import pytest

from experiments.sweeping import fits, worker
from experiments.sweeping.points import add_point, read_points
from experiments.sweeping.worker import SweepWorker
from tests.experiments.sweeping.conftest import GRID, METRIC, RANDOM, PretendedFit, good_fit, leave_run, value_of


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fits, "_LOOKED", 0.01)
    monkeypatch.setattr(worker, "_LOOKED", 0.01)
    monkeypatch.setattr(worker, "_SOONEST", 0.01)


@pytest.fixture
def sweep(melisma, write_sweep, tmp_path):
    """`melisma sweep` of a file with these values."""

    def run(*words, **changes):
        return melisma("sweep", write_sweep(**changes), "--out", tmp_path / "runs", *words)

    return run


def table(tmp_path):
    with (tmp_path / "runs" / "small" / "sweep.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def statuses(tmp_path, repeats=1):
    return [point.status(repeats) for point in read_points(tmp_path / "runs" / "small")]


def test_every_point_of_a_grid_is_one_run_and_the_best_is_named(sweep, pretend, tmp_path):
    pretended = pretend(good_fit)
    outcome = sweep("--jobs", 2, "--", "--trainer.max_steps=4")
    assert outcome.code == 0, outcome.out + outcome.err
    assert sorted(pretended.started_points()) == [f"p{number:04d}" for number in range(6)]
    grid = {(value_of(words, "model.width"), value_of(words, "model.lr")) for words in pretended.started}
    assert grid == {(width, lr) for width in (1, 2) for lr in (0.1, 0.01, 1e-5)}
    for words in pretended.started:
        assert words[:2] == ["fit", "--config=r.yaml"] and words[-3] == "--trainer.max_steps=4"
    rows = table(tmp_path)
    assert [float(row[METRIC]) for row in rows] == [0.1] * 6 and {row["seed"] for row in rows} == {"3"}
    record = json.loads((tmp_path / "runs" / "small" / "sweep.json").read_text())
    assert record["content"]["parameters"] == GRID["parameters"] and record["packages"]["sweeps"]
    assert [point["config"]["seed_everything"] for point in record["points"]] == [3] * 6
    assert "sweep" in record["command"] and record["best"] == "p0000"
    assert "best: " in outcome.out and "6 points: 6 finished" in outcome.out
    assert (tmp_path / "runs" / "small" / "sweep.png").read_bytes()[:4] == b"\x89PNG"


def test_what_is_finished_is_kept_and_what_was_begun_is_gone_on_with(sweep, pretend, tmp_path):
    folder = tmp_path / "runs" / "small"
    for number, values in enumerate([(1, 0.1), (2, 0.1), (1, 0.01)]):
        add_point(folder, number, {"model.width": values[0], "model.lr": values[1]}, None)
    done, killed, unsaid = read_points(folder)
    done.journal(event="ended", outcome="finished", code=0)
    killed.journal(event="began")
    unsaid.journal(event="began")
    leave_run(unsaid.folder, [0.7])  # finished, but its worker was killed before it said so
    pretended = pretend(good_fit)
    assert sweep().code == 0
    assert pretended.started_points() == ["p0001", "p0003", "p0004", "p0005"]
    assert statuses(tmp_path) == ["finished"] * 6
    assert {row["point"]: row["attempts"] for row in table(tmp_path)}["p0001"] == "2"
    assert sweep().code == 0 and len(pretended.started) == 4


@pytest.mark.parametrize("repeats", [0, 1, 2])
def test_a_point_that_fails_is_repeated_as_often_as_asked_and_the_sweep_goes_on(sweep, pretend, tmp_path, repeats):
    def unlucky(folder, words):
        if value_of(words, "model.lr") == 0.01:
            (folder / "fit.log").write_text("epoch 0\rmelisma: .01 is unlucky\n")
            return 1
        return good_fit(folder, words)

    pretended = pretend(unlucky)
    outcome = sweep("--repeats", repeats)
    assert outcome.code == 1
    assert statuses(tmp_path, repeats) == [each for each in ("finished", "failed", "finished") for _ in range(2)]
    assert pretended.started_points().count("p0002") == repeats + 1
    assert "p0002 (exit code 1, " in outcome.err and "melisma: .01 is unlucky" in outcome.err
    assert "6 points: 4 finished, 2 failed" in outcome.out
    pretended.behave = good_fit
    assert sweep("--repeats", repeats + 1).code == 0
    assert pretended.started_points()[-2:] == ["p0002", "p0003"]


@pytest.mark.parametrize("said", [True, False], ids=["in its log", "not even in its log"])
def test_a_full_disk_ends_the_sweep_and_not_its_points(sweep, pretend, tmp_path, monkeypatch, said):
    room = tempfile.TemporaryFile
    full = f"{os.strerror(errno.ENOSPC)}; free some space there, and give the same command again"

    def no_room(*words, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fit(folder, words):
        if pretended.started_points()[-1] != "p0001":
            return good_fit(folder, words)
        if said:
            (folder / "fit.log").write_text(f"epoch 0\rmelisma: {folder}/checkpoints/last.ckpt: {full}\n")
        else:
            monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
        return 1

    pretended = pretend(fit)
    outcome = sweep("--repeats", 0)
    assert outcome.code == 1 and pretended.started_points() == ["p0000", "p0001"]
    assert [line for line in outcome.err.splitlines() if "melisma:" in line] == [
        f"melisma: {tmp_path / 'runs' / 'small' / 'p0001'}{'/checkpoints/last.ckpt' if said else ''}: {full}"
    ]
    assert statuses(tmp_path, 0)[:2] == ["finished", "waiting"]
    pretended.behave = good_fit
    monkeypatch.setattr(tempfile, "TemporaryFile", room)
    assert sweep("--repeats", 0).code == 0 and pretended.started_points()[2] == "p0001"


@pytest.mark.parametrize(("code", "status"), [(0, "failed"), (-9, "failed"), (143, "waiting"), (75, "waiting")])
def test_a_fit_that_did_not_come_to_its_end_has_failed_unless_a_signal_stopped_it(
    sweep, pretend, tmp_path, code, status
):
    def stops(folder, words):
        leave_run(folder, [0.1], finished=False)
        met.append(read_points(tmp_path / "runs" / "small")[0])
        return code if len(met) < 4 else good_fit(folder, words)

    met = []
    pretend(stops)
    outcome = sweep("--points", 1, "--repeats", 0)
    if status == "failed":
        assert outcome.code == 1 and len(met) == 1 and statuses(tmp_path, 0) == ["failed"]
    else:
        assert outcome.code == 0 and len(met) == 4 and met[-1].outcomes == ["interrupted"] * 3


def test_hyperband_ends_a_hopeless_point_and_it_is_not_repeated(sweep, pretend, tmp_path):
    def fit(folder, words):
        if value_of(words, "model.lr") == 0.01:
            leave_run(folder, [0.0, 0.01], finished=False)
            endless.append(PretendedFit(143, endless=True))
            return endless[-1]
        return good_fit(folder, words)

    endless = []
    pretended = pretend(fit)
    terminate = {"type": "hyperband", "min_iter": 2, "eta": 2}
    lr = {"model.lr": {"values": [0.1, 0.2, 0.01, 0.3]}}
    assert sweep(early_terminate=terminate, parameters=lr).code == 0
    assert statuses(tmp_path) == ["finished", "finished", "stopped early", "finished"]
    assert pretended.started_points() == [f"p{number:04d}" for number in range(4)] and endless[0].terminated
    assert sweep(early_terminate=terminate, parameters=lr).code == 0 and len(pretended.started) == 4


def test_a_signal_ends_the_fits_with_what_they_have_and_the_same_command_goes_on(sweep, pretend, tmp_path):
    def fit(folder, words):
        leave_run(folder, [0.1], finished=False)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        processes.append(PretendedFit(0, endless=True))
        return processes[-1]

    processes = []
    before = signal.getsignal(signal.SIGTERM)
    pretended = pretend(fit)
    outcome = sweep()
    assert outcome.code == 128 + signal.SIGTERM and "stopped by SIGTERM; the same command goes on" in outcome.err
    assert processes[0].terminated and statuses(tmp_path, repeats=0) == ["waiting"]
    assert signal.getsignal(signal.SIGTERM) == before
    pretended.behave = good_fit
    assert sweep("--repeats", 0).code == 0
    assert statuses(tmp_path) == ["finished"] * 6


def test_a_metric_that_is_not_logged_ends_the_sweep_at_the_first_validation(sweep, pretend, tmp_path):
    def fit(folder, words):
        leave_run(folder, [0.1], finished=False, metric="val/mine/accuracy")
        processes.append(PretendedFit(0, endless=True))
        return processes[-1]

    processes = []
    pretend(fit)
    outcome = sweep()
    assert outcome.code == 1 and len(processes) == 1 and processes[0].terminated
    assert f"metric.name: '{METRIC}' is not logged by" in outcome.err
    assert outcome.err.strip().endswith("logged are: val/mine/accuracy")


def test_two_workers_share_the_points_and_none_is_proposed_or_made_twice(sweep_of, pretend, tmp_path, monkeypatch):
    def slow(folder, words):
        time.sleep(0.02)
        return good_fit(folder, words)

    pretended = pretend(slow)
    sweeps = [sweep_of(**RANDOM) for _ in range(2)]
    workers = [SweepWorker(each, wanted=12, jobs=2, threads=1, stays=True) for each in sweeps]
    monkeypatch.setattr(worker, "_noted", lambda note: nullcontext())  # only the first thread can set handlers
    threads = [threading.Thread(target=each.work) for each in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(pretended.started_points()) == [f"p{number:04d}" for number in range(12)]
    values = [point.values["model.lr"] for point in read_points(tmp_path / "runs" / "small")]
    assert len(set(values)) == 12
    assert statuses(tmp_path) == ["finished"] * 12


def test_who_does_not_wait_leaves_the_points_of_others_to_them(sweep, sweep_of, pretend, monkeypatch):
    monkeypatch.setattr(worker, "_PATIENCE", 0.05)
    pretended = pretend(good_fit)
    assert sweep("--points", 1).code == 0
    others = sweep_of()
    others.add(wanted=2)
    point, claim = others.take()
    with claim:
        outcome = sweep("--points", 2, "--wait", "false")
    assert outcome.code == 0 and "1 points are left to other workers" in outcome.out
    assert point.name == "p0001" and pretended.started_points() == ["p0000"]


@pytest.mark.parametrize(
    ("changes", "words", "differing"),
    [
        ({"parameters": {"model.lr": {"values": [1]}}}, [], "parameters"),
        ({}, ["--seed", 1], "seed"),
        ({}, ["--", "--trainer.max_steps=1"], "words"),
    ],
)
def test_a_folder_with_another_sweep_is_refused(sweep, pretend, changes, words, differing):
    pretend(good_fit)
    assert sweep("--points", 1, run_cap=5).code == 0  # the cap may change
    outcome = sweep(*words, **changes)
    assert outcome.code == 1 and f"holds a sweep with other {differing} (see stated.json)" in outcome.err


def test_jobs_have_a_gpu_each_and_fits_know_nothing_of_slurm(sweep, pretend, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    pretended = pretend(good_fit)
    assert sweep("--jobs", 2).code == 0
    assert {each["CUDA_VISIBLE_DEVICES"] for each in pretended.environments} <= {"5", "7"}
    assert not any(name.startswith("SLURM_") for each in pretended.environments for name in each)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert worker._devices(2) == ["0", "1"] and worker._devices(1) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--jobs", 0], "--jobs, --threads and --points are 1 or more"),
        (["--repeats", -1], "--repeats is 0 or more"),
        (["--points", 0], "--points are 1 or more"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(sweep, words, message):
    outcome = sweep(*words)
    assert outcome.code == 1 and message in outcome.err and outcome.err.count("\n") == 1
