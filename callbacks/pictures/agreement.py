"""Two methods on one recording: where both are right, one alone, or neither."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from callbacks.pictures.notes import correct_frames, hz_to_notes, paired_f0
from callbacks.pictures.pianoroll import finish_pianoroll
from callbacks.pictures.style import PALETTE, WRONG, say_empty

_BOTH = "0.72"


def agreement(times: ArrayLike, reference: ArrayLike, estimates: Mapping[str, ArrayLike], title: str) -> Figure:
    """Draw the reference, coloured by which of two methods has its pitch.

    Right is what raw pitch accuracy counts: within half a semitone, whatever the estimated voicing. The legend has the
    shares of the voiced frames.

    Args:
        times: `(frames,)`, s.
        reference: `(frames,)`, Hz, 0 where unvoiced.
        estimates: of two methods, by name, `(frames,)`, Hz, negative where unvoiced with a guess, 0 without a guess.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: there are not two methods, one does not share the frames, or a value is not finite.
    """
    if len(estimates) != 2:
        raise ValueError(f"estimates: of {len(estimates)} methods; agreement is between two")
    (one, first), (other, second) = estimates.items()
    seconds = np.asarray(times, dtype=np.float64)
    truth, _ = paired_f0(reference, first)
    right, also = (correct_frames(*paired_f0(reference, each)) for each in (first, second))
    voiced = truth > 0
    kinds = {
        "both right": (right & also, _BOTH),
        f"only {one}": (right & ~also, PALETTE[0]),
        f"only {other}": (also & ~right, PALETTE[4]),
        "neither": (voiced & ~right & ~also, WRONG),
    }
    figure = Figure(figsize=(12.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for name, (frames, colour) in kinds.items():
        label = f"{name}: {100 * frames.sum() / max(voiced.sum(), 1):.1f} %"
        notes = hz_to_notes(np.where(frames, truth, np.nan))
        axes.plot(seconds, notes, linestyle="none", marker="o", markersize=3.4, color=colour, label=label)
    finish_pianoroll(axes, truth[voiced])
    axes.set_ylabel("pitch of the reference")
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title="share of voiced frames")
    for line in legend.get_lines():
        line.set_markersize(8.0)
    for text in legend.get_texts():
        text.set_parse_math(False)
    axes.set_title(title, loc="left", parse_math=False)
    if len(seconds):
        axes.set_xlim(seconds[0], max(seconds[-1], seconds[0] + 0.01))
    if not voiced.any():
        say_empty(axes, "no voiced frame")
    return figure
