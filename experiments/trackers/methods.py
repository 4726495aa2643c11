"""What `melisma compare --methods` names, run over data; tables that are there already are used again."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from tqdm import tqdm

from datamodules.errors import DataError, MachineFault
from experiments.trackers.base import Tracked, Tracker
from experiments.trackers.catalogue import METHODS, own
from experiments.trackers.kept import KeptTables
from experiments.trackers.public import PublicTracker
from experiments.trackers.whole_tracks import WholeTracks
from experiments.transcription.location import model_names

REFERENCE = "reference"
EVERY = ""  # method: all that no other interpreter is named for


def make_trackers(methods: Sequence[str], interpreters: Mapping[str, str], device: str) -> list[Tracker]:
    """The trackers of that names, in their order.

    Args:
        methods: names of the catalogue and of our models, NAME=MODEL and NAME=FILE.py:CLASS.
        interpreters: of the methods that do not run in this environment; that of `EVERY` is of all others.
        device: where our models run.

    Raises:
        DataError: a method is not known or named twice, or an interpreter is of none of them.
    """
    trackers: dict[str, Tracker] = {}
    for word in filter(None, methods):
        name, equals, where = word.partition("=")
        method = own(name, where) if equals else METHODS.get(name)
        if name in trackers or name == REFERENCE:
            raise DataError(f"--methods: the name {name!r} is taken")
        if method is not None:
            # A tracker of the user's own belongs to this environment.
            python = interpreters.get(name, sys.executable if equals else interpreters.get(EVERY, sys.executable))
            trackers[name] = PublicTracker(name, method, python)
        elif equals or name in model_names():
            from experiments.trackers.trained import (
                TrainedTracker,  # needs torch; no other tracker does, in this process
            )

            trackers[name] = TrainedTracker(name, where or name, device)
        else:
            known = ", ".join([*METHODS, *model_names()])
            raise DataError(
                f"--methods: {name!r} is not known; there are {known}, NAME=RUN/checkpoints/best.ckpt and "
                "NAME=FILE.py:CLASS"
            )
    for name in interpreters:
        if name != EVERY and not isinstance(trackers.get(name), PublicTracker):
            raise DataError(f"--environment {name}: --methods names no public tracker {name!r}")
    if not trackers:
        raise DataError("--methods: none is named")
    return list(trackers.values())


def add_environment(parser: ArgumentParser) -> None:
    """Add `--environment`, whose words `interpreters_of` takes."""
    parser.add_argument(
        "--environment",
        type=str,
        action="append",
        default=[],
        help="METHOD=PYTHON: the interpreter of an environment that has the method's package; PYTHON alone: of all "
        "public trackers that have none of their own; may be repeated",
    )


def interpreters_of(words: Sequence[str]) -> dict[str, str]:
    """Interpreters by the method that they are for, of the words METHOD=PYTHON, or PYTHON for all others.

    Raises:
        DataError: a word is neither.
    """
    found = {}
    for word in words:
        name, equals, python = word.rpartition("=")
        if not python or (equals and not name):
            raise DataError(f"--environment {word}: expected METHOD=PYTHON or PYTHON")
        found[name or EVERY] = python
    return found


def identify(trackers: Sequence[Tracker]) -> dict[str, dict[str, Any]]:
    """What makes the tables of each tracker, by its name.

    Raises:
        DataError: something that trackers need is missing; said of all at once.
    """
    identities, problems = {}, []
    for tracker in trackers:
        try:
            identities[tracker.name] = tracker.identity()
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n  ".join(["methods that cannot run:", *problems]))
    return identities


def keep(
    trackers: Sequence[Tracker], identities: Mapping[str, dict[str, Any]], tracks: WholeTracks, out: Path
) -> tuple[dict[str, KeptTables], list[str]]:
    """Run every tracker over the tracks of which it has no table yet.

    Args:
        trackers: the methods.
        identities: of them, by name.
        tracks: the recordings.
        out: receives a folder for each method.

    Returns:
        The tables by method, and what went wrong: a line for each recording on which a method failed.

    Raises:
        DataError: a folder holds tables of which it does not say what made them.
    """
    kept: dict[str, KeptTables] = {}
    problems: list[str] = []
    for tracker in trackers:
        made_by = {"method": identities[tracker.name], "data": tracks.identity, "columns": list(Tracked._fields)}
        kept[tracker.name] = KeptTables(out / tracker.name, made_by)
        if kept[tracker.name].replaced:
            print(f"melisma: {tracker.name}: its tables were made otherwise; they are made again", file=sys.stderr)
        problems += _track_all(tracker, tracks, kept[tracker.name])
    return kept, problems


def _track_all(tracker: Tracker, tracks: WholeTracks, kept: KeptTables) -> list[str]:
    """Make the tables that are missing; what went wrong."""
    missing = [name for name in tracks.names if not kept.has(name)]
    if not missing:
        return []
    problems = []
    with tracker:
        for name in tqdm(missing, desc=tracker.name, unit="track"):
            track = tracks[name]
            try:
                kept.keep(name, tracker(track.samples, track.rate), len(track.samples) / track.rate)
            except MachineFault:
                raise  # the other recordings would have the same to say
            except DataError as error:
                problems.append(f"{name}: {error}")
    return problems


def keep_references(tracks: WholeTracks, out: Path) -> KeptTables:
    """Write the truth of all recordings as f0 tables, to `out/reference`."""
    kept = KeptTables(out / REFERENCE, {"data": tracks.identity})
    for name in tqdm([name for name in tracks.names if not kept.has(name)], desc=REFERENCE, unit="track"):
        track = tracks[name]
        kept.keep(name, Tracked(track.reference, 0.0, 0.0), len(track.samples) / track.rate)
    return kept
