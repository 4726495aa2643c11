"""Load a trained model from the checkpoint and the config.yaml of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from datamodules import DataError, ShardedData
from experiments import links
from lightning_modules import AudioModule, MelodyTracker, PitchModel
from lightning_modules.voicing_thresholds import Threshold


class TrainedModel(NamedTuple):
    """A model with the weights of a checkpoint.

    Attributes:
        model: in evaluation mode, on the CPU.
        data: what the data module left in the checkpoint.
    """

    model: AudioModule
    data: dict[str, Any]


class UsableTracker(NamedTuple):
    """What of a trained MelodyTracker is used after training.

    Attributes:
        model: in evaluation mode, on the CPU.
        shards: what it takes: `rate` (Hz), `hop` (samples), `spectrogram` (class and parameters, or None).
        threshold: of voicing, and its origin.
    """

    model: PitchModel
    shards: dict[str, Any]
    threshold: Threshold


def load(checkpoint: Path) -> TrainedModel:
    """The model of `RUN/checkpoints/NAME.ckpt`, built as `RUN/config.yaml` says.

    Raises:
        DataError: a file is missing or not readable, or the configuration is of no model; the message names it.
        CheckpointMismatch: the weights are not of the configured model.
    """
    config = checkpoint.parent.parent / "config.yaml"
    for path in (checkpoint, config):
        if not path.is_file():
            raise DataError(f"{path}: there is no such file; a run is RUN/config.yaml and RUN/checkpoints/NAME.ckpt")
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no common one: whatever the file holds instead
        raise DataError(f"{checkpoint}: not readable as a checkpoint ({error})") from error
    model = untrained_model(config)
    model.on_load_checkpoint(state)
    model.load_state_dict(state["state_dict"])
    return TrainedModel(model.eval(), next((state[name] for name in state if name.endswith("Data")), {}))


def load_tracker(checkpoint: Path) -> UsableTracker:
    """The tracker of `RUN/checkpoints/NAME.ckpt`, its threshold the fixed one, else that of the first validation set.

    Raises:
        DataError: the checkpoint is not of a MelodyTracker, or does not say what it was trained on.
    """
    return usable_tracker(load(checkpoint), checkpoint)


def usable_tracker(trained: TrainedModel, checkpoint: Path | str) -> UsableTracker:
    """Likewise, of what is loaded already.

    Args:
        trained: the model.
        checkpoint: what it is from, for messages.

    Raises:
        DataError: as from `load_tracker`.
    """
    model, data = trained
    if not isinstance(model, MelodyTracker):
        raise DataError(f"{checkpoint}: of a {type(model).__name__}; only a MelodyTracker gives f0")
    if "shards" not in data:
        raise DataError(f"{checkpoint}: does not say which rate and hop it was trained on")
    threshold = model.thresholds.frozen("")
    usable = PitchModel(model.network, model.grid, model.loss, model.decoder, threshold.value).eval()
    return UsableTracker(usable, data["shards"], threshold)


def stated_model(config: Path) -> dict[str, Any]:
    """`class_path` and `init_args` of the model of a run's config.yaml, with defaults and what follows from elsewhere.

    Raises:
        DataError: the file is not readable, or describes no model.
    """
    builder, model = _parsed(config)
    stated: dict[str, Any] = yaml.safe_load(builder.dump(model, skip_unset=False))["model"]
    return stated


def stated_data(config: Path) -> dict[str, Any]:
    """`init_args` of the data of a run's config.yaml.

    Raises:
        DataError: the file is not readable, or describes no data.
    """
    try:
        stated: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8"))["data"]["init_args"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DataError(f"{config}: describes no data ({error})") from error
    return stated


def untrained_model(config: Path) -> AudioModule:
    """The model of a run's config.yaml, its weights as they begin.

    Raises:
        DataError: the file is not readable, or describes no model.
    """
    builder, stated = _parsed(config)
    try:
        model: AudioModule = builder.instantiate(stated).model
    except (ArgumentError, TypeError, ValueError) as error:
        raise DataError(f"{config}: describes no model ({error})") from error
    return model


def _parsed(config: Path) -> tuple[ArgumentParser, Namespace]:
    """The model of a config.yaml, its links resolved, and a parser that knows it."""
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_subclass_arguments(AudioModule, "model", required=True)
    parser.add_subclass_arguments(ShardedData, "data", required=True)
    links.link_to_network(parser)
    builder = ArgumentParser(exit_on_error=False)
    builder.add_subclass_arguments(AudioModule, "model")
    try:
        stated = yaml.safe_load(config.read_text(encoding="utf-8"))
        parsed = parser.parse_object({name: stated[name] for name in ("model", "data")})
        return builder, Namespace(model=parsed.model)  # type: ignore[no-untyped-call]
    except (ArgumentError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{config}: describes no model ({error})") from error
