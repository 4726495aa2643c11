"""Each rule on a set made for it, and its silence on a set without anything remarkable."""

import re

import numpy as np
import pytest

from experiments.evaluation.statistics import Bootstrap
from experiments.reporting.clips import ClipAnswers, clip_section
from experiments.reporting.melody import melody_section
from experiments.reporting.phones import Utterance, phone_section
from experiments.reporting.remarks import clip_remarks, melody_remarks, phone_remarks
from tests.experiments.reporting.test_melody import HOP, one_set, track

FRAMES = 400
TIMES = np.arange(FRAMES) * HOP
TRUTH = np.where(TIMES % 1 < 0.8, 5000 + 300 * np.sin(2 * np.pi * TIMES), 0.0)


def remarks_of(*tracks):
    data = one_set(*tracks)
    return melody_remarks(melody_section(data, Bootstrap(20)), data)


def voiced(cents):
    """A guess that is called voiced where the truth is."""
    return np.where(TRUTH > 0, cents, -5000)


def test_nothing_stands_out_of_perfect_estimates():
    assert remarks_of(*(track(name, TRUTH, voiced(TRUTH), confidence=(TRUTH > 0) * 0.8) for name in "abcd")) == []


def test_the_most_frequent_kind_of_error_is_named():
    guess = voiced(TRUTH)
    guess[:30] = -5000  # missed
    guess[100:110] += 1200
    [remark] = remarks_of(track("a", TRUTH, guess))
    assert remark == "m0: 75% of its frames in error are of one kind, missed, octaves are 25%."


@pytest.mark.parametrize(("frames", "word"), [(4, "late"), (-4, "early")])
def test_who_is_late_or_early_is_told_by_how_much(frames, word):
    moved = 5000 + 600 * np.sin(2 * np.pi * (TIMES - frames * HOP))
    truth = np.where(TRUTH > 0, 5000 + 600 * np.sin(2 * np.pi * TIMES), 0.0)
    found = [each for each in remarks_of(track("a", truth, voiced(moved))) if word in each]
    assert len(found) == 1 and f"m0: {word} by about 40 ms" in found[0]


def test_a_better_voicing_threshold_is_told():
    confidence = np.where(TRUTH > 0, 0.9, np.where(TIMES % 1 < 0.9, 0.6, 0.2))
    alarmed = np.where(confidence > 0.5, np.where(TRUTH > 0, TRUTH, 5000), -5000)
    found = " ".join(remarks_of(track("a", TRUTH, alarmed, confidence=confidence)))
    told = re.search(r"with a voicing threshold of (0\.\d+) its overall accuracy, .* would be 1.000 instead", found)
    assert told is not None and 0.6 < float(told[1]) <= 0.9


def test_confidence_that_tells_nothing_is_told():
    generator = np.random.default_rng(0)
    wrong = generator.random(FRAMES) < 0.5
    guess = voiced(TRUTH + 400 * wrong)
    blind = np.where(TRUTH > 0, 0.7 + 0.2 * generator.random(FRAMES), 0.1)
    telling = np.where(wrong & (TRUTH > 0), 0.6, blind)
    for confidence, said in ((blind, True), (telling, False)):
        found = " ".join(remarks_of(track("a", TRUTH, guess, confidence=confidence)))
        assert ("its confidence hardly tells wrong pitches" in found) is said


def test_a_register_that_is_missed_is_told():
    low = np.where(TRUTH > 0, TRUTH - 1500, 0)  # around 75 Hz
    found = remarks_of(track("high", TRUTH, voiced(TRUTH)), track("low", low, voiced(low + 1200)))
    assert "m0: right in 0.000 of the frames under 110 Hz, in 0.500 of all." in found


def test_frames_that_nobody_has_right_are_told_with_three_methods():
    guess = voiced(TRUTH)
    lost = guess.copy()
    lost[:40] += 500
    assert (
        "In 12.5% of the truly voiced frames no method is right" in remarks_of(track("a", TRUTH, lost, lost, lost))[0]
    )
    assert not any("no method" in each for each in remarks_of(track("a", TRUTH, lost, lost)))
    assert not any("no method" in each for each in remarks_of(track("a", TRUTH, lost, lost, guess)))


def test_tracks_that_hold_half_of_the_errors_are_named():
    lost = voiced(TRUTH).copy()
    lost[:60] += 500
    little = voiced(TRUTH).copy()
    little[:2] += 500
    tracks = [track(f"t{k}", TRUTH, lost if k == 3 else little) for k in range(10)]
    assert "m0: half of its seconds in error are in 1 of 10 tracks: t3." in remarks_of(*tracks)
    assert not any("half" in each for each in remarks_of(*(track(f"t{k}", TRUTH, lost) for k in range(10))))


def test_what_stands_out_of_clips():
    truth = ["a"] * 20 + ["b"] * 20 + ["c"] * 20
    guess = ["a"] * 20 + ["b"] * 20 + ["a"] * 15 + ["c"] * 5
    names = [f"{group}{k}" for k, group in enumerate(["x", "y"] * 30)]
    probability = np.full((60, 1), 0.95)
    answers = ClipAnswers(names, np.array(truth), np.array(guess)[:, None], probability)
    groups = {name: "good" if truth[k] != "c" else "bad" for k, name in enumerate(names)}
    assert clip_remarks(clip_section("set", answers, groups, Bootstrap(20))) == [
        "Of 60 answers with a probability of 0.9 or more, 15 are wrong (25%).",
        "Of the 20 clips of c, 25% are recognised, of all clips 75%; most often it is taken for a (15).",
        "bad is recognised least (0.250, 20 clips), good best (1.000).",
    ]
    right = answers._replace(guess=np.array(truth)[:, None])
    assert clip_remarks(clip_section("set", right, groups, Bootstrap(20))) == []


def test_what_stands_out_of_phones():
    def utterance(name, edits):
        pairs = [("A", "A")] * (10 - edits) + [("B", None)] * edits
        return Utterance(name, ["A"] * (10 - edits), "", ["A"] * (10 - edits) + ["B"] * edits, pairs, [], edits, 10)

    some = [utterance(f"u{k:02}", 6 if k == 0 else 1 if k < 6 else 0) for k in range(20)]
    groups = {each.name: "bad" if each.name < "u06" else "good" for each in some}
    assert phone_remarks(phone_section("set", some, groups, Bootstrap(20))) == [
        "Never recognised where they are said: B (11).",
        "The phoneme error rate of bad is 0.183, that of good 0.000: the mean says little of either.",
        "Half of all edits are in 1 of 20 utterances: u00.",
    ]
    assert phone_remarks(phone_section("set", [utterance("u", 0)], {}, Bootstrap(20))) == []
