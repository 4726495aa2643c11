"""CTC beam search by flashlight, with a language model of phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from flashlight.lib.text.dictionary import Dictionary  # type: ignore[import-untyped]
from torch import Tensor
from torchaudio.models.decoder import ctc_decoder
from typing_extensions import override

from lightning_modules.decoding.ctc.base import CTCDecoder, Hypothesis, check_beam, checked_utterances
from lightning_modules.decoding.ctc.language_model import check_language_model, read_language_model

_BLANK, _UNKNOWN = "<blank>", "<unk>"


class Beam(CTCDecoder):
    """Beam search for the most probable sequence of symbols, summed over its paths; on the CPU.

    A. Y. Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent
    DNNs", arXiv:1408.2873, by flashlight (`torchaudio.models.decoder`). The score of a hypothesis is its
    log-probability plus `lm_weight` times its log10-probability under the language model, the end of the sentence
    included.

    Take this decoder for a language model of phones, and `LexiconBeam` for words. Without either, `PrefixBeam` finds
    better hypotheses and is faster: here, paths to the same symbols that end in a blank and those that do not take two
    entries of the beam, and one may be pruned without the other.

    Args:
        beam_size: hypotheses kept from one frame to the next.
        nbest: most hypotheses returned; they differ in their symbols.
        beam_threshold: hypotheses that score so much less than the best one are pruned.
        symbols_per_frame: only so many of a frame's most probable symbols, the blank included, may follow; null: all.
            Fewer are faster; ten lose nothing on peaky posteriors.
        language_model: KenLM file, .arpa or binary, whose words are all the phones; null: none.
        lm_weight: weight of the language model.

    Raises:
        ValueError: a value is out of range, or the language model is missing.
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
        check_beam(beam_size, nbest, beam_threshold, symbols_per_frame)
        self.beam_size, self.nbest, self.beam_threshold = beam_size, nbest, beam_threshold
        self.symbols_per_frame = symbols_per_frame
        self.language_model, self.lm_weight = language_model, lm_weight
        if language_model is not None:
            check_language_model(language_model)
        self._phones: tuple[str, ...] | None = None
        self._search: Any = None

    @override
    def check(self, phones: Sequence[str]) -> None:
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
            # The search adds this symbol at both ends; a blank there is removed again.
            sil_token=_BLANK,
            unk_word=_UNKNOWN,
        )
        self._phones = tuple(phones)

    @override
    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        utterances = checked_utterances(log_probs, lengths, phones)
        self.check(phones)
        return [self._decoded(each.float().contiguous()) for each in utterances]

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
        # Installed only with KenLM.
        from flashlight.lib.text.decoder.kenlm import KenLM  # type: ignore[import-untyped]

        # torchaudio's own dictionary would number the words in another order than the phones.
        return KenLM(self.language_model, Dictionary(tokens))
