"""Released models: loaded without Lightning, a data set, or the run that made them; checkpoints/README.md has more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from datamodules.documents import as_mapping, read_yaml
from datamodules.errors import DataError, cut, shown
from datamodules.files import sha256_of
from experiments.instantiation import instantiate

if TYPE_CHECKING:
    from lightning_modules.pitch_model import PitchModel

FOLDER = Path(__file__).with_name("checkpoints")
WEIGHTS, CONFIG, CARD, RECORD = "model.safetensors", "config.yaml", "MODEL_CARD.md", "record.json"
TRACKER = "tracker"  # what is used where no model is named
CLASSES = ("lightning_modules.MelodyTracker", "lightning_modules.melody.MelodyTracker")
INPUT = ("rate", "hop", "spectrogram")
SPECTROGRAMS = ("ConstantQ", "HarmonicConstantQ")
RATES = (1000, 768_000)  # Hz
MOST = 100  # of filter scales, harmonics, decibels and the like of a spectrogram


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
    # Here, because they load torch, and to find a model does not.
    from experiments.trusting.bounds import check_tables, without_memory
    from lightning_modules.pitch_model import PitchModel

    folder = find_released(model)
    if folder is None:
        there = ", ".join(released_names()) or "none"
        raise DataError(f"{model}: no released model; it is no folder with {WEIGHTS}, and the names are: {there}")
    stated = _configuration(folder / CONFIG)
    takes = checked_input(stated["input"], f"{folder / CONFIG}: input")
    arguments, key = stated["model"]["init_args"], f"{folder / CONFIG}: model"
    found = _shapes(folder / WEIGHTS)
    with without_memory(len(found)):
        empty = instantiate(PitchModel, arguments, key)
    _check_shapes(empty, found, folder / WEIGHTS)
    check_tables(empty)
    made = instantiate(PitchModel, arguments, key)
    _load_weights(made, folder / WEIGHTS)
    return ReleasedModel(made.eval().requires_grad_(False), takes)


def checked_input(stated: object, name: str) -> dict[str, Any]:
    """What a pitch tracker takes, as its training or its release says.

    Args:
        stated: `rate`, `hop` and `spectrogram`.
        name: of it, for messages.

    Raises:
        DataError: one of them is missing or impossible.
    """
    if not isinstance(stated, dict):
        raise DataError(f"{name}: {', '.join(INPUT)} are expected, not {shown(stated)}")
    for key in INPUT:
        if key not in stated:
            raise DataError(f"{name}.{key} is missing")
    rate, hop, spectrogram = (stated[key] for key in INPUT)
    if type(rate) is not int or not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{name}.rate: {shown(rate)}; samples per second are expected, from {RATES[0]} to {RATES[1]}")
    if type(hop) is not int or not 1 <= hop <= rate:
        raise DataError(f"{name}.hop: {shown(hop)}; samples between two frames are expected, from 1 to the rate")
    if spectrogram is not None:
        _check_spectrogram(spectrogram, f"{name}.spectrogram")
    return stated


def _check_spectrogram(stated: object, name: str) -> None:
    if not isinstance(stated, dict) or stated.get("class") not in SPECTROGRAMS:
        raise DataError(f"{name}: {shown(stated)}; null or a class: {' or '.join(SPECTROGRAMS)} is expected")
    most = {"minimum": RATES[1], "bins_per_octave": 1000, "octaves": 16}
    for key, value in stated.items():
        numbers = value if isinstance(value, (list, tuple)) else [value]
        bound = most.get(key, MOST)
        if key != "class" and not all(type(each) in (int, float) and abs(each) <= bound for each in numbers):
            raise DataError(f"{name}.{key}: {shown(value)}; numbers up to {bound} are expected")
    if not stated.get("minimum", 1) >= 1:
        raise DataError(f"{name}.minimum: {shown(stated['minimum'])}; 1 Hz or more is expected")


def _configuration(path: Path) -> dict[str, Any]:
    stated = as_mapping(read_yaml(path), str(path))
    model = stated.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("init_args"), dict) or "input" not in stated:
        raise DataError(f"{path}: not the configuration of a released model: model and input are expected")
    if model.get("class_path") not in CLASSES:
        raise DataError(f"{path}: of {shown(model.get('class_path'))}; only a MelodyTracker gives f0")
    return stated


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Those in the header of the weights, which safetensors holds against the length of the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: not readable as safetensors ({cut(str(error))})") from error


def _check_shapes(model: PitchModel, found: Mapping[str, tuple[int, ...]], path: Path) -> None:
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name in [*wanted, *found]:
        if wanted.get(name) != found.get(name):
            raise DataError(
                f"{path}: {name} is {found.get(name, 'missing')} in it, but the model of {CONFIG} has "
                f"{wanted.get(name, 'none')}"
            )


def _load_weights(model: PitchModel, path: Path) -> None:
    from safetensors.torch import load_file

    weights = load_file(path)
    for name, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise DataError(f"{path}: {name} has a value that is not finite; release the model again")
    model.load_state_dict(weights)
