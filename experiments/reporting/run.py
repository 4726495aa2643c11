"""What a run left in its folder, also while it is trained: configuration, record, curves, and the sets it scored."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from callbacks.predictions.set_frames import SetFrames
from callbacks.run.curve_file import CurvePoint, Curves, read_curves
from callbacks.run.record_file import check_record
from datamodules.documents import as_mapping, parse_yaml
from datamodules.errors import DataError
from datamodules.files import file_name, read_text
from datamodules.shards.metadata import TrackMetadata, read_metadata
from experiments.evaluation.clusters import clusters_of
from experiments.evaluation.frames import LOWEST, AlignedTrack, TrackGuess
from experiments.evaluation.scores import Scores
from experiments.reporting.melody import TrackSet
from experiments.reporting.recordings import NoRecordings, Recordings, ShardRecordings
from experiments.reporting.spoken import read_rows
from experiments.reporting.tracks import SalientExcerpt
from experiments.reporting.values import read_json, without_places

CONFIG, RECORD, CURVES, FRAMES = "config.yaml", "record.json", "curves.jsonl", "frames.npz"
# In this order; of a set that was validated by itself, what fit left last is not shown as well.
_STAGES = {"validate": "validation", "validation": "validation", "test": "test"}
_METHOD = "estimate"


class ScoredSet(NamedTuple):
    """A set that a run scored.

    Attributes:
        stage: folder of the stage, such as `validate`.
        name: of the set.
        folder: of its files.
        recordings: of its items, as far as they are there.
        notes: what is known of its items, by name; empty if the data is not there.
    """

    stage: str
    name: str
    folder: Path
    recordings: Recordings
    notes: Mapping[str, TrackMetadata]

    @property
    def title(self) -> str:
        """The set and the stage."""
        return f"{self.name}, {self.stage}"

    @property
    def groups(self) -> dict[str, str]:
        """Song or speaker of each item that has one."""
        return {name: note.group for name, note in self.notes.items() if note.group != name}


class Run:
    """A run folder.

    Attributes:
        folder: of it.
        record: what `callbacks.RunRecord` wrote; empty before the first validation.
        curves: None if the run was made by a version that wrote none.
        config: text of the resolved configuration.

    Args:
        folder: with config.yaml.

    Raises:
        DataError: a file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = read_json(folder / RECORD) if (folder / RECORD).is_file() else {}
        check_record(self.record, folder / RECORD)
        self.curves = read_curves(folder / CURVES) if (folder / CURVES).is_file() else None
        latest = sorted(folder.glob("config*.yaml"), key=lambda path: (len(path.name), path.name))[-1]
        self.config = read_text(latest)
        self._stated = _mapping(latest, self.config)

    def sets(self) -> Iterator[ScoredSet]:
        """The sets that were scored, in the order of their names; those of `validate` before those of fit."""
        shown: set[str] = set()
        for stage, split in _STAGES.items():
            for folder in sorted(path for path in (self.folder / stage).glob("*") if path.is_dir()):
                if stage == "validation" and folder.name in shown:
                    continue
                shown.add(folder.name)
                name, directory = self._data(stage, split, folder.name)
                yield ScoredSet(stage, name, folder, *_audio(directory, split))

    def _data(self, stage: str, split: str, folder: str) -> tuple[str, Path | None]:
        """Name of a set and its prepared directory, as the run's data says."""
        stated = self._stated
        own = self.folder / stage / RECORD  # of data that the fit did not know
        if own.is_file():
            stated = read_json(own).get("config") or stated
        place = f"{self.folder / CONFIG}: data"
        data = as_mapping(stated.get("data") or {}, place)
        named = {**data, **as_mapping(data.get("init_args") or {}, f"{place}.init_args")}.get(split) or {}
        if isinstance(named, Mapping):
            for name, directory in named.items():
                if file_name(str(name)) == folder:
                    return str(name), Path(str(directory))
        return folder, None

    def part(self) -> dict[str, Any]:
        """State, facts, curves and configuration as JSON values."""
        return {
            "state": _state(self.record, self.curves),
            "facts": list(self._facts()),
            "curves": _charts(self._points(), self.record.get("best")),
            "configuration": self.config,
        }

    def _points(self) -> list[CurvePoint]:
        if self.curves is not None:
            return self.curves.points
        validations = self.record.get("validations") or []
        return [CurvePoint(each["step"], each["epoch"], math.nan, each["metrics"]) for each in validations]

    def _facts(self) -> Iterator[tuple[str, str]]:
        record, curves = self.record, self.curves
        if curves is not None and curves.points and curves.starts:
            latest, limits = curves.points[-1], curves.starts[-1]
            of = f" of {limits.max_steps}" if (limits.max_steps or -1) > 0 else ""
            epochs = f" of {limits.max_epochs}" if (limits.max_epochs or -1) > 0 else ""
            yield "step", f"{latest.step}{of}"
            yield "epoch", f"{latest.epoch + 1}{epochs}"
            yield "training time", f"{latest.seconds / 60:.1f} min{_left(curves)}"
        if throughput := record.get("throughput"):
            yield "throughput", ", ".join(_speeds(throughput))
        if best := record.get("best"):
            yield "best", f"{best['metric']} {best['value']:.4f} at step {best['step']}"
        for name in ("seed", "commit", "parameters", "processes", "hours", "hardware"):
            if record.get(name) is not None:
                yield name, str(record[name])
        if command := record.get("command"):
            yield "command", " ".join(map(without_places, command))
        for directory, identity in (record.get("data_sets") or {}).items():
            yield f"data {directory}", str(identity)
        if packages := record.get("packages"):
            yield "packages", ", ".join(f"{name} {version}" for name, version in packages.items())


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / CONFIG).is_file()


def tracks_of(scored: ScoredSet) -> tuple[TrackSet, dict[str, SalientExcerpt]] | None:
    """The annotated tracks of a set and the salience of some; None if it is not of tracks, or none is annotated.

    Raises:
        DataError: a file of the set is damaged.
    """
    if not (scored.folder / FRAMES).is_file() or not (scored.folder / "scores.tsv").is_file():
        return None
    frames = SetFrames.load(scored.folder / FRAMES)
    threshold = float(frames.threshold)
    tracks = [
        _aligned(str(name), frames, place, threshold)
        for place, name in enumerate(frames.tracks)
        if frames.track(place).reference is not None
    ]
    if not tracks:
        return None
    names = [track.name for track in tracks]
    notes = {name: scored.notes.get(name, TrackMetadata(name, {})) for name in names}
    clusters = np.unique(clusters_of(names, notes, "group"), return_inverse=True)[1]
    metadata = {name: note.values for name, note in notes.items()}
    scores = _scores(scored.folder / "scores.tsv", names)
    salience = {}
    for number, place in enumerate(frames.excerpt_track.tolist()):
        excerpt = frames.excerpt(number)
        first = int(frames.excerpt_first[number])
        salience[str(frames.tracks[place])] = SalientExcerpt(first, excerpt.salience, frames.notes.astype(np.float64))
    return TrackSet(scored.title, tracks, {_METHOD: None}, scores, metadata, clusters), salience


def _aligned(name: str, frames: SetFrames, place: int, threshold: float) -> AlignedTrack:
    times, reference, pitch, confidence = frames.track(place)
    assert reference is not None
    truth, guess, certainty = (each.astype(np.float64) for each in (reference, pitch, confidence))
    guessed = TrackGuess(_cents(guess), (certainty > threshold) & (guess > 0), certainty)
    return AlignedTrack(name, times, truth > 0, _cents(truth), {_METHOD: guessed})


def _cents(f0: Any) -> Any:  # noqa: ANN401 -- an array
    return 1200 * np.log2(np.where(f0 > 0, f0, LOWEST) / LOWEST)


def _scores(path: Path, names: list[str]) -> Scores:
    rows = {row["id"]: row for row in read_rows(path)}
    metrics = tuple(name for name in next(iter(rows.values()), {}) if name != "id")
    try:
        values = [[float(rows[name][metric] or "nan") for metric in metrics] for name in names]
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: not the scores of these tracks ({error!r}); validate the run again") from error
    return Scores((_METHOD,), tuple(names), metrics, np.array([values]))


def _audio(directory: Path | None, split: str) -> tuple[Recordings, Mapping[str, TrackMetadata]]:
    if directory is None:
        return NoRecordings("the run does not say of which data this set is"), {}
    if not (directory / "dataset.json").is_file():
        return NoRecordings(f"no audio: {directory} is not here"), {}
    try:
        return ShardRecordings(directory, split), read_metadata(directory, split)
    except DataError as error:
        return NoRecordings(f"no audio: {error}"), {}


def _left(curves: Curves) -> str:
    """How much longer a fit that goes on will take, if it says how far it goes."""
    latest, limits = curves.points[-1], curves.starts[-1]
    batches = limits.batches if limits.max_epochs is not None and limits.max_epochs > 0 else None
    ends = [limits.max_steps or -1, (limits.max_epochs or 0) * batches if batches else -1]
    steps = min((end for end in ends if end > 0), default=0) - latest.step
    if curves.finished or curves.exception is not None or steps <= 0 or latest.step <= 0:
        return ""
    return f", about {latest.seconds / latest.step * steps / 60:.1f} min left at this pace"


def _state(record: Mapping[str, Any], curves: Curves | None) -> str:
    if curves is None:
        return "finished" if record.get("finished") else "not finished"
    if curves.exception is not None:
        return f"stopped by {curves.exception}"
    return "finished" if curves.finished else "in training, or killed"


def _speeds(throughput: Mapping[str, float]) -> Iterator[str]:
    """What `callbacks.Throughput` measured, for people."""
    for name, value in throughput.items():
        if name.endswith("_per_second"):
            of = name.removesuffix("_per_second").replace("audio_seconds", "s of audio")
            yield f"{value:.4g} {of} a second"
    for name, words in (
        ("waiting_for_data", "of the time waiting for data"),
        ("matrix_rate_share", "of the matrix rate"),
    ):
        if name in throughput:
            yield f"{throughput[name]:.1%} {words}"
    if "memory_gib" in throughput:
        yield f"{throughput['memory_gib']:.2f} GiB"


_THROUGHPUT = "throughput/"
_SPEED = re.compile(_THROUGHPUT + r"((windows|utterances|examples)_per_second|waiting_for_data)")  # what is drawn of it


def _charts(points: list[CurvePoint], best: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Curves by what they show: loss first, then what is monitored, learning rate last; sets side by side."""
    names = list(dict.fromkeys(name for point in points for name in point.metrics))
    names = [name for name in names if not name.startswith(_THROUGHPUT) or _SPEED.fullmatch(name)]
    by_chart: dict[str, list[str]] = {}
    for name in names:
        by_chart.setdefault("learning rate" if name.split("/")[0] == "lr" else name.split("/")[-1], []).append(name)
    monitored = str(best["metric"]).split("/")[-1] if best else ""
    last = {name.split("/")[-1]: 4 for name in names if name.startswith(_THROUGHPUT)}
    order = {"loss": 0, monitored: 1, "learning rate": 3, **last}
    charts = []
    for chart, members in sorted(by_chart.items(), key=lambda item: order.get(item[0], 2)):
        lines = []
        for name in members:
            known = [(point.step, point.metrics[name]) for point in points if name in point.metrics]
            steps, values = zip(*known, strict=True)
            finite = [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
            lines.append({"name": name, "step": list(steps), "value": finite})
        charts.append(
            {
                "name": chart.replace("_", " "),
                "lines": lines,
                "logarithmic": chart == "loss",
                "best": best["step"] if best and chart == monitored else None,
            }
        )
    return charts


def _mapping(path: Path, text: str) -> dict[str, Any]:
    return as_mapping(parse_yaml(text, str(path)), str(path))
