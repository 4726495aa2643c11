"""What `melisma evaluate` and `melisma compare` wrote, read again: tables, figures, and the data they are of."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from datamodules.errors import DataError
from datamodules.files import file_name
from datamodules.shards.metadata import TrackMetadata, read_metadata
from experiments.evaluation.clusters import Cluster, clusters_of
from experiments.evaluation.frames import aligned_tracks
from experiments.evaluation.scores import Rules, Scores
from experiments.evaluation.tables import TableFolder, pair
from experiments.evaluation.tracked import TrackedFolder
from experiments.reporting.melody import TrackSet
from experiments.reporting.recordings import FolderRecordings, NoRecordings, Recordings, ShardRecordings
from experiments.reporting.values import read_json
from experiments.trackers.methods import REFERENCE
from lightning_modules.metrics import Criteria

SUMMARY, JUDGEMENT, TRACKS = "summary.json", "judgement.json", "tracks.csv"


class ComparedFolder(NamedTuple):
    """A set of a comparison.

    Attributes:
        data: tracks and figures.
        recordings: of the tracks, as far as they are there.
        details: what was compared and how, as JSON values.
    """

    data: TrackSet
    recordings: Recordings
    details: dict[str, Any]


def is_comparison(folder: Path) -> bool:
    """Whether `melisma evaluate --out` or `melisma compare` wrote a folder."""
    return (folder / SUMMARY).is_file() or (folder / JUDGEMENT).is_file()


def read_comparison(folder: Path, recordings: Path | None) -> Iterator[ComparedFolder]:
    """The sets of a comparison, each with its f0 tables.

    Args:
        folder: that it was written to.
        recordings: folder of audio files named after the tracks; None: the audio of the compared data, if it is there.

    Raises:
        DataError: a file is missing or not readable; the message names it.
    """
    cluster: Cluster = "track"
    if (folder / JUDGEMENT).is_file():
        cluster = read_json(folder / JUDGEMENT).get("cluster", "track")
    places = [folder] if (folder / SUMMARY).is_file() else sorted(path.parent for path in folder.glob(f"*/{SUMMARY}"))
    if not places:
        raise DataError(f"{folder}: no {SUMMARY} in it or in its folders; `melisma compare` and `evaluate` write one")
    for place in places:
        yield _read(place, cluster, recordings)


def _read(folder: Path, cluster: Cluster, recordings: Path | None) -> ComparedFolder:
    details = read_json(folder / SUMMARY)
    try:
        methods = list(details["methods"])
        criteria = Criteria(tuple(details["criteria"]["tolerances"]))
        rules = Rules(criteria, details["resample"])
        of_evaluate = "estimates" in details
        options = details["tables"] if "tables" in details else {"reference": {}, "estimate": {}}
        if of_evaluate:
            places = {name: Path(path) for name, path in details["estimates"].items()}
            references = TableFolder(Path(details["references"]), **options["reference"])
        else:
            places = {name: folder / name for name in methods}
            references = TableFolder(folder / REFERENCE)
        thresholds = {name: details.get("thresholds", {}).get(name) for name in methods}
        estimates = {name: TrackedFolder(places[name], **options["estimate"]) for name in methods}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder / SUMMARY}: not as this version writes it ({error!r}); compare again") from error
    pairs = pair(references, dict(estimates))
    tracks = list(aligned_tracks(references, estimates, pairs, rules))
    names = [track.name for track in tracks]
    notes = _notes(details, names)
    clusters = np.unique(clusters_of(names, notes, cluster), return_inverse=True)[1]
    name = folder.resolve().name if of_evaluate else Path(details["data"]).name
    metadata = {track: note.values for track, note in notes.items()}
    data = TrackSet(name, tracks, thresholds, _scores(folder / TRACKS, names), metadata, clusters)
    return ComparedFolder(data, _recordings(details, recordings), details)


def _notes(details: Mapping[str, Any], names: list[str]) -> dict[str, TrackMetadata]:
    """What the compared data says of its recordings, if it is still there."""
    if "data" in details and (Path(details["data"]) / "dataset.json").is_file():
        known = {
            file_name(track): note for track, note in read_metadata(Path(details["data"]), details["split"]).items()
        }
        if all(name in known for name in names):
            return {name: known[name] for name in names}
    return {name: TrackMetadata(name, {}) for name in names}


def _recordings(details: Mapping[str, Any], folder: Path | None) -> Recordings:
    if folder is not None:
        return FolderRecordings(folder)
    if "data" not in details:
        return NoRecordings("f0 tables have no audio; --recordings FOLDER says where it is")
    try:
        return ShardRecordings(Path(details["data"]), details["split"])
    except DataError as error:
        return NoRecordings(f"the audio is not there: {error}")


def _scores(path: Path, tracks: list[str]) -> Scores:
    """The metrics of every track."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        methods, metrics = (tuple(dict.fromkeys(row[key] for row in rows)) for key in ("method", "metric"))
        values = np.full((len(methods), len(tracks), len(metrics)), np.nan)
        place = {name: number for number, name in enumerate(tracks)}
        for row in rows:
            if row["track"] in place:
                at = methods.index(row["method"]), place[row["track"]], metrics.index(row["metric"])
                values[at] = float(row["value"] or "nan")
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: not readable as a table of scores ({error!r})") from error
    return Scores(methods, tuple(tracks), metrics, values)
