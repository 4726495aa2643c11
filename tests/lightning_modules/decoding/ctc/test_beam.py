"""Beam search by flashlight, with a language model of phones."""

import math

import pytest
import torch
from torch.nn.functional import ctc_loss
from torchaudio.models.decoder import ctc_decoder

from lightning_modules.decoding import Beam, Greedy
from lightning_modules.decoding.ctc import beam
from tests.lightning_modules.decoding.ctc.posteriors import (
    PHONES,
    bigram_log10,
    bigrams,
    decoded,
    perfect,
    probabilities,
    random_log_probs,
)


def test_maximum_merging_would_find_no_more_than_greedy():
    """Why the sums of paths are asked for."""
    search = ctc_decoder(None, ["_", *PHONES], blank_token="_", sil_token="_", beam_size=50, beam_threshold=1e9)
    differs = 0
    for seed in range(40):
        log_probs = random_log_probs(seed, 1, 8, 4)
        greedy = decoded(Greedy(), log_probs)[0].symbols
        assert search(log_probs)[0][0].tokens.tolist() == greedy
        differs += decoded(Beam(50), log_probs)[0].symbols != greedy
    assert differs > 10


@pytest.mark.parametrize("phones", [PHONES, PHONES[::-1], ("B", "SIL", "AA")])
def test_a_model_of_phones_adds_its_weighted_logarithm(tmp_path, phones):
    """Whatever the order of phones, which torchaudio mixes up by itself."""
    path = bigrams(tmp_path / "phones.arpa", "AA", "SIL", "B")
    log_probs = random_log_probs(5, 1, 3, 4)
    every = probabilities(log_probs[0])
    found = decoded(Beam(1000, 1000, 1e9, language_model=path, lm_weight=1.5), log_probs, phones)
    wanted = {
        symbols: math.log(each) + 1.5 * bigram_log10([phones[s - 1] for s in symbols], "AA", "SIL", "B")
        for symbols, each in every.items()
    }
    assert {tuple(each.symbols): each.score for each in found} == pytest.approx(wanted, abs=1e-5)


def test_a_model_of_phones_changes_what_is_found(tmp_path):
    path = bigrams(tmp_path / "phones.arpa", "AA", "SIL", "B")
    log_probs = torch.tensor([[[0.0, 0.0, 0.49, 0.51], [1.0, 0, 0, 0]]]).log()
    assert decoded(Beam(5), log_probs)[0].symbols == [3]
    assert decoded(Beam(5, language_model=path), log_probs)[0].symbols == [2]


def test_a_model_must_know_all_phones(tmp_path):
    decoder = Beam(language_model=bigrams(tmp_path / "phones.arpa", "AA", "B", "C"))
    with pytest.raises(ValueError, match=r"phones\.arpa does not know the phone 'SIL'"):
        decoder.check(PHONES)


@pytest.mark.parametrize("phones", [("<blank>", "A"), ("A B", "C"), ("", "A"), ("A", "A")])
def test_names_that_a_search_cannot_use_are_refused(phones):
    with pytest.raises(ValueError, match="phones"):
        Beam().check(phones)


def test_the_search_follows_the_phones_of_the_set():
    decoder, log_probs = Beam(5), perfect((1, 0, 2))
    assert decoded(decoder, log_probs)[0].symbols == decoded(decoder, log_probs, ("x", "y", "z"))[0].symbols == [1, 2]
    assert decoded(decoder, perfect((1, 0, 2), 3), ("x", "y"))[0].symbols == [1, 2]


def test_what_is_found_is_no_less_probable_than_what_another_implementation_finds():
    """fast-ctc-decode sums paths as well, and takes one character for each symbol."""
    other = pytest.importorskip("fast_ctc_decode")
    means = {}
    for seed in range(20):
        log_probs = random_log_probs(seed, 1, 30, 4, scale=2.0)
        text, _ = other.beam_search(log_probs[0].exp().numpy(), " sab", 50)
        found = {
            "ours": decoded(Beam(50), log_probs)[0].symbols,
            "theirs": [" sab".index(letter) for letter in text],
            "greedy": decoded(Greedy(), log_probs)[0].symbols,
        }
        for name, symbols in found.items():
            loss = ctc_loss(log_probs.transpose(0, 1), torch.tensor([symbols]), [30], [len(symbols)], reduction="sum")
            means[name] = means.get(name, 0.0) - loss.item() / 20
    assert means["greedy"] + 0.5 < means["ours"] and means["theirs"] < means["ours"] + 0.1, means


def test_beam_search_asks_for_sums_and_for_no_silence(monkeypatch):
    asked = {}

    def build(**arguments):
        asked.update(arguments)
        return ctc_decoder(**arguments)

    monkeypatch.setattr(beam, "ctc_decoder", build)
    Beam(7, nbest=2, beam_threshold=9.0).check(PHONES)
    assert asked["log_add"] is True and asked["sil_token"] == asked["blank_token"] == asked["tokens"][0]
    assert (asked["beam_size"], asked["nbest"], asked["beam_threshold"]) == (7, 2, 9.0)
