"""The benchmark of evaluation, made small."""

import json

import mir_eval
import pytest

from experiments.benchmarks import evaluation


def test_tracks_have_every_kind_of_frame_and_are_the_same_each_time():
    tracks = evaluation.Tracks.made(3, 0.5, 0.01)
    assert tracks.times.shape == (3000,) and tracks.references.shape == tracks.estimates.shape == (3, 3000)
    assert (tracks.references >= 0).all() and 0.4 < (tracks.references > 0).mean() < 0.8
    assert (tracks.estimates == 0).any() and (tracks.estimates < 0).any() and (tracks.estimates > 0).any()
    for reference, estimate in zip(tracks.references, tracks.estimates, strict=True):
        scores = mir_eval.melody.evaluate(tracks.times, reference, tracks.times, estimate)
        assert all(0.05 < score < 0.95 for score in scores.values())
        assert scores["Raw Chroma Accuracy"] > scores["Raw Pitch Accuracy"] + 0.05
    assert (evaluation.Tracks.made(3, 0.5, 0.01).estimates == tracks.estimates).all()


def test_every_side_scores_every_track_in_every_round():
    seen = []

    def side(name, more):
        def turn(chunk):
            seen.extend((name, track) for track in chunk)
            return [{"figure": track + more} for track in chunk]

        return turn

    more = {evaluation.MIR_EVAL: 0.0, evaluation.OURS: -0.25, evaluation.ALL: 0.0}
    seconds, difference = evaluation.measure({name: side(name, value) for name, value in more.items()}, 50, rounds=2)
    assert sorted(seen) == sorted((name, k) for name in more for k in range(50) for _ in range(2))
    assert difference == 0.25
    assert all(len(each) == 2 and min(each) > 0 for each in seconds.values())


def test_the_largest_difference_is_of_any_figure_of_any_track():
    ours, theirs = [{"a": 1.0, "b": 0.5}, {"a": 0.0, "b": 0.2}], [{"a": 1.0, "b": 0.5}, {"a": 0.0, "b": 0.5}]
    assert evaluation.largest_difference(ours, theirs) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="'a'"):
        evaluation.largest_difference([{"a": 1.0}], theirs[:1])
    with pytest.raises(ValueError, match=r"zip\(\)"):
        evaluation.largest_difference(ours[:1], theirs)


def test_the_speedup_is_taken_within_each_round():
    seconds = {evaluation.MIR_EVAL: [40.0, 400.0, 4.0], evaluation.OURS: [2.0, 20.0, 1.0]}
    assert evaluation.speedup(seconds, evaluation.OURS) == 20
    line = evaluation.table(seconds, 1000).splitlines()[2]
    assert line.split()[-5:] == ["2.000", "1.000", "to", "20.000", "20.0"]


@pytest.mark.long
def test_the_last_line_holds_the_speedup_and_the_difference(capsys):
    evaluation.main(["--tracks=3", "--minutes=0.5", "--rounds=2"])
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    result = json.loads(last.removeprefix("RESULT "))
    assert last.startswith("RESULT ") and set(result) == {"speedup", "max_difference"}
    assert result["max_difference"] <= 1e-9 and result["speedup"] > 0
