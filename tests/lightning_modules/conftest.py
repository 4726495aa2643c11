"""Trainers and batches for tests of modules."""

from typing import get_args, get_type_hints

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from datamodules.batches import EvaluationSet, PitchBatch
from datamodules.melody import MelodyData


@pytest.fixture
def made_trainer(tmp_path):
    """A trainer without logger, bars and files."""

    def make(**options):
        return lightning.Trainer(
            accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
            enable_checkpointing=False, default_root_dir=tmp_path, **options,
        )  # fmt: skip

    return make


@pytest.fixture
def scored(made_trainer):
    """What a stage logs of some batches, and the utterances that its steps return."""

    def run(module, *batches, stage="validate"):
        found = []
        name = {"validate": "validation_step", "test": "test_step", "predict": "predict_step"}[stage]
        step = getattr(module, name)

        def kept(*given):
            found.extend((output := step(*given))["utterances"])
            return output

        setattr(module, name, kept)
        trainer = made_trainer()
        options = {} if stage == "predict" else {"verbose": False}
        getattr(trainer, stage)(module, DataLoader(list(batches), batch_size=None), **options)
        return {key: float(value) for key, value in trainer.callback_metrics.items()}, found

    return run


def fulfils(output, contract):
    """Whether an output has the keys of a TypedDict, and arrays the types of their elements."""
    hints = get_type_hints(contract)
    assert set(output) == set(hints)
    for key, hint in hints.items():
        assert output[key] is not None or type(None) in get_args(hint), key
        if isinstance(output[key], np.ndarray):
            arrays = [each for each in (hint, *get_args(hint)) if "ndarray" in str(each)]
            assert str(output[key].dtype) in str(arrays[0]), f"{key}: {output[key].dtype} is not {arrays[0]}"
    return True


@pytest.fixture(name="fulfils")
def contract_check():
    return fulfils


@pytest.fixture
def melody_data(melody_shards):
    """The session's shards, with windows of 256 samples."""
    sets = {"mine": str(melody_shards)}
    return lambda **options: MelodyData(256, 1, [str(melody_shards)], sets, sets, batch_size=8, **options)


def spectrogram_batch(frames=4, context=1, channels=2, bins=20, batch=3, seed=0, **changes):
    """Random spectrograms; the frames of the first half of each excerpt are voiced."""
    generator = torch.Generator().manual_seed(seed)
    shape = batch, frames + 2 * context, channels, bins
    f0 = torch.where(torch.arange(frames) < frames // 2, 220.0, 0.0).expand(batch, frames).clone()
    return PitchBatch(
        torch.randint(0, 65536, shape, generator=generator, dtype=torch.int32).to(torch.uint16), f0,
        torch.ones(batch, frames, dtype=torch.bool), torch.zeros(batch, dtype=torch.int64),
        torch.arange(batch) * frames, seed=torch.arange(batch),
    )._replace(**changes)  # fmt: skip


@pytest.fixture
def make_spectrogram_batch():
    return spectrogram_batch


@pytest.fixture
def one_track():
    """Names the set `mine` of one track; goes with an evaluation batch."""
    return EvaluationSet("mine", ["a"], 8000, 80)
