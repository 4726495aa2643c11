"""What a batch holds, in physical units: the only part of the data side that the learning side imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override


class EvaluationSet:
    """Names and grid of a set that is evaluated track by track; the same object goes with each of its batches.

    A plain class, so that Lightning moves a batch to the device without walking through thousands of names.

    Attributes:
        name: as given in the configuration; metrics are logged under it.
        tracks: id of every track, in the order that `PitchBatch.track` counts.
        rate: samples per second.
        hop: samples between label frames.
        has_truth: whether the recordings are annotated.
    """

    def __init__(self, name: str, tracks: Sequence[str], rate: int, hop: int, has_truth: bool = True) -> None:
        self.name, self.tracks, self.rate, self.hop, self.has_truth = name, tracks, rate, hop, has_truth

    @property
    def frame_seconds(self) -> float:
        """Seconds between label frames."""
        return self.hop / self.rate

    @override
    def __repr__(self) -> str:
        return f"EvaluationSet({self.name!r}, {len(self.tracks)} tracks)"


class UtteranceSet:
    """Names and grid of a set of whole utterances that is evaluated; the same object goes with each of its batches.

    A plain class, for the same reason as `EvaluationSet`.

    Attributes:
        name: as given in the configuration; metrics are logged under it.
        ids: of every utterance, in the order that `item` counts.
        labels: the classes in the order that `ClipBatch.label` counts, or the phones without the blank: phone k of the
            list is target k + 1.
        rate: samples per second.
        hop: samples between label frames.
        has_truth: whether the utterances are annotated.
    """

    def __init__(
        self, name: str, ids: Sequence[str], labels: Sequence[str], rate: int, hop: int, has_truth: bool = True
    ) -> None:
        self.name, self.ids, self.labels = name, ids, tuple(labels)
        self.rate, self.hop, self.has_truth = rate, hop, has_truth

    @override
    def __repr__(self) -> str:
        return f"UtteranceSet({self.name!r}, {len(self.ids)} utterances)"


class PitchBatch(NamedTuple):
    """Excerpts of audio or of a spectrogram with the f0 of the label frames that they are centred on.

    Attributes:
        signal: `(batch, window)` int16 audio, full scale at 32768, or `(batch, window, channels, bins)` uint16
            spectrogram, full scale at 65535, where the window counts label frames; converted to float on the device.
        f0: `(batch, frames)` or, of several voices, `(batch, frames, pitches)` float32, Hz, 0 where unvoiced.
        valid: `(batch, frames)` bool, False where there is no such frame: beyond a track's end, or an item that only
            fills a rank's batch up. Every loss and metric leaves these out.
        track: `(batch,)` int64, the track's place in `evaluation.tracks` (in training: in the index), -1 for filling.
        frame: `(batch,)` int64, the first label frame's number in its track; its time is frame * hop / rate.
        last: whether this batch ends its track (evaluation only).
        evaluation: the set that is being evaluated; None in training.
        seed: `(batch,)` int64, not negative, for random draws of training such as SpecAugment's masks. It is a hash of
            the run's seed, the epoch, the track and the frame: the same on any number of processes and after a resume.
            None in evaluation.
    """

    signal: Tensor
    f0: Tensor
    valid: Tensor
    track: Tensor
    frame: Tensor
    last: bool = False
    evaluation: EvaluationSet | None = None
    seed: Tensor | None = None


class ClipBatch(NamedTuple):
    """Clips of one class each.

    Attributes:
        audio: `(batch, samples)` int16, full scale at 32768, zeros behind the clip's end; converted to float on the
            device.
        lengths: `(batch,)` int64, samples of the clip itself.
        label: `(batch,)` int64, place of its class in the list of classes, -1 where it is not known.
        valid: `(batch,)` bool, False for an item that only keeps the ranks in step: a clip once more, which every
            metric leaves out.
        item: `(batch,)` int64, the clip's place in `evaluation.ids` (in training: in the index), -1 for such an item.
        seed: `(batch,)` int64, for the augmentation of each clip; None in evaluation.
        evaluation: the set that is being evaluated; None in training.
    """

    audio: Tensor
    lengths: Tensor
    label: Tensor
    valid: Tensor
    item: Tensor
    seed: Tensor | None = None
    evaluation: UtteranceSet | None = None


class PhonemeBatch(NamedTuple):
    """Utterances with the phones that are spoken.

    Attributes:
        signal: `(batch, samples)` int16 audio, full scale at 32768, or `(batch, frames, dimensions)` float32 features;
            zeros behind the utterance's end.
        lengths: `(batch,)` int64, samples or frames of the utterance itself.
        targets: `(batch, symbols)` int64, k + 1 for phone k of the list, 0, the blank, behind the transcript's end.
        target_lengths: `(batch,)` int64, symbols of the transcript; 0 where it is not known.
        valid: `(batch,)` bool, False for an item that only keeps the ranks in step: an utterance once more, which every
            metric leaves out.
        item: `(batch,)` int64, the utterance's place in `evaluation.ids` (in training: in the index), -1 for such an
            item.
        seed: `(batch,)` int64, for the augmentation of each utterance; None in evaluation.
        evaluation: the set that is being evaluated; None in training.
    """

    signal: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    valid: Tensor
    item: Tensor
    seed: Tensor | None = None
    evaluation: UtteranceSet | None = None


def frames_needed(targets: NDArray[np.int64]) -> int:
    """Frames that CTC needs at least for targets `(symbols,)`: one each, and a blank between equal neighbours."""
    return len(targets) + int(np.count_nonzero(targets[1:] == targets[:-1]))
