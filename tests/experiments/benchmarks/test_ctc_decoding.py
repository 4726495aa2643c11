"""The benchmark of CTC decoding, made small."""

import json

import pytest
import torch

from experiments.benchmarks import ctc_decoding
from experiments.benchmarks.ctc_decoding import KINDS, OURS, PREFIX, PRUNED, THEIRS, Posteriors


@pytest.mark.parametrize("kind", KINDS)
def test_posteriors_are_probabilities_and_the_same_each_time(kind):
    made = Posteriors.made(kind, 3, 50)
    assert made.log_probs.shape == (3, 50, 41) and made.log_probs.dtype == torch.float32
    assert torch.allclose(made.log_probs.exp().sum(-1), torch.ones(3, 50))
    assert torch.equal(Posteriors.made(kind, 3, 50).log_probs, made.log_probs)
    assert [len(each) for each in made.spoken] == [10] * 3


def test_peaky_posteriors_are_sure_of_most_frames_and_flat_ones_of_none():
    peaky, flat = (Posteriors.made(kind, 10, 200).log_probs.exp().amax(-1) for kind in KINDS)
    assert (peaky > 0.9).float().mean() > 0.7 and flat.max() < 0.9


@pytest.mark.long
def test_every_search_finds_most_of_what_peaky_posteriors_show():
    posteriors = Posteriors.made("peaky", 3, 100)
    for turn in ctc_decoding.sides(posteriors, 3).values():
        assert 0.01 < ctc_decoding.error_rate(turn(range(3)), posteriors.spoken) < 0.3


def test_every_side_decodes_every_utterance_in_every_round():
    seen = []

    def side(name):
        def turn(chunk):
            seen.append((name, *chunk))
            return [[item] for item in chunk]

        return turn

    seconds, found = ctc_decoding.measure({name: side(name) for name in "ab"}, 6, rounds=3, batch=4)
    assert found == {name: [[item] for item in range(6)] for name in "ab"}
    chunks = [(0, 1, 2, 3), (4, 5)]
    assert sorted(seen[2:]) == sorted((name, *chunk) for name in "ab" for chunk in chunks for _ in range(3))
    assert all(len(each) == 3 and min(each) > 0 for each in seconds.values())


def test_rates_are_medians_and_ratios_are_taken_within_each_round():
    """The machine was ten times slower in the second round."""
    seconds = {f"greedy, {OURS}": [1.0, 10.0, 2.0], f"greedy, {THEIRS}": [4.0, 40.0, 2.0]}
    assert ctc_decoding.rate(seconds[f"greedy, {OURS}"], 20) == 10.0
    assert ctc_decoding.ratio(seconds, *seconds) == 4.0
    assert ctc_decoding.table(seconds, 20).splitlines()[1].split()[-4:] == ["10", "2", "to", "20"]


@pytest.mark.long
def test_the_error_rate_is_of_all_phones():
    assert ctc_decoding.error_rate([[1, 2], [3]], [[1, 2, 2], [4]]) == 0.5


@pytest.mark.long
def test_the_last_line_holds_the_rates_of_every_search(capsys):
    threads = torch.get_num_threads()
    ctc_decoding.main(["--utterances=5", "--frames=20", "--rounds=2"])
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    result = json.loads(last.removeprefix("RESULT "))
    assert last.startswith("RESULT ") and set(result) == set(KINDS)
    for kind in KINDS:
        beams = {f"beam {size}, {side}" for size in (5, 50) for side in (OURS, PRUNED, PREFIX, THEIRS)}
        assert set(result[kind]) == beams | {f"greedy, {OURS}", f"greedy, {THEIRS}"}
        assert all(each["utterances_per_second"] > 0 and each["ratio"] > 0 for each in result[kind].values())
        assert result[kind][f"greedy, {OURS}"]["same_best"] == result[kind][f"beam 5, {THEIRS}"]["ratio"] == 1.0
        assert all(("error_rate" in each) == (kind == "peaky") for each in result[kind].values())
    assert torch.get_num_threads() == threads
