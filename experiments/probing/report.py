"""What a probe found, as a table, JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from datamodules.files import make_folder, write_atomically
from experiments.probing.probe import Probe

JSON, MARKDOWN, PICTURE = "probe.json", "probe.md", "probe.png"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def rows(probes: Mapping[str, Probe]) -> list[list[str]]:
    """The table: a line of names, then a figure a line, a tracker a column; "-" where there is none."""
    first = next(iter(probes.values()))
    lines = [["", *probes]]

    def add(title: str, values: Iterator[float], form: str) -> None:
        lines.append([title, *("-" if np.isnan(value) else form.format(value) for value in values)])

    for name in first.recall:
        add(f"recall: {name}", (probe.recall[name] for probe in probes.values()), "{:.3f}")
    for name in first.false_alarms:
        add(f"false alarms: {name}", (probe.false_alarms[name] for probe in probes.values()), "{:.3f}")
    for depth in first.vibrato:
        add(f"kept of a vibrato of {depth} semitones", (probe.vibrato[depth] for probe in probes.values()), "{:.2f}")
    add("steady tones: bias (cents)", (probe.bias for probe in probes.values()), "{:+.1f}")
    add("steady tones: jitter (cents)", (probe.jitter for probe in probes.values()), "{:.1f}")
    add("chirps: bias (cents)", (probe.offsets[0] for probe in probes.values()), "{:+.1f}")
    add("chirps: time stamps late by (ms)", (1000 * probe.offsets[1] for probe in probes.values()), "{:+.1f}")
    return lines


def write_probes(folder: Path, probes: Mapping[str, Probe], details: Mapping[str, Any]) -> None:
    """Write `probe.json`, `probe.md` and `probe.png`.

    Args:
        folder: receives them.
        probes: by tracker.
        details: how it was made; goes into the JSON.

    Raises:
        DataError: a file cannot be written.
    """
    table = rows(probes)
    markdown = [f"| {' | '.join(line)} |" for line in table]
    markdown.insert(1, f"|---|{'--:|' * len(probes)}")
    found = {name: {**asdict(probe), "chirps": _named(probe)} for name, probe in probes.items()}
    make_folder(folder)
    for name, content in {
        JSON: json.dumps({**details, "trackers": _without_nan(found)}, indent=2, sort_keys=True) + "\n",
        MARKDOWN: "\n".join(markdown) + "\n",
    }.items():
        with write_atomically(folder / name) as file:
            file.write(content.encode())
    with write_atomically(folder / PICTURE) as file:
        picture(probes).savefig(file, format="png", dpi=110)


def picture(probes: Mapping[str, Probe]) -> Figure:
    """Shares by family as a map, and where each tracker's pitch and time stamps lie."""
    first = next(iter(probes.values()))
    kinds = [*first.recall, *(f"{name} (rejected)" for name in first.false_alarms)]
    shares = np.array(
        [[*probe.recall.values(), *(1 - value for value in probe.false_alarms.values())] for probe in probes.values()]
    ).T
    figure = Figure(figsize=(5.5 + 0.8 * len(probes), 0.34 * len(kinds) + 1.6), layout="constrained")
    map_axes, axes = figure.subplots(1, 2, width_ratios=[1 + 0.8 * len(probes), 4.5])
    map_axes.imshow(shares, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share < 0.55 else "black"
        map_axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=8, color=colour)
    map_axes.set_yticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds])
    map_axes.set_xticks(range(len(probes)), list(probes), rotation=30, ha="right")
    map_axes.set_title("share of instants that are right", fontsize=9, loc="left")
    for number, (name, probe) in enumerate(probes.items()):
        colour, known = _COLOURS[number % len(_COLOURS)], list(probe.chirps.values())
        cents, late = [each.cents for each in known], [1000 * each.seconds for each in known]
        axes.plot(late, cents, ".", color=colour, alpha=0.5)
        axes.plot(1000 * probe.offsets[1], probe.offsets[0], "D", color=colour, label=name)
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xlabel("time stamps late by (ms)")
    axes.set_ylabel("pitch too high by (cents)")
    axes.set_title("chirps: each (dots) and their median", fontsize=9, loc="left")
    axes.margins(0.2)
    axes.legend(fontsize=8)
    return figure


def _named(probe: Probe) -> dict[str, Any]:
    return {f"{base:g}": each._asdict() for base, each in probe.chirps.items()}


def _without_nan(value: Any) -> Any:  # noqa: ANN401 -- whatever JSON holds
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value
