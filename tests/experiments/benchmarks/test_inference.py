"""The benchmark of inference: every method tracks the same audio; ratios, memory and accuracy are what was measured."""

import json
import os

import numpy as np
import pytest

from datamodules.annotations.f0_series import F0Series
from datamodules.errors import DataError
from experiments.benchmarks.inference import accuracies, main, measure, picture, times_as_fast
from experiments.benchmarks.inference_memory import memory, peak
from experiments.benchmarks.tones import RATE
from experiments.trackers.base import Tracked, Tracker


class Counting(Tracker):
    """Takes as many seconds as it is told to for a second of audio, and keeps what it was given."""

    def __init__(self, name, cost):
        super().__init__(name)
        self.cost, self.given = cost, []

    def identity(self):
        return {}

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        pass

    def __call__(self, samples, rate):
        self.given.append(samples)
        return Tracked(F0Series(np.zeros(1), np.zeros(1)), 0.0, self.cost * len(samples) / rate)


def test_every_method_tracks_the_same_audio_in_recordings_of_the_lengths_asked_for():
    fast, slow = Counting("fast", 1.0), Counting("slow", 3.0)
    costs = measure([fast, slow], [0.5, 2.0], 2.0, 3)
    assert costs == {
        (name, length): [cost * 2.0] * 3 for length in (0.5, 2.0) for name, cost in (("fast", 1.0), ("slow", 3.0))
    }
    assert [len(each) for each in fast.given] == ([RATE // 2] * 4 + [2 * RATE]) * 4
    assert all(np.array_equal(a, b) for a, b in zip(fast.given, slow.given, strict=True))


class Holding(Counting):
    """Holds so many bytes for every sample, and lets them go."""

    def __call__(self, samples, rate):
        held = np.ones(self.cost * len(samples), np.uint8)
        return Tracked(F0Series(np.zeros(1), np.zeros(1)), 0.0, float(held[0]))


def test_ratios_are_of_one_round_and_length():
    costs = {("ours", 1.0): [1.0, 2.0, 4.0], ("theirs", 1.0): [3.0, 8.0, 8.0]}
    assert times_as_fast(costs, "ours", "theirs", 1.0) == 3.0
    assert times_as_fast(costs, "theirs", "ours", 1.0) == pytest.approx(1 / 3)


@pytest.mark.long
def test_memory_is_what_a_fresh_process_held_at_most():
    greedy, modest = Holding("greedy", 1000), Holding("modest", 1)
    held = memory([greedy, modest], [0.1, 10.0], {"greedy": 1.0, "modest": 0.001}, patience=5.0)
    assert held["greedy", 10.0] is None, "it would take longer than one waits"
    short, plain, long = held["greedy", 0.1], held["modest", 0.1], held["modest", 10.0]
    assert short == pytest.approx(plain, abs=20) and long == pytest.approx(plain, abs=20)
    grown = memory([greedy], [0.1, 10.0], {"greedy": 0.0}, patience=1.0)
    assert 140 < grown["greedy", 10.0] - grown["greedy", 0.1] < 200  # 160 MB
    assert peak(os.getpid()) > 50


class Ending(Counting):
    def __call__(self, samples, rate):
        os._exit(3)


@pytest.mark.long
def test_a_tracker_that_ends_its_process_is_named():
    with pytest.raises(DataError, match="ending: its process ended"):
        memory([Ending("ending", 1)], [0.1], {"ending": 0.0}, 1.0)


def summary(path, **means):
    path.write_text(
        json.dumps(
            {
                "methods": {
                    n: {"raw_pitch_accuracy": {"mean": m, "low": m - 0.1, "high": m + 0.1}} for n, m in means.items()
                }
            }
        )
    )
    return path


def test_the_picture_shows_the_methods_that_have_both_figures(tmp_path):
    found = accuracies(summary(tmp_path / "summary.json", fast=0.5, slow=0.75, other=0.25), "raw_pitch_accuracy")
    axes = picture({"fast": 0.01, "slow": 0.5, "unknown": 1.0}, found, "raw_pitch_accuracy").axes[0]
    points = {text.get_text(): text.xy for text in axes.texts}
    assert points == {"fast": (100.0, 0.5), "slow": (2.0, 0.75)}


@pytest.mark.parametrize(
    ("text", "why"),
    [("{}", ": no summary"), ("[", ", line 1: not valid JSON"), ('{"methods": {"fast": {}}}', ": no summary")],
)
def test_another_file_than_a_summary_is_refused_by_its_name(tmp_path, text, why):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(DataError, match=f"other.json{why}"):
        accuracies(tmp_path / "other.json", "raw_pitch_accuracy")


@pytest.mark.long  # rounds of two trackers, and two processes
def test_the_result_holds_ratios_and_memory(tmp_path, capsys):
    found = summary(tmp_path / "summary.json", pyin=0.5, tracker=0.75)
    words = ["--methods", "[pyin,tracker]", "--baselines", "[pyin]", "--lengths", "[0.3]", "--seconds", "0.6"]
    words += ["--rounds", "1", "--memory", "[0.5]", "--accuracy", str(found), "--picture", str(tmp_path / "both.png")]
    main(words)
    result = json.loads(capsys.readouterr().out.splitlines()[-1].removeprefix("RESULT "))
    assert result["times_as_fast_as"]["pyin"]["pyin"] == {"0.3 s": 1.0}
    assert result["times_as_fast_as"]["pyin"]["tracker"]["0.3 s"] > 1  # pyin is slow by any measure
    assert all(100 < value < 2000 for of in result["peak_megabytes"].values() for value in of.values())
    assert (tmp_path / "both.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--baselines", "[pesto]"], "--baselines: pesto is not among --methods"),
        (["--picture", "x.png"], "--accuracy and --picture: say both or none"),
        (["--methods", "[swift_f0,torchcrepe_tiny_viterbi,nothing]"], "'nothing' is not known"),
    ],
)
def test_options_that_do_not_fit_are_one_line(words, message, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert message in capsys.readouterr().err
