"""The picture of a study: for each finding, the units and seeds of its runs, their means and what the rule says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from callbacks.pictures.style import PALETTE
from experiments.studies.study import PublishedFinding
from experiments.studies.verdicts import Judgement

_COLUMNS = 3
_COLOURS = {"holds": "#02A27A", "does not hold": "#D7263D", "undecided": "0.45"}
_WRAP = 46
_MOST_LABELS = 8  # letters of a run's name that fit upright below six runs


def draw(
    findings: Sequence[PublishedFinding],
    judgements: Sequence[Judgement],
    values: Sequence[Mapping[str, NDArray[np.float64]]],
) -> Figure:
    """Draw a study.

    Boxes span the quartiles of the units (songs, speakers), each the mean over the seeds; a dot is the mean of a seed,
    the bar the 95 % interval of the mean.

    Args:
        findings: of the study.
        judgements: of each.
        values: of each, by run, `(seeds, units)`.
    """
    columns = min(_COLUMNS, len(findings))
    lines = -(-len(findings) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.7 * lines), layout="constrained")
    every = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, finding, judgement, of_runs in zip(every, findings, judgements, values, strict=False):
        _draw_finding(axes, finding, judgement, of_runs)
    for axes in every[len(findings) :]:
        axes.set_visible(False)
    return figure


def _draw_finding(
    axes: Axes, finding: PublishedFinding, judgement: Judgement, of_runs: Mapping[str, NDArray[np.float64]]
) -> None:
    names = list(of_runs)
    places = np.arange(len(names))
    for place, name in zip(places, names, strict=True):
        known = of_runs[name][:, ~np.isnan(of_runs[name]).any(axis=0)]
        if known.shape[1] > 1:
            axes.boxplot(
                known.mean(axis=0),
                positions=[place],
                widths=0.5,
                patch_artist=True,
                boxprops={"facecolor": "#E4EDF5", "edgecolor": "0.6"},
                medianprops={"color": "0.6"},
                whiskerprops={"color": "0.6"},
                capprops={"color": "0.6"},
                flierprops={"marker": ".", "markeredgecolor": "0.7", "markersize": 4},
            )
        of_seeds = known.mean(axis=1) if known.size else np.array([])
        axes.plot(place + np.linspace(-0.12, 0.12, len(of_seeds)), of_seeds, "o", color=PALETTE[0], markersize=4)
        mean = judgement.figures[name]
        axes.errorbar(
            place + 0.33, mean.mean, [[mean.mean - mean.low], [mean.high - mean.mean]], fmt="D", color=PALETTE[1],
            markersize=5, capsize=3,
        )  # fmt: skip
    if finding.limit is not None:
        axes.axhline(finding.limit, color="0.3", linestyle="--", linewidth=1)
    slanted = len(names) > 3 or max(map(len, names)) > _MOST_LABELS
    axes.set_xticks(places, names, rotation=25 if slanted else 0, ha="right" if slanted else "center", parse_math=False)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel(finding.metric.split("/", 1)[1].replace("_", " "), fontsize=8)
    if finding.of == "fluctuation":
        axes.set_ylabel(f"fluctuation of {axes.get_ylabel()}", fontsize=8)
    axes.grid(axis="y", color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(
        f"{_wrapped(finding.claim)}\n{judgement.verdict}", loc="left", fontsize=9, color=_COLOURS[judgement.verdict],
        parse_math=False,
    )  # fmt: skip


def _wrapped(text: str) -> str:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > _WRAP and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
