"""What training adds to a loss for the weights themselves."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from lightning_modules.losses.schedules import check_weight


class L2Penalty:
    """`weight * Σ ½ ||w||²` over some parameters of a network, as TensorFlow's `l2_loss` counts it.

    With Adam this is not the weight decay of AdamW. The published systems penalise some layers only: CREPE
    `classifier.*`; WaveNet `stack.*` and `readout.*`.

    Args:
        weight: of the sum.
        parameters: patterns of the shell (`*`, `?`, `[...]`, where `*` also stands for dots) for the dotted names of
            parameters within the network; a parameter that several match counts once.

    Raises:
        ValueError: the weight is out of range, or there is no pattern.
    """

    def __init__(self, weight: float, parameters: Sequence[str]) -> None:
        check_weight("penalty.weight", weight)
        if isinstance(parameters, str) or not parameters:
            raise ValueError(f"penalty.parameters: {parameters!r} is not a list of patterns such as ['classifier.*']")
        self.weight, self.parameters = weight, tuple(parameters)

    def __call__(self, network: nn.Module) -> Tensor:
        """Half the sum of squares, before the weight; a scalar."""
        return torch.stack([each.float().square().sum() for each in self.select(network).values()]).sum() / 2

    def select(self, network: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters that are penalised, by name.

        Raises:
            ValueError: a pattern matches none; the message names it and what there is.
        """
        named = dict(network.named_parameters())
        for pattern in self.parameters:
            if not any(fnmatchcase(name, pattern) for name in named):
                beginnings = ", ".join(dict.fromkeys(f"{name.split('.')[0]}.*" for name in named))
                raise ValueError(
                    f"penalty.parameters: {pattern!r} matches no parameter of {type(network).__name__}, whose "
                    f"parameters are {beginnings}"
                )
        return {
            name: each for name, each in named.items() if any(fnmatchcase(name, pattern) for pattern in self.parameters)
        }
