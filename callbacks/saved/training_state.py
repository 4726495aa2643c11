"""The state of a training in a checkpoint, compared with that of the trainer that is about to take it over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from typing_extensions import override

from callbacks.saved.reading import REMEDY
from datamodules.errors import DataError, shown

_LOOPS = {
    TrainerFn.FITTING: "fit_loop",
    TrainerFn.VALIDATING: "validate_loop",
    TrainerFn.TESTING: "test_loop",
    TrainerFn.PREDICTING: "predict_loop",
}
_POSITION = {"epoch": 0, "items": 0, "step_size": 1, "batches": 0}  # of the data, and the least that each may be
_SCORES = ("best_model_score", "current_score", "kth_value")
_OF_PARAMETER = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg")


class SoundCheckpoint(Callback):
    """Refuses a checkpoint whose training state is not of the kind that the trainer has, before any of it is used."""

    def __init__(self) -> None:
        self._loaded: Mapping[str, Any] | None = None

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        path = f"{trainer.ckpt_path}"
        loop = _LOOPS.get(trainer.state.fn) if trainer.state.fn is not None else None
        if loop is not None and "loops" in checkpoint:
            ours = getattr(trainer, loop).state_dict()
            theirs = checkpoint["loops"].get(loop)
            check_alike({loop: ours}, {loop: theirs}, f"{path}: loops")
        states = checkpoint.get("callbacks", {})
        for callback in _callbacks(trainer):
            state = states.get(callback.state_key)
            if state is not None:
                check_alike(callback.state_dict(), state, f"{path}: callbacks.{callback.state_key}", counted=False)
                _check_scores(state, f"{path}: callbacks.{callback.state_key}")
        if trainer.state.fn == TrainerFn.FITTING:
            for key in ("loops", "optimizer_states", "lr_schedulers"):
                if key not in checkpoint:
                    raise DataError(
                        f"{path}: has no {key}, so no training can go on from it; name the last.ckpt of a run, or use "
                        "it with `melisma validate`"
                    )
            data = type(getattr(trainer, "datamodule", None)).__qualname__
            _check_position(checkpoint.get(data, {}), f"{path}: {data}")
            self._loaded = checkpoint

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning has made optimisers and schedules, and restores their states next.
        checkpoint, self._loaded = self._loaded, None
        if checkpoint is None or trainer.strategy.restore_checkpoint_after_setup:
            return
        path, optimizers = f"{trainer.ckpt_path}", checkpoint["optimizer_states"]
        _check_count(optimizers, trainer.optimizers, f"{path}: optimizer_states")
        for number, (ours, theirs) in enumerate(zip(trainer.optimizers, optimizers, strict=True)):
            name = f"{path}: optimizer_states.{number}"
            check_alike({"state": {}, "param_groups": ours.state_dict()["param_groups"]}, theirs, name)
            parameters = [each for group in ours.param_groups for each in group["params"]]
            _check_optimizer(theirs["state"], parameters, f"{name}.state")
        schedules = checkpoint["lr_schedulers"]
        _check_count(schedules, trainer.lr_scheduler_configs, f"{path}: lr_schedulers")
        for number, (config, theirs) in enumerate(zip(trainer.lr_scheduler_configs, schedules, strict=True)):
            check_alike(config.scheduler.state_dict(), theirs, f"{path}: lr_schedulers.{number}")


def check_alike(ours: Any, theirs: Any, name: str, counted: bool = True) -> None:  # noqa: ANN401 -- any plain value
    """Refuse a state that lacks something of another, or holds values of other kinds there.

    Args:
        ours: a state as it has to be; where it is None, any value will do.
        theirs: the state that is checked.
        name: of it, for the message.
        counted: lists have to be of one length.

    Raises:
        DataError: names the first value that is wrong.
    """
    if isinstance(ours, Mapping):
        if not isinstance(theirs, Mapping):
            raise _wrong(name, theirs, "a mapping")
        for key, value in ours.items():
            if key not in theirs:
                raise DataError(f"{name} has no {shown(key)}: it is of another configuration, or damaged; {REMEDY}")
            check_alike(value, theirs[key], f"{name}.{key}", counted)
    elif isinstance(ours, (list, tuple)):
        if not isinstance(theirs, (list, tuple)):
            raise _wrong(name, theirs, "a list")
        if counted:
            _check_count(theirs, ours, name)
        for number, (one, other) in enumerate(zip(ours, theirs, strict=counted)):
            check_alike(one, other, f"{name}.{number}", counted)
    elif isinstance(ours, bool):
        if not isinstance(theirs, bool):
            raise _wrong(name, theirs, "true or false")
    elif isinstance(ours, int):
        if type(theirs) is not int or not -1 <= theirs < 1 << 53:
            raise _wrong(name, theirs, "a number of the usual size")
    elif isinstance(ours, float):
        if type(theirs) not in (int, float) or (math.isfinite(ours) and not math.isfinite(theirs)):
            raise _wrong(name, theirs, "a finite number")
    elif isinstance(ours, (str, Tensor)) and not isinstance(theirs, type(ours)):
        raise _wrong(name, theirs, "text" if isinstance(ours, str) else "a tensor")


def _callbacks(trainer: Trainer) -> Sequence[Callback]:
    callbacks: Sequence[Callback] = getattr(trainer, "callbacks")  # noqa: B009 -- a connector sets it
    return callbacks


def _check_count(theirs: Sequence[Any], ours: Sequence[Any], name: str) -> None:
    if len(theirs) != len(ours):
        raise DataError(
            f"{name} has {len(theirs)} entries, the configured training {len(ours)}: it is of another configuration, "
            f"or damaged; use the config.yaml of the run that wrote it, or {REMEDY}"
        )


def _check_scores(state: Mapping[str, Any], name: str) -> None:
    """What a ModelCheckpoint remembers, which is None before the first, and a record of validations."""
    for key in _SCORES:
        if not isinstance(score := state.get(key), Tensor | None) or (score is not None and score.numel() != 1):
            raise _wrong(f"{name}.{key}", score, "a score")
    for number, validation in enumerate(state.get("validations", [])):
        figures = validation.get("metrics") if isinstance(validation, Mapping) else None
        sound = isinstance(figures, Mapping) and all(type(each) in (int, float) for each in figures.values())
        if not sound or any(type(validation.get(key, 0)) is not int for key in ("step", "epoch")):
            raise _wrong(f"{name}.validations.{number}", validation, "a step and figures by their names")
    for path, score in state.get("best_k_models", {}).items():
        if not isinstance(path, str) or not isinstance(score, Tensor) or score.numel() != 1:
            raise _wrong(f"{name}.best_k_models", score, "a score for each path")


def _check_position(state: object, name: str) -> None:
    """That of the data, which one that has not trained does not have."""
    if not isinstance(state, Mapping):
        raise _wrong(name, state, "a mapping")
    # Those of earlier versions have no `batches`, and may do without `items`.
    needed = ("epoch", "step_size", "seed", "index", *(["items"] if "batches" in state else []))
    if state and (lacking := [key for key in needed if key not in state]):
        raise DataError(f"{name} has no {lacking[0]}: damaged; {REMEDY}")
    if not isinstance(state.get("plan", {}), Mapping):
        raise _wrong(f"{name}.plan", state["plan"], "a mapping")
    for key, least in _POSITION.items():
        if key in state and (type(state[key]) is not int or not least <= state[key] < 1 << 53):
            raise _wrong(f"{name}.{key}", state[key], "a number of examples")


def _check_optimizer(states: Mapping[Any, Any], parameters: Sequence[Tensor], name: str) -> None:
    kept: set[Any] | None = None
    for key, state in states.items():
        if type(key) is not int or not 0 <= key < len(parameters) or not isinstance(state, Mapping):
            raise _wrong(f"{name}.{shown(key)}", state, "what is kept of a parameter")
        kept = set(state) if kept is None else kept
        if set(state) != kept:
            raise DataError(f"{name}.{key} keeps other values than the rest: damaged; {REMEDY}")
        for part, value in state.items():
            shape = tuple(parameters[key].shape) if part in _OF_PARAMETER else () if part == "step" else None
            if isinstance(value, Tensor) and shape is not None and tuple(value.shape) != shape:
                raise _wrong(f"{name}.{key}.{part}", value, f"a tensor {shape}")
            if not isinstance(value, Tensor) and not (value is None or (type(value) in (int, float) and shape == ())):
                raise _wrong(f"{name}.{key}.{part}", value, "a tensor")


def _wrong(name: str, value: object, wanted: str) -> DataError:
    told = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else shown(value)
    return DataError(f"{name} is {told}, not {wanted}: damaged; {REMEDY}")
