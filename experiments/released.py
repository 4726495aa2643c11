"""Released models: loaded without Lightning, a data set, or the run that made them; checkpoints/README.md has more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from datamodules.errors import DataError
from datamodules.files import read_text, sha256_of
from experiments.instantiation import instantiate

if TYPE_CHECKING:
    from lightning_modules.pitch_model import PitchModel

FOLDER = Path(__file__).with_name("checkpoints")
WEIGHTS, CONFIG, CARD, RECORD = "model.safetensors", "config.yaml", "MODEL_CARD.md", "record.json"
TRACKER = "tracker"  # what is used where no model is named
CLASSES = ("lightning_modules.MelodyTracker", "lightning_modules.melody.MelodyTracker")
INPUT = ("rate", "hop", "spectrogram")


class ReleasedModel(NamedTuple):
    """A released model with its weights.

    Attributes:
        model: in evaluation mode, on the CPU.
        shards: what it takes: `rate` (Hz), `hop` (samples), `spectrogram` (class and parameters; None: it takes audio).
    """

    model: PitchModel
    shards: dict[str, Any]


def released_names() -> list[str]:
    """The models in `experiments/checkpoints`."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{WEIGHTS}"))


def find_released(model: str | Path) -> Path | None:
    """The folder of a released model, of its name or of that folder; None if there is none."""
    named = FOLDER / str(model)
    # A name comes first: a folder of the current directory that has it is meant by ./NAME.
    if str(model) == named.name and (named / WEIGHTS).is_file():
        return named
    return Path(model) if (Path(model) / WEIGHTS).is_file() else None


def released_identity(folder: Path) -> dict[str, str]:
    """SHA-256 of what decides its output: weights and configuration."""
    return {"weights": sha256_of(folder / WEIGHTS), "config": sha256_of(folder / CONFIG)}


def load_released(model: str | Path) -> ReleasedModel:
    """A released model.

    Args:
        model: its name, or a folder that `melisma release` wrote. Nothing in it is run: see `instantiation`.

    Raises:
        DataError: there is none, or something in its folder does not fit; the message names it.
    """
    from lightning_modules.pitch_model import PitchModel  # here, because it loads torch, and to find a model does not

    folder = find_released(model)
    if folder is None:
        there = ", ".join(released_names()) or "none"
        raise DataError(f"{model}: no released model; it is no folder with {WEIGHTS}, and the names are: {there}")
    stated = _configuration(folder / CONFIG)
    made = instantiate(PitchModel, stated["model"]["init_args"], f"{folder / CONFIG}: model")
    _load_weights(made, folder / WEIGHTS)
    return ReleasedModel(made.eval().requires_grad_(False), stated["input"])


def _configuration(path: Path) -> dict[str, Any]:
    try:
        stated = yaml.safe_load(read_text(path))
        class_path, takes = stated["model"]["class_path"], stated["input"]
        assert isinstance(stated["model"]["init_args"], dict)
        missing = [name for name in INPUT if name not in takes]
    except (yaml.YAMLError, KeyError, TypeError, AssertionError) as error:
        raise DataError(f"{path}: not the configuration of a released model: model and input are expected") from error
    if class_path not in CLASSES:
        raise DataError(f"{path}: of a {class_path}; only a MelodyTracker gives f0")
    if missing:
        raise DataError(f"{path}: input.{missing[0]} is missing")
    result: dict[str, Any] = stated
    return result


def _load_weights(model: PitchModel, path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: not readable as safetensors ({error})") from error
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in [*wanted, *found]:
        if wanted.get(name) != found.get(name):
            raise DataError(
                f"{path}: {name} is {found.get(name, 'missing')} in it, but the model of {CONFIG} has "
                f"{wanted.get(name, 'none')}"
            )
    model.load_state_dict(weights)
