"""Is autocorrelation the same as the spectrum? `python -m experiments.baselines.autocorrelation --help`.

By Wiener and Khinchin the autocorrelation is the inverse transform of the power spectrum, so that both hold the same;
the rules that look for a peak in them differ. `--picture` draws what three of them see of a synthetic melody,
`--record` sums up validations of them.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from architectures import Autocorrelation, FrameNetwork, SpectralPeak
from architectures.whole_recordings import WholeAudio
from callbacks.pictures.notes import hz_to_notes
from callbacks.pictures.pianoroll import add_legend, classify_frames, draw_points, scores_line
from callbacks.pictures.salience import draw_salience
from callbacks.pictures.small_files import save_small
from datamodules.corpora import SyntheticMelody
from datamodules.errors import DataError
from datamodules.files import write_atomically
from experiments.catalogue.figures import ALL
from experiments.evaluation.statistics import Bootstrap
from experiments.studies.results import read_record
from lightning_modules.decoding import Argmax
from lightning_modules.outputs import signed_f0
from lightning_modules.pitch_grid import PitchGrid

RATE, HOP, WINDOW = 16000, 160, 2048
GRID = PitchGrid(lowest_note=24, semitones=72, bins_per_semitone=5)
THRESHOLD = 0.5  # of the recipes
SHOWN = (40.0, 90.0)  # MIDI notes of the picture
# Figures of a track that the record keeps.
COLUMNS = """
    raw_pitch_accuracy raw_pitch_accuracy_25 raw_pitch_accuracy_10 raw_chroma_accuracy overall_accuracy voicing_recall
    voicing_false_alarm
""".split()

VALIDATE = "validate"  # name of the evaluation in the record
STAND_IN = "read speech and a song of one voice in place of the songs of MedleyDB"
SHARED = ("seed", "commit", "data_sets", "hardware", "packages")  # of the runs of a record


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the picture, write the record, or both."""
    parser = ArgumentParser(prog="python -m experiments.baselines.autocorrelation", description=__doc__)
    parser.add_argument("--picture", type=Path, metavar="PNG", help="to write")
    parser.add_argument("--record", type=Path, metavar="JSON", help="to write, of --runs")
    parser.add_argument("--runs", nargs="+", default=[], metavar="NAME=RUN", help="folders of validations")
    parser.add_argument("--speaker", default=r"^[a-z]{2}(?=\d)", help="pattern of the speaker in an id")
    options = parser.parse_args(arguments)
    if options.picture:
        save_small(picture(), options.picture)
    if options.record:
        runs = {name: Path(folder) for name, _, folder in (run.partition("=") for run in options.runs)}
        with write_atomically(options.record) as file:
            file.write((json.dumps(record(runs, options.speaker), indent=1) + "\n").encode())


def rules() -> dict[str, FrameNetwork]:
    """The rules of `melody/baselines/acf.yaml` and `fft.yaml`, by the name of their row in the picture."""
    return {
        "autocorrelation": Autocorrelation(GRID.bins, WINDOW),
        "highest peak of the spectrum": SpectralPeak(GRID.bins, WINDOW),
        "sum of 8 harmonics of the spectrum": SpectralPeak(GRID.bins, WINDOW, harmonics=8),
    }


def picture() -> Figure:
    """Strengths of the rules on four seconds of a synthetic melody, with their highest bins and the true f0."""
    corpus = SyntheticMelody({"validation": 1}, 4.0, RATE, lowest_note=48, highest_note=72, snr_db=30.0, seed=3)
    (recording,) = corpus.recordings()
    assert recording.audio is not None and recording.truth is not None
    samples = torch.from_numpy(recording.audio.read().samples)
    times = np.arange(-(-len(samples) // HOP)) * HOP / RATE
    reference = recording.truth.read().at(times)
    figure = Figure(figsize=(11.0, 7.5), layout="constrained")
    rows = figure.subplots(3, 1, sharex=True, sharey=True)
    for axes, (name, rule) in zip(rows, rules().items(), strict=True):
        with torch.no_grad():
            salience = torch.sigmoid(WholeAudio(rule, HOP)(samples))
        decoded = Argmax()(salience, GRID)
        estimate = signed_f0(decoded.f0.numpy(), decoded.confidence.numpy(), THRESHOLD)
        draw_salience(axes, times, GRID.notes().numpy(), salience.numpy())
        truth = np.where(reference > 0, hz_to_notes(np.where(reference > 0, reference, 1.0)), np.nan)
        axes.plot(times, truth, color="white", linewidth=2.5)
        draw_points(axes, times, estimate, classify_frames(reference, estimate))
        axes.set_title(name, loc="left", fontsize="medium")
        axes.set_title(scores_line(reference, estimate), loc="right", fontsize="x-small")
        axes.set_ylim(SHOWN)
        axes.label_outer()
    add_legend(rows[0], list(rows))
    rows[1].text(1.02, 1.0, "white: true f0", transform=rows[1].transAxes, va="top")
    return figure


def record(runs: Mapping[str, Path], speaker: str) -> dict[str, Any]:
    """A record of validations, see `experiments/catalogue/README.md`: figures with 95 % intervals over tracks.

    Each set has the parts `all` and, where ids name speakers, those of every speaker, whose tracks are too few clusters
    for an interval over speakers. Differences are from the first run, paired over tracks.

    Args:
        runs: folders by the name of the method; the first is the baseline, and its recipe is that of the record.
        speaker: regular expression that finds the speaker in an id; ids without one have no part of their own.

    Raises:
        DataError: there are no runs, one has no validation, or they differ in code, data or tracks.
    """
    if not runs:
        raise DataError("--record: give --runs NAME=RUN, folders of `melisma validate`")
    tables = {name: {path.parent.name: _scores(path) for path in _tables(run)} for name, run in runs.items()}
    made = {name: read_record(run) for name, run in runs.items()}
    first, bootstrap = next(iter(runs)), Bootstrap()
    for name, run in made.items():
        for key in SHARED:
            if run[key] != made[first][key]:
                raise DataError(f"--runs: {name} differs from {first} in {key}; validate them again on the same code")
        if {data: scores.keys() for data, scores in tables[name].items()} != {
            data: scores.keys() for data, scores in tables[first].items()
        }:
            raise DataError(f"--runs: {name} and {first} were scored on different tracks")
    data = next(iter(tables[first]))
    return {
        "kind": "comparison",
        "headline": {"evaluation": VALIDATE, "set": data, "part": ALL, "metric": COLUMNS[0], "method": first},
        "stand_in": STAND_IN,
        "run": {"command": made[first]["command"], **{key: made[first][key] for key in SHARED}},
        "evaluations": {
            VALIDATE: {
                "commands": [shlex.join(run["command"]) for run in made.values()],
                "baseline": first,
                "tracks": {name: len(scores) for name, scores in tables[first].items()},
                "bootstrap": vars(bootstrap),
                "cluster": "track",
                "hours": {name: run["hours"] for name, run in made.items()},
                "figures": {
                    name: {
                        part: _figures({method: tables[method][name] for method in runs}, tracks, bootstrap)
                        for part, tracks in _parts(list(scores), speaker).items()
                    }
                    for name, scores in tables[first].items()
                },
            }
        },
    }


def _tables(run: Path) -> list[Path]:
    found = sorted((run / "validate").glob("*/scores.tsv"))
    if not found:
        raise DataError(f"{run / 'validate'}: no scores.tsv of any set")
    return found


def _scores(path: Path) -> dict[str, NDArray[np.float64]]:
    """`COLUMNS` of every track, NaN where undefined."""
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter="\t")
    return {row["id"]: np.array([float(row[column] or "nan") for column in COLUMNS]) for row in rows}


def _parts(tracks: Sequence[str], speaker: str) -> dict[str, list[str]]:
    """Tracks by part: all, and those of every speaker."""
    parts = {ALL: list(tracks)}
    named = ((found[0], name) for name in tracks if (found := re.search(speaker, name)))
    for who, name in sorted(named):
        parts.setdefault(f"speaker {who}", []).append(name)
    return parts


def _figures(
    scores: Mapping[str, Mapping[str, NDArray[np.float64]]], tracks: Sequence[str], bootstrap: Bootstrap
) -> dict[str, dict[str, dict[str, Any]]]:
    """By metric and method: mean, interval, and difference from the first method; no interval of a single track."""
    values = {method: np.stack([of_method[name] for name in tracks]) for method, of_method in scores.items()}
    baseline, figures = next(iter(values.values())), dict[str, dict[str, dict[str, Any]]]()
    for method, of_method in values.items():
        paired = of_method - baseline
        means, differences = np.nanmean(of_method, axis=0), np.nanmean(paired, axis=0)
        ends, paired_ends = bootstrap.interval(of_method).T, bootstrap.interval(paired).T
        for place, column in enumerate(COLUMNS):
            figure: dict[str, Any] = {"value": round(float(means[place]), 6)}
            if len(tracks) > 1:
                figure["interval"] = ends[place].round(6).tolist()
                if of_method is not baseline:
                    figure["difference"] = [round(float(differences[place]), 6), *paired_ends[place].round(6).tolist()]
            figures.setdefault(column, {})[method] = figure
    return figures


if __name__ == "__main__":
    main()
