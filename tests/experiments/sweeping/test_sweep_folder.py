"""What workers that share a folder must not do to each other."""

import threading
import time

from experiments.sweeping import sweep_folder, worker
from experiments.sweeping.points import read_points
from tests.experiments.sweeping.conftest import METRIC, good_fit, leave_run


def add_six(sweep):
    for _ in range(6):
        sweep.add(6)


def test_only_one_worker_proposes_at_a_time(sweep_of, monkeypatch):
    propose, numbers = sweep_folder.propose, []

    def slow(file, figures, seed):
        numbers.append(len(figures))
        time.sleep(0.05)
        return propose(file, figures, seed)

    monkeypatch.setattr(sweep_folder, "propose", slow)
    monkeypatch.setattr(sweep_folder, "_ASKED_AGAIN", 0.01)
    threads = [threading.Thread(target=add_six, args=(sweep_of(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == list(range(6))


def test_a_point_that_another_worker_finished_just_before_it_was_claimed_is_left(sweep_of, tmp_path):
    sweep = sweep_of()
    sweep.add(6)
    take = sweep._claims.take

    def late(name):
        (point,) = read_points(sweep.folder)
        point.journal(event="ended", outcome="finished", code=0)
        return take(name)

    sweep._claims.take = late
    assert sweep.take() is None and sweep._claims.owner("p0000") is None


def test_who_waits_makes_the_points_of_a_worker_that_gives_them_back(sweep_of, pretend, melisma, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_PATIENCE", 0.0)
    monkeypatch.setattr(worker, "_SOONEST", 0.01)
    pretended = pretend(good_fit)
    other = sweep_of()
    other.state()
    other.add(1)
    _, claim = other.take()
    threading.Timer(0.5, claim.__exit__, (None, None, None)).start()
    assert melisma("sweep", tmp_path / "small.yaml", "--out", tmp_path / "runs", "--points", 1).code == 0
    assert pretended.started_points() == ["p0000"]


def test_a_metric_that_a_short_fit_did_not_log_is_missed_when_it_has_ended(sweep_of, pretend, melisma, tmp_path):
    sweep_of()
    pretend(lambda folder, words: leave_run(folder, [0.1], metric="val/mine/accuracy") or 0)
    outcome = melisma("sweep", tmp_path / "small.yaml", "--out", tmp_path / "runs")
    assert outcome.code == 1 and f"metric.name: '{METRIC}' is not logged by" in outcome.err
