"""Numbers over which the trainer would stumble are refused before anything is built."""

import pytest
from jsonargparse import Namespace

from datamodules.errors import DataError
from experiments.configuration.trainer import check_trainer

FINE = (
    {},
    {"val_check_interval": 0.25},
    {"val_check_interval": "00:01:00:00", "check_val_every_n_epoch": None},
    {"val_check_interval": None, "gradient_clip_val": 0.0, "num_nodes": 64, "log_every_n_steps": 0},
)
WRONG = (
    ("val_check_interval", 0),
    ("val_check_interval", 0.0),
    ("check_val_every_n_epoch", 0),
    ("gradient_clip_val", -1.0),
    ("accumulate_grad_batches", -1),
    ("num_nodes", 10**12),
    ("log_every_n_steps", -1),
)


@pytest.mark.parametrize("stated", FINE)
def test_what_lightning_obeys_is_taken(stated):
    check_trainer(Namespace(**stated))


@pytest.mark.parametrize(("key", "number"), WRONG)
def test_what_it_would_stumble_over_is_refused_by_its_key(key, number):
    with pytest.raises(DataError, match=rf"^trainer\.{key}: {number}; a number from "):
        check_trainer(Namespace(**{key: number}))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.workers=1000000"], "data.workers: 1000000; a number from 0 to 1000"),
        (["--trainer.val_check_interval=0"], "trainer.val_check_interval: 0; a number from "),
        (["--trainer.devices=1000000"], "trainer.devices: 1000000 processes, but this machine has "),
        (["--trainer.precision=64-true"], "trainer.precision: 64-true, but audio is read"),
        (["--trainer.precision=transformer-engine"], "transformer_engine"),
        (["--checkpoint.filename=../../x"], "filename: '../../x' is no name of a file"),
    ],
)
def test_a_fit_ends_with_one_message_and_writes_nothing(melisma, small_recipe, tmp_path, words, message):
    outcome = melisma("fit", "--config", small_recipe, f"--trainer.default_root_dir={tmp_path}", *words)
    lines = [line for line in outcome.err.splitlines() if line.startswith("melisma:")]
    assert outcome.code in (1, 2) and len(lines) == 1 and message in lines[0]
    assert not (tmp_path / "runs").exists()
