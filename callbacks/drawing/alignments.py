"""Where the phones of a few utterances of every set are heard, as files and in Weights & Biases."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from numpy.typing import NDArray

from callbacks.atomic_files import replacing
from callbacks.intervals import ValidationInterval
from callbacks.passes import folder_of, media_key
from callbacks.pictures.alignment import TimedPhone, aligned_phones
from callbacks.processes import gathered
from callbacks.utterances import Utterance, UtteranceCallback, timed
from datamodules.files import file_name

_DOTS_PER_INCH = 110


class AlignedUtterance(NamedTuple):
    """What is drawn of an utterance; arguments of `aligned_phones`."""

    feature_times: NDArray[np.float64]
    features: NDArray[np.float32]
    times: NDArray[np.float64]
    spoken: NDArray[np.float64]
    reference: Sequence[TimedPhone]
    decoded: Sequence[TimedPhone]
    remark: str

    @classmethod
    def of(cls, utterance: Utterance) -> "AlignedUtterance":
        """Align what is spoken, and what was recognised; without views, which would keep a whole batch alive."""
        reference, remark = _reference(utterance)
        return cls(
            utterance["feature_times"].copy(),
            utterance["features"].copy(),
            utterance["times"].copy(),
            np.exp(utterance["log_probs"][:, 1:].astype(np.float64)).max(axis=1, initial=0.0),
            reference,
            timed(utterance, utterance["hypotheses"][0].symbols),
            remark,
        )


class AlignmentPictures(UtteranceCallback):
    """Draws the first utterances of every set by id: features, phones of the reference and phones that were decoded.

    The reference is aligned by force, with the network's confidence; one that does not fit into the utterance is said
    not to. The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/<id>.png`; `validation` holds the
    latest that fit drew, and Weights & Biases all of them, under `<stage>/<dataset>/<id>`. They are the same on any
    number of processes.

    Args:
        utterances: drawn of each set.
        every_n_validations: draw at the first and then every n-th validation of a fit.

    Raises:
        ValueError: an argument that cannot be.
    """

    def __init__(self, utterances: int = 2, every_n_validations: int = 1) -> None:
        if utterances < 1:
            raise ValueError(f"utterances: {utterances}; it must be 1 or more")
        self.utterances = utterances
        self._interval = ValidationInterval(every_n_validations)
        self._drawing = True
        self._first: dict[str, dict[str, AlignedUtterance]] = {}

    def begin(self, trainer: Trainer) -> None:
        """Decide whether this pass is drawn."""
        self._first.clear()
        self._drawing = self._interval.due(trainer)

    def collect(self, trainer: Trainer, utterance: Utterance) -> None:
        """Keep an utterance that may still be among the first."""
        if not self._drawing:
            return
        first = self._first.setdefault(utterance["dataset"], {})
        if len(first) < self.utterances or utterance["id"] < max(first):
            first[utterance["id"]] = AlignedUtterance.of(utterance)
        if len(first) > self.utterances:
            del first[max(first)]

    def finish(self, trainer: Trainer) -> None:
        """Choose among those of all processes, and draw and log on one."""
        if not self._drawing:
            return
        every: dict[str, dict[str, AlignedUtterance]] = {}
        for of_process in gathered(self._first):
            for dataset, utterances in of_process.items():
                every.setdefault(dataset, {}).update(utterances)
        self._first.clear()
        if trainer.is_global_zero:
            for dataset, utterances in sorted(every.items()):
                for name in sorted(utterances)[: self.utterances]:
                    _draw(trainer, dataset, name, utterances[name])
                    _log(trainer, dataset, name)


def _reference(utterance: Utterance) -> tuple[Sequence[TimedPhone], str]:
    """Phones of the reference, or why there are none."""
    if utterance["reference"] is None:
        return [], "the reference is unknown"
    try:
        return timed(utterance, utterance["reference"]), "the reference has no phones"
    except ValueError as error:
        return [], f"the reference does not fit: {error}"


def _picture(trainer: Trainer, dataset: str, name: str) -> Path:
    return folder_of(trainer, dataset) / "pictures" / f"{file_name(name)}.png"


def _draw(trainer: Trainer, dataset: str, name: str, utterance: AlignedUtterance) -> None:
    title = f"{dataset}: {name}"
    figure = aligned_phones(*utterance[:-1], title=title, remark=utterance.remark)
    with replacing(_picture(trainer, dataset, name)) as partial:
        figure.savefig(partial, format="png", dpi=_DOTS_PER_INCH)


def _log(trainer: Trainer, dataset: str, name: str) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            picture = str(_picture(trainer, dataset, name))
            logger.log_image(media_key(trainer, dataset, name), [picture], step=trainer.global_step)
