import os
import re
import shutil

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from callbacks import run_folder


def fit(trainer, module, **options):
    trainer.fit(module, **options)
    return run_folder(trainer)


def test_a_fit_without_logger_gets_a_folder_of_its_own(made_trainer, toy_tracker, tmp_path, capsys):
    folder = fit(made_trainer(), toy_tracker())
    assert folder.parent == tmp_path / "root" / "runs"
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\dZ-{os.getpid()}", folder.name)
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert capsys.readouterr().out.count(f"Run folder: {folder}\n") == 1


def test_a_fit_with_a_logger_writes_where_the_logger_does(made_trainer, toy_tracker, tmp_path):
    folder = fit(made_trainer(logger=CSVLogger(tmp_path / "logs", name="melody")), toy_tracker())
    assert folder == tmp_path / "logs" / "melody" / "version_0"
    assert (folder / "metrics.csv").is_file()
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    assert fit(made_trainer(logger=CSVLogger(tmp_path / "logs", name="melody")), toy_tracker()).name == "version_1"


def test_the_folder_below_the_current_directory_is_runs(made_trainer, toy_tracker, tmp_path):
    folder = fit(made_trainer(default_root_dir=None), toy_tracker())
    assert folder.parent == tmp_path / "cwd" / "runs"
    shutil.rmtree(folder.parent)


@pytest.mark.parametrize("function", ["validate", "test", "predict"])
@pytest.mark.parametrize("logged", [True, False])
def test_results_of_a_checkpoint_lie_in_its_run(made_trainer, toy_tracker, tmp_path, function, logged):
    folder = fit(made_trainer(), toy_tracker())
    trainer = made_trainer(logger=CSVLogger(tmp_path / "logs") if logged else False)
    getattr(trainer, function)(toy_tracker(), ckpt_path=folder / "checkpoints" / "best.ckpt")
    assert run_folder(trainer) == folder
    assert (folder / function / "toy" / "f0" / "a.csv").is_file()
    assert len(list((tmp_path / "root" / "runs").iterdir())) == 1


def test_results_of_a_checkpoint_elsewhere_get_a_folder_as_a_fit_does(made_trainer, toy_tracker, tmp_path):
    folder = fit(made_trainer(), toy_tracker())
    elsewhere = shutil.copy(folder / "checkpoints" / "best.ckpt", tmp_path / "published.ckpt")
    trainer = made_trainer(logger=CSVLogger(tmp_path / "logs", name="melody"))
    trainer.validate(toy_tracker(), ckpt_path=elsewhere)
    assert run_folder(trainer) == tmp_path / "logs" / "melody" / "version_0"


def test_validation_after_fit_stays_in_the_folder_of_the_fit(made_trainer, toy_tracker):
    trainer, module = made_trainer(), toy_tracker()
    folder = fit(trainer, module)
    trainer.validate(module)
    assert run_folder(trainer) == folder
    assert (folder / "validate" / "toy" / "f0").is_dir()


def test_resuming_without_logger_goes_on_in_the_same_folder(made_trainer, toy_tracker, tmp_path):
    plain = ModelCheckpoint(filename="{epoch}", save_top_k=-1)
    folder = fit(made_trainer(), toy_tracker())
    resumed = made_trainer(plain, max_epochs=2)
    assert fit(resumed, toy_tracker(), ckpt_path=folder / "checkpoints" / "last.ckpt") == folder
    assert resumed.global_step == 8
    assert (folder / "checkpoints" / "epoch=1.ckpt").is_file()
    assert not (tmp_path / "root" / "checkpoints").exists()


def test_a_checkpoint_with_a_folder_keeps_it(made_trainer, toy_tracker, tmp_path):
    fit(made_trainer(ModelCheckpoint(dirpath=tmp_path / "mine", filename="x")), toy_tracker())
    assert (tmp_path / "mine" / "x.ckpt").is_file()


def test_a_trial_run_writes_nothing(made_trainer, toy_tracker, tmp_path):
    trainer = made_trainer(logger=CSVLogger(tmp_path / "logs"), fast_dev_run=True)
    trainer.fit(toy_tracker())
    assert not (tmp_path / "root").exists()
    assert not (tmp_path / "logs").exists()
