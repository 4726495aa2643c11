"""`Share`: which tasks of a list a process does, and in which order, when several do the list together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Share(NamedTuple):
    """The part of the work that this process begins with: task number `task`, from 0, of an array of `tasks` jobs."""

    task: int = 0
    tasks: int = 1

    def owns(self, place: int) -> bool:
        """Whether a place of the list is in this part."""
        return place % self.tasks == self.task

    def order(self, count: int, is_done: Callable[[int], bool]) -> Iterator[int]:
        """Every place of a list once: those of this part, then those of the others.

        Of the others, those that nobody has done come first, and each process begins at another place of them; what is
        done comes last. A place that is done meanwhile by another process is not left out.

        Args:
            count: length of the list.
            is_done: whether a place of another part is done; asked once for each, when this part is through.
        """
        yield from range(self.task, count, self.tasks)
        done: list[int] = []
        left: list[int] = []
        for place in range(count):
            if not self.owns(place):
                (done if is_done(place) else left).append(place)
        first = self.task * len(left) // self.tasks
        for number in range(len(left)):
            yield left[(first + number) % len(left)]
        yield from done
