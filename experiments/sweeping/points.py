"""The journal of a point: one small file, to which lines are appended by whoever has claimed the point."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple

from datamodules.documents import parse_json
from datamodules.errors import DataError
from datamodules.files import append, read_text, write_atomically

Outcome = Literal["finished", "stopped early", "failed", "interrupted"]
_JOURNAL = "point.jsonl"
_NAME = re.compile(r"p(\d{4,})")


class SweepPoint(NamedTuple):
    """What the journal of a point says.

    Attributes:
        folder: of its run.
        number: from 0, in the order of the proposals.
        values: by parameter.
        attempts: how often it was begun.
        outcomes: of the attempts that came to an end; one that was killed with its worker has none.
        code: exit code of the latest attempt that ended; None: none has.
    """

    folder: Path
    number: int
    values: dict[str, Any]
    attempts: int
    outcomes: list[Outcome]
    code: int | None

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.folder.name

    @property
    def failures(self) -> int:
        """How often it failed by itself."""
        return self.outcomes.count("failed")

    def status(self, repeats: int) -> str:
        """`finished`, `stopped early` or `failed`, which are final, or `waiting`, also where it is being run.

        Args:
            repeats: of a point that failed.
        """
        if self.outcomes and self.outcomes[-1] in ("finished", "stopped early"):
            return self.outcomes[-1]
        return "failed" if self.failures > repeats else "waiting"

    def journal(self, **event: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Append an event; a line that a killed worker did not finish is cut off first."""
        path = self.folder / _JOURNAL
        whole = path.read_bytes().rfind(b"\n") + 1
        line = {**event, "host": socket.gethostname(), "process": os.getpid(), "time": round(time.time(), 3)}
        with path.open("r+b", buffering=0) as file:
            file.truncate(whole)
            file.seek(whole)
            append(file.fileno(), (json.dumps(line) + "\n").encode(), path)
            os.fsync(file.fileno())


def add_point(sweep: Path, number: int, values: dict[str, Any], info: dict[str, Any] | None) -> None:
    """Begin the journal of a point that was proposed; it appears whole.

    Args:
        sweep: folder of the sweep.
        number: of the point.
        values: by parameter.
        info: what the proposal says about itself.
    """
    folder = sweep / f"p{number:04d}"
    folder.mkdir(parents=True, exist_ok=True)
    with write_atomically(folder / _JOURNAL) as file:
        file.write(
            (json.dumps({"event": "proposed", "number": number, "values": values, "info": info}) + "\n").encode()
        )


def read_points(sweep: Path) -> list[SweepPoint]:
    """All points of a sweep by their numbers.

    Raises:
        DataError: a journal is damaged; the message names it.
    """
    if not sweep.is_dir():
        return []
    folders = (folder for folder in sweep.iterdir() if _NAME.fullmatch(folder.name))
    return sorted((read_point(each) for each in folders if (each / _JOURNAL).exists()), key=lambda point: point.number)


def read_point(folder: Path) -> SweepPoint:
    """A point as its journal has it; an unfinished last line is ignored.

    Raises:
        DataError: the journal is damaged.
    """
    path = folder / _JOURNAL
    *lines, _ = read_text(path).split("\n")
    try:
        first, *events = [parse_json(line, f"line {number}") for number, line in enumerate(lines, start=1)]
        ended = [event for event in events if event["event"] == "ended"]
        return SweepPoint(
            folder,
            int(first["number"]),
            dict(first["values"]),
            sum(event["event"] == "began" for event in events),
            [event["outcome"] for event in ended],
            ended[-1]["code"] if ended else None,
        )
    except (DataError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged ({error}); remove {folder}, and the point is made again") from error
