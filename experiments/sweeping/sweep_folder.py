"""The folder of a sweep, which several workers share: what was asked for, the points, and who is at which."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datamodules.documents import as_mapping, read_json
from datamodules.errors import DataError
from datamodules.files import write_atomically
from experiments.claims import Claim, Claims
from experiments.sweeping.point_figures import PointFigures, figures_of
from experiments.sweeping.points import SweepPoint, add_point, read_point, read_points
from experiments.sweeping.proposals import propose
from experiments.sweeping.sweep_file import SweepFile

STALE = 300.0  # s; see `Claims`
_STATED = "stated.json"
_IDENTITY = ("method", "parameters", "command", "early_terminate")  # run_cap may grow
_ASKED_AGAIN = 0.2  # s


class SweepFolder:
    """The points of a sweep.

    Args:
        folder: that all workers see.
        file: of the sweep.
        repeats: of a point that failed.
        seed: of the proposals.
        words: for every fit, behind those of the sweep's command.
    """

    def __init__(self, folder: Path, file: SweepFile, repeats: int, seed: int, words: Sequence[str]) -> None:
        self.folder, self.file, self.repeats, self.seed, self.words = folder, file, repeats, seed, list(words)
        self._claims = Claims(folder / ".claims", STALE)
        self._final: dict[str, PointFigures] = {}
        self._threads = threading.RLock()  # of this worker; the claims are between processes

    def state(self) -> None:
        """Write down what the points are made of, or compare it with what another worker or an earlier call wrote.

        Raises:
            DataError: the folder holds another sweep.
        """
        decides = self.file.content["method"] == "bayes" or self.file.stops_early
        keys = [*_IDENTITY, "metric"] if decides else _IDENTITY
        identity = {key: self.file.content.get(key) for key in keys}
        stated = json.loads(json.dumps({**identity, "seed": self.seed, "words": self.words}, default=str))
        path = self.folder / _STATED
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.locked("stated"):
            if not path.exists():
                with write_atomically(path) as file:
                    file.write((json.dumps(stated, indent=1) + "\n").encode())
            try:
                there = as_mapping(read_json(path), str(path))
            except DataError as error:
                raise DataError(f"{error}; remove this file, and it is written again") from error
            differing = [key for key, value in stated.items() if there.get(key) != value]
        if differing:
            raise DataError(
                f"{self.folder}: holds a sweep with other {' and '.join(differing)} (see {path.name}); "
                "give --out, or remove the folder"
            )

    def points(self) -> list[SweepPoint]:
        """All points by their numbers, as their journals have them now."""
        return read_points(self.folder)

    def figures(self) -> list[PointFigures]:
        """What all points have reached by now; of those that are final it is read once."""
        with self._threads:
            found = []
            for point in self.points():
                figures = self._final.get(point.name) or figures_of(point, self.file, self.repeats)
                if figures.status != "waiting":
                    self._final[point.name] = figures
                found.append(figures)
            return found

    def take(self) -> tuple[SweepPoint, Claim] | None:
        """Claim the first point that is waiting and that nobody is at; None: there is none."""
        for point in self.points():
            if point.status(self.repeats) != "waiting":
                continue
            claim = self._claims.take(point.name)
            if claim is None:
                continue
            with self._given_back_unless_taken(claim) as keep:
                point = read_point(point.folder)  # another worker may have finished it just before
                if point.status(self.repeats) == "waiting":
                    keep()
                    return point, claim
        return None

    @contextmanager
    def _given_back_unless_taken(self, claim: Claim) -> Iterator[Callable[[], None]]:
        taken: list[bool] = []
        try:
            yield lambda: taken.append(True)
        finally:
            if not taken:
                with claim:
                    pass

    def add(self, wanted: int) -> bool:
        """Propose a point and add it, while no other worker does so.

        Args:
            wanted: points of the sweep.

        Returns:
            Whether there was one to add.
        """
        with self.locked("proposal"):
            figures = self.figures()
            if len(figures) >= wanted:
                return False
            proposal = propose(self.file, figures, self.seed)
            add_point(self.folder, len(figures), proposal.values, proposal.info)
            return True

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """While no other worker is inside a block of the same name; waits."""
        with self._threads:
            while (claim := self._claims.take(name)) is None:
                time.sleep(_ASKED_AGAIN)
            with claim:
                yield

    def origin(self) -> dict[str, Any]:
        """What of the sweep stands in its record."""
        return {"content": self.file.content, "seed": self.seed, "words": self.words}
