"""Which phones are taken for which others in whole sets, as files and in Weights & Biases."""

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from numpy import int64
from numpy.typing import NDArray

from callbacks.atomic_files import replacing
from callbacks.intervals import ValidationInterval
from callbacks.passes import folder_of, media_key
from callbacks.pictures.phone_confusion import count_edits, most_frequent, phone_confusion
from callbacks.predictions.tables import write_table
from callbacks.processes import gathered
from callbacks.utterances import Utterance, UtteranceCallback

_DOTS_PER_INCH = 110
_COLUMNS = ["reference", "hypothesis", "times"]


class PhoneConfusions(UtteranceCallback):
    """Draws, over all utterances of every set, which phones are confused, inserted and deleted, as they are scored.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/...`; `validation` holds the latest that fit drew:
    `pictures/phone_confusions.png`, and `phone_confusions.tsv` with every edit that occurs, the most frequent first,
    in columns `reference` (empty: inserted), `hypothesis` (empty: deleted) and `times`. Weights & Biases gets all of
    them, as `<stage>/<dataset>/phone_confusions` and `<stage>/<dataset>/phone_confusions_table`. Utterances whose truth
    is not known are left out.

    Args:
        pairs: most frequent edits that are drawn.
        every_n_validations: draw at the first and then every n-th validation of a fit.

    Raises:
        ValueError: an argument that cannot be.
    """

    def __init__(self, pairs: int = 20, every_n_validations: int = 1) -> None:
        if pairs < 1:
            raise ValueError(f"pairs: {pairs}; it must be 1 or more")
        self.pairs = pairs
        self._interval = ValidationInterval(every_n_validations)
        self._drawing = True
        self._counts: dict[str, tuple[tuple[str, ...], NDArray[int64]]] = {}

    def begin(self, trainer: Trainer) -> None:
        """Decide whether this pass is drawn."""
        self._counts.clear()
        self._drawing = self._interval.due(trainer)

    def collect(self, trainer: Trainer, utterance: Utterance) -> None:
        """Count the edits of an utterance."""
        if self._drawing and utterance["aligned"] is not None:
            phones = tuple(utterance["scored_phones"])
            _add(self._counts, utterance["dataset"], phones, count_edits(utterance["aligned"], len(phones)))

    def finish(self, trainer: Trainer) -> None:
        """Add up what all processes counted, and draw and log on one."""
        if not self._drawing:
            return
        total: dict[str, tuple[tuple[str, ...], NDArray[int64]]] = {}
        for of_process in gathered(self._counts):
            for dataset, (phones, counts) in of_process.items():
                _add(total, dataset, phones, counts)
        self._counts.clear()
        if trainer.is_global_zero:
            for dataset, (phones, counts) in sorted(total.items()):
                self._write(trainer, dataset, phones, counts)

    def _write(self, trainer: Trainer, dataset: str, phones: tuple[str, ...], counts: NDArray[int64]) -> None:
        folder = folder_of(trainer, dataset)
        edits = most_frequent(counts, phones)
        write_table(folder / "phone_confusions.tsv", _COLUMNS, edits)
        picture = folder / "pictures" / "phone_confusions.png"
        with replacing(picture) as partial:
            phone_confusion(counts, phones, self.pairs, dataset).savefig(partial, format="png", dpi=_DOTS_PER_INCH)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                key = media_key(trainer, dataset, "phone_confusions")
                logger.log_image(key, [str(picture)], step=trainer.global_step)
                rows = [list(edit) for edit in edits]
                logger.log_table(f"{key}_table", columns=_COLUMNS, data=rows, step=trainer.global_step)


def _add(
    sums: dict[str, tuple[tuple[str, ...], NDArray[int64]]],
    dataset: str,
    phones: tuple[str, ...],
    counts: NDArray[int64],
) -> None:
    before = sums[dataset][1] if dataset in sums else 0
    sums[dataset] = phones, before + counts
