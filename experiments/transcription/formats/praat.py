"""Praat's text files: PitchTier and TextGrid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class LabelledInterval(NamedTuple):
    """A labelled stretch of time.

    Attributes:
        start: s.
        end: s.
        label: text; empty where nothing is said.
    """

    start: float
    end: float
    label: str


def pitch_tier(times: NDArray[np.float64], f0: NDArray[np.float64], voiced: NDArray[np.bool_], seconds: float) -> str:
    """A PitchTier: a point for each voiced frame.

    Args:
        times: `(frames,)`, s.
        f0: `(frames,)`, Hz.
        voiced: `(frames,)`.
        seconds: of the recording.
    """
    points = list(zip(times[voiced].tolist(), f0[voiced].tolist(), strict=True))
    lines = [*_header("PitchTier", seconds), f"points: size = {len(points)}"]
    for number, (time, value) in enumerate(points, 1):
        lines += [f"points [{number}]:", f"    number = {time!r}", f"    value = {value:.9g}"]
    return "\n".join(lines) + "\n"


def text_grid(tiers: dict[str, Sequence[LabelledInterval]], seconds: float) -> str:
    """A TextGrid of interval tiers.

    Args:
        tiers: by name, intervals in order of time that do not overlap; between them nothing is said.
        seconds: of the recording; an interval that ends later is cut off there.
    """
    lines = [*_header("TextGrid", seconds), "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), 1):
        filled = list(_without_gaps(intervals, seconds))
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(name)}",
            "        xmin = 0",
            f"        xmax = {seconds!r}",
            f"        intervals: size = {len(filled)}",
        ]
        for place, (start, end, label) in enumerate(filled, 1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {start!r}",
                f"            xmax = {end!r}",
                f"            text = {_quoted(label)}",
            ]
    return "\n".join(lines) + "\n"


def _header(kind: str, seconds: float) -> list[str]:
    return ['File type = "ooTextFile"', f'Object class = "{kind}"', "", "xmin = 0", f"xmax = {seconds!r}"]


def _without_gaps(intervals: Sequence[LabelledInterval], seconds: float) -> Iterator[LabelledInterval]:
    """Praat's tiers cover the whole time: silence is an interval without text."""
    done = 0.0
    for start, end, label in intervals:
        begin, stop = max(start, done), min(end, seconds)
        if not begin < stop:
            continue
        if done < begin:
            yield LabelledInterval(done, begin, "")
        yield LabelledInterval(begin, stop, label)
        done = stop
    if done < seconds:
        yield LabelledInterval(done, seconds, "")


def _quoted(text: str) -> str:
    return '"' + " ".join(text.split()).replace('"', '""') + '"'
