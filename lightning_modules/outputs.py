"""What the steps of validation, test and predict return: the contract between modules and callbacks.

A step returns what its batch completed, on the process that has the batch. Arrays are NumPy's; this module needs
neither torch nor lightning. Ids may be any text: files are named by `datamodules.files.file_name` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypedDict, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class NotANumber(Exception):
    """A network's outputs, in validation, test or predict, are NaN; the message is one for the user."""


class TrackOutput(TypedDict):
    """A track, with its voicing.

    Attributes:
        dataset: name of the track's set.
        track: id.
        times: float64 `(frames,)`, s.
        reference: float32 `(frames,)`, or `(frames, voices)` in a `MultiPitchTrackOutput`, Hz, 0 where unvoiced; None
            where there is no annotation.
        confidence: float32 `(frames,)`, 0 to 1; a frame is voiced where it exceeds the threshold. In a
            `MultiPitchTrackOutput` `(frames, candidates)`; a pitch sounds where its own does.
        threshold: voicing threshold; None in validation and test, which decide it last: see `DecidesVoicing`.
    """

    dataset: str
    track: str
    times: NDArray[np.float64]
    reference: NDArray[np.float32] | None
    confidence: NDArray[np.float32]
    threshold: float | None


class SalienceOutput(TypedDict):
    """What the pitch of a track is decoded from.

    Attributes:
        salience: float16 `(frames, bins)`, 0 to 1.
        notes: float32 `(bins,)`, MIDI note of each bin.
    """

    salience: NDArray[np.float16]
    notes: NDArray[np.float32]


class PitchOutput(SalienceOutput):
    """The pitch of a track.

    Attributes:
        pitch: float32 `(frames,)`, Hz, the best guess, also where it is unvoiced; 0 where there is none.
    """

    pitch: NDArray[np.float32]


class PitchTrackOutput(TrackOutput, PitchOutput):
    """A track, with its voicing and pitch."""


class MultiPitchOutput(SalienceOutput):
    """The pitches of a track, any number in each frame.

    Attributes:
        pitches: float32 `(frames, candidates)`, Hz, also of those that do not sound; 0 where there are fewer.
    """

    pitches: NDArray[np.float32]


class MultiPitchTrackOutput(TrackOutput, MultiPitchOutput):
    """A track with its pitches and their confidence."""


class TrackStepOutput(TypedDict):
    """What a step of tracks returns.

    Attributes:
        tracks: those whose last frames the batch holds; `PitchTrackOutput` of modules that estimate one pitch in each
            frame, `MultiPitchTrackOutput` of those that estimate several.
    """

    tracks: list[TrackOutput]


@runtime_checkable
class DecidesVoicing(Protocol):
    """A module that decides the threshold of the confidence for a set when all its tracks are scored."""

    @property
    def voicing_thresholds(self) -> Mapping[str, float]:
        """By set, on every process: complete when `on_validation_end` or `on_test_end` of the callbacks is called."""


@runtime_checkable
class ScoresTracks(Protocol):
    """A module that scores every track."""

    @property
    def track_scores(self) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
        """By set, track and metric, NaN where undefined; complete on every process as `DecidesVoicing` says."""


@runtime_checkable
class NamesScores(Protocol):
    """A module that knows after a sanity check, in which nothing is logged, what validations log."""

    @property
    def score_names(self) -> frozenset[str]:
        """The keys; empty before the first sanity check."""


@runtime_checkable
class ReadsWindows(Protocol):
    """A module whose network reads a track in windows that follow one another from its first frame."""

    @property
    def window_frames(self) -> int:
        """Label frames of a window that have an estimate."""


@runtime_checkable
class Previews(Protocol):
    """A module that scores sets between validations, without deciding anything by them."""

    def begin(self) -> None:
        """Forget what was evaluated."""

    def evaluate(self, batch: Any) -> Mapping[str, Any]:  # noqa: ANN401 - of the data module
        """What the steps return of a batch."""

    def preview(self) -> Mapping[str, Mapping[str, float]]:
        """Scores of the sets that were evaluated since `begin`, by set and metric; nothing is kept with the weights."""


def signed_f0(pitch: NDArray[Any], confidence: NDArray[Any], threshold: float) -> NDArray[np.float64]:
    """Pitch `(frames,)` in Hz, negative where the frame is unvoiced; compared in float64, as the metrics do."""
    signed = np.where(confidence.astype(np.float64) > threshold, pitch, -pitch).astype(np.float64)
    return signed + 0.0  # no guess is 0 and not -0


def sounding_f0(pitches: NDArray[Any], confidence: NDArray[Any], threshold: float) -> NDArray[np.float64]:
    """Pitches `(frames, candidates)` in Hz, 0 where they do not sound; compared in float64, as the metrics do."""
    return np.where(confidence.astype(np.float64) > threshold, pitches, 0.0).astype(np.float64)


class UtteranceOutput(TypedDict):
    """An utterance, as the network reads it.

    Attributes:
        dataset: name of the utterance's set.
        id: as the data set names it.
        features: float32 `(feature frames, bins)`.
        feature_times: float64 `(feature frames,)`, s.
    """

    dataset: str
    id: str
    features: NDArray[np.float32]
    feature_times: NDArray[np.float64]


class ClipOutput(UtteranceOutput):
    """A classified clip.

    Attributes:
        classes: names, in the order of the probabilities.
        label: index of the true class; None where it is not known.
        probabilities: float32 `(classes,)`.
        audio: int16 `(samples,)`, full scale at 32768.
        rate: sampling rate of the audio, Hz.
    """

    classes: Sequence[str]
    label: int | None
    probabilities: NDArray[np.float32]
    audio: NDArray[np.int16]
    rate: int


class DecodedSymbols(Protocol):
    """A hypothesis of a CTC decoder."""

    @property
    def symbols(self) -> Sequence[int]:
        """Symbol k + 1 is phone k; no blanks."""

    @property
    def score(self) -> float:
        """Natural logarithm; greater is better."""

    @property
    def words(self) -> Sequence[str]:
        """What the symbols spell; empty without a lexicon."""


class AlignedSymbol(Protocol):
    """A symbol in time."""

    @property
    def symbol(self) -> int:
        """Symbol k + 1 is phone k."""

    @property
    def start(self) -> int:
        """First frame."""

    @property
    def end(self) -> int:
        """Frame after the last one."""

    @property
    def confidence(self) -> float:
        """0 to 1."""


class PhonemeOutput(UtteranceOutput):
    """An utterance whose phones were recognised.

    Attributes:
        item: index of the utterance in its set.
        phones: names; phone k is symbol k + 1, symbol 0 is the blank.
        reference: symbols of the transcript; None without one.
        hypotheses: the best first, one or more.
        log_probs: float32 `(frames, symbols)`, natural logarithms of probabilities.
        times: float64 `(frames,)`, s, the centres of these frames.
        segments: aligns symbols with the utterance; ValueError where there are too few frames for them.
        scored_phones: names of the phones after folding.
        aligned: int64 `(steps, 2)`, reference and best hypothesis after folding: k + 1 is `scored_phones[k]`, 0 in the
            first column is an insertion, 0 in the second one a deletion; None without a transcript.
    """

    item: int
    phones: Sequence[str]
    reference: Sequence[int] | None
    hypotheses: Sequence[DecodedSymbols]
    log_probs: NDArray[np.float32]
    times: NDArray[np.float64]
    segments: Callable[[Sequence[int]], Sequence[AlignedSymbol]]
    scored_phones: Sequence[str]
    aligned: NDArray[np.int64] | None


Output = TypeVar("Output", bound=UtteranceOutput)


class UtteranceStepOutput(TypedDict, Generic[Output]):
    """What a step of utterances returns.

    Attributes:
        utterances: all of the batch that are not padding, `ClipOutput` or `PhonemeOutput`.
    """

    utterances: list[Output]
