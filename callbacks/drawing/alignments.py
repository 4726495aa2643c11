"""Phones of the transcript and of the decoder, in time, for a few utterances of every set."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.drawing.base import FirstByName, PictureCallback
from callbacks.drawing.media import Picture
from callbacks.items import PhonemeCallback, timed_phones
from callbacks.pictures.alignment import TimedPhone, aligned_phones
from datamodules.files import file_name
from lightning_modules.outputs import PhonemeOutput


class AlignedUtterance(NamedTuple):
    """What is drawn of an utterance: the arguments of `aligned_phones`, by their names."""

    feature_times: NDArray[np.float64]
    features: NDArray[np.float32]
    times: NDArray[np.float64]
    spoken: NDArray[np.float64]
    reference: Sequence[TimedPhone]
    decoded: Sequence[TimedPhone]
    remark: str

    @classmethod
    def of(cls, utterance: PhonemeOutput) -> "AlignedUtterance":
        """Align transcript and best hypothesis; without views, which would keep a whole batch alive."""
        reference, remark = _reference(utterance)
        return cls(
            utterance["feature_times"].copy(),
            utterance["features"].copy(),
            utterance["times"].copy(),
            np.exp(utterance["log_probs"][:, 1:].astype(np.float64)).max(axis=1, initial=0.0),
            reference,
            timed_phones(utterance, utterance["hypotheses"][0].symbols),
            remark,
        )


class AlignmentPictures(PictureCallback[PhonemeOutput, FirstByName[AlignedUtterance]], PhonemeCallback):
    """Draws the first utterances of every set by id: features, phones of the transcript and phones of the decoder.

    The transcript is aligned by force, with the network's confidence; where the utterance has too few frames for it,
    the picture says so. The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/<id>.png`;
    `validation` holds the latest that fit drew, and a logger all of them, under `<stage>/<dataset>/<id>`. They are the
    same on any number of processes.

    Args:
        utterances: drawn of each set.

    Raises:
        ValueError: an argument is below 1.
    """

    def __init__(self, utterances: int = 2, every_n_validations: int = 1) -> None:
        if utterances < 1:
            raise ValueError(f"utterances: {utterances}; it must be 1 or more")
        super().__init__(every_n_validations)
        self.utterances = utterances

    @override
    def keep(self, item: PhonemeOutput) -> None:
        first = self.kept.setdefault(item["dataset"], FirstByName(self.utterances))
        if first.wants(item["id"]):
            first.add(item["id"], AlignedUtterance.of(item))

    @override
    def draw(self, trainer: Trainer, dataset: str, kept: FirstByName[AlignedUtterance]) -> Iterator[Picture]:
        for name, utterance in sorted(kept.named.items()):
            figure = aligned_phones(**utterance._asdict(), title=f"{dataset}: {name}")
            yield Picture(f"pictures/{file_name(name)}", figure, (name,))


def _reference(utterance: PhonemeOutput) -> tuple[Sequence[TimedPhone], str]:
    """Phones of the transcript, and what is said if there are none."""
    if utterance["reference"] is None:
        return [], "the reference is unknown"
    try:
        return timed_phones(utterance, utterance["reference"]), "the reference has no phones"
    except ValueError as error:
        return [], f"the reference does not fit: {error}"
