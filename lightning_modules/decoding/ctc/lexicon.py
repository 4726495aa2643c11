"""CTC beam search among the words of a lexicon, with a language model of words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lightning_modules.decoding.ctc.alignment import align
from lightning_modules.decoding.ctc.base import BLANK, CTCDecoder, Hypothesis, check_beam, checked_utterances
from lightning_modules.decoding.ctc.language_model import check_language_model, read_language_model


class LexiconBeam(CTCDecoder):
    """Beam search for the most probable sequence of words, summed over its paths; on the CPU.

    A hypothesis consists of words of the lexicon only; silence within or between them needs an entry of its own. The
    score is the log-probability of the phones, plus `lm_weight` times the log10-probability of the words under the
    language model, the end of the sentence included, plus `word_score` for each word. If the final beam holds no
    sequence of whole words, the hypothesis is empty and scores minus infinity.

    This is not flashlight's search with a lexicon. That one expects a separating symbol after each word, which phones
    do not have, and would let the last phone of a word last for one frame only.

    Args:
        lexicon: text file; each line is a word and its phones, separated by blanks. A word may have several lines.
        beam_size: hypotheses kept from one frame to the next.
        nbest: most hypotheses returned; they differ in their words or in the phones of these.
        beam_threshold: hypotheses that score so much less than the best one are pruned.
        language_model: KenLM file of words, .arpa or binary; null: none. Words that it lacks are scored as unknown.
        lm_weight: weight of the language model.
        word_score: added for each word: more words (> 0) or fewer (< 0).

    Raises:
        ValueError: a value is out of range, the lexicon cannot be read, or the language model is missing.
    """

    def __init__(
        self,
        lexicon: str,
        beam_size: int = 50,
        nbest: int = 1,
        beam_threshold: float = 50.0,
        language_model: str | None = None,
        lm_weight: float = 2.0,
        word_score: float = 0.0,
    ) -> None:
        check_beam(beam_size, nbest, beam_threshold)
        self.lexicon, self.language_model = lexicon, language_model
        self.beam_size, self.nbest, self.beam_threshold = beam_size, nbest, beam_threshold
        self.lm_weight, self.word_score = lm_weight, word_score
        self._entries = _read_lexicon(Path(lexicon))
        if language_model is not None:
            check_language_model(language_model)
        self._phones: tuple[str, ...] | None = None
        self._vocabulary = _Vocabulary(_Node(), _NoModel(), word_score)

    @override
    def check(self, phones: Sequence[str]) -> None:
        if self._phones == tuple(phones):
            return
        super().check(phones)
        root = self._tree({phone: place for place, phone in enumerate(phones, start=1)})
        model = _NoModel() if self.language_model is None else _KenLM(self.language_model, self.lm_weight)
        self._vocabulary = _Vocabulary(root, model, self.word_score)
        self._phones = tuple(phones)

    @override
    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        utterances = checked_utterances(log_probs, lengths, phones)
        self.check(phones)
        return [self._decoded(each.float()) for each in utterances]

    def _tree(self, number: dict[str, int]) -> _Node:
        root = _Node()
        for line, word, spelling in self._entries:
            node = root
            for phone in spelling:
                if phone not in number:
                    raise ValueError(f"{self.lexicon}, line {line}: {phone!r} is not one of the phones {[*number]}")
                node = node.children.setdefault(number[phone], _Node())
            if word not in node.words:
                node.words.append(word)
        return root

    def _decoded(self, log_probs: Tensor) -> list[Hypothesis]:
        if not len(log_probs):
            return [Hypothesis([], 0.0, [])]
        beam = {self._vocabulary.start(): _Mass(0.0, -math.inf)}
        for frame in log_probs.tolist():
            beam = self._pruned(self._vocabulary.step(beam, frame))
        ended = [
            (prefix, mass.total + prefix.bonus + self._vocabulary.model.end(prefix.state))
            for prefix, mass in beam.items()
            if prefix.node is self._vocabulary.root
        ]
        best = nlargest(self.nbest, ended, key=lambda each: each[1])
        return [_hypothesis(prefix, score, log_probs) for prefix, score in best] or [Hypothesis([], -math.inf, [])]

    def _pruned(self, beam: dict[_Prefix, _Mass]) -> dict[_Prefix, _Mass]:
        scored = [(mass.total + prefix.bonus, prefix) for prefix, mass in beam.items()]
        kept = nlargest(self.beam_size, scored, key=lambda each: each[0])
        least = kept[0][0] - self.beam_threshold
        return {prefix: beam[prefix] for score, prefix in kept if score >= least}


@dataclass(slots=True)
class _Node:
    """A node of the lexicon's prefix tree: the symbols that may follow, and the words that end here."""

    children: dict[int, _Node] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Mass:
    """Log-probabilities of the paths to a prefix that end in a blank, and of those that end in its last symbol."""

    blank: float
    symbol: float

    @property
    def total(self) -> float:
        return _log_sum(self.blank, self.symbol)


@dataclass(slots=True, eq=False)
class _Prefix:
    """A sequence of symbols and the words that it spells; compared by identity, as there is one object for each."""

    node: _Node
    state: Any
    bonus: float = 0.0
    parent: _Prefix | None = None
    symbol: int = BLANK
    word: str | None = None
    successors: dict[int, list[_Prefix]] = field(default_factory=dict)


class _NoModel:
    """A language model under which all words are equally probable."""

    start = None

    def score(self, state: Any, word: str) -> tuple[Any, float]:  # noqa: ANN401 - KenLM has no types
        return state, 0.0

    def end(self, state: Any) -> float:  # noqa: ANN401
        return 0.0


class _KenLM:
    """Weighted log10-probabilities of words under a language model, and the state after each word."""

    def __init__(self, path: str, weight: float) -> None:
        import kenlm  # an optional dependency

        self._model, self._weight, self._state = read_language_model(path), weight, kenlm.State
        self.start = kenlm.State()
        self._model.BeginSentenceWrite(self.start)

    def score(self, state: Any, word: str) -> tuple[Any, float]:  # noqa: ANN401
        following = self._state()
        return following, self._weight * self._model.BaseScore(state, word, following)

    def end(self, state: Any) -> float:  # noqa: ANN401
        return self.score(state, "</s>")[1]


@dataclass
class _Vocabulary:
    """The words, and how probable each is after the ones before it."""

    root: _Node
    model: _NoModel | _KenLM
    word_score: float

    def start(self) -> _Prefix:
        return _Prefix(self.root, self.model.start)

    def step(self, beam: dict[_Prefix, _Mass], frame: list[float]) -> dict[_Prefix, _Mass]:
        """The prefixes that the next frame leads to."""
        later: dict[_Prefix, _Mass] = {}
        for prefix, mass in beam.items():
            total = mass.total
            own = later.setdefault(prefix, _Mass(-math.inf, -math.inf))
            own.blank = _log_sum(own.blank, total + frame[BLANK])
            if prefix.parent is not None:
                own.symbol = _log_sum(own.symbol, mass.symbol + frame[prefix.symbol])
            for symbol in prefix.node.children:
                # A symbol that repeats the last one needs a blank in between.
                score = (mass.blank if symbol == prefix.symbol else total) + frame[symbol]
                if score > -math.inf:
                    for successor in self._successors(prefix, symbol):
                        longer = later.setdefault(successor, _Mass(-math.inf, -math.inf))
                        longer.symbol = _log_sum(longer.symbol, score)
        return later

    def _successors(self, prefix: _Prefix, symbol: int) -> list[_Prefix]:
        """The prefixes with one more symbol: one inside a word, if any continues, and one for each word that ends."""
        if symbol not in prefix.successors:
            node = prefix.node.children[symbol]
            made = [self._ended(prefix, symbol, word) for word in node.words]
            if node.children:
                made.append(_Prefix(node, prefix.state, prefix.bonus, prefix, symbol))
            prefix.successors[symbol] = made
        return prefix.successors[symbol]

    def _ended(self, prefix: _Prefix, symbol: int, word: str) -> _Prefix:
        state, score = self.model.score(prefix.state, word)
        return _Prefix(self.root, state, prefix.bonus + score + self.word_score, prefix, symbol, word)


def _log_sum(one: float, other: float) -> float:
    """log(exp(one) + exp(other))."""
    if one < other:
        one, other = other, one
    return one if other == -math.inf else one + math.log1p(math.exp(other - one))


def _hypothesis(prefix: _Prefix, score: float, log_probs: Tensor) -> Hypothesis:
    symbols: list[int] = []
    words: list[str] = []
    place: _Prefix | None = prefix
    while place is not None and place.parent is not None:
        symbols.insert(0, place.symbol)
        if place.word is not None:
            words.insert(0, place.word)
        place = place.parent
    frames = [segment.start for segment in align(log_probs, torch.tensor(symbols, dtype=torch.int64))]
    return Hypothesis(symbols, score, frames, words)


def _read_lexicon(path: Path) -> list[tuple[int, str, list[str]]]:
    """Line number, word and phones of every entry."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"lexicon: {path} cannot be read: {error}") from error
    entries = []
    for number, line in enumerate(lines, start=1):
        word, *spelling = line.split() or [""]
        if not spelling:
            raise ValueError(f"{path}, line {number}: expected a word and its phones, separated by blanks: {line!r}")
        entries.append((number, word, spelling))
    if not entries:
        raise ValueError(f"lexicon: {path} holds no word")
    return entries
