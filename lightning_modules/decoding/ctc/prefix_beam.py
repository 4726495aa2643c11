"""CTC prefix beam search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from typing_extensions import override

from lightning_modules.decoding.ctc.base import CTCDecoder, Hypothesis, check_beam, checked_utterances
from lightning_modules.decoding.ctc.prefix_search import search


class PrefixBeam(CTCDecoder):
    """Prefix beam search: the most probable sequence of symbols, summed over its paths; on the CPU.

    A. Graves, "Supervised Sequence Labelling with Recurrent Neural Networks", Springer 2012; A. Y. Hannun et al.,
    "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs", arXiv:1408.2873.

    All paths to a prefix, whether they end in a blank or not, are merged into one entry of the beam. The score of a
    hypothesis is its log-probability: exact if the beam has room for every prefix, else a sum over the paths whose
    prefixes never left the beam. `frames` are the onsets on the most probable of these paths.

    Take this decoder by default, `Beam` for a language model of phones, and `LexiconBeam` for words.

    Ties go to prefixes that are in the beam already, in its order, then to successors of better prefixes, then to lower
    symbols. Prefixes 1e300 times less probable than the best one may be dropped. If no path is possible, the hypothesis
    is empty and scores minus infinity. The utterances of a batch are spread over `torch.get_num_threads()` threads.

    Args:
        beam_size: prefixes kept from one frame to the next.
        nbest: most hypotheses returned; they differ in their symbols.
        symbols_per_frame: only so many of a frame's most probable symbols, the blank included, may follow (ties go to
            lower symbols); null: all. The search skips what cannot enter the beam, so that pruning hardly speeds it up.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(self, beam_size: int = 50, nbest: int = 1, symbols_per_frame: int | None = None) -> None:
        check_beam(beam_size, nbest, symbols_per_frame=symbols_per_frame)
        self.beam_size, self.nbest, self.symbols_per_frame = beam_size, nbest, symbols_per_frame

    @override
    def __call__(self, log_probs: Tensor, lengths: Tensor, phones: Sequence[str]) -> list[list[Hypothesis]]:
        utterances = checked_utterances(log_probs, lengths, phones)
        self.check(phones)
        threads = min(torch.get_num_threads(), len(utterances))
        if threads < 2:
            return [self._decoded(each) for each in utterances]
        # The search releases the interpreter's lock. Numba's own threads do not survive a fork, and some of its
        # threading layers may not be entered from two threads at once.
        with ThreadPoolExecutor(threads) as pool:
            return [*pool.map(self._decoded, utterances)]

    def _decoded(self, log_probs: Tensor) -> list[Hypothesis]:
        every = log_probs.shape[1]
        values = log_probs.double().contiguous().numpy()
        found = search(values, self.beam_size, self.nbest, min(self.symbols_per_frame or every, every))
        hypotheses = [Hypothesis(symbols.tolist(), score, onsets.tolist()) for symbols, score, onsets in found]
        return hypotheses or [Hypothesis([], -math.inf, [])]
