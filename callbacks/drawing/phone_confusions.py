"""Confusions, insertions and deletions of phones, over whole sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.drawing.base import PictureCallback
from callbacks.drawing.media import Picture, Table
from callbacks.items import PhonemeCallback
from callbacks.pictures.phone_confusion import count_edits, most_frequent, phone_confusion
from lightning_modules.outputs import PhonemeOutput

_COLUMNS = ["reference", "hypothesis", "times"]


@dataclass
class PhoneCounts:
    """Aligned phones of a set.

    Attributes:
        phones: names.
        counts: `(phones + 1, phones + 1)`, from `count_edits`.
    """

    phones: tuple[str, ...]
    counts: NDArray[np.int64]

    def join(self, other: Self) -> None:
        """Add the counts of other utterances."""
        self.counts += other.counts


class PhoneConfusions(PictureCallback[PhonemeOutput, PhoneCounts], PhonemeCallback):
    """Draws, over all utterances of every set, which phones are confused, inserted and deleted, as they are scored.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/...`; `validation` holds the latest that fit drew:
    `pictures/phone_confusions.png`, and `phone_confusions.tsv` with every edit that occurs, the most frequent first,
    in columns `reference` (empty: inserted), `hypothesis` (empty: deleted) and `times`. A logger gets all of them, as
    `<stage>/<dataset>/phone_confusions` and `<stage>/<dataset>/phone_confusions_table`. Utterances without a transcript
    are left out.

    Args:
        pairs: most frequent edits that are drawn.

    Raises:
        ValueError: an argument is below 1.
    """

    def __init__(self, pairs: int = 20, every_n_validations: int = 1) -> None:
        if pairs < 1:
            raise ValueError(f"pairs: {pairs}; it must be 1 or more")
        super().__init__(every_n_validations)
        self.pairs = pairs

    @override
    def keep(self, item: PhonemeOutput) -> None:
        if item["aligned"] is not None:
            phones = tuple(item["scored_phones"])
            self.add(item["dataset"], PhoneCounts(phones, count_edits(item["aligned"], len(phones))))

    @override
    def draw(self, trainer: Trainer, dataset: str, kept: PhoneCounts) -> Iterator[Picture | Table]:
        figure = phone_confusion(kept.counts, kept.phones, self.pairs, dataset)
        yield Picture("pictures/phone_confusions", figure, ("phone_confusions",))
        edits = most_frequent(kept.counts, kept.phones)
        yield Table("phone_confusions", ("phone_confusions_table",), _COLUMNS, edits)
