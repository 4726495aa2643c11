"""The resolved configuration of a run, beside its checkpoints and in every logger."""

import json
from itertools import count
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, SaveConfigCallback
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override

from callbacks.drawing.loggers import log_configuration
from callbacks.guards.standing import check_takes_files, write_standing
from callbacks.guards.troubles import note
from callbacks.passes import in_trial
from callbacks.run.folder import resumed_late, run_folder


class RunConfig(SaveConfigCallback):
    """Writes `config.yaml` into the run folder when fit starts, so that `fit --config RUN/config.yaml` repeats it.

    Every logger gets it as well. A run resumed in the same folder under another configuration adds
    `config_resumed_<n>.yaml`; nothing is lost. Before all that, the folder has to take a file. If the file, or the
    whole folder, is deleted or moved while the run goes on, it is written again before a checkpoint or a record is:
    what is trained can be used whatever happens to its folder, and the record says what happened.

    Args:
        parser: parser of the subcommand.
        config: its parsed configuration.
    """

    def __init__(self, parser: LightningArgumentParser, config: Namespace) -> None:
        super().__init__(parser, config, save_to_log_dir=False)
        self._path: Path | None = None  # of what this process wrote in fit

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        pass  # a resumed run knows its folder only when the checkpoint is loaded

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not resumed_late(trainer):
            self._save(trainer, pl_module)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if resumed_late(trainer):
            self._save(trainer, pl_module)

    def _save(self, trainer: Trainer, pl_module: LightningModule) -> None:
        run_folder(trainer)
        if not in_trial(trainer):
            check_takes_files(trainer)
        if trainer.is_global_zero:
            self.save_config(trainer, pl_module, "fit")

    @override
    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        text = self._text
        self._path = _write_beside_earlier(run_folder(trainer), text)
        log_configuration(trainer, self.stated(), text)

    @property
    def _text(self) -> str:
        return str(self.parser.dump(self.config, skip_unset=False))

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stand(trainer)

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._stand(trainer)

    def _stand(self, trainer: Trainer) -> None:
        """Write the file again if somebody has deleted it."""
        if self._path is None or trainer.state.fn != TrainerFn.FITTING or self._path.is_file():
            return
        gone = self._path if any(self._path.parent.glob("*")) else self._path.parent
        self._path = _write_beside_earlier(self._path.parent, self._text)
        note(
            trainer,
            str(gone),
            "was deleted or moved while the run writes to it; configuration, record and checkpoints are written again, "
            "what else was there is lost",
        )

    def stated(self) -> dict[str, Any]:
        """The resolved configuration, nested, as JSON values."""
        nested: dict[str, Any] = json.loads(self.parser.dump(self.config, skip_unset=False, format="json"))
        return nested


def _write_beside_earlier(folder: Path, text: str) -> Path:
    """Returns the file that holds the text."""
    names = (f"config_resumed_{n}.yaml" if n else "config.yaml" for n in count())
    for path in (folder / name for name in names):
        if not path.exists():
            write_standing(path, lambda file: file.write(text.encode()))
            return path
        if path.read_text(encoding="utf-8") == text:
            return path
    raise AssertionError("there is always another name")
