"""Pianorolls with salience of a few tracks of every set, as files and in Weights & Biases."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray

from callbacks.atomic_files import replacing
from callbacks.intervals import ValidationInterval
from callbacks.passes import folder_of, media_key
from callbacks.pictures.pianoroll import pianoroll_with_salience
from callbacks.processes import gathered
from callbacks.tracks import Track, TrackCallback, signed_f0, voicing_threshold
from datamodules.files import file_name

_LEAD_IN = 0.5  # s shown before the first voiced frame
_DOTS_PER_INCH = 110


class Excerpt(NamedTuple):
    """The part of a track that is drawn; fields as in `Track`."""

    times: NDArray[np.float64]
    reference: NDArray[np.float32] | None
    pitch: NDArray[np.float32]
    confidence: NDArray[np.float32]
    salience: NDArray[np.float16]
    notes: NDArray[np.float32]
    threshold: float | None


class Pianorolls(TrackCallback):
    """Draws fixed excerpts, and the first other tracks of every set by name, whatever the number of processes.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/<track>.png`; `validation` holds the
    latest that fit drew, and Weights & Biases all of them, under `<stage>/<dataset>/<track>`.

    Args:
        tracks: tracks drawn of each set, besides those of `excerpts`.
        seconds: length of the excerpt, which starts shortly before the first voiced frame.
        every_n_validations: draw at the first and then every n-th validation of a fit.
        excerpts: start and end, s, by the name of the track; drawn in every set that has it.

    Raises:
        ValueError: an argument that cannot be.
    """

    def __init__(
        self,
        tracks: int = 2,
        seconds: float = 20.0,
        every_n_validations: int = 1,
        excerpts: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        if tracks < 0 or seconds <= 0:
            raise ValueError(f"cannot draw {tracks=} of {seconds=}")
        self.tracks = tracks
        self.seconds = seconds
        self.excerpts = dict(excerpts or {})
        for name, (start, end) in self.excerpts.items():
            if not 0 <= start < end:
                raise ValueError(f"excerpts: {name}: from {start} s to {end} s; the start must come before the end")
        self._interval = ValidationInterval(every_n_validations)
        self._drawing = True
        self._fixed: dict[tuple[str, str], Excerpt] = {}
        self._candidates: dict[str, dict[str, Excerpt]] = {}

    def begin(self, trainer: Trainer) -> None:
        """Decide whether this pass is drawn."""
        self._forget()
        self._drawing = self._interval.due(trainer)

    def collect(self, trainer: Trainer, track: Track) -> None:
        """Keep fixed excerpts, and those of tracks that may still be among the first: few, as salience is large."""
        if not self._drawing:
            return
        if track["track"] in self.excerpts:
            self._fixed[track["dataset"], track["track"]] = part_of(track, *self.excerpts[track["track"]])
            return
        candidates = self._candidates.setdefault(track["dataset"], {})
        if len(candidates) < self.tracks or track["track"] < max(candidates, default=""):
            candidates[track["track"]] = excerpt(track, self.seconds)
        if len(candidates) > self.tracks:
            del candidates[max(candidates)]

    def finish(self, trainer: Trainer) -> None:
        """Draw on the process that has the track, then log everything from one process."""
        if not self._drawing:
            return
        mine = {(dataset, name): part for dataset, parts in self._candidates.items() for name, part in parts.items()}
        fixed = {track for tracks in gathered(list(self._fixed)) for track in tracks}
        chosen = fixed | _first_of_each([track for tracks in gathered(list(mine)) for track in tracks], self.tracks)
        mine |= self._fixed
        for dataset, name in sorted(chosen.intersection(mine)):
            _draw(trainer, dataset, name, mine[dataset, name])
        self._forget()
        trainer.strategy.barrier("Pianorolls")
        if trainer.is_global_zero:
            _log(trainer, sorted(chosen))
        missing = sorted(set(self.excerpts).difference(name for _, name in fixed))
        if missing:
            rank_zero_warn(f"Pianorolls: excerpts: no set has a track named {', '.join(missing)}")

    def _forget(self) -> None:
        self._fixed.clear()
        self._candidates.clear()


def excerpt(track: Track, seconds: float) -> Excerpt:
    """The part of a track that starts shortly before its first voiced frame.

    Voiced is what the reference says; where there is none, what is more than half as confident as the surest frame.
    """
    times, reference, confidence = track["times"], track["reference"], track["confidence"]
    voiced = np.zeros(len(times), dtype=bool) if reference is None else reference > 0
    if not voiced.any():
        voiced = confidence > 0.5 * confidence.max(initial=0.0)
    start = times[np.argmax(voiced)] - _LEAD_IN if len(times) else 0.0
    return part_of(track, start, start + seconds)


def part_of(track: Track, start: float, end: float) -> Excerpt:
    """The frames of a track from `start` to before `end`, s, copied, because a view would keep the whole track."""
    reference = track["reference"]
    part = slice(*np.searchsorted(track["times"], [start, end]))
    return Excerpt(
        track["times"][part].copy(),
        None if reference is None else reference[part].copy(),
        track["pitch"][part].copy(),
        track["confidence"][part].copy(),
        track["salience"][part].copy(),
        track["notes"],
        track.get("threshold"),
    )


def _first_of_each(tracks: list[tuple[str, str]], count: int) -> set[tuple[str, str]]:
    datasets = {dataset for dataset, _ in tracks}
    return {track for dataset in datasets for track in sorted(t for t in tracks if t[0] == dataset)[:count]}


def _picture(trainer: Trainer, dataset: str, name: str) -> Path:
    return folder_of(trainer, dataset) / "pictures" / f"{file_name(name)}.png"


def _draw(trainer: Trainer, dataset: str, name: str, part: Excerpt) -> None:
    threshold = voicing_threshold(trainer, dataset) if part.threshold is None else part.threshold
    estimate = signed_f0(part.pitch, part.confidence, threshold)
    figure = pianoroll_with_salience(
        part.times, part.reference, estimate, part.notes, part.salience, title=f"{dataset}: {name}"
    )
    with replacing(_picture(trainer, dataset, name)) as partial:
        figure.savefig(partial, format="png", dpi=_DOTS_PER_INCH)


def _log(trainer: Trainer, tracks: list[tuple[str, str]]) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            for dataset, name in tracks:
                picture = str(_picture(trainer, dataset, name))
                logger.log_image(media_key(trainer, dataset, name), [picture], step=trainer.global_step)
