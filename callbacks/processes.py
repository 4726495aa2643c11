"""What the processes of a run tell each other outside the metrics."""

from typing import Any

import torch.distributed


def gathered(mine: Any) -> list[Any]:  # noqa: ANN401 - whatever can be pickled
    """What every process gave, in the order of their ranks; called on all processes at once."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    everyone = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone
