"""Shards with spectrograms, made once; fits on numbers, stopped and resumed."""

import pytest
from lightning.pytorch import Trainer

from tests.datamodules.windows.resumed_numbers import Journal, Numbers, Stopped, Toy
from tests.datamodules.windows.spectrogram_shards import KINDS, prepared


@pytest.fixture(scope="session")
def shards(tmp_path_factory):
    """A directory for each kind of spectrogram; read-only."""
    return {name: prepared(tmp_path_factory.mktemp("spectra"), kind) for name, kind in KINDS.items()}


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """Fit from a checkpoint, perhaps until a moment: the journal and the path of the checkpoint it wrote."""
    folder = tmp_path_factory.mktemp("numbers")
    numbers = iter(range(10**6))

    def run(data, moment=None, batch=-1, start=None, cycle=False, callbacks=(), **options):
        path = folder / f"{next(numbers)}.ckpt"
        journal = Journal(path, moment, batch)
        trainer = Trainer(
            accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
            num_sanity_val_steps=0, default_root_dir=folder, callbacks=[journal, *callbacks],
            **{"max_epochs": 3, "enable_progress_bar": False, **options},
        )  # fmt: skip
        try:
            trainer.fit(Toy(cycle), datamodule=data, ckpt_path=start)
        except Stopped:
            assert moment is not None
        assert moment is None or path.exists()
        return journal.entries, path

    return run


@pytest.fixture(scope="module")
def undisturbed(fit):
    """The journal of the fit with these options that nothing stops."""
    journals = {}

    def run(**options):
        key = tuple(sorted(options.items(), key=str))
        if key not in journals:
            journals[key] = fit(Numbers(), **options)[0]
        return journals[key]

    return run
