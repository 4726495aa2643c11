"""Beam search among words, against every sequence of words there is."""

import itertools
import math

import pytest
import torch

from lightning_modules.decoding import Greedy, Hypothesis, LexiconBeam
from tests.lightning_modules.decoding.ctc.posteriors import (
    PHONES,
    WORDS,
    bigram_log10,
    bigrams,
    decoded,
    lexicon,
    perfect,
    probabilities,
    random_log_probs,
)


def sentences(log_probs, score=lambda words: 0.0):
    """Scores of all words that an utterance may say, with their symbols."""
    number = {phone: place for place, phone in enumerate(PHONES, start=1)}
    entries = [(line.split()[0], tuple(number[phone] for phone in line.split()[1:])) for line in WORDS]
    every = probabilities(log_probs)
    found = {}
    for count in range(len(log_probs) + 1):
        for chosen in itertools.product(entries, repeat=count):
            symbols = tuple(itertools.chain(*(spelling for _, spelling in chosen)))
            if symbols in every:
                words = tuple(word for word, _ in chosen)
                found[words, symbols] = math.log(every[symbols]) + score(words)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_lexicon_gives_every_sequence_of_its_words_and_nothing_else(tmp_path, seed):
    log_probs = random_log_probs(seed, 1, 4, 4)
    path = lexicon(tmp_path / "words.txt", *WORDS)
    found = decoded(LexiconBeam(path, 5000, 5000, 1e9, word_score=-0.75), log_probs)
    wanted = sentences(log_probs[0], lambda words: -0.75 * len(words))
    assert {(tuple(each.words), tuple(each.symbols)): each.score for each in found} == pytest.approx(wanted, rel=1e-5)
    scores = [each.score for each in found]
    assert len(found) == len(wanted) and scores == sorted(scores, reverse=True)


def test_a_model_of_words_weighs_the_sentences_of_a_lexicon(tmp_path):
    path = lexicon(tmp_path / "words.txt", *WORDS)
    model = bigrams(tmp_path / "words.arpa", "a", "ab", "sil")
    log_probs = random_log_probs(1, 1, 3, 4)
    found = decoded(LexiconBeam(path, 5000, 5000, 1e9, model), log_probs)
    wanted = sentences(log_probs[0], lambda words: 2.0 * bigram_log10(words, "a", "ab", "sil"))
    assert {(tuple(each.words), tuple(each.symbols)): each.score for each in found} == pytest.approx(wanted, abs=1e-5)


def test_the_last_phone_of_a_word_may_last(tmp_path):
    decoder = LexiconBeam(lexicon(tmp_path / "words.txt", *WORDS))
    (found,) = decoded(decoder, perfect((1, 1, 2, 3, 3, 3, 1, 1, 1)))
    assert found.words == ["sil", "ab", "sil"] and found.symbols == [1, 2, 3, 1]
    assert found.frames == [0, 2, 3, 6] and found.score == pytest.approx(0.0, abs=1e-4)


def test_a_lexicon_corrects_what_it_does_not_spell(tmp_path):
    decoder = LexiconBeam(lexicon(tmp_path / "words.txt", "ab AA B"), nbest=3)
    log_probs = torch.tensor([[[0.01, 0.01, 0.97, 0.01], [0.01, 0.6, 0.01, 0.38], [0.97, 0.01, 0.01, 0.01]]]).log()
    assert decoded(Greedy(), log_probs)[0].symbols == [2, 1]
    assert [each.words for each in decoded(decoder, log_probs)] == [["ab"], []]


def test_without_whole_words_the_hypothesis_is_empty(tmp_path):
    decoder = LexiconBeam(lexicon(tmp_path / "words.txt", "ab AA B"), beam_size=1)
    assert decoded(decoder, perfect((2, 2))) == [Hypothesis([], -math.inf, [])]
    assert decoder(torch.zeros(1, 0, 4), torch.tensor([0]), PHONES) == [[Hypothesis([], 0.0, [])]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["ab AA B", "x"], r"words\.txt, line 2: expected a word and its phones"),
        (["ab AA B", "", "b B"], r"words\.txt, line 2"),
        ([], "line 1"),
    ],
)
def test_a_lexicon_that_is_none_is_refused(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        LexiconBeam(lexicon(tmp_path / "words.txt", *lines))


def test_a_phone_that_is_not_in_the_inventory_is_named_with_its_line(tmp_path):
    decoder = LexiconBeam(lexicon(tmp_path / "words.txt", "ab AA B", "eh EH"))
    with pytest.raises(ValueError, match=r"words\.txt, line 2: 'EH' is not one of the phones \['SIL', 'AA', 'B'\]"):
        decoder.check(PHONES)
