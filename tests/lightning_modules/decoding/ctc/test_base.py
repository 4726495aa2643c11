"""Greedy decoding, and what all CTC decoders have in common, against every path there is."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.decoding import Beam, Greedy, Hypothesis, LexiconBeam, PrefixBeam
from tests.lightning_modules.decoding.ctc.posteriors import (
    PHONES,
    WORDS,
    all_paths,
    collapsed,
    decoded,
    lexicon,
    onsets,
    perfect,
    probabilities,
    random_log_probs,
)


@settings(max_examples=60)
@given(
    st.integers(1, 4).flatmap(
        lambda symbols: st.lists(
            st.lists(st.integers(-3, 3), min_size=symbols + 1, max_size=symbols + 1), min_size=0, max_size=5
        )
    )
)
def test_greedy_finds_the_symbols_of_the_best_path(logits):
    """Of equal paths that of the lowest symbols, which comes first here."""
    symbols = len(logits[0]) if logits else 2
    log_probs = torch.tensor(logits, dtype=torch.float64).reshape(1, -1, symbols).log_softmax(-1)
    path, score = max(all_paths(log_probs[0]), key=lambda each: round(each[1], 9)) if logits else ((), 0.0)
    (found,) = decoded(Greedy(), log_probs, range(1, symbols))
    assert tuple(found.symbols) == collapsed(path)
    assert found.score == pytest.approx(score)
    starts = onsets(path)
    assert found.frames == starts


@pytest.mark.sampled(2)
@pytest.mark.slow
@pytest.mark.parametrize("decoder", [Greedy(), Beam(5), Beam(5, nbest=3), PrefixBeam(5, nbest=3)])
def test_a_batch_is_decoded_as_its_utterances_alone_are(decoder):
    log_probs, lengths = random_log_probs(0, 4, 12, 4, scale=2.0), torch.tensor([12, 0, 7, 1])
    log_probs[2, 7:] = math.nan
    together = decoder(log_probs, lengths, PHONES)
    assert together[1] == [Hypothesis([], 0.0, [])]
    for utterance in (0, 2, 3):
        alone = decoded(decoder, log_probs[utterance : utterance + 1, : lengths[utterance]])
        assert [each[:3:2] for each in alone] == [each[:3:2] for each in together[utterance]]
        assert [each.score for each in alone] == pytest.approx([each.score for each in together[utterance]])


@pytest.mark.parametrize("decoder", [Greedy(), Beam(5), PrefixBeam(5)])
def test_a_batch_without_frames_has_empty_hypotheses(decoder):
    assert decoder(torch.zeros(2, 0, 4), torch.tensor([0, 0]), PHONES) == [[Hypothesis([], 0.0, [])]] * 2


def test_beam_search_finds_the_best_sequence_of_all():
    decoders = {"beam": Beam(50, beam_threshold=1e9), "prefixes": PrefixBeam(50), "greedy": Greedy()}
    best = dict.fromkeys(decoders, 0)
    for seed in range(200):
        log_probs = random_log_probs(seed, 1, 5, 4)
        every = probabilities(log_probs[0])
        for name, decoder in decoders.items():
            (found,) = decoded(decoder, log_probs)
            best[name] += every[tuple(found.symbols)] == pytest.approx(max(every.values()), abs=1e-9)
    assert best["prefixes"] == 200 and best["beam"] >= 190 and best["greedy"] < 120


@pytest.mark.parametrize("decoder", [Beam(1000, 1000, beam_threshold=1e9), PrefixBeam(1000, 1000)])
def test_a_beam_of_all_sequences_gives_each_its_probability(decoder):
    log_probs = random_log_probs(3, 1, 4, 4)
    every = probabilities(log_probs[0])
    found = decoded(decoder, log_probs)
    assert {tuple(each.symbols): math.exp(each.score) for each in found} == pytest.approx(every, rel=1e-5)
    scores = [each.score for each in found]
    assert len(found) == len(every) and scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("decoder", [Beam, PrefixBeam])
def test_n_best_are_as_many_and_the_best_of_them_is_the_best_alone(decoder):
    log_probs = random_log_probs(4, 1, 10, 4)
    found = decoded(decoder(20, nbest=7), log_probs)
    assert len({tuple(each.symbols) for each in found}) == 7
    assert found[:1] == decoded(decoder(20), log_probs)


@pytest.mark.parametrize("decoder", [Greedy(), Beam(5), Beam(50), PrefixBeam(1), PrefixBeam(50)])
@pytest.mark.parametrize(
    "path", [(1, 2, 3, 1), (0, 1, 1, 0, 2, 0, 3, 3, 1), (2, 3), (2, 0, 1, 0, 1, 2, 0), (0, 0), (1,), (2, 2, 0, 2)]
)
def test_a_perfect_posterior_gives_its_own_string_and_no_silence_of_its_own(decoder, path):
    (found,) = decoded(decoder, perfect(path))
    assert tuple(found.symbols) == collapsed(path)
    assert found.frames == onsets(path)
    assert found.score == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("decoder", [Greedy(), Beam(5), PrefixBeam(5)])
def test_any_precision_is_decoded(decoder, dtype):
    assert decoded(decoder, perfect((1, 0, 2)).to(dtype))[0].symbols == [1, 2]


@pytest.mark.parametrize("decoder", [Beam(50, nbest=50), PrefixBeam(50, nbest=50)])
def test_impossible_symbols_are_never_found(decoder):
    log_probs = torch.tensor([[[0.5, 0.5, 0.0, 0.0]] * 6]).log()
    found = decoded(decoder, log_probs)
    assert {symbol for each in found for symbol in each.symbols} == {1}
    assert all(math.isfinite(each.score) for each in found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beam_size": 0}, "beam_size: 0"),
        ({"nbest": 0}, "nbest: 0"),
        ({"beam_size": 5, "nbest": 6}, "nbest: 6"),
        ({"beam_threshold": 0.0}, "beam_threshold: 0.0"),
        ({"beam_threshold": math.nan}, "beam_threshold: nan"),
    ],
)
def test_beams_that_cannot_be_are_refused(tmp_path, arguments, message):
    if "beam_threshold" not in arguments:
        with pytest.raises(ValueError, match=message):
            PrefixBeam(**arguments)
    with pytest.raises(ValueError, match=message):
        Beam(**arguments)
    with pytest.raises(ValueError, match=message):
        LexiconBeam(lexicon(tmp_path / "words.txt", *WORDS), **arguments)


@pytest.mark.parametrize("decoder", [Beam, PrefixBeam])
def test_a_search_among_one_symbol_is_refused(decoder):
    with pytest.raises(ValueError, match="symbols_per_frame: 1"):
        decoder(symbols_per_frame=1)


@pytest.mark.parametrize("decoder", [partial(Beam, beam_threshold=1e9), PrefixBeam])
def test_only_the_most_probable_symbols_of_a_frame_may_follow(decoder):
    log_probs = torch.tensor([[[0.4, 0.3, 0.2, 0.1], [0.4, 0.1, 0.2, 0.3]]]).log()
    found = decoded(decoder(50, 50, symbols_per_frame=2), log_probs)
    assert {tuple(each.symbols) for each in found} == {(), (1,), (3,), (1, 3)}
    every = decoded(decoder(50, 50, symbols_per_frame=9), log_probs)
    assert {tuple(each.symbols) for each in every} == {*probabilities(log_probs[0])}


@pytest.mark.parametrize("decoder", [Greedy(), Beam(5), PrefixBeam(5)])
@pytest.mark.parametrize(
    ("log_probs", "lengths", "message"),
    [
        (torch.zeros(2, 3, 4) - 1, [3], r"lengths: \(1,\) is not \(2,\)"),
        (torch.zeros(2, 3, 4) - 1, [3, 4], "4 frames of utterance 1"),
        (torch.zeros(2, 3, 4) - 1, [3, -1], "-1 frames of utterance 1"),
        (torch.zeros(2, 3, 5) - 1, [3, 3], r"\(2, 3, 5\) is not \(batch, frames, 4\)"),
        (torch.zeros(3, 4) - 1, [3, 3, 3], r"\(3, 4\) is not \(batch, frames, 4\)"),
        (torch.tensor([[[-1.0] * 4, [-1.0, math.nan, -1.0, -1.0]]]), [2], "utterance 0 has in frame 1.*nan"),
        (torch.tensor([[[-1.0] * 4, [-1.0, 3.0, -1.0, -1.0]]]), [2], "frame 1.*3.0; apply log_softmax"),
    ],
)
def test_what_cannot_be_decoded_is_refused(decoder, log_probs, lengths, message):
    with pytest.raises(ValueError, match=message):
        decoder(log_probs, torch.tensor(lengths), PHONES)
