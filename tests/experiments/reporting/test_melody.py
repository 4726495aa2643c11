import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.evaluation.frames import AlignedTrack, TrackGuess
from experiments.evaluation.scores import Scores
from experiments.evaluation.statistics import Bootstrap
from experiments.reporting.agreement import agreement
from experiments.reporting.melody import TrackSet, melody_section
from experiments.reporting.outcomes import OUTCOMES, outcomes, wrong
from experiments.reporting.tracks import worst_windows

HOP = 0.01


def track(name, truth, *guesses, confidence=None):
    """Cents above 10 Hz; 0 is unvoiced, a negative guess is one that is called unvoiced."""
    truth = np.array(truth, np.float64)
    found = {}
    for number, guess in enumerate(guesses):
        cents = np.array(guess, np.float64)
        certain = None if confidence is None else np.array(confidence, np.float64)
        found[f"m{number}"] = TrackGuess(np.abs(cents), cents > 0, certain)
    return AlignedTrack(name, np.arange(len(truth)) * HOP, truth > 0, truth, found)


def one_set(*tracks):
    methods = tuple(tracks[0].guesses)
    scores = Scores(methods, tuple(each.name for each in tracks), ("x",), np.ones((len(methods), len(tracks), 1)))
    metadata = {each.name: {} for each in tracks}
    return TrackSet("set", tracks, dict.fromkeys(methods), scores, metadata, np.arange(len(tracks)))


def test_every_frame_has_the_outcome_of_its_definition():
    truth = [0, 0, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000]
    guess = [-5000, 5000, 5009, 5049, 5199, 6249, 3751, 5500, -5000, 0]
    names = [OUTCOMES[each] for each in outcomes(track("a", truth, guess), "m0", None)]
    assert names == [
        "unvoiced", "false_alarm", "exact", "close", "off", "octave_up", "octave_down", "wrong", "missed", "missed",
    ]  # fmt: skip
    assert wrong(np.arange(len(OUTCOMES), dtype=np.uint8)).tolist() == [
        name not in ("unvoiced", "exact", "close") for name in OUTCOMES
    ]


def test_a_threshold_takes_the_place_of_the_methods_own_voicing():
    given_ = track("a", [5000, 5000, 0], [5000, -5000, 5000], confidence=[0.2, 0.5, 0.4])
    assert [OUTCOMES[each] for each in outcomes(given_, "m0", 0.5)] == ["missed", "exact", "unvoiced"]


cents = st.lists(st.sampled_from([0, 5000, 5030, 5150, 6200]), min_size=1, max_size=40)


@settings(deadline=None)
@given(st.data())
def test_frames_are_counted_by_who_is_right(data):
    truth = data.draw(cents)
    guesses = [
        data.draw(st.lists(st.sampled_from([0, 5000, 5150, 6200]), min_size=len(truth), max_size=len(truth)))
        for _ in range(3)
    ]
    found = agreement([track("a", truth, *guesses)], ["m0", "m1", "m2"])
    counted = {}
    for frame, true in enumerate(truth):
        if true:
            right = tuple(f"m{k}" for k in range(3) if guesses[k][frame] and abs(guesses[k][frame] - true) < 50)
            counted[right] = counted.get(right, 0) + 1
    assert {tuple(each["right"]): each["frames"] for each in found["patterns"]} == counted
    alone = sum(each["seconds"] for each in found["alone"]["m0"])
    assert len(truth) == 1 or alone == pytest.approx(HOP * counted.get(("m0",), 0))


def test_stretches_go_on_over_short_interruptions_and_the_longest_comes_first():
    truth = [5000] * 60
    first = [5000] * 60
    other = [5000] * 5 + [6200] * 3 + [5000] * 2 + [6200] * 4 + [5000] * 30 + [6200] * 5 + [5000] * 11
    found = agreement([track("a", truth, first, other)], ["m0", "m1"])
    assert [(each["start"], round(each["seconds"], 3)) for each in found["alone"]["m0"]] == [(0.05, 0.07), (0.44, 0.05)]
    assert found["failing"]["m1"] == found["alone"]["m0"]
    assert agreement([track("a", truth, first)], ["m0"]) is None


@pytest.fixture(scope="module")
def late():
    """Two tracks; the second method is four frames late and 5 cents sharp."""
    times = np.arange(800) * HOP
    tracks = []
    for name, phase in (("a", 0.0), ("b", 1.0)):
        truth = np.where(times % 2 < 1.5, 5000 + 600 * np.sin(2 * np.pi * times + phase), 0.0)
        moved = 5000 + 600 * np.sin(2 * np.pi * (times - 4 * HOP) + phase) + 5
        certain = np.where(truth > 0, 0.7, 0.3) + np.where(times % 0.5 < 0.05, -0.3, 0.0) * (truth > 0)
        tracks.append(track(name, truth, truth, np.where(truth > 0, moved, -moved), confidence=certain))
    return one_set(*tracks)


def test_bias_and_lateness_are_found(late):
    section = melody_section(late, Bootstrap(50))
    known = {(each["name"], each["part"]): each["cells"] for each in section["figures"]}
    assert known["time_offset_ms", ""][0]["value"] == pytest.approx(0, abs=0.5)
    best = [np.argmax(section["shifts"][name]["accuracy"]) for name in ("m0", "m1")]
    assert [section["shifts"]["m0"]["ms"][place] for place in best] == pytest.approx([0, 40])
    assert section["shifts"]["m1"]["accuracy"][best[1]] > 0.97
    columns, row = section["scores"]["columns"], section["scores"]["rows"][0]
    assert row[columns.index("cents_bias")] == pytest.approx(0, abs=0.01)


def test_the_voicing_curve_is_that_of_thresholds(late):
    curve = melody_section(late, Bootstrap(50))["voicing"]["m0"]
    voiced = np.concatenate([each.voiced for each in late.tracks])
    certain = np.concatenate([each.guesses["m0"].confidence for each in late.tracks])
    guessed = np.concatenate([each.guesses["m0"].cents != 0 for each in late.tracks])
    for place, threshold in enumerate(curve["threshold"]):
        said = (certain >= threshold) & guessed
        assert curve["recall"][place] == pytest.approx((said & voiced).sum() / voiced.sum(), abs=1e-5)
        assert curve["false_alarm"][place] == pytest.approx((said & ~voiced).sum() / (~voiced).sum(), abs=1e-5)
        right = (said & voiced).sum() + (~said & ~voiced).sum()  # its pitch is the truth
        assert curve["overall_accuracy"][place] == pytest.approx(right / len(voiced), abs=1e-5)
    assert curve["operating"]["recall"] == 1.0 and curve["operating"]["false_alarm"] == 0.0


def test_notes_errors_and_outcomes_count_every_frame_once(late):
    section = melody_section(late, Bootstrap(50))
    voiced = int(sum(each.voiced.sum() for each in late.tracks))
    for method in late.methods:
        assert np.sum(section["notes"][method]["counts"]) == voiced
        assert section["histograms"][method]["frames"] == sum(section["histograms"][method]["coarse"]) == voiced
        assert sum(section["outcomes"]["frames"][method]) == 1600
    exact = section["notes"]["m0"]["counts"]
    assert np.trace(exact) == voiced


def test_the_worst_seconds_come_first():
    wrong_late = [5000] * 1500 + [6000] * 500
    found = worst_windows(one_set(track("fine", [5000] * 2000, [5000] * 2000), track("bad", [5000] * 2000, wrong_late)))
    assert [row["track"] for row in found] == ["bad", "fine"]
    assert found[0]["wrong"] == [pytest.approx(5.0)]
    assert found[0]["start"] == pytest.approx(10.0)  # the first ten seconds that hold all errors


def test_a_set_without_a_voiced_frame_has_a_section():
    section = melody_section(
        one_set(track("a", [0] * 50, [-5000] * 50), track("b", [0] * 50, [5000] * 50)), Bootstrap(50)
    )
    assert section["notes"]["m0"]["counts"] == []
    assert section["histograms"]["m0"]["frames"] == 0
