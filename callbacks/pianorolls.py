"""Pianorolls with salience of a few tracks of every set, as files and in Weights & Biases."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch.distributed
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.trainer.states import TrainerFn
from numpy.typing import NDArray

from callbacks.atomic_files import replacing
from callbacks.pictures.pianoroll import pianoroll_with_salience
from callbacks.tracks import Track, TrackCallback, folder_of, signed_f0, stage_of, voicing_threshold

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
    """Draws the first tracks of every set, in the order of their names, whatever the number of processes.

    The files are `RUN/<validation|validate|test|predict>/<dataset>/pictures/<track>.png`; `validation` holds the
    latest that fit drew, and Weights & Biases all of them, under `<stage>/<dataset>/<track>`.

    Args:
        tracks: tracks drawn of each set.
        seconds: length of the excerpt, which starts shortly before the first voiced frame.
        every_n_validations: draw at the first and then every n-th validation of a fit.
    """

    def __init__(self, tracks: int = 2, seconds: float = 20.0, every_n_validations: int = 1) -> None:
        if tracks < 0 or seconds <= 0 or every_n_validations < 1:
            raise ValueError(f"cannot draw {tracks=} of {seconds=} at {every_n_validations=}")
        self.tracks = tracks
        self.seconds = seconds
        self.every_n_validations = every_n_validations
        self._validations = 0
        self._drawing = True
        self._candidates: dict[str, dict[str, Excerpt]] = {}

    def begin(self, trainer: Trainer) -> None:
        """Decide whether this pass is drawn."""
        self._candidates.clear()
        self._drawing = True
        if trainer.state.fn == TrainerFn.FITTING:
            self._drawing = self._validations % self.every_n_validations == 0
            self._validations += 1

    def collect(self, trainer: Trainer, track: Track) -> None:
        """Keep an excerpt of the tracks that may still be among the first: few, because salience is large."""
        if not self._drawing:
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
        mine = [(dataset, name) for dataset, names in self._candidates.items() for name in names]
        chosen = _first_of_each(_gathered(mine), self.tracks)
        for dataset, name in sorted(chosen.intersection(mine)):
            _draw(trainer, dataset, name, self._candidates[dataset][name])
        self._candidates.clear()
        trainer.strategy.barrier("Pianorolls")
        if trainer.is_global_zero:
            _log(trainer, sorted(chosen))


def excerpt(track: Track, seconds: float) -> Excerpt:
    """The part of a track that starts shortly before its first voiced frame.

    Voiced is what the reference says; where there is none, what is more than half as confident as the surest frame.
    """
    times, reference, confidence = track["times"], track["reference"], track["confidence"]
    voiced = np.zeros(len(times), dtype=bool) if reference is None else reference > 0
    if not voiced.any():
        voiced = confidence > 0.5 * confidence.max(initial=0.0)
    start = times[np.argmax(voiced)] - _LEAD_IN if len(times) else 0.0
    part = slice(*np.searchsorted(times, [start, start + seconds]))
    return Excerpt(
        times[part].copy(),
        None if reference is None else reference[part].copy(),
        track["pitch"][part].copy(),
        confidence[part].copy(),
        track["salience"][part].copy(),
        track["notes"],
        track.get("threshold"),
    )


def _first_of_each(tracks: list[tuple[str, str]], count: int) -> set[tuple[str, str]]:
    datasets = {dataset for dataset, _ in tracks}
    return {track for dataset in datasets for track in sorted(t for t in tracks if t[0] == dataset)[:count]}


def _gathered(mine: list[Any]) -> list[Any]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return mine
    everyone: list[list[Any]] = [[]] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return [track for tracks in everyone for track in tracks]


def _picture(trainer: Trainer, dataset: str, name: str) -> Path:
    return folder_of(trainer, dataset) / "pictures" / f"{name}.png"


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
                logger.log_image(f"{stage_of(trainer)}/{dataset}/{name}", [picture], step=trainer.global_step)
