"""What the inputs are made of before they are damaged: made once, in a folder of the caller."""

import contextlib
import os
import shutil
from functools import cached_property
from pathlib import Path
from unittest.mock import patch

import numpy as np
import soundfile

RECIPE = """\
corpus:
  class_path: datamodules.corpora.SyntheticMelody
  init_args: {recordings: {train: 3, validation: 2}, seconds: 1.5, rate: 16000}
directory: shards
rate: 16000
hop: 160
segment: 0.5
context: 0.1
records_per_shard: 4
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
    def recordings(self) -> Path:
        """A folder of short tones in several formats, with an f0 table beside each."""
        folder = self.folder / "recordings"
        folder.mkdir(parents=True)
        times = np.arange(4800) / 16000
        for number, name in enumerate(("a.wav", "b.flac", "c.ogg", "d.aiff", "e.mp3")):
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


def copied(source: Path, folder: Path) -> Path:
    """A copy of a folder, below another."""
    return Path(shutil.copytree(source, folder / source.name))
