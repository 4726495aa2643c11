"""Run pitch trackers over prepared data and score them, as in `melisma compare data/fda --methods pyin,pesto`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jsonargparse import ArgumentParser
from tqdm import tqdm

from datamodules.errors import DataError
from experiments.commands.evaluate import add_scoring, described, scoring
from experiments.evaluation.report import table_lines, write_report
from experiments.evaluation.scores import score
from experiments.evaluation.statistics import summarise
from experiments.evaluation.tables import TableFolder, pair
from experiments.mistakes import parse
from experiments.released import released_names
from experiments.trackers.base import Tracked, Tracker
from experiments.trackers.catalogue import METHODS, own
from experiments.trackers.kept import KeptTables
from experiments.trackers.public import PublicTracker
from experiments.trackers.whole_tracks import WholeTracks

REFERENCE = "reference"


def main(arguments: list[str]) -> None:
    """Track every recording of a split with every method, keep the f0 tables, print and write the scores.

    What is there already is used again. If a method fails on a recording, the rest is done, the failures are listed,
    nothing is scored, and the exit code is 1.
    """
    parser = ArgumentParser(prog="melisma compare", description=__doc__, allow_abbrev=False)
    parser.add_argument("data", type=Path, help="a prepared directory with audio and f0")
    parser.add_argument(
        "--methods",
        type=str,
        required=True,
        help=f"separated by commas, the first is what the others are compared with: {', '.join(METHODS)}, "
        "NAME of a released model, NAME=MODEL (a released model, its folder, RUN, or RUN/checkpoints/best.ckpt), or "
        "NAME=FILE.py:CLASS, a tracker of your own",
    )
    parser.add_argument("--split", type=str | None, default=None, help="null: the only one")
    parser.add_argument(
        "--out", type=Path, default=Path("comparison"), help="folder for METHOD/TRACK.csv and the scores"
    )
    parser.add_argument(
        "--environment",
        type=str,
        action="append",
        default=[],
        help="METHOD=PYTHON: the interpreter of an environment that has the method's package; may be repeated",
    )
    parser.add_argument("--device", default="cpu", help="of our models; public trackers run on the CPU")
    add_scoring(parser)
    options = parse(parser, arguments)
    rules, bootstrap = scoring(options)
    trackers = make_trackers(options.methods, _interpreters(options.environment), options.device)
    tracks = WholeTracks(options.data, options.split)
    kept = keep(trackers, tracks, options.out)
    references = TableFolder(_keep_references(tracks, options.out / REFERENCE).folder)
    estimates = {name: TableFolder(tables.folder) for name, tables in kept.items()}
    pairs = pair(references, estimates)
    if pairs.unpaired:
        raise DataError("\n  ".join([f"{options.out}: tables of other data; remove them:", *pairs.unpaired]))
    scores = score(references, estimates, pairs, rules)
    summary = summarise(scores, bootstrap)
    speeds = {name: tables.speed() for name, tables in kept.items()}
    print("\n".join(table_lines(summary, speeds)))
    print("real-time factor: seconds of audio for each second on this machine, without loading the tracker")
    details = {"data": str(options.data), **tracks.identity, "real_time_factors": speeds, **described(rules)}
    write_report(options.out, summary, details)

    from experiments.evaluation.pictures import BOXES, PIANOROLLS, write_pictures

    write_pictures(options.out, scores, references, estimates, pairs)
    print(f"\nf0 tables, tracks.csv, summary.csv, summary.json, {BOXES} and {PIANOROLLS} in {options.out}")


def make_trackers(methods: str, interpreters: Mapping[str, str], device: str) -> list[Tracker]:
    """What `--methods` names, in its order.

    Args:
        methods: names of the catalogue and of released models, NAME=MODEL and NAME=FILE.py:CLASS, separated by commas.
        interpreters: of the methods that do not run in this environment.
        device: where our models run.

    Raises:
        DataError: a method is not known or named twice, or an interpreter is of none of them.
    """
    trackers: dict[str, Tracker] = {}
    for word in filter(None, methods.split(",")):
        name, equals, where = word.partition("=")
        method = own(name, where) if equals else METHODS.get(name)
        if name in trackers or name == REFERENCE:
            raise DataError(f"--methods: the name {name!r} is taken")
        if method is not None:
            trackers[name] = PublicTracker(name, method, interpreters.get(name, sys.executable))
        elif equals or name in released_names():
            from experiments.trackers.trained import (
                TrainedTracker,  # needs torch; no other tracker does, in this process
            )

            trackers[name] = TrainedTracker(name, where or name, device)
        else:
            known = ", ".join([*METHODS, *released_names()])
            raise DataError(
                f"--methods: {name!r} is not known; there are {known}, NAME=RUN/checkpoints/best.ckpt and "
                "NAME=FILE.py:CLASS"
            )
    for name in interpreters:
        if not isinstance(trackers.get(name), PublicTracker):
            raise DataError(f"--environment {name}: --methods names no public tracker {name!r}")
    if not trackers:
        raise DataError("--methods: none is named")
    return list(trackers.values())


def _interpreters(words: Sequence[str]) -> dict[str, str]:
    split = [word.partition("=") for word in words]
    for name, _, python in split:
        if not (name and python):
            raise DataError(f"--environment {name}: expected METHOD=PYTHON")
    return {name: python for name, _, python in split}


def keep(trackers: Sequence[Tracker], tracks: WholeTracks, out: Path) -> dict[str, KeptTables]:
    """Run every tracker over the tracks of which it has no table yet.

    Args:
        trackers: the methods.
        tracks: the recordings.
        out: receives a folder for each method.

    Returns:
        The tables by method.

    Raises:
        DataError: something that a method needs is missing, said of all methods before any runs; or a method failed on
            recordings, said after all others are done.
    """
    identities, problems = {}, []
    for tracker in trackers:
        try:
            identities[tracker.name] = tracker.identity()
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n  ".join(["methods that cannot run:", *problems]))
    kept = {}
    for tracker in trackers:
        made_by = {"method": identities[tracker.name], "data": tracks.identity}
        kept[tracker.name] = KeptTables(out / tracker.name, made_by)
        if kept[tracker.name].replaced:
            print(f"melisma: {tracker.name}: its tables were made otherwise; they are made again", file=sys.stderr)
        problems += _track_all(tracker, tracks, kept[tracker.name])
    if problems:
        raise DataError("\n  ".join([f"{len(problems)} recordings could not be tracked:", *problems]))
    return kept


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
            except DataError as error:
                problems.append(f"{name}: {error}")
    return problems


def _keep_references(tracks: WholeTracks, folder: Path) -> KeptTables:
    kept = KeptTables(folder, {"data": tracks.identity})
    for name in tqdm([name for name in tracks.names if not kept.has(name)], desc=REFERENCE, unit="track"):
        track = tracks[name]
        kept.keep(name, Tracked(track.reference, 0.0), len(track.samples) / track.rate)
    return kept
