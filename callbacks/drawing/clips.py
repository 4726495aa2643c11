"""Confusions of classes, and the clips that were most confidently taken for another, as files and in W&B."""

import copy
from pathlib import Path

import numpy as np
import wandb
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from numpy.typing import NDArray

from callbacks.atomic_files import replacing
from callbacks.intervals import ValidationInterval
from callbacks.passes import folder_of, media_key
from callbacks.pictures.class_confusion import class_confusion
from callbacks.pictures.clip import classified_clip
from callbacks.predictions.classes import top, top_columns
from callbacks.processes import gathered
from callbacks.utterances import Clip, ClipCallback

_DOTS_PER_INCH = 110
_FULL_SCALE = 32768


class ClipResults:
    """What is drawn of a set; results of several processes are joined.

    Args:
        classes: names, in their order.
        wrong: clips kept, at most.

    Attributes:
        counts: int64 `(classes, classes)`, rows are the truth, columns the estimate.
        wrong: the most confidently wrong clips, the most confident first, of equally confident ones the first id.
    """

    def __init__(self, classes: tuple[str, ...], wrong: int) -> None:
        self.classes, self._kept = classes, wrong
        self.counts: NDArray[np.int64] = np.zeros((len(classes), len(classes)), dtype=np.int64)
        self.wrong: list[Clip] = []

    def add(self, clip: Clip, label: int) -> None:
        """Count a clip of a known class, and keep it if it is among the most confidently wrong ones so far."""
        guess = int(clip["probabilities"].argmax())
        self.counts[label, guess] += 1
        if guess == label:
            return
        if len(self.wrong) < self._kept or (self._kept and _doubt(clip) < _doubt(self.wrong[-1])):
            self._keep([*self.wrong, copy.deepcopy(clip)])  # because a view would keep a whole batch alive

    def join(self, other: "ClipResults") -> None:
        """Add the results of another process."""
        self.counts += other.counts
        self._keep([*self.wrong, *other.wrong])

    def _keep(self, clips: list[Clip]) -> None:
        self.wrong = sorted(clips, key=_doubt)[: self._kept]


class ClipPictures(ClipCallback):
    """Draws, of every set, which classes are confused, and the clips that were most confidently taken for another.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/confusion.png` and `wrong_1.png`,
    `wrong_2.png`, ... in order of confidence; `validation` holds the latest that fit drew, and Weights & Biases all of
    them: under `<stage>/<dataset>/confusion` and `<stage>/<dataset>/wrong` the images, under
    `<stage>/<dataset>/confusion_table` the counts and under `<stage>/<dataset>/wrong_table` the clips to listen to.
    All are the same on any number of processes. Clips without a known class are left out.

    Args:
        wrong: clips drawn of each set.
        top: classes listed of each of these, the most probable first.
        every_n_validations: draw at the first and then every n-th validation of a fit.

    Raises:
        ValueError: an argument that cannot be.
    """

    def __init__(self, wrong: int = 8, top: int = 3, every_n_validations: int = 1) -> None:
        if wrong < 0 or top < 1:
            raise ValueError(f"cannot draw {wrong=} clips with their {top=} classes")
        self.wrong, self.top = wrong, top
        self._interval = ValidationInterval(every_n_validations)
        self._drawing = True
        self._results: dict[str, ClipResults] = {}

    def begin(self, trainer: Trainer) -> None:
        """Decide whether this pass is drawn."""
        self._results.clear()
        self._drawing = self._interval.due(trainer)

    def collect(self, trainer: Trainer, clip: Clip) -> None:
        """Count a clip and keep it if it may be drawn."""
        label = clip["label"]
        if self._drawing and label is not None:
            empty = ClipResults(tuple(clip["classes"]), self.wrong)
            self._results.setdefault(clip["dataset"], empty).add(clip, label)

    def finish(self, trainer: Trainer) -> None:
        """Join what all processes have, and draw and log on one."""
        if not self._drawing:
            return
        joined: dict[str, ClipResults] = {}
        for of_process in gathered(self._results):
            for dataset, results in of_process.items():
                if dataset in joined:
                    joined[dataset].join(results)
                else:
                    joined[dataset] = results
        self._results.clear()
        if trainer.is_global_zero:
            for dataset, results in sorted(joined.items()):
                self._draw(trainer, dataset, results)
                self._log(trainer, dataset, results)

    def _draw(self, trainer: Trainer, dataset: str, results: ClipResults) -> None:
        figure = class_confusion(results.counts, results.classes, dataset)
        with replacing(_file(trainer, dataset, "confusion")) as partial:
            figure.savefig(partial, format="png", dpi=_DOTS_PER_INCH)
        for number, clip in enumerate(results.wrong, start=1):
            figure = classified_clip(
                clip["feature_times"],
                clip["features"],
                clip["audio"] / _FULL_SCALE,
                clip["rate"],
                top(clip, self.top),
                _truth(clip),
                f"{dataset}: {clip['id']}",
            )
            with replacing(_file(trainer, dataset, f"wrong_{number}")) as partial:
                figure.savefig(partial, format="png", dpi=_DOTS_PER_INCH)
        number = len(results.wrong) + 1
        while (stale := _file(trainer, dataset, f"wrong_{number}")).exists():  # of a validation with more mistakes
            stale.unlink()
            number += 1

    def _log(self, trainer: Trainer, dataset: str, results: ClipResults) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                self._log_to(logger, trainer, dataset, results)

    def _log_to(self, logger: WandbLogger, trainer: Trainer, dataset: str, results: ClipResults) -> None:
        key, step = media_key(trainer, dataset), trainer.global_step
        logger.log_image(f"{key}/confusion", [str(_file(trainer, dataset, "confusion"))], step=step)
        confusions = [
            [results.classes[true], results.classes[guess], int(results.counts[true, guess])]
            for true, guess in np.argwhere(results.counts).tolist()
        ]
        logger.log_table(f"{key}/confusion_table", ["truth", "estimate", "clips"], confusions, step=step)
        if not results.wrong:
            return
        pictures = [str(_file(trainer, dataset, f"wrong_{number + 1}")) for number in range(len(results.wrong))]
        logger.log_image(f"{key}/wrong", pictures, step=step, caption=[clip["id"] for clip in results.wrong])
        listed = min(self.top, len(results.classes))
        rows = [
            [
                clip["id"],
                wandb.Audio(clip["audio"], sample_rate=clip["rate"]),
                wandb.Image(picture),
                _truth(clip),
                *(cell for pair in top(clip, listed) for cell in pair),
            ]
            for clip, picture in zip(results.wrong, pictures, strict=True)
        ]
        columns = ["id", "audio", "picture", "truth", *top_columns(listed)]
        logger.log_table(f"{key}/wrong_table", columns, rows, step=step)


def _doubt(clip: Clip) -> tuple[float, str]:
    return -float(clip["probabilities"].max()), clip["id"]


def _truth(clip: Clip) -> str | None:
    return None if clip["label"] is None else clip["classes"][clip["label"]]


def _file(trainer: Trainer, dataset: str, picture: str) -> Path:
    return folder_of(trainer, dataset) / "pictures" / f"{picture}.png"
