"""A released model made of a run: its folder appears whole or not at all, and gives what the checkpoint gives."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.torch import save
from torch import Tensor

from callbacks.run.record_file import check_record
from callbacks.saved.reading import read_checkpoint
from datamodules.documents import as_mapping, read_json
from datamodules.errors import DataError
from datamodules.files import faults_named, process_runs, sha256_of, write_atomically
from experiments import runs
from experiments.instantiation import ROOTS, allowed_class
from experiments.model_card import model_card, read_facts
from experiments.released import CARD, CLASSES, CONFIG, RECORD, WEIGHTS, ReleasedModel, load_released
from experiments.transcription.transcriber import Transcriber
from lightning_modules import PitchModel

PARTS = ("network", "grid", "loss", "decoder")  # of the configuration of a MelodyTracker
ORIGINS = {"frozen": "fixed before the training", "frozen, never tuned": "never tuned"}
# Where something is on the machine that trained: everything of an absolute path but its last part.
FOLDERS = re.compile(r"(?<![\w.:/~])~?/(?=[^\s/])(?:[^\s/,:'\"\]\[}{]+/)*")


def release(
    checkpoint: Path,
    out: Path,
    voicing_threshold: float | None,
    card: Path | None,
    limit: int | None,
    network: Mapping[str, Any] | None = None,
) -> int:
    """Write a folder with weights, configuration, card and record.

    Args:
        checkpoint: `RUN/checkpoints/NAME.ckpt`.
        out: the folder, which must not be there.
        voicing_threshold: one of 0, 0.01 ... 0.99; None: the one of the checkpoint.
        card: file of facts or text for the card.
        limit: bytes that the weights may have; None: any number.
        network: parameters that its network has instead of those it was trained with; the weights must fit.

    Returns:
        The bytes of the weights.

    Raises:
        DataError: something cannot be used or written, or the weights are larger; nothing is left then.
    """
    if out.exists():
        raise DataError(f"{out}: is there already; remove it, or name another --out")
    facts, run = read_facts(card), checkpoint.parent.parent
    model, shards, (_, origin) = runs.load_tracker(checkpoint)
    origin = ORIGINS.get(origin, origin.replace("frozen, from", "tuned on"))
    if voicing_threshold is not None:
        model, origin = _with_threshold(model, voicing_threshold), "chosen at the release"
    network = dict(network or {})
    config = _configuration(runs.stated_model(run / "config.yaml"), model.voicing_threshold, shards)
    config["model"]["init_args"]["network"].setdefault("init_args", {}).update(network)
    with _appearing(out) as folder:
        weights = save(_weights(model))
        size = len(weights)
        if limit is not None and size > limit:
            raise DataError(f"{checkpoint}: its weights are {size:,} bytes, more than --limit {limit:,}")
        record = {
            "checkpoint": checkpoint.name,
            "checkpoint_sha256": sha256_of(checkpoint),
            "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
            "weights_bytes": size,
            "voicing_threshold": {"value": model.voicing_threshold, "origin": origin},
            "network": network,
            **_figures(run, checkpoint),
        }
        texts = {
            CONFIG: yaml.safe_dump(config, sort_keys=False),
            RECORD: json.dumps(record, indent=2) + "\n",
            CARD: model_card(out.name, config, record, facts),
        }
        for name, content in {WEIGHTS: weights, **{name: text.encode() for name, text in texts.items()}}.items():
            with write_atomically(folder / name) as file:
                file.write(content)
        written = Transcriber(*_loaded(folder, network))
        if not network:
            _compare(Transcriber(model.float(), shards), written)
    return size


def _loaded(folder: Path, network: Mapping[str, Any]) -> ReleasedModel:
    try:
        return load_released(folder)
    except DataError as error:
        if not network:
            raise
        raise DataError(f"--network: with {dict(network)} the model cannot be made: {error}") from error


def _with_threshold(model: PitchModel, threshold: float) -> PitchModel:
    try:
        return PitchModel(model.network, model.grid, model.loss, model.decoder, threshold).eval()
    except ValueError as error:
        raise DataError(f"--{error}") from error


def _configuration(stated: Mapping[str, Any], threshold: float, shards: Mapping[str, Any]) -> dict[str, Any]:
    parts = {name: _public(stated["init_args"][name]) for name in PARTS}
    return {
        "model": {"class_path": CLASSES[0], "init_args": {**parts, "voicing_threshold": threshold}},
        "input": dict(shards),
    }


def _public(stated: Any) -> Any:  # noqa: ANN401 -- any value of a YAML file
    """Class paths by the names that never change with a move; a class of somebody else's is refused."""
    if isinstance(stated, list):
        return [_public(each) for each in stated]
    if not isinstance(stated, dict):
        return stated
    made = {name: _public(value) for name, value in stated.items()}
    if "class_path" in made:
        cls = allowed_class(made["class_path"], "the model cannot be released")
        shorter = [f"{root}.{cls.__name__}" for root in ROOTS if made["class_path"].startswith(f"{root}.")]
        for path in shorter:
            try:
                if allowed_class(path, "") is cls:
                    made["class_path"] = path
            except DataError:
                continue
    return made


def _weights(model: PitchModel) -> dict[str, Tensor]:
    """Each a tensor of its own, floats in float32."""
    return {
        name: (value.float() if value.is_floating_point() else value).detach().clone().contiguous()
        for name, value in model.state_dict().items()
    }


def _figures(run: Path, checkpoint: Path) -> dict[str, Any]:
    """The record of the run without the course of its validations, and the figures of this checkpoint."""
    trained = _record(run / "record.json")
    step = read_checkpoint(checkpoint, mapped=True).get("global_step")
    at = [each["metrics"] for each in trained.pop("validations", None) or [] if each["step"] == step]
    metrics = {"validation while it was trained": at[-1]} if at else {}
    for kind in ("validate", "test"):
        path = run / kind / "record.json"
        if path.is_file():
            scored = _record(path)
            if Path(scored.get("checkpoint") or "").name == checkpoint.name:
                metrics[kind] = scored.get("metrics") or {}
    return {"step": step, "metrics": metrics, "run": trained}


def _record(path: Path) -> dict[str, Any]:
    record = as_mapping(read_json(path, "a release says how the model was trained"), str(path))
    check_record(record, path)
    portable: dict[str, Any] = _portable(record)
    return portable


def _portable(value: Any) -> Any:  # noqa: ANN401 -- whatever a JSON file holds
    """Without the folders of the machine that trained."""
    if isinstance(value, dict):
        return {_portable(name): _portable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_portable(each) for each in value]
    return FOLDERS.sub("", value) if isinstance(value, str) else value


def _compare(ours: Transcriber, theirs: Transcriber) -> None:
    """That what was written gives what the checkpoint gives."""
    noise = np.random.default_rng(0).normal(size=ours.rate).astype(np.float32) * 0.1
    one, other = ours(noise, ours.rate), theirs(noise, ours.rate)
    np.testing.assert_allclose(one.f0, other.f0, rtol=1e-5)
    np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-5)


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place at the end, or is removed."""
    folder = out.parent / f".{out.name}.{os.getpid()}.tmp"
    try:
        with faults_named(out, instead=True):
            out.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(out)
            folder.mkdir()
            yield folder
            folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(out: Path) -> None:
    """Folders of releases to the same place that were killed."""
    made = re.compile(rf"\.{re.escape(out.name)}\.(\d+)\.tmp")
    for path in out.parent.iterdir():
        if (found := made.fullmatch(path.name)) and not process_runs(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)
