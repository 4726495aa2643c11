"""The f0 tables of one method, or of the reference: kept from run to run until settings, versions or data change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from datamodules import DataError
from datamodules.annotations.f0_tables import write_f0
from datamodules.annotations.tracked_tables import write_tracked
from datamodules.documents import as_mapping, read_json
from datamodules.files import file_name, remove_leftovers, write_atomically
from experiments.trackers.base import Tracked

RECORD = "method.json"


class KeptTables:
    """`FOLDER/TRACK.csv` of every finished track, and `FOLDER/method.json`: what made them, and how fast.

    A table has the columns time, frequency, confidence and voiced; of a method without confidence time and f0 alone.

    Tables of the record that something else made, other settings, another version or other data, are deleted.

    Attributes:
        replaced: whether that was so.

    Args:
        folder: of the method.
        made_by: JSON values that change whenever the tables would.

    Raises:
        DataError: the folder holds tables of which it does not say what made them.
    """

    def __init__(self, folder: Path, made_by: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        kept = self._read()
        self.replaced = kept is not None and kept["made_by"] != made_by
        if kept is None and any(folder.glob("*.csv")):
            raise DataError(f"{folder}: holds tables but no {RECORD}; they are not of this command, name another --out")
        if kept is None or self.replaced:
            for track in kept["tracks"] if kept else ():
                self._table(track).unlink(missing_ok=True)
            kept = {"made_by": made_by, "tracks": {}}
            self._write(kept)
        self._kept = kept

    def has(self, track: str) -> bool:
        """Whether the table of a track is there."""
        return track in self._kept["tracks"] and self._table(track).is_file()

    def keep(self, track: str, tracked: Tracked, duration: float) -> None:
        """Write the table of a track.

        Args:
            track: its id.
            tracked: what the method made of it.
            duration: of the recording, s.

        Raises:
            DataError: the method's times or f0 cannot stand in a table, or there is one that is not of the record.
        """
        table = self._table(track)
        if track not in self._kept["tracks"] and table.exists():
            raise DataError(f"{table}: stands in the way, and {RECORD} does not name it; move it away")
        # Recorded before it is written: whatever table there is can be told to be of this method.
        spent = {"seconds": tracked.seconds, "cpu_seconds": tracked.cpu_seconds}
        self._kept["tracks"][track] = {"duration": duration, **spent}
        self._write(self._kept)
        (times, f0), confidence = tracked.series, tracked.confidence
        if confidence is None:
            write_f0(table, tracked.series)
        else:
            write_tracked(table, times, np.abs(f0), confidence, f0 > 0)

    def speed(self, clock: Literal["seconds", "cpu_seconds"]) -> float:
        """Seconds of audio for each second of wall time or of time on processors, over all tracks kept."""
        tracks = self._kept["tracks"].values()
        return float(sum(track["duration"] for track in tracks) / sum(track[clock] for track in tracks))

    def _table(self, track: str) -> Path:
        return self.folder / f"{file_name(track)}.csv"

    def _read(self) -> dict[str, Any] | None:
        path = self.folder / RECORD
        if not path.exists():
            return None
        try:
            kept = as_mapping(read_json(path), str(path))
            for key in ("made_by", "tracks"):
                as_mapping(kept.get(key), f"{path}: {key}")
        except DataError as error:
            raise DataError(f"{error}; delete its folder, and the tracker runs again") from error
        return kept

    def _write(self, kept: dict[str, Any]) -> None:
        with write_atomically(self.folder / RECORD) as file:
            file.write(json.dumps(kept, indent=1).encode())
