"""Numbers as tables show them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from experiments.catalogue.figures import RecordedFigure

SHARE = 3  # digits from which on a number is a share: no zero stands before its point
MISSING = "-"


def number(value: float, digits: int, sign: str = "") -> str:
    """A number: with no digits it has spaces between its thousands, with three or more no zero before the point.

    Args:
        value: to show.
        digits: behind the point.
        sign: `+` shows that of a positive number.
    """
    # Halves go up as on paper, by the digits that the record has: as a float, 0.3695 is below its half.
    rounded = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    text = format(rounded, f"{sign}.{digits}f")
    if digits == 0:
        return format(rounded, f"{sign},.0f").replace(",", " ")
    is_share = digits >= SHARE and text.lstrip("+-").startswith("0.")
    return text.replace("0.", ".", 1) if is_share else text


def interval(ends: Sequence[float], digits: int, sign: str = "") -> str:
    """`[low, high]`."""
    return f"[{', '.join(number(end, digits, sign) for end in ends)}]"


def difference(figure: RecordedFigure, digits: int) -> str:
    """`(difference [low, high]*)`, the star if 0 is left out; empty if it was not estimated."""
    if figure.difference is None:
        return ""
    middle, *ends = figure.difference
    star = "*" if ends[0] > 0 or ends[1] < 0 else ""
    return f"({number(middle, digits, '+')} {interval(ends, digits, '+')}{star})"
