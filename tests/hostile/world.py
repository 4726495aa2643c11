"""What the inputs are made of before they are damaged: made once, in a folder of the caller."""

import contextlib
import os
import shutil
import sys
from functools import cached_property
from pathlib import Path
from unittest.mock import patch

import numpy as np
import soundfile

RECIPE = """\
corpus:
  class_path: datamodules.corpora.SyntheticMelody
  init_args: {recordings: {train: 3, validation: 2, test: 1, predict: 1}, seconds: 1.5, rate: 16000}
directory: shards
rate: 16000
hop: 160
segment: 0.5
context: 0.1
records_per_shard: 4
"""

CONSTANT_Q = """\
spectrogram:
  class_path: datamodules.preparation.spectrograms.HarmonicConstantQ
  init_args: {minimum: 65.4, bins_per_octave: 12, octaves: 3, harmonics: [1.0, 2.0], top_db: 80.0}
"""

NETWORK = """\
model:
  class_path: lightning_modules.MelodyTracker
  init_args:
    network: {{class_path: architectures.CREPE, init_args: {{window: 256, capacity: 1}}}}
    grid: {{lowest_note: 58, semitones: 16, bins_per_semitone: 2}}
    loss: {{class_path: lightning_modules.SalienceBCE, init_args: {{unvoiced_weight: 1.0}}}}
    decoder: {{class_path: lightning_modules.LocalAverage}}
    optimizer: {{class_path: torch.optim.Adam, init_args: {{lr: 0.003}}}}
    scheduler: {{class_path: torch.optim.lr_scheduler.ConstantLR}}
data:
  class_path: datamodules.MelodyData
  init_args: {{train: [{shards}], validation: {{mine: {shards}}}, test: {{mine: {shards}}}, batch_size: 8}}
checkpoint: {{monitor: val/mine/raw_pitch_accuracy}}
trainer:
  accelerator: cpu
  logger: false
  max_steps: 2
  val_check_interval: 1
  check_val_every_n_epoch: null
  num_sanity_val_steps: 0
  enable_progress_bar: false
  enable_model_summary: false
"""


class World:
    """Valid files of every kind.

    Args:
        folder: where they are made, when they are first asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def shards(self) -> Path:
        """A prepared directory with a split for training and one for validation."""
        from experiments.commands import prepare

        self.folder.mkdir(parents=True, exist_ok=True)
        recipe = self.folder / "recipe.yaml"
        recipe.write_text(RECIPE)
        directory = self.folder / "shards"
        with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            prepare.main([str(recipe), "--directory", str(directory)])
        return directory

    @cached_property
    def constant_q(self) -> Path:
        """The same with a constant-Q transform, which librosa compiles for ten seconds where it was never asked for."""
        recipe = self.shards.parent / "constant_q.yaml"
        recipe.write_text(RECIPE + CONSTANT_Q)
        _in_a_fork(["prepare", str(recipe), "--directory", str(self.folder / "constant_q")])
        return self.folder / "constant_q"

    @cached_property
    def run(self) -> Path:
        """The folder of a fit of two steps on those shards."""
        recipe = self.folder / "network.yaml"
        recipe.write_text(NETWORK.format(shards=self.shards))
        _in_a_fork(["fit", "--config", str(recipe), "--trainer.default_root_dir", str(self.folder)])
        return next((self.folder / "runs").iterdir()).rename(self.folder / "run")

    @cached_property
    def released(self) -> Path:
        """A model that is released from that run."""
        _in_a_fork(["release", str(self.run), "--out", str(self.folder / "released")])
        return self.folder / "released"

    @cached_property
    def recording(self) -> Path:
        """A second of a tone."""
        path = self.folder / "tone.wav"
        soundfile.write(path, 0.5 * np.sin(2 * np.pi * 220 * np.arange(16000) / 16000), 16000)
        return path

    @cached_property
    def recordings(self) -> Path:
        """A folder of short tones in several formats, with an f0 table beside each."""
        folder = self.folder / "recordings"
        folder.mkdir(parents=True)
        times = np.arange(4800) / 16000
        for number, name in enumerate(("a.wav", "b.flac", "c.ogg", "d.aiff", "e.mp3", "f.au")):
            f0 = 220.0 * 2 ** (number / 4)
            soundfile.write(folder / name, 0.3 * np.sin(2 * np.pi * f0 * times), 16000)
            rows = "".join(f"{row / 100:.2f},{f0:.3f}\n" for row in range(31))
            (folder / name).with_suffix(".csv").write_text(rows)
        return folder

    @cached_property
    def interrupted(self) -> Path:
        """A preparation of the same shards that was stopped before it wrote dataset.json, with its staging folder."""
        from datamodules.preparation import prepare as preparing
        from experiments.commands import prepare

        recipe = self.shards.parent / "recipe.yaml"
        directory = self.folder / "stopped" / "shards"
        with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            with (
                patch.object(preparing, "finish", side_effect=KeyboardInterrupt),
                contextlib.suppress(KeyboardInterrupt),
            ):
                prepare.main([str(recipe), "--directory", str(directory)])
        return directory


def _in_a_fork(words: list[str]) -> None:
    """Run `melisma` in a process of its own, so that none of its threads are in this one."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            for number in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            sys.argv = ["melisma", *words]
            from experiments.cli import main

            main()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError(f"melisma {' '.join(words)} failed")


def copied(source: Path, folder: Path) -> Path:
    """A copy of a folder, below another."""
    return Path(shutil.copytree(source, folder / source.name))
