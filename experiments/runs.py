"""Load a trained model from the checkpoint and the config.yaml of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from datamodules import DataError, ShardedData
from experiments import links
from lightning_modules import AudioModule


class TrainedModel(NamedTuple):
    """A model with the weights of a checkpoint.

    Attributes:
        model: in evaluation mode, on the CPU.
        data: what the data module left in the checkpoint.
    """

    model: AudioModule
    data: dict[str, Any]


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
    model = _model(config)
    model.on_load_checkpoint(state)
    model.load_state_dict(state["state_dict"])
    return TrainedModel(model.eval(), next((state[name] for name in state if name.endswith("Data")), {}))


def _model(config: Path) -> AudioModule:
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_subclass_arguments(AudioModule, "model", required=True)
    parser.add_subclass_arguments(ShardedData, "data", required=True)
    links.link_to_network(parser)
    builder = ArgumentParser(exit_on_error=False)
    builder.add_subclass_arguments(AudioModule, "model")
    try:
        stated = yaml.safe_load(config.read_text(encoding="utf-8"))
        parsed = parser.parse_object({name: stated[name] for name in ("model", "data")})
        whole = Namespace(model=parsed.model)  # type: ignore[no-untyped-call]
        model: AudioModule = builder.instantiate(whole).model
    except (ArgumentError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{config}: describes no model ({error})") from error
    return model
