"""The benchmark of trackers: every method tracks the same audio, and the ratios are to the first method."""

import json

import numpy as np
import pytest

from datamodules.annotations.f0_series import F0Series
from experiments.benchmarks.tones import RATE
from experiments.benchmarks.trackers import main, measure
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


@pytest.mark.slow  # five rounds of two trackers
def test_the_result_holds_the_ratios_to_the_first_method(capsys):
    main(["--methods", "[pyin,tracker]", "--lengths", "[0.3]", "--seconds", "0.6", "--rounds", "1"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1].removeprefix("RESULT "))
    assert result["baseline"] == "pyin" and result["processor_seconds"]["pyin"] == {"0.3 s": 1.0}
    assert 0 < result["processor_seconds"]["tracker"]["0.3 s"] < 1  # pyin is slow by any measure
