"""A look at a few excerpts, more often than there is time for a validation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info
from typing_extensions import override

from callbacks.passes import PassCallback, in_trial
from callbacks.run.curves import RunCurves
from lightning_modules.outputs import Previews


class ExcerptValidation(Callback):
    """Scores the sets of `data.excerpts` every so many steps of training, and draws them.

    The scores go to every logger and into `curves.jsonl` as `excerpts/<set>/<metric>`, with the voicing threshold that
    suits the set best. Nothing follows from them: no checkpoint, threshold or learning rate, and the training goes on
    as without. Full validations, which decide, have the trainer's interval. The weights are those of the step, not
    averaged ones.

    Args:
        every_n_train_steps: optimiser steps from one look to the next.
        pictures: drawn of the excerpts, as of a validation: into `RUN/validation/<set>` and the logger. Callbacks of
            their own, not those of `trainer.callbacks`.

    Raises:
        ValueError: `every_n_train_steps` is below 1, or one of `pictures` sees no passes.
    """

    def __init__(self, every_n_train_steps: int, pictures: Sequence[Callback] = ()) -> None:
        if every_n_train_steps < 1:
            raise ValueError(f"every_n_train_steps: {every_n_train_steps}; it must be 1 or more")
        self.every, self.pictures = every_n_train_steps, [each for each in pictures if isinstance(each, PassCallback)]
        if len(self.pictures) < len(pictures):
            raise ValueError(f"pictures: {pictures}; each must be one of callbacks that see items, such as Pianorolls")
        self._loaders: list[Any] = []
        self._looked = 0  # step of the latest look; with accumulated gradients, several batches end with one

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not isinstance(pl_module, Previews):
            raise MisconfigurationException(
                f"trainer.callbacks: ExcerptValidation is for tracks, which {type(pl_module).__name__} does not score; "
                "leave it out"
            )
        self._loaders = trainer.datamodule.excerpt_loaders()  # type: ignore[attr-defined]

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if step % self.every == 0 and step != self._looked and not in_trial(trainer):
            self._looked = step
            self._look(trainer, pl_module)

    def _look(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, Previews)
        for each in self.pictures:
            each.begin(trainer)
        module.begin()
        with evaluating(module), torch.no_grad():
            for batch in (batch for loader in self._loaders for batch in loader):
                with trainer.precision_plugin.val_step_context():
                    found = module.evaluate(trainer.strategy.batch_to_device(batch))
                for each in self.pictures:
                    for item in found[each.items]:
                        each.collect(trainer, item)
            scores = module.preview()
        for each in self.pictures:
            each.finish(trainer)
        module.begin()
        named = {f"excerpts/{name}/{key}": value for name, of_set in scores.items() for key, value in of_set.items()}
        for logger in trainer.loggers:
            logger.log_metrics(named, step=trainer.global_step)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, RunCurves):
                callback.add(trainer, named)
        for name, of_set in scores.items():
            shown = "   ".join(f"{key} {of_set[key]:.3f}" for key in list(of_set)[:2])
            rank_zero_info(f"step {trainer.global_step}, {name}: {shown}")


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode within, and afterwards the mode that each part of the module had."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
