import resource
import shutil

import pytest
import yaml

from datamodules import DataError
from experiments import runs
from experiments.released import load_released
from lightning_modules import CheckpointMismatch

HUGE = 4096  # 12 GB of weights
MEMORY = 1 << 29  # bytes that refusing one may take


@pytest.fixture
def grown():
    """How many bytes the process has grown since, at most."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return lambda: (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


@pytest.fixture
def configured(trained_run, tmp_path):
    """A copy of the run whose network is configured otherwise."""

    def change(**init_args):
        folder = shutil.copytree(trained_run, tmp_path / "run")
        stated = yaml.safe_load((folder / "config.yaml").read_text())
        stated["model"]["init_args"]["network"]["init_args"] |= init_args
        (folder / "config.yaml").write_text(yaml.safe_dump(stated))
        return folder

    return change


def test_a_run_configured_with_a_huge_capacity_is_refused_before_it_takes_memory(configured, grown):
    folder = configured(capacity=HUGE)
    with pytest.raises(CheckpointMismatch, match=r"network\.blocks\.0\..* in it but .*131072"):
        runs.load(folder / "checkpoints" / "best.ckpt")
    assert grown() < MEMORY


@pytest.mark.slow
def test_validate_compares_shapes_before_it_takes_memory_too(configured, grown, melisma):
    folder = configured(capacity=HUGE)
    outcome = melisma(
        "validate", "--config", folder / "config.yaml", "--ckpt_path", folder / "checkpoints" / "best.ckpt"
    )
    assert outcome.code == 1 and outcome.err.count("\n") <= 3 and "131072" in outcome.err
    assert grown() < MEMORY


def test_sizes_that_no_machine_has_are_refused(configured):
    folder = configured(capacity=10**17)
    with pytest.raises((CheckpointMismatch, DataError)):
        runs.load(folder / "checkpoints" / "best.ckpt")


def test_a_released_model_with_a_huge_capacity_is_refused_before_it_takes_memory(released_folder, tmp_path, grown):
    folder = shutil.copytree(released_folder, tmp_path / "released")
    stated = yaml.safe_load((folder / "config.yaml").read_text())
    stated["model"]["init_args"]["network"]["init_args"]["capacity"] = HUGE
    (folder / "config.yaml").write_text(yaml.safe_dump(stated))
    with pytest.raises(DataError, match=r"model\.safetensors: network\.blocks\.0\..*131072"):
        load_released(folder)
    assert grown() < MEMORY


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate", 0), ("rate", -1), ("rate", 10**9), ("rate", "16000"), ("rate", True), ("hop", 0), ("hop", None),
        ("hop", 10**9), ("spectrogram", "os.system"), ("spectrogram", {"class": "Nothing"}), ("spectrogram", {}),
        ("spectrogram", {"class": "ConstantQ", "octaves": 10**6}),
        ("spectrogram", {"class": "ConstantQ", "minimum": 1e-9}),
    ],
)  # fmt: skip
def test_an_impossible_input_of_a_released_model_is_named(released_folder, tmp_path, key, value):
    folder = shutil.copytree(released_folder, tmp_path / "released")
    stated = yaml.safe_load((folder / "config.yaml").read_text())
    stated["input"][key] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(stated))
    with pytest.raises(DataError, match=rf"config\.yaml: input\.{key}"):
        load_released(folder)


def test_an_impossible_rate_in_a_checkpoint_is_named(trained_run, tmp_path):
    import torch

    folder = shutil.copytree(trained_run, tmp_path / "run")
    path = folder / "checkpoints" / "best.ckpt"
    state = torch.load(path, weights_only=True)
    state["MelodyData"]["shards"]["rate"] = 10**9
    torch.save(state, path)
    with pytest.raises(DataError, match=r"best\.ckpt: shards\.rate: 1000000000; samples per second are expected"):
        runs.load_tracker(path)
