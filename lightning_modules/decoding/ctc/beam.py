"""From a CTC network's log-probabilities to symbols: beam search, with a language model of phones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from flashlight.lib.text.dictionary import Dictionary  # type: ignore[import-untyped]
from torch import Tensor
from torchaudio.models.decoder import ctc_decoder

from lightning_modules.decoding.ctc.base import CTCDecoder, Hypothesis, frames_inside
from lightning_modules.decoding.ctc.language_model import check_language_model, read_language_model

_BLANK, _UNKNOWN = "<blank>", "<unk>"


class Beam(CTCDecoder):
    """The most probable sequence of symbols, each the sum of its paths, as far as a beam finds it; on the CPU.

    A. Y. Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent
    DNNs", arXiv:1408.2873; the search is flashlight's (`torchaudio.models.decoder`). The score of a hypothesis is the
    logarithm of its probability, plus `lm_weight` times the logarithm to base 10 of its probability in the language
    model, the end included.

    Take this one for a language model of phones. Without, `PrefixBeam` finds more, and sooner: here, paths that end in
    a blank and others with the same symbols take two places in the beam, and are dropped one without the other. For
    words of a lexicon, take `LexiconBeam`.

    Args:
        beam_size: hypotheses that are kept from a frame to the next.
        nbest: hypotheses that are given, at most; they differ in their symbols.
        beam_threshold: hypotheses whose score is so much less than the best one's are dropped.
        symbols_per_frame: how many of the most probable symbols, blank included, may follow in a frame; fewer are
            faster, and of peaky posteriors ten are as good as all; null: all.
        language_model: file of KenLM, .arpa or binary, whose words are the phones, all of them; null: none.
        lm_weight: of the language model.

    Raises:
        ValueError: a value is out of range, or the language model cannot be there.
    """

    def __init__(
        self,
        beam_size: int = 50,
        nbest: int = 1,
        beam_threshold: float = 50.0,
        symbols_per_frame: int | None = None,
        language_model: str | None = None,
        lm_weight: float = 2.0,
    ) -> None:
        check_beam(beam_size, nbest, beam_threshold)
        check_symbols_per_frame(symbols_per_frame)
        self.beam_size, self.nbest, self.beam_threshold = beam_size, nbest, beam_threshold
        self.symbols_per_frame = symbols_per_frame
        self.language_model, self.lm_weight = language_model, lm_weight
        if language_model is not None:
            check_language_model(language_model)
        self._phones: tuple[str, ...] | None = None
        self._search: Any = None

    def check(self, phones: Sequence[str]) -> None:
        """See CTCDecoder; reads the language model."""
        if self._phones == tuple(phones):
            return
        super().check(phones)
        for phone in phones:
            if phone in (_BLANK, _UNKNOWN) or phone.split() != [phone]:
                raise ValueError(f"phones: {phone!r} is not a name that beam search can use")
        tokens = [_BLANK, *phones]
        self._search = ctc_decoder(
            lexicon=None,
            tokens=tokens,
            lm=self._model(tokens),
            nbest=self.nbest,
            beam_size=self.beam_size,
            beam_size_token=min(self.symbols_per_frame or len(tokens), len(tokens)),
            beam_threshold=self.beam_threshold,
            lm_weight=self.lm_weight,
            # Without it, a sequence scores as its best path does, and the search finds what Greedy finds.
            log_add=True,
            blank_token=_BLANK,
            # The search puts this symbol at both ends; the blank leaves no trace there.
            sil_token=_BLANK,
            unk_word=_UNKNOWN,
        )
        self._phones = tuple(phones)

    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        """See CTCDecoder."""
        frames_inside(log_probs, lengths, phones)
        self.check(phones)
        values = log_probs.detach().float().cpu().contiguous()
        return [self._decoded(of_one[:frames]) for of_one, frames in zip(values, lengths.tolist(), strict=True)]

    def _decoded(self, log_probs: Tensor) -> list[Hypothesis]:
        if not len(log_probs):
            return [Hypothesis([], 0.0, [])]
        (found,) = self._search(log_probs[None], torch.tensor([len(log_probs)]))
        # The search counts a frame of its own before the first.
        return [Hypothesis(each.tokens.tolist(), each.score, (each.timesteps - 1).tolist()) for each in found]

    def _model(self, tokens: list[str]) -> Any:  # noqa: ANN401 - flashlight has no types
        if self.language_model is None:
            return None
        known = read_language_model(self.language_model)
        for phone in tokens[1:]:
            if phone not in known:
                raise ValueError(f"language_model: {self.language_model} does not know the phone {phone!r}")
        # There only with KenLM.
        from flashlight.lib.text.decoder.kenlm import KenLM  # type: ignore[import-untyped]

        # Left to itself, torchaudio numbers a model's words in another order than the phones, and so mixes them up.
        return KenLM(self.language_model, Dictionary(tokens))


def check_beam(beam_size: int, nbest: int, beam_threshold: float = math.inf) -> None:
    """Refuse what no beam search can do.

    Raises:
        ValueError: a value is out of range.
    """
    if beam_size < 1:
        raise ValueError(f"beam_size: {beam_size} is not at least 1")
    if not 1 <= nbest <= beam_size:
        raise ValueError(f"nbest: {nbest} is not one of 1 ... {beam_size}, the size of the beam")
    if not beam_threshold > 0:
        raise ValueError(f"beam_threshold: {beam_threshold} is not greater than 0")


def check_symbols_per_frame(symbols_per_frame: int | None) -> None:
    """Refuse to choose among one symbol.

    Raises:
        ValueError: the value is out of range.
    """
    if symbols_per_frame is not None and symbols_per_frame < 2:
        raise ValueError(f"symbols_per_frame: {symbols_per_frame} is not at least 2, the blank and another")
