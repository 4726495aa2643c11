"""Gaps where the windows of a network meet: how confident and how right it is by place within the window."""

from collections.abc import Iterator
from typing import Self

import numpy as np
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from typing_extensions import override

from callbacks.drawing.base import PictureCallback
from callbacks.drawing.media import Picture, Table
from callbacks.items import TrackCallback
from callbacks.pictures.window_gaps import WindowParts, means_by_place, sum_windows, window_gaps
from lightning_modules.outputs import PitchTrackOutput, ReadsWindows


class WindowSums:
    """Sums of a set.

    Attributes:
        tracks: `(4, frames)` from `sum_windows`, by name; added up in the order of names, so that the result does not
            depend on the number of processes.
    """

    def __init__(self) -> None:
        self.tracks: dict[str, NDArray[np.float64]] = {}

    def join(self, other: Self) -> None:
        """Add the tracks of another process."""
        self.tracks |= other.tracks


class WindowGaps(PictureCallback[PitchTrackOutput, WindowSums], TrackCallback):
    """Shows whether the salience of a network fades where its windows meet, as it does without frames of context.

    The border is the first and the last `border` frames of a window, the middle is all but its first and its last
    quarter. The gap is the mean confidence at the border divided by that in the middle: 1 is no gap. Where the truth is
    known, only its voiced frames count.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/windows/positions.png` and `positions.tsv`, over all
    tracks of a set, columns `position`, `confidence`, `raw_pitch_accuracy` and `part` (border, middle or empty); and
    `gaps.tsv`, columns `id` and `gap`, a row for each track in the order of their names, empty where it has no frame
    that counts. A logger gets `<stage>/<dataset>/windows/positions`, `.../positions_table` and `.../gaps_table`.

    Args:
        border: frames at each end of a window, a quarter of it at most; null: a tenth, one at least.

    Raises:
        ValueError: `border` or `every_n_validations` is below 1.
    """

    def __init__(self, border: int | None = None, every_n_validations: int = 1) -> None:
        if border is not None and border < 1:
            raise ValueError(f"border: {border}; it must be 1 or more")
        super().__init__(every_n_validations)
        self.border = border

    @override
    def begin(self, trainer: Trainer) -> None:
        super().begin(trainer)
        self._parts = self._parts_of(trainer)

    @override
    def keep(self, item: PitchTrackOutput) -> None:
        sums = sum_windows(item["reference"], item["pitch"], item["confidence"], self._parts.frames)
        self.kept.setdefault(item["dataset"], WindowSums()).tracks[item["track"]] = sums

    @override
    def draw(self, trainer: Trainer, dataset: str, kept: WindowSums) -> Iterator[Picture | Table]:
        parts, tracks = self._parts, dict(sorted(kept.tracks.items()))
        sums = np.sum(list(tracks.values()), axis=0)
        figure = window_gaps(sums, parts, f"{dataset}: {len(tracks)} tracks")
        yield Picture("windows/positions", figure, ("windows", "positions"))
        columns = ["position", "confidence", "raw_pitch_accuracy", "part"]
        names = np.select([parts.is_border, parts.is_middle], ["border", "middle"], "").tolist()
        means = [[None if np.isnan(value) else float(value) for value in values] for values in means_by_place(sums)]
        rows = list(zip(range(parts.frames), *means, names, strict=True))
        yield Table("windows/positions", ("windows", "positions_table"), columns, rows)
        gaps = [[name, parts.gap(of_track)] for name, of_track in tracks.items()]
        yield Table("gaps", ("windows", "gaps_table"), ["id", "gap"], gaps)

    def _parts_of(self, trainer: Trainer) -> WindowParts:
        module = trainer.lightning_module
        frames = module.window_frames if isinstance(module, ReadsWindows) else 1
        if frames < 4:
            raise MisconfigurationException(
                f"trainer.callbacks: WindowGaps is for networks that read windows of 4 frames or more, but "
                f"{type(module).__name__} reads {frames} at once; leave it out"
            )
        border = self.border or max(frames // 10, 1)
        if 4 * border > frames:
            raise MisconfigurationException(
                f"trainer.callbacks: WindowGaps: border: {border} of {frames} frames; at most {frames // 4}"
            )
        return WindowParts(frames, border)
