"""Folders of f0 tables, and which table of one belongs to which of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules import DataError
from datamodules.annotations.f0_series import F0Series
from datamodules.annotations.f0_tables import check_options, read_f0
from datamodules.corpora.sources.names import visible_files

EXTENSIONS = (".csv", ".tsv", ".txt", ".ref", ".f0ref", ".f0", ".jams")


@dataclass(frozen=True)
class TableFolder:
    """The f0 tables that lie in a folder.

    Attributes:
        folder: the folder; what lies in folders of it does not count.
        suffix: what follows the track's id in the names of the files, with or without extension (`_REF`, `.RESYN`,
            `_MELODY2.csv`, `.f0ref`); other files do not count. None: the extension of an f0 table.
        step: s between rows of tables that have one column and no times; None: they have times.
        gap: rows that are more than this many seconds apart have silence between them; None: never.
    """

    folder: Path
    suffix: str | None = None
    step: float | None = None
    gap: float | None = None

    def __post_init__(self) -> None:
        check_options(self.step, 0.0, self.gap)

    def paths(self) -> dict[str, Path]:
        """The tables by the id of their track, sorted.

        Raises:
            DataError: there is no such folder, no table in it, or two of the same track.
        """
        found: dict[str, Path] = {}
        for path in visible_files(self.folder, "*"):
            track = self._track(path)
            if track is None:
                continue
            if track in found:
                raise DataError(f"{found[track]} and {path.name}: both are of track {track!r}; say which by a suffix")
            found[track] = path
        if not found:
            wanted = f"ends in {self.suffix}" if self.suffix else f"has one of the extensions {' '.join(EXTENSIONS)}"
            raise DataError(f"{self.folder}: no f0 table in it; none of its files {wanted}")
        return dict(sorted(found.items()))

    def _track(self, path: Path) -> str | None:
        """The id of a file's track; None if it is no table of this folder."""
        if self.suffix is None:
            return path.stem if path.suffix.lower() in EXTENSIONS else None
        for name in (path.name, path.stem):
            if name.endswith(self.suffix) and name != self.suffix:
                return name.removesuffix(self.suffix)
        return None

    def read(self, path: Path) -> F0Series:
        """Read one of the tables.

        Raises:
            DataError: it cannot be read; the message names the file and the line.
        """
        return read_f0(path, step=self.step, gap=self.gap)


@dataclass(frozen=True)
class Pairs:
    """Tables that belong together.

    Attributes:
        references: of every track.
        estimates: of every track, for each method in turn.
        unpaired: a message for each method or reference with tracks that the others lack.
    """

    references: dict[str, Path]
    estimates: dict[str, dict[str, Path]]
    unpaired: tuple[str, ...]

    @property
    def tracks(self) -> list[str]:
        """Ids of the tracks of which there are all tables, sorted."""
        return [track for track in self.references if all(track in paths for paths in self.estimates.values())]


def pair(references: TableFolder, estimates: dict[str, TableFolder]) -> Pairs:
    """Pair tables by the ids of their tracks, never by their order.

    Args:
        references: where the truth is.
        estimates: where each method's tables are.

    Raises:
        DataError: a folder cannot be used, or no track is in all of them.
    """
    truth = references.paths()
    guesses = {name: folder.paths() for name, folder in estimates.items()}
    unpaired = []
    for name, paths in guesses.items():
        missing = [track for track in truth if track not in paths]
        if missing:
            unpaired.append(f"{name}: no table for {_listed(missing, truth)} in {estimates[name].folder}")
        foreign = [track for track in paths if track not in truth]
        if foreign:
            unpaired.append(f"{name}: no reference for {_listed(foreign, paths)} in {references.folder}")
    pairs = Pairs(truth, guesses, tuple(unpaired))
    if not pairs.tracks:
        raise DataError("\n  ".join(["no track is both in the references and in all estimates:", *unpaired]))
    return pairs


def _listed(tracks: Sequence[str], every: dict[str, Path]) -> str:
    return f"{len(tracks)} of {len(every)} tracks ({', '.join(tracks)})"


def check_length(path: Path, estimate: F0Series, reference: F0Series, tolerance: float) -> None:
    """Refuse a table that ends long before its reference does, and would be scored with its last frame held till then.

    Args:
        path: of the estimate.
        estimate: what is in it.
        reference: the truth.
        tolerance: s by which it may end before the last voiced frame of the reference.

    Raises:
        DataError: it ends earlier; the message names its last line.
    """
    sung = reference.times[reference.f0 > 0]
    if len(sung) and estimate.times[-1] < sung[-1] - tolerance:
        raise DataError(
            f"{path}{_last_line(path)}: ends at {estimate.times[-1]:g} s, but the reference is voiced until "
            f"{sung[-1]:g} s; complete it, or allow for it with --length_tolerance"
        )


def _last_line(path: Path) -> str:
    if path.suffix.lower() == ".jams":
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return f", line {max(number for number, line in enumerate(lines, start=1) if line.strip())}"
