"""The resolved configuration of a run, beside its checkpoints and in every logger."""

import json
from itertools import count
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, SaveConfigCallback
from typing_extensions import override

from callbacks.drawing.loggers import log_configuration
from callbacks.run.folder import resumed_late, run_folder
from datamodules.files import write_atomically


class RunConfig(SaveConfigCallback):
    """Writes `config.yaml` into the run folder when fit starts, so that `fit --config RUN/config.yaml` repeats it.

    Every logger gets it as well. A run resumed in the same folder under another configuration adds
    `config_resumed_<n>.yaml`; nothing is lost.

    Args:
        parser: parser of the subcommand.
        config: its parsed configuration.
    """

    def __init__(self, parser: LightningArgumentParser, config: Namespace) -> None:
        super().__init__(parser, config, save_to_log_dir=False)

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
        if trainer.is_global_zero:
            self.save_config(trainer, pl_module, "fit")

    @override
    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        text = self.parser.dump(self.config, skip_unset=False)
        _write_beside_earlier(run_folder(trainer), text)
        log_configuration(trainer, self.stated(), text)

    def stated(self) -> dict[str, Any]:
        """The resolved configuration, nested, as JSON values."""
        nested: dict[str, Any] = json.loads(self.parser.dump(self.config, skip_unset=False, format="json"))
        return nested


def _write_beside_earlier(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"config_resumed_{n}.yaml" if n else "config.yaml" for n in count())
    for path in (folder / name for name in names):
        if not path.exists():
            with write_atomically(path) as file:
                file.write(text.encode())
            return
        if path.read_text(encoding="utf-8") == text:
            return
