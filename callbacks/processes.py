"""What the processes of a run tell each other outside the metrics."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, TypeVar

import torch.distributed

Row = TypeVar("Row", bound=tuple[Any, ...])


def gathered(mine: Any) -> list[Any]:  # noqa: ANN401 - whatever can be pickled
    """What every process gave, in the order of their ranks; called on all processes at once."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    everyone = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone


def gathered_rows(mine: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows of all processes by their set, sorted by their first column; called on all processes at once."""
    every: dict[str, list[Row]] = {}
    for of_process in gathered(dict(mine)):
        for dataset, rows in of_process.items():
            every.setdefault(dataset, []).extend(rows)
    return {dataset: sorted(rows, key=itemgetter(0)) for dataset, rows in sorted(every.items())}
