"""What the steps of clip classification and phoneme recognition return, and the callbacks that collect it."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from callbacks.passes import PassCallback
from callbacks.pictures.alignment import TimedPhone
from callbacks.pictures.salience import cell_edges


class Clip(TypedDict):
    """A classified clip: an element of `{"utterances": [...]}`, which a step returns.

    Attributes:
        dataset: name of the set the clip belongs to.
        id: identifier; files are named by `file_name` of it.
        classes: names, in the order of the probabilities.
        label: place of the true class in `classes`; None where it is not known.
        probabilities: float32 `(classes,)`.
        audio: int16 `(samples,)`, full scale at 32768.
        rate: of the audio, Hz.
        features: float32 `(frames, bins)`, what the network reads.
        feature_times: float64 `(frames,)`, s.
    """

    dataset: str
    id: str
    classes: Sequence[str]
    label: int | None
    probabilities: NDArray[np.float32]
    audio: NDArray[np.int16]
    rate: int
    features: NDArray[np.float32]
    feature_times: NDArray[np.float64]


class Hypothesis(Protocol):
    """What a decoder heard."""

    @property
    def symbols(self) -> list[int]:
        """Phone k is symbol k + 1."""

    @property
    def score(self) -> float:
        """Natural logarithm; the higher, the better."""

    @property
    def words(self) -> list[str]:
        """Of the lexicon; none without one."""


class Segment(Protocol):
    """A symbol in time."""

    @property
    def symbol(self) -> int:
        """Phone k is symbol k + 1."""

    @property
    def start(self) -> int:
        """First frame."""

    @property
    def end(self) -> int:
        """The frame behind the last one."""

    @property
    def confidence(self) -> float:
        """0 to 1."""


class Utterance(TypedDict):
    """An utterance whose phones were recognised: an element of `{"utterances": [...]}`, which a step returns.

    Attributes:
        dataset: name of the set the utterance belongs to.
        id: identifier; files are named by `file_name` of it.
        item: the utterance's place in its set.
        phones: names; phone k is symbol k + 1, symbol 0 is the blank.
        reference: symbols that are spoken; None where they are not known.
        hypotheses: the best first, one or more.
        log_probs: float32 `(frames, symbols)`, natural logarithms of probabilities.
        times: float64 `(frames,)`, s, the centres of these frames.
        segments: aligns symbols, int64 `(length,)`, with the utterance; ValueError where they do not fit.
        features: float32 `(feature frames, bins)`, what the network reads.
        feature_times: float64 `(feature frames,)`, s.
        scored_phones: names of the phones as they are scored, some of them perhaps as one.
        aligned: int64 `(steps, 2)`, reference and best hypothesis as they are scored: k + 1 is `scored_phones[k]`, 0 in
            the first column is an insertion, 0 in the second one a deletion; None where the truth is not known.
    """

    dataset: str
    id: str
    item: int
    phones: Sequence[str]
    reference: list[int] | None
    hypotheses: Sequence[Hypothesis]
    log_probs: NDArray[np.float32]
    times: NDArray[np.float64]
    segments: Callable[[torch.Tensor], Sequence[Segment]]
    features: NDArray[np.float32]
    feature_times: NDArray[np.float64]
    scored_phones: Sequence[str]
    aligned: NDArray[np.int64] | None


class ClipCallback(PassCallback[Clip]):
    """Sees every classified clip, see `PassCallback`."""

    items = "utterances"
    field = "probabilities"
    purpose = "classes of clips, which the model does not give"


class UtteranceCallback(PassCallback[Utterance]):
    """Sees every utterance whose phones were recognised, see `PassCallback`."""

    items = "utterances"
    field = "hypotheses"
    purpose = "phonemes, which the model does not recognise"


def names(utterance: Utterance, symbols: Sequence[int]) -> list[str]:
    """The phones that symbols stand for."""
    return [utterance["phones"][symbol - 1] for symbol in symbols]


def timed(utterance: Utterance, symbols: Sequence[int]) -> list[TimedPhone]:
    """Align symbols with an utterance.

    A frame lasts from half-way to the one before to half-way to the one after; none begins before 0 s.

    Raises:
        ValueError: they do not fit.
    """
    edges = cell_edges(utterance["times"], alone=0.01).clip(min=0.0)
    return [
        TimedPhone(
            utterance["phones"][segment.symbol - 1],
            float(edges[segment.start]),
            float(edges[segment.end]),
            segment.confidence,
        )
        for segment in utterance["segments"](torch.tensor(symbols, dtype=torch.int64))
    ]
