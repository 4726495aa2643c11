"""The figures of a validation or test, as a table that names every set."""

from __future__ import annotations

from collections.abc import Mapping

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only
from typing_extensions import override

from callbacks.passes import stage_of


class ScoreTable(Callback):
    """Prints what `melisma validate` and `melisma test` measured: a row for each metric, a column for each set.

    Lightning's own table repeats every figure under each of its loaders.
    """

    @override
    @rank_zero_only
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING:
            self._print(trainer)

    @override
    @rank_zero_only
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._print(trainer)

    def _print(self, trainer: Trainer) -> None:
        stage = f"{stage_of(trainer)}/"
        scores = {key: float(value) for key, value in trainer.callback_metrics.items() if key.startswith(stage)}
        print("\n".join(["", *score_lines(scores), ""]), flush=True)


def score_lines(scores: Mapping[str, float]) -> list[str]:
    """Lines of a table.

    Args:
        scores: figures by `<stage>/<set>/<metric>`.
    """
    named = {tuple(key.split("/", 2)[1:]): value for key, value in scores.items()}
    sets, metrics = (list(dict.fromkeys(key[place] for key in named)) for place in (0, 1))
    first = max((len(metric) for metric in metrics), default=0)
    widths = [max(len(name), 8) for name in sets]
    lines = ["  ".join([" " * first, *(f"{name:>{width}}" for name, width in zip(sets, widths, strict=True))])]
    for metric in metrics:
        cells = (
            f"{named[name, metric]:>{width}.6f}" if (name, metric) in named else " " * width
            for name, width in zip(sets, widths, strict=True)
        )
        lines.append("  ".join([f"{metric:<{first}}", *cells]))
    return lines
