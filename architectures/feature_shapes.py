"""What networks on features say of features that they were not made for."""

from __future__ import annotations

from torch import Tensor


def check_features(features: Tensor, bins: int, frames: int | None = None) -> None:
    """Refuse features of another shape.

    Args:
        features: `(batch, frames, bins)`.
        bins: that the network was made for.
        frames: likewise; None: any.

    Raises:
        ValueError: says what there is, what is needed and what to change.
    """
    if features.ndim != 3 or features.shape[2] != bins:
        raise ValueError(
            f"features: shape {tuple(features.shape)}, but the network was made for (batch, frames, {bins}); "
            "give it the bins of its front end"
        )
    if frames is not None and features.shape[1] != frames:
        raise ValueError(
            f"features: {features.shape[1]} frames, but the network was made for clips of {frames}; "
            "set data.seconds so that all clips are as long as that, or give the network the frames of its front end"
        )


def check_probability(**probabilities: float) -> None:
    """Refuse what is no probability below 1.

    Raises:
        ValueError: names the first such argument.
    """
    for name, probability in probabilities.items():
        if not 0 <= probability < 1:
            raise ValueError(f"{name}: {probability} is not a probability from 0 to below 1")
