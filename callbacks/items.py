"""Callbacks by what they see: tracks with one pitch or several in each frame, clips, utterances with phones."""

from collections.abc import Sequence

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer

from callbacks.passes import PassCallback
from callbacks.pictures.alignment import TimedPhone
from callbacks.pictures.salience import cell_edges
from lightning_modules.outputs import ClipOutput, DecidesVoicing, MultiPitchTrackOutput, PhonemeOutput, PitchTrackOutput


class TrackCallback(PassCallback[PitchTrackOutput]):
    """Sees every finished track, of one pitch in each frame."""

    items = "tracks"
    field = "pitch"
    purpose = "one pitch in each frame, which the model does not estimate"


class MultiPitchCallback(PassCallback[MultiPitchTrackOutput]):
    """Sees every finished track, of several pitches in each frame."""

    items = "tracks"
    field = "pitches"
    purpose = "several pitches in each frame, which the model does not estimate"


def voicing_threshold(trainer: Trainer, dataset: str) -> float:
    """The threshold of the confidence that the module decided for a set; known in `finish`.

    Raises:
        MisconfigurationException: the module decided none.
    """
    module = trainer.lightning_module
    thresholds = module.voicing_thresholds if isinstance(module, DecidesVoicing) else {}
    if dataset not in thresholds:
        raise MisconfigurationException(
            f"{type(module).__name__}.voicing_thresholds: none of {dataset!r}; there are: {sorted(thresholds)}"
        )
    return thresholds[dataset]


class ClipCallback(PassCallback[ClipOutput]):
    """Sees every classified clip."""

    items = "utterances"
    field = "probabilities"
    purpose = "classes of clips, which the model does not give"


class PhonemeCallback(PassCallback[PhonemeOutput]):
    """Sees every utterance whose phones were recognised."""

    items = "utterances"
    field = "hypotheses"
    purpose = "phonemes, which the model does not recognise"


def phones_of(utterance: PhonemeOutput, symbols: Sequence[int]) -> list[str]:
    """Names of the phones of some symbols."""
    return [utterance["phones"][symbol - 1] for symbol in symbols]


def timed_phones(utterance: PhonemeOutput, symbols: Sequence[int]) -> list[TimedPhone]:
    """Align symbols with an utterance.

    A frame lasts from half-way to the one before to half-way to the one after; none begins before 0 s.

    Raises:
        ValueError: there are too few frames for the symbols.
    """
    edges = cell_edges(utterance["times"], alone=0.01).clip(min=0.0)
    return [
        TimedPhone(
            utterance["phones"][segment.symbol - 1],
            float(edges[segment.start]),
            float(edges[segment.end]),
            segment.confidence,
        )
        for segment in utterance["segments"](symbols)
    ]
