"""Confusions of classes, and the clips that were most confidently taken for another class."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.drawing.base import PictureCallback
from callbacks.drawing.media import Picture, Sound, Table
from callbacks.items import ClipCallback
from callbacks.passes import folder_of
from callbacks.pictures.class_confusion import class_confusion
from callbacks.pictures.clip import classified_clip
from callbacks.predictions.classes import top_classes, top_columns, true_class
from lightning_modules.outputs import ClipOutput

_FULL_SCALE = 32768


class ClipResults:
    """What is drawn of a set.

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
        self.wrong: list[ClipOutput] = []

    def add(self, clip: ClipOutput, label: int) -> None:
        """Count a clip of a known class, and keep it if it is among the most confidently wrong ones so far."""
        guess = int(clip["probabilities"].argmax())
        self.counts[label, guess] += 1
        if guess == label:
            return
        if len(self.wrong) < self._kept or (self._kept and _doubt(clip) < _doubt(self.wrong[-1])):
            self._keep([*self.wrong, copy.deepcopy(clip)])  # because a view would keep a whole batch alive

    def join(self, other: Self) -> None:
        """Add the results of another process."""
        self.counts += other.counts
        self._keep([*self.wrong, *other.wrong])

    def _keep(self, clips: list[ClipOutput]) -> None:
        self.wrong = sorted(clips, key=_doubt)[: self._kept]


class ClipPictures(PictureCallback[ClipOutput, ClipResults], ClipCallback):
    """Draws, of every set, which classes are confused, and the clips that were most confidently taken for another.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/confusion.png` and `wrong_1.png`,
    `wrong_2.png`, ... in order of confidence, `confusion.tsv` with the counts, and `wrong.tsv`, which names pictures
    and sounds, `wrong_1.wav`, ...; `validation` holds the latest that fit drew, and a logger all of them: under
    `<stage>/<dataset>/confusion` and `<stage>/<dataset>/wrong` the images, under `<stage>/<dataset>/confusion_table`
    the counts and under `<stage>/<dataset>/wrong_table` the clips to listen to.
    All are the same on any number of processes. Clips without a known class are left out.

    Args:
        wrong: clips drawn of each set.
        top: classes listed of each of these, the most probable first.

    Raises:
        ValueError: `wrong` is negative, or another argument is below 1.
    """

    def __init__(self, wrong: int = 8, top: int = 3, every_n_validations: int = 1) -> None:
        if wrong < 0 or top < 1:
            raise ValueError(f"cannot draw {wrong=} clips with their {top=} classes")
        super().__init__(every_n_validations)
        self.wrong, self.top = wrong, top

    @override
    def keep(self, item: ClipOutput) -> None:
        if item["label"] is not None:
            results = ClipResults(tuple(item["classes"]), self.wrong)
            self.kept.setdefault(item["dataset"], results).add(item, item["label"])

    @override
    def draw(self, trainer: Trainer, dataset: str, kept: ClipResults) -> Iterator[Picture | Table]:
        yield Picture("pictures/confusion", class_confusion(kept.counts, kept.classes, dataset), ("confusion",))
        confusions = [
            [kept.classes[true], kept.classes[guess], int(kept.counts[true, guess])]
            for true, guess in np.argwhere(kept.counts).tolist()
        ]
        yield Table("pictures/confusion", ("confusion_table",), ["truth", "estimate", "clips"], confusions)
        rows = []
        for number, clip in enumerate(kept.wrong, start=1):
            best = top_classes(clip, self.top)
            figure = classified_clip(
                times=clip["feature_times"],
                features=clip["features"],
                audio=clip["audio"] / _FULL_SCALE,
                rate=clip["rate"],
                guesses=best,
                truth=true_class(clip),
                title=f"{dataset}: {clip['id']}",
            )
            yield Picture(f"pictures/wrong_{number}", figure, ("wrong",), caption=clip["id"])
            cells = [cell for guess in best for cell in guess]
            sound = Sound(f"pictures/wrong_{number}", clip["audio"], clip["rate"])
            rows.append([clip["id"], sound, _file(trainer, dataset, number), true_class(clip), *cells])
        columns = ["id", "audio", "picture", "truth", *top_columns(min(self.top, len(kept.classes)))]
        yield Table("pictures/wrong", ("wrong_table",), columns, rows)
        number = len(rows) + 1
        while (stale := _file(trainer, dataset, number)).exists():  # of a validation with more mistakes
            stale.unlink()
            stale.with_suffix(".wav").unlink(missing_ok=True)
            number += 1


def _doubt(clip: ClipOutput) -> tuple[float, str]:
    return -float(clip["probabilities"].max()), clip["id"]


def _file(trainer: Trainer, dataset: str, number: int) -> Path:
    return folder_of(trainer, dataset) / "pictures" / f"wrong_{number}.png"
