"""Keys that follow from other keys, so that a file must not state them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from jsonargparse import ArgumentParser

INIT_ARGS = ".init_args."


class Link(NamedTuple):
    """A key that follows from others, all as seen from the class or parser that they stand in.

    Attributes:
        target: the key, as in `network.init_args.width`.
        sources: what it follows from; None: something that stands elsewhere. Without sources it always follows.
    """

    target: str
    sources: tuple[str | None, ...]

    def holds(self, keys: Collection[str]) -> bool:
        """Whether what stands here and is needed is among the keys; else the link is skipped."""
        return all(any(_meet(source, key) for key in keys) for source in self.sources if source is not None)

    @property
    def certain(self) -> bool:
        """Whether it holds wherever its sources here are there."""
        return None not in self.sources

    def below(self, key: str) -> Link | None:
        """The link as seen from the class at a key, or None if it leads elsewhere; it holds here."""
        place = f"{key}{INIT_ARGS}"
        if not self.target.startswith(place):
            return None
        sources: list[str | None] = []
        for source in self.sources:
            if source is not None and source.startswith(place):
                sources.append(source.removeprefix(place))
            elif source is None or INIT_ARGS in source:
                sources.append(None)  # of a class that may lack it
        return Link(self.target.removeprefix(place), tuple(sources))


Links = frozenset[Link]


def links_of(parser: ArgumentParser) -> Links:
    """The links between the keys of a parser."""
    group = getattr(parser, "_links_group", None)
    # What is computed from built objects overrules whatever was stated.
    return frozenset(
        Link(action.target[0], () if action.apply_on == "instantiate" else tuple(key for key, _ in action.source))
        for action in (group._group_actions if group else ())
    )


def below(links: Links, key: str) -> Links:
    """Those that lead into the class at a key, as seen from there."""
    return frozenset(link for each in links if (link := each.below(key)))


def _meet(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
