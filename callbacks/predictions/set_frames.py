"""All frames of a set of tracks in one file: reference, pitch and confidence, and the salience of a few excerpts.

Needs neither torch nor lightning, so that what reads it starts quickly.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files import write_atomically


class FramesOfTrack(NamedTuple):
    """The frames of a track.

    Attributes:
        times: float64 `(frames,)`, s.
        reference: float32 `(frames,)`, Hz, 0 where unvoiced; None where there is no annotation.
        pitch: float32 `(frames,)`, Hz, the best guess, also where it is unvoiced; 0 where there is none.
        confidence: float32 `(frames,)`, 0 to 1; a frame is voiced where it exceeds the threshold of the set.
    """

    times: NDArray[np.float64]
    reference: NDArray[np.float32] | None
    pitch: NDArray[np.float32]
    confidence: NDArray[np.float32]


class FramesOfExcerpt(NamedTuple):
    """A part of a track, with what its pitch is decoded from.

    Attributes:
        name: id of the track.
        frames: of the excerpt, as in `FramesOfTrack`.
        salience: uint8 `(frames, bins)`, 255 is a salience of 1.
    """

    name: str
    frames: FramesOfTrack
    salience: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SetFrames:
    """The frames of a set of tracks, of one pitch each, in the order of the tracks' ids.

    They take 20 bytes a frame, in memory and in the file: 7 MB an hour at 100 frames a second.

    Attributes:
        tracks: str `(tracks,)`, ids.
        starts: int64 `(tracks + 1,)`; track k has the frames `starts[k]` to before `starts[k + 1]`.
        times: float64 `(frames,)`, s.
        reference: float32 `(frames,)`, Hz, 0 where unvoiced; NaN throughout a track without annotation.
        pitch: float32 `(frames,)`, Hz, the best guess, also where it is unvoiced; 0 where there is none.
        confidence: float32 `(frames,)`, 0 to 1; a frame is voiced where it exceeds the threshold.
        threshold: float64 `()`, of the set.
        notes: float32 `(bins,)`, MIDI note of each bin of the salience.
        salience: uint8 `(rows, bins)`, 255 times the salience of the excerpts' frames, rounded.
        excerpt_track: int64 `(excerpts,)`, place of each excerpt's track in `tracks`.
        excerpt_first: int64 `(excerpts,)`, the excerpt's first frame, counted from that of its track.
        excerpt_rows: int64 `(excerpts + 1,)`; excerpt k has the rows `excerpt_rows[k]` to before `excerpt_rows[k + 1]`.
    """

    tracks: NDArray[np.str_]
    starts: NDArray[np.int64]
    times: NDArray[np.float64]
    reference: NDArray[np.float32]
    pitch: NDArray[np.float32]
    confidence: NDArray[np.float32]
    threshold: NDArray[np.float64]
    notes: NDArray[np.float32]
    salience: NDArray[np.uint8]
    excerpt_track: NDArray[np.int64]
    excerpt_first: NDArray[np.int64]
    excerpt_rows: NDArray[np.int64]

    @classmethod
    def load(cls, path: Path) -> SetFrames:
        """Read the file that `save` wrote.

        Raises:
            DataError: it is missing or damaged, or something else; the message names it.
        """
        try:
            with path.open("rb") as file, zipfile.ZipFile(file) as stored:
                arrays: dict[str, Any] = {each.name: _read(stored, f"{each.name}.npy") for each in fields(cls)}
        except FileNotFoundError as error:
            raise DataError(f"{path}: no such file; validate the run again, which writes it") from error
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        except Exception as error:  # whatever the damage leads zipfile and NumPy to
            raise DataError(f"{path}: damaged, or not the frames of a set ({error}); validate the run again") from error
        made = cls(**arrays)
        if why := made._flaw():
            raise DataError(f"{path}: damaged, or not the frames of a set ({why}); validate the run again")
        return made

    def save(self, path: Path) -> None:
        """Write everything into one uncompressed file, whole or not at all; equal frames give equal bytes."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self)}
        with write_atomically(path) as file:
            np.savez(file, **arrays)

    def track(self, place: int) -> FramesOfTrack:
        """The frames of a track by its place in `tracks`, as views."""
        return self._part(int(self.starts[place]), int(self.starts[place + 1]))

    def excerpt(self, place: int) -> FramesOfExcerpt:
        """An excerpt by its place in `excerpt_track`, as views."""
        of_track, rows = int(self.excerpt_track[place]), slice(*self.excerpt_rows[place : place + 2].tolist())
        first = int(self.starts[of_track] + self.excerpt_first[place])
        frames = self._part(first, first + rows.stop - rows.start)
        return FramesOfExcerpt(str(self.tracks[of_track]), frames, self.salience[rows])

    def _part(self, first: int, end: int) -> FramesOfTrack:
        part = slice(first, end)
        reference = self.reference[part]
        annotated = not np.isnan(reference).any()
        return FramesOfTrack(
            self.times[part], reference if annotated else None, self.pitch[part], self.confidence[part]
        )

    def _flaw(self) -> str | None:
        """What is wrong with the shapes and types, if anything is."""
        for name, (kind, shape) in self._expected().items():
            array = getattr(self, name)
            if f"{array.dtype.kind}{array.dtype.itemsize}" != kind:
                return f"{name}: {array.dtype}"
            if array.shape != shape:
                return f"{name}: shape {array.shape} instead of {shape}"
        for name, of, count in (
            ("starts", "tracks", len(self.times)),
            ("excerpt_rows", "excerpts", len(self.salience)),
        ):
            bounds = getattr(self, name)
            if bounds[0] != 0 or bounds[-1] != count or (np.diff(bounds) < 0).any():
                return f"{name}: not the bounds of the {of}"
        return None if self._excerpts_fit() else "excerpts that are no part of their tracks"

    def _expected(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        tracks, frames, excerpts = self.tracks.size, self.times.size, self.excerpt_track.size
        return {
            "tracks": (f"U{self.tracks.dtype.itemsize}", (tracks,)),
            "starts": ("i8", (tracks + 1,)),
            "times": ("f8", (frames,)),
            "reference": ("f4", (frames,)),
            "pitch": ("f4", (frames,)),
            "confidence": ("f4", (frames,)),
            "threshold": ("f8", ()),
            "notes": ("f4", (self.notes.size,)),
            "salience": ("u1", (len(self.salience) if self.salience.ndim else 0, self.notes.size)),
            "excerpt_track": ("i8", (excerpts,)),
            "excerpt_first": ("i8", (excerpts,)),
            "excerpt_rows": ("i8", (excerpts + 1,)),
        }

    def _excerpts_fit(self) -> bool:
        places, first = self.excerpt_track, self.excerpt_first
        if not ((places >= 0) & (places < len(self.tracks)) & (first >= 0)).all():
            return False
        return bool((first + np.diff(self.excerpt_rows) <= np.diff(self.starts)[places]).all())


def _read(stored: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    """An array of the file; `np.load` would leave the file open where it is damaged."""
    with stored.open(name) as member:
        array: NDArray[np.generic] = np.lib.format.read_array(  # type: ignore[no-untyped-call]
            member, allow_pickle=False
        )
    return array
