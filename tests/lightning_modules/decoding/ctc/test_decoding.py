"""CTC decoders against every path there is."""

import itertools
import math
from collections import defaultdict
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import ctc_loss
from torchaudio.models.decoder import ctc_decoder

from lightning_modules.decoding import (
    CHARACTERS_11785,
    Beam,
    Greedy,
    Hypothesis,
    LexiconBeam,
    PrefixBeam,
    as_characters,
)
from lightning_modules.decoding.ctc import beam, language_model

PHONES = ("SIL", "AA", "B")
# Of three words; logarithms to base 10.
BIGRAMS = """\
\\data\\
ngram 1=6
ngram 2=3

\\1-grams:
-2.0\t<unk>
0\t<s>\t-0.3
-1.0\t</s>
-0.5\t{0}\t-0.1
-0.7\t{1}\t-0.2
-1.5\t{2}\t0

\\2-grams:
-0.1\t{0} {1}
-0.9\t{1} {0}
-0.2\t<s> {1}

\\end\\
"""


def collapsed(path):
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def all_paths(log_probs):
    values = log_probs.double().tolist()
    for path in itertools.product(range(len(values[0])), repeat=len(values)):
        yield path, sum(values[frame][symbol] for frame, symbol in enumerate(path))


def probabilities(log_probs):
    """Of every sequence of symbols that an utterance may say."""
    total = {}
    for path, score in all_paths(log_probs):
        total[collapsed(path)] = total.get(collapsed(path), 0.0) + math.exp(score)
    return total


def random_log_probs(seed, *shape, scale=1.0):
    return (scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))).log_softmax(-1)


def perfect(path, symbols=4):
    """All but certain of each frame of a path, `(1, frames, symbols)`."""
    return (torch.nn.functional.one_hot(torch.tensor([path]), symbols) * 30.0).log_softmax(-1)


def decoded(decoder, log_probs, phones=PHONES):
    (hypotheses,) = decoder(log_probs, torch.tensor([log_probs.shape[1]]), phones)
    return hypotheses


def bigrams(path, *words):
    path.write_text(BIGRAMS.format(*words))
    return str(path)


def bigram_log10(said, first, second, third):
    """Of a sentence under BIGRAMS, by hand."""
    one = {"<unk>": -2.0, "</s>": -1.0, first: -0.5, second: -0.7, third: -1.5}
    back = {"<s>": -0.3, first: -0.1, second: -0.2}
    two = {(first, second): -0.1, (second, first): -0.9, ("<s>", second): -0.2}
    known = [word if word in one else "<unk>" for word in said]
    pairs = itertools.pairwise(["<s>", *known, "</s>"])
    return sum(two.get(pair, back.get(pair[0], 0.0) + one[pair[1]]) for pair in pairs)


@settings(max_examples=60, deadline=None)
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
    starts = [k for k, s in enumerate(path) if s and (k == 0 or path[k - 1] != s)]
    assert found.frames == starts


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


@pytest.mark.parametrize(("decoder", "enough"), [(Beam(50, beam_threshold=1e9), 190), (PrefixBeam(50), 200)])
def test_beam_search_finds_the_best_sequence_of_all(record_property, decoder, enough):
    best, greedy = 0, 0
    for seed in range(200):
        log_probs = random_log_probs(seed, 1, 5, 4)
        every = probabilities(log_probs[0])
        most = max(every.values())
        (found,) = decoded(decoder, log_probs)
        best += every[tuple(found.symbols)] == pytest.approx(most, abs=1e-9)
        greedy += every[tuple(decoded(Greedy(), log_probs)[0].symbols)] == pytest.approx(most, abs=1e-9)
    record_property("optimal_of_200", best)
    assert best >= enough and greedy < 120


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


@pytest.mark.parametrize("decoder", [Greedy(), Beam(5), Beam(50), PrefixBeam(1), PrefixBeam(50)])
@pytest.mark.parametrize(
    "path", [(1, 2, 3, 1), (0, 1, 1, 0, 2, 0, 3, 3, 1), (2, 3), (2, 0, 1, 0, 1, 2, 0), (0, 0), (1,), (2, 2, 0, 2)]
)
def test_a_perfect_posterior_gives_its_own_string_and_no_silence_of_its_own(decoder, path):
    (found,) = decoded(decoder, perfect(path))
    assert tuple(found.symbols) == collapsed(path)
    assert found.frames == [k for k, s in enumerate(path) if s and (k == 0 or path[k - 1] != s)]
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


def lexicon(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return str(path)


WORDS = ("ab AA B", "ba B AA", "a AA", "a AA SIL", "aa AA AA", "ah AA", "sil SIL")


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
        (["ab AA B", "x"], r"words\.txt, line 2: a word and its phones"),
        (["ab AA B", "", "b B"], r"words\.txt, line 2"),
        ([], "line 1"),
    ],
)
def test_a_lexicon_that_is_none_is_refused(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        LexiconBeam(lexicon(tmp_path / "words.txt", *lines))


def test_files_that_are_missing_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"lexicon: .*none\.txt"):
        LexiconBeam(str(tmp_path / "none.txt"))
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ValueError, match=r"empty\.txt holds no word"):
        LexiconBeam(str(tmp_path / "empty.txt"))
    words = lexicon(tmp_path / "words.txt", *WORDS)
    for make in (lambda path: Beam(language_model=path), lambda path: LexiconBeam(words, language_model=path)):
        with pytest.raises(ValueError, match=r"language_model: .*none\.arpa"):
            make(str(tmp_path / "none.arpa"))


def test_a_phone_that_is_not_in_the_inventory_is_named_with_its_line(tmp_path):
    decoder = LexiconBeam(lexicon(tmp_path / "words.txt", "ab AA B", "eh EH"))
    with pytest.raises(ValueError, match=r"words\.txt, line 2: 'EH' is not one of the phones \['SIL', 'AA', 'B'\]"):
        decoder.check(PHONES)


def test_without_kenlm_a_language_model_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(language_model, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="KenLM, which is not installed"):
        Beam(language_model=bigrams(tmp_path / "phones.arpa", "AA", "SIL", "B"))


@pytest.mark.parametrize("content", [b"no model", bytes(range(128, 256)), b""])
def test_a_file_that_is_no_language_model_is_named(tmp_path, content):
    path = tmp_path / "phones.arpa"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"language_model: .*phones\.arpa is none"):
        Beam(language_model=str(path)).check(PHONES)


def test_a_model_must_know_all_phones(tmp_path):
    decoder = Beam(language_model=bigrams(tmp_path / "phones.arpa", "AA", "B", "C"))
    with pytest.raises(ValueError, match=r"phones\.arpa does not know the phone 'SIL'"):
        decoder.check(PHONES)


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


@pytest.mark.parametrize("phones", [("<blank>", "A"), ("A B", "C"), ("", "A"), ("A", "A")])
def test_names_that_a_search_cannot_use_are_refused(phones):
    with pytest.raises(ValueError, match="phones"):
        Beam().check(phones)


def test_the_search_follows_the_phones_of_the_set():
    decoder, log_probs = Beam(5), perfect((1, 0, 2))
    assert decoded(decoder, log_probs)[0].symbols == decoded(decoder, log_probs, ("x", "y", "z"))[0].symbols == [1, 2]
    assert decoded(decoder, perfect((1, 0, 2), 3), ("x", "y"))[0].symbols == [1, 2]


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


def test_the_characters_of_11785_are_forty_one_in_the_order_of_outputs():
    names = ["", "SIL", *"AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T".split()]
    names += "TH UH UW V W Y Z ZH".split()
    assert list(CHARACTERS_11785) == names
    assert "".join(CHARACTERS_11785.values()) == " .aAhowybcdDerEfgHiIjklmnNOYpRsStTuUvW?zZ"
    assert len(set(CHARACTERS_11785.values())) == len(CHARACTERS_11785) == 41


def test_phones_are_written_with_a_character_each():
    assert as_characters("SIL Y EH S SIL".split()) == ".?es."
    assert as_characters([]) == ""
    assert as_characters(["x", "y"], {"x": "1", "y": "2"}) == "12"
    with pytest.raises(ValueError, match="phone 'AX' has no character; those that have one: SIL AA"):
        as_characters(["SIL", "AX"])


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


def log_probability(log_probs, symbols):
    """Of a sequence, by all of its paths."""
    frames = log_probs.shape[1]
    values, said = log_probs.double().transpose(0, 1), torch.tensor([symbols], dtype=torch.int64)
    return -ctc_loss(values, said, [frames], [len(symbols)], reduction="sum").item()


@settings(max_examples=150, deadline=None)
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
        assert each.frames == [k for k, s in enumerate(path) if s and (k == 0 or path[k - 1] != s)]


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
