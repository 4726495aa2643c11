"""Errors by their size: how exact the pitch of each method is, and where it is an octave or something else off."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callbacks.pictures.style import CORRECT, OCTAVE, WRONG, say_empty

# From right to wrong. Neighbours differ in lightness as well as in hue.
CLASSES = {
    "exact": ("exact, within 10 cents", "#00745A"),
    "close": ("close, within 50 cents", CORRECT),
    "off": ("off, within 200 cents", "#9AD0F5"),
    "octave_up": ("octave above", OCTAVE),
    "octave_down": ("octave below", "#FFDD7A"),
    "wrong": ("any other pitch", WRONG),
}
_NARROW = 4.0  # %; the share is written into wider parts
_DARK = ("exact", "wrong")  # letters on these are white


def error_classes(shares: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Draw a bar for each method, divided by the size of its errors.

    Args:
        shares: by the name of the method, the share of frames, 0 to 1, of each class: `exact`, `close`, `off`,
            `octave_up`, `octave_down`, `wrong`. Other keys are not drawn.
        title: shown above, as it is.

    Returns:
        A figure that belongs to no window; save it with `savefig`.

    Raises:
        ValueError: a method lacks a class.
    """
    for method, of_method in shares.items():
        if missing := CLASSES.keys() - of_method.keys():
            raise ValueError(f"{method}: no share of {', '.join(sorted(missing))}")
    figure = Figure(figsize=(12.0, 1.7 + 0.55 * max(len(shares), 1)), layout="constrained")
    axes = figure.subplots()
    left = dict.fromkeys(shares, 0.0)
    for name, (label, colour) in CLASSES.items():
        parts = [100.0 * of_method[name] for of_method in shares.values()]
        axes.barh(list(range(len(shares))), parts, left=list(left.values()), height=0.7, color=colour, label=label)
        _write_parts(axes, parts, list(left.values()), "white" if name in _DARK else "black")
        left = {method: before + part for (method, before), part in zip(left.items(), parts, strict=True)}
    axes.set_yticks(range(len(shares)), list(shares), parse_math=False)
    axes.set_ylim(max(len(shares), 1) - 0.5, -0.5)  # the first at the top
    axes.set_xlim(0.0, 100.0)
    axes.set_xlabel("share (%)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.set_title(title, loc="left", parse_math=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(CLASSES), frameon=False)
    if not shares:
        say_empty(axes, "no method")
    return figure


def _write_parts(axes: Axes, parts: list[float], left: list[float], colour: str) -> None:
    for place, (part, before) in enumerate(zip(parts, left, strict=True)):
        if part >= _NARROW:
            axes.text(before + part / 2, place, f"{part:.0f}", ha="center", va="center", color=colour)
