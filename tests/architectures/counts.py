"""One row of the table of parameter counts; each family of networks has a list of them in a file of its own."""

from collections.abc import Callable
from typing import NamedTuple

from torch import nn


class Count(NamedTuple):
    """A published number of parameters and ours.

    Attributes:
        name: of the row.
        build: makes the network.
        published: number in the literature, or None where there is none.
        ours: number that the network has; where it is not the published one, derived from that or by formula.
        reason: why it is not the published number; empty where it is.
    """

    name: str
    build: Callable[[], nn.Module]
    published: int | None
    ours: int
    reason: str = ""


def as_published(name: str, build: Callable[[], nn.Module], published: int) -> Count:
    return Count(name, build, published, published)
