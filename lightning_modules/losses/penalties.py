"""Penalties on the weights of a network."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from lightning_modules.losses.schedules import check_weight


class L2Penalty:
    """`weight * Σ ½ ||w||²` over chosen parameters of a network, the sum of TensorFlow's `l2_loss`.

    With Adam this differs from the weight decay of AdamW. The published systems penalise some layers only: CREPE
    `classifier.*`; WaveNet `stack.*` and `readout.*`.

    Args:
        weight: of the sum.
        parameters: shell patterns (`*`, `?`, `[...]`; `*` also matches dots) for the names of parameters in the
            network, such as `classifier.weight`. A parameter that matches several patterns counts once.

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
        """The penalised parameters, by name; ValueError if a pattern matches none."""
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
