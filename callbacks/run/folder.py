"""Which folder a run writes to: decided once, on one process, for everything that writes."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override

from datamodules.files import remove_leftovers

CHECKPOINTS = "checkpoints"  # its folder of them
_decided: WeakKeyDictionary[Trainer, dict[tuple[bool, str | None], Path]] = WeakKeyDictionary()


def run_folder(trainer: Trainer) -> Path:
    """The folder that holds everything this run writes.

    | run | folder |
    |---|---|
    | validate, test or predict of `RUN/checkpoints/x.ckpt` | `RUN`, with or without a logger |
    | fit with a logger | `<save_dir>/<name>/<version>` of the first logger |
    | fit without a logger that has a name (`ResumeCheckpoint.run`) | `<default_root_dir>/runs/<run>` |
    | fit without a logger, resumed from `RUN/checkpoints/x.ckpt` | `RUN` |
    | fit without a logger | `<default_root_dir>/runs/<UTC time>-<process id>` |
    | validate, test or predict of any other weights | as fit; after a fit of the same trainer, the folder of that fit |

    Without a logger nothing else tells two runs apart: the time keeps the folders in order, the process id separates
    runs started in the same second. The folder is never the current directory itself, where runs would overwrite
    each other.

    Every process must ask, because the answer of rank 0 is broadcast. Lightning says which checkpoint it resumes only
    after the `setup` hooks, so ask from `on_fit_start` on.

    Args:
        trainer: the trainer, inside fit, validate, test or predict.

    Returns:
        An absolute path; the folder need not exist yet.
    """
    answers = _decided.setdefault(trainer, {})
    question = _question(trainer)
    if question not in answers:
        # Only rank 0 has a logger that knows its version.
        folder = str(_decide(trainer, answers)) if trainer.is_global_zero else ""
        answers[question] = Path(trainer.strategy.broadcast(folder))
    return answers[question]


def resumed_late(trainer: Trainer) -> bool:
    """Whether it is only known after `on_fit_start` what is resumed, as of weights that processes share (FSDP)."""
    return trainer.strategy.restore_checkpoint_after_setup


def _question(trainer: Trainer) -> tuple[bool, str | None]:
    checkpoint = trainer.ckpt_path
    return trainer.state.fn == TrainerFn.FITTING, None if checkpoint is None else str(checkpoint)


def _decide(trainer: Trainer, earlier: dict[tuple[bool, str | None], Path]) -> Path:
    fitting, checkpoint = _question(trainer)
    of_checkpoint, of_logger = _folder_of_checkpoint(checkpoint), _folder_of_logger(trainer)
    fitted = [folder for (was_fit, _), folder in earlier.items() if was_fit]
    candidates = (
        [of_logger, _folder_of_name(trainer), of_checkpoint] if fitting else [of_checkpoint, of_logger, *fitted[-1:]]
    )
    folder = next((folder for folder in candidates if folder is not None), None) or _new_folder(trainer)
    return folder.resolve()


def _folder_of_checkpoint(checkpoint: str | None) -> Path | None:
    if checkpoint is None or not Path(checkpoint).exists():  # a URL is no place to write to
        return None
    folder = Path(checkpoint).resolve().parent
    return folder.parent if folder.name == CHECKPOINTS else None


def _folder_of_logger(trainer: Trainer) -> Path | None:
    logger = trainer.logger
    # The dummy logger of fast_dev_run has an empty version; 0 is the first of a logger that counts.
    if logger is None or logger.version in (None, ""):
        return None
    if logger.log_dir is not None:  # CSVLogger and TensorBoardLogger number their runs
        return Path(logger.log_dir)
    version = logger.version if isinstance(logger.version, str) else f"version_{logger.version}"
    return Path(logger.save_dir or trainer.default_root_dir, str(logger.name), version)


def named_folder(trainer: Trainer) -> Path | None:
    """The folder of a fit that has a name, before it has begun; None if it has none."""
    return _folder_of_name(trainer) and (_folder_of_logger(trainer) or _folder_of_name(trainer))


def _folder_of_name(trainer: Trainer) -> Path | None:
    names = [getattr(callback, "run", None) for callback in trainer.checkpoint_callbacks]
    name = next((name for name in names if name is not None), None)
    return None if name is None else Path(trainer.default_root_dir, "runs", name)


def _new_folder(trainer: Trainer) -> Path:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    return Path(trainer.default_root_dir, "runs", f"{stamp}-{os.getpid()}")


class RunFolder(Callback):
    """Sends checkpoints to the run folder and says at the end where the folder is."""

    def __init__(self) -> None:
        self._without_folder: list[ModelCheckpoint] = []

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # Lightning runs the checkpoints' own `setup` last, and it gives a folder to those that have none.
        known = {id(callback) for callback in self._without_folder}
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint) and callback.dirpath is None and id(callback) not in known:
                self._without_folder.append(callback)

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        # Before the checkpoints compare their folder with the one in the loaded state.
        self._place_checkpoints(trainer)

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not resumed_late(trainer):
            self._place_checkpoints(trainer)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if resumed_late(trainer):
            self._place_checkpoints(trainer)

    def _place_checkpoints(self, trainer: Trainer) -> None:
        run = run_folder(trainer)
        if trainer.is_global_zero:  # half a file of a fit that was killed
            for each in (run, *(path for path in run.rglob("*") if path.is_dir())):
                remove_leftovers(each)
        folder = run / CHECKPOINTS
        for callback in self._without_folder:
            callback.dirpath = str(folder)  # text, because it is saved and checkpoints are loaded with weights_only

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        folder = _decided.get(trainer, {}).get(_question(trainer))
        if trainer.is_global_zero and folder is not None and folder.is_dir():
            print(f"Run folder: {os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else folder}")
