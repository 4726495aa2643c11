"""Where a model is that somebody names."""

from __future__ import annotations

from pathlib import Path

from datamodules.errors import DataError
from datamodules.files import sha256_of
from experiments.released import TRACKER, find_released, released_identity, released_names

BEST = Path("checkpoints", "best.ckpt")


def locate(model: str | None) -> Path:
    """The folder of a released model, or the checkpoint of a training.

    Args:
        model: name or folder of a released model, RUN (then the best checkpoint), or RUN/checkpoints/NAME.ckpt; None:
            the released tracker.

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
    path = Path(model)
    if path.suffix == ".ckpt" or path.is_file():
        return path
    if (path / BEST).is_file():
        return path / BEST
    there = ", ".join(released_names()) or "none yet"
    raise DataError(
        f"{model}: no model; expected is a run with {BEST}, a checkpoint, a folder that `melisma release` wrote, or "
        f"the name of a released model (there are: {there})"
    )


def identity(path: Path) -> dict[str, str]:
    """SHA-256 of what decides a model's output.

    Args:
        path: as `locate` gives it.

    Raises:
        DataError: a file of it cannot be read.
    """
    if path.is_dir():
        return released_identity(path)
    return {"checkpoint": sha256_of(path), "config": sha256_of(path.parent.parent / "config.yaml")}
