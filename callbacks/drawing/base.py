"""What callbacks that draw have in common: which passes are drawn, the files, and the way to the loggers."""

import io
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, Self, TypeVar

import soundfile
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override

from callbacks.drawing.loggers import log_media
from callbacks.drawing.media import Image, Picture, Sound, Table, cell_text
from callbacks.passes import Item, Kept, SetCallback, folder_of
from callbacks.predictions.tables import write_table
from datamodules.files import write_atomically

_DOTS_PER_INCH = 110
Drawn = TypeVar("Drawn")


class PictureCallback(SetCallback[Item, Kept], Generic[Item, Kept]):
    """Draws what it keeps of every set: in the first and then every n-th validation of a fit, and always outside of it.

    Args:
        every_n_validations: validations of a fit from one that is drawn to the next.

    Attributes:
        formats: extensions of the files of a picture; loggers get the PNG.

    Raises:
        ValueError: `every_n_validations` is below 1.
    """

    formats: tuple[str, ...] = ("png",)

    def __init__(self, every_n_validations: int) -> None:
        if every_n_validations < 1:
            raise ValueError(f"every_n_validations: {every_n_validations}; it must be 1 or more")
        super().__init__()
        self._every = every_n_validations
        self._validations = 0  # of a fit, so far
        self._drawing = True

    @abstractmethod
    def keep(self, item: Item) -> None:
        """Keep what is drawn of an item."""

    @abstractmethod
    def draw(self, trainer: Trainer, dataset: str, kept: Kept) -> Iterator[Picture | Table]:
        """The pictures of a set, one at a time, and the tables beside them."""

    @override
    def begin(self, trainer: Trainer) -> None:
        super().begin(trainer)
        self._drawing = True
        if trainer.state.fn == TrainerFn.FITTING:
            self._drawing = self._validations % self._every == 0
            self._validations += 1

    @override
    def collect(self, trainer: Trainer, item: Item) -> None:
        if self._drawing:
            self.keep(item)

    @override
    def finish(self, trainer: Trainer) -> None:
        if self._drawing:
            super().finish(trainer)

    @override
    def write(self, trainer: Trainer, sets: Mapping[str, Kept]) -> None:
        for dataset, kept in sets.items():
            folder, media = folder_of(trainer, dataset), list[Image | Table]()
            for each in self.draw(trainer, dataset, kept):
                if isinstance(each, Picture):
                    media.append(self._save(folder, each))
                else:
                    save_table(folder, each)
                    media.append(each)
            log_media(trainer, dataset, media)

    def _save(self, folder: Path, picture: Picture) -> Image:
        for suffix in self.formats:
            path = folder / f"{picture.name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(path) as file:
                picture.figure.savefig(file, format=suffix, dpi=_DOTS_PER_INCH)
        return Image(folder / f"{picture.name}.png", picture.key, picture.caption)


def save_table(folder: Path, table: Table) -> None:
    """Write a table as TSV, and the sounds in it as WAV files, which its cells name as they do pictures.

    Args:
        folder: of the set.
        table: to write.
    """
    path = folder / f"{table.name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    for sound in (cell for row in table.rows for cell in row if isinstance(cell, Sound)):
        # In memory first, because soundfile closes what it writes to.
        encoded = io.BytesIO()
        soundfile.write(encoded, sound.samples, sound.rate, format="WAV")
        (folder / sound.name).parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(folder / f"{sound.name}.wav") as file:
            file.write(encoded.getvalue())
    write_table(path, table.columns, [[cell_text(cell, folder) for cell in row] for row in table.rows])


class FirstByName(Generic[Drawn]):
    """The first items of a set by name, in whatever order and on whatever process they come.

    Args:
        count: how many are kept.

    Attributes:
        named: what is drawn of them, by name.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.named: dict[str, Drawn] = {}

    def wants(self, name: str) -> bool:
        """Whether an item may still be among the first."""
        return len(self.named) < self.count or name < max(self.named, default="")

    def add(self, name: str, drawn: Drawn) -> None:
        """Keep an item, and drop the last one if there are too many."""
        self.named[name] = drawn
        if len(self.named) > self.count:
            del self.named[max(self.named)]

    def join(self, other: Self) -> None:
        """Add those of another process."""
        for name, drawn in other.named.items():
            self.add(name, drawn)
