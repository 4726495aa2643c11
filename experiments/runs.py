"""Load a trained model from the checkpoint and the config.yaml of its run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from callbacks.saved.reading import read_checkpoint
from datamodules import DataError, ShardedData
from datamodules.documents import as_mapping, read_yaml
from datamodules.errors import cut, shown
from datamodules.files import read_text
from experiments import links
from experiments.released import checked_input
from experiments.trusting import policy
from experiments.trusting.sizes import check_shapes
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
    state = read_checkpoint(checkpoint)
    builder, stated = _parsed(config)
    with _explained(config):
        check_shapes(lambda: builder.instantiate(stated).model, state)
    model = _built(builder, stated, config)
    model.on_load_checkpoint(state)
    load_weights(model, state, checkpoint)
    return TrainedModel(model.eval(), next((state[name] for name in state if name.endswith("Data")), {}))


def load_weights(model: AudioModule, state: Mapping[str, Any], checkpoint: Path) -> None:
    """Give a model the weights of a checkpoint.

    Args:
        model: whose parameters have their shapes.
        state: what `read_checkpoint` gives.
        checkpoint: where from, for messages.

    Raises:
        DataError: what is kept beside the tensors, such as voicing thresholds, is damaged.
    """
    try:
        model.load_state_dict(state["state_dict"])
    except (RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{checkpoint}: damaged: {_one_line(error)}") from error


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
    if not isinstance(data, Mapping) or "shards" not in data:
        raise DataError(f"{checkpoint}: does not say which rate and hop it was trained on")
    shards = checked_input(data["shards"], f"{checkpoint}: shards")
    threshold = model.thresholds.frozen("")
    usable = PitchModel(model.network, model.grid, model.loss, model.decoder, threshold.value).eval()
    return UsableTracker(usable, shards, threshold)


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
    stated = _document(config).get("data")
    arguments = stated.get("init_args") if isinstance(stated, dict) else None
    if not isinstance(arguments, dict):
        raise DataError(f"{config}: describes no data: data.init_args is expected")
    return arguments


def untrained_model(config: Path) -> AudioModule:
    """The model of a run's config.yaml, its weights as they begin.

    Raises:
        DataError: the file is not readable, or describes no model.
    """
    return _built(*_parsed(config), config)


def _built(builder: ArgumentParser, stated: Namespace, config: Path) -> AudioModule:
    with _explained(config):
        model: AudioModule = builder.instantiate(stated).model
    return model


@contextmanager
def _explained(config: Path) -> Iterator[None]:
    """What the values of a configuration make jsonargparse and the classes raise is said in one line."""
    try:
        with policy.only_trusted():
            yield
    except (ArgumentError, KeyError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        if denied := policy.denied_in(error):
            lines = read_text(config).split("\n")
            where = next((f", line {number}" for number, line in enumerate(lines, 1) if denied in line), "")
            raise DataError(f"{config}{where}: {policy.refusal(denied)}") from error
        reason = f"{shown(str(error.args[0]))} is missing" if isinstance(error, KeyError) else _one_line(error)
        raise DataError(f"{config}: describes no model: {reason}") from error


def _parsed(config: Path) -> tuple[ArgumentParser, Namespace]:
    """The model of a config.yaml, its links resolved, and a parser that knows it."""
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_subclass_arguments(AudioModule, "model", required=True)
    parser.add_subclass_arguments(ShardedData, "data", required=True)
    links.link_to_network(parser)
    builder = ArgumentParser(exit_on_error=False)
    builder.add_subclass_arguments(AudioModule, "model")
    stated = _document(config)
    if key := _not_a_number(stated.get("model"), "model"):
        raise DataError(f"{config}: {key}: nan is no value")
    with _explained(config):
        parsed = parser.parse_object({name: stated[name] for name in ("model", "data")})
        policy.refuse_functions(parsed)
        return builder, Namespace(model=parsed.model)  # type: ignore[no-untyped-call]


def _not_a_number(value: object, key: str) -> str | None:
    """The key of the first NaN, which comparisons let pass; None: there is none."""
    if isinstance(value, float) and math.isnan(value):
        return key
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next(filter(None, (_not_a_number(each, f"{key}.{name}") for name, each in items)), None)


def _document(config: Path) -> dict[str, Any]:
    return as_mapping(read_yaml(config), str(config))


def _one_line(error: Exception) -> str:
    """The reason behind an exception of jsonargparse or torch, cut where it is long."""
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return cut(" ".join(str(error).split()) or type(error).__name__)
