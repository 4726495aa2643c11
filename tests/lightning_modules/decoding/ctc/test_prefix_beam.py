"""Prefix beam search, against every path there is, a plain search and another implementation."""

import math
from collections import defaultdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.decoding import CHARACTERS_11785, Beam, Hypothesis, PrefixBeam
from tests.lightning_modules.decoding.ctc.posteriors import (
    PHONES,
    all_paths,
    collapsed,
    decoded,
    log_probability,
    onsets,
    probabilities,
    random_log_probs,
)


@settings(max_examples=150)
@given(
    st.integers(1, 3).flatmap(
        lambda symbols: st.lists(
            st.lists(
                st.one_of(st.integers(-3, 3), st.floats(-40, 3), st.just(-math.inf)),
                min_size=symbols + 1,
                max_size=symbols + 1,
            ).filter(lambda frame: max(frame) > -math.inf),
            min_size=1,
            max_size=5,
        )
    )
)
def test_prefixes_have_exact_scores_and_those_that_never_left_a_narrow_beam_no_greater_ones(logits):
    log_probs = torch.tensor([logits], dtype=torch.float64).log_softmax(-1)
    phones = PHONES[: log_probs.shape[2] - 1]
    every = {symbols: math.log(each) for symbols, each in probabilities(log_probs[0]).items() if each > 0}
    found = decoded(PrefixBeam(1000, 1000), log_probs, phones)
    assert {tuple(each.symbols): each.score for each in found} == pytest.approx(every, abs=1e-9)
    assert len(found) == len(every)
    for size in (1, 2, 3, 6):
        narrow = decoded(PrefixBeam(size, size), log_probs, phones)
        assert 1 <= len(narrow) == len({tuple(each.symbols) for each in narrow}) <= size
        assert all(each.score <= every[tuple(each.symbols)] + 1e-9 for each in narrow)


def test_symbols_of_a_prefix_begin_where_they_do_on_its_best_path():
    log_probs = random_log_probs(6, 1, 6, 3, scale=2.0)
    best = {}
    for path, score in all_paths(log_probs[0]):
        best[collapsed(path)] = max(best.get(collapsed(path), (-math.inf,)), (score, path))
    found = decoded(PrefixBeam(1000, 1000), log_probs, PHONES[:2])
    assert len(found) == len(best)
    for each in found:
        _, path = best[tuple(each.symbols)]
        assert each.frames == onsets(path)


def plain_prefix_search(log_probs, size):
    """The prefixes of the last beam with their scores, by dictionaries instead of a tree."""
    beam = {(): (1.0, 0.0)}
    for frame in log_probs.double().exp().tolist():
        later = defaultdict(lambda: [0.0, 0.0])
        for prefix, (apart, within) in beam.items():
            later[prefix][0] += (apart + within) * frame[0]
            later[prefix][1] += within * frame[prefix[-1]] if prefix else 0.0
            for symbol in range(1, len(frame)):
                later[*prefix, symbol][1] += (apart if prefix[-1:] == (symbol,) else apart + within) * frame[symbol]
        beam = dict(sorted(later.items(), key=lambda each: -sum(each[1]))[:size])
    return [(prefix, math.log(sum(mass))) for prefix, mass in beam.items()]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_narrow_beam_holds_what_a_plain_search_among_prefixes_holds(size):
    """Some of them leave the beam, and come back when their successors are still there."""
    for seed in range(20):
        log_probs = random_log_probs(seed, 1, 40, 3, scale=2.0)
        wanted = plain_prefix_search(log_probs[0], size)
        found = decoded(PrefixBeam(size, size), log_probs, PHONES[:2])
        assert [tuple(each.symbols) for each in found] == [symbols for symbols, _ in wanted]
        assert [each.score for each in found] == pytest.approx([score for _, score in wanted])


def test_equal_prefixes_come_in_the_order_of_their_symbols():
    found = decoded(PrefixBeam(3, 3), torch.full((1, 1, 4), 0.25).log())
    assert [each.symbols for each in found] == [[], [1], [2]]
    found = decoded(PrefixBeam(7, 7), torch.tensor([[[0.5, 0, 0.25, 0.25], [0.5, 0.25, 0.25, 0]]]).log())
    assert [each.symbols for each in found] == [[2], [], [3], [1], [2, 1], [3, 1], [3, 2]]


def test_of_equal_symbols_the_lowest_may_follow():
    found = decoded(PrefixBeam(9, 9, symbols_per_frame=2), torch.tensor([[[0.4, 0.2, 0.2, 0.2]]]).log())
    assert [each.symbols for each in found] == [[], [1]]
    found = decoded(PrefixBeam(9, 9, symbols_per_frame=2), torch.tensor([[[0.1, 0.2, 0.2, 0.5]]]).log())
    assert [each.symbols for each in found] == [[3], [1]]


def test_prefixes_of_long_utterances_do_not_vanish():
    log_probs = random_log_probs(7, 1, 3000, 4).double()
    (found,) = decoded(PrefixBeam(20), log_probs)
    exact = log_probability(log_probs, found.symbols)
    assert 1.5 * exact < found.score <= exact + 1e-6 and math.exp(found.score) == 0.0
    assert len(found.frames) == len(found.symbols) and found.frames == sorted({*found.frames})


def test_where_no_path_is_possible_the_prefix_is_empty():
    assert decoded(PrefixBeam(5, 5), torch.full((1, 3, 4), -math.inf)) == [Hypothesis([], -math.inf, [])]


def test_utterances_are_decoded_alike_by_any_number_of_threads():
    log_probs, lengths = random_log_probs(8, 7, 60, 4), torch.tensor([60, 0, 31, 60, 7, 60, 59])
    decoder, threads = PrefixBeam(10, 3), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = decoder(log_probs, lengths, PHONES)
        torch.set_num_threads(3)
        assert decoder(log_probs, lengths, PHONES) == alone
    finally:
        torch.set_num_threads(threads)


def peaky(seed, frames, symbols=41):
    """As trained networks give it: blanks, and a phone in every five frames, which may be taken for another one."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(frames, symbols, generator=generator)
    logits[:, 0] += 9
    for frame in range(0, frames, 5):
        for height in (13.0, 9.0):
            phone = torch.randint(1, symbols, (1,), generator=generator)
            logits[frame : frame + 2, phone] += height + 2 * torch.randn(1, generator=generator)
    return logits.log_softmax(-1)[None]


@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_of_peaky_posteriors_prefixes_are_no_less_probable_than_what_beam_finds(size):
    names = tuple(CHARACTERS_11785)[1:]
    more = 0.0
    for of_one in (peaky(seed, 80) for seed in range(8)):
        (ours,), (other,) = (decoded(decoder(size), of_one, names) for decoder in (PrefixBeam, Beam))
        gained = log_probability(of_one, ours.symbols) - log_probability(of_one, other.symbols)
        assert gained > -1e-4
        more += gained
    assert more > 0.01 or size > 5


@pytest.mark.parametrize("size", [5, 50])
def test_of_peaky_posteriors_prefixes_are_what_another_implementation_finds(size):
    other = pytest.importorskip("fast_ctc_decode")
    alphabet = "".join(CHARACTERS_11785.values())
    for log_probs in (peaky(seed, 120) for seed in range(6)):
        text, _ = other.beam_search(log_probs[0].exp().numpy(), alphabet, size)
        (found,) = decoded(PrefixBeam(size), log_probs, tuple(CHARACTERS_11785)[1:])
        assert "".join(alphabet[symbol] for symbol in found.symbols) == text
