"""`WANDB_MODE` decides unless the command line does; a logger whose package is missing is refused."""

import sys

import pytest
from jsonargparse import Namespace

from datamodules.errors import DataError
from experiments.loggers import modes
from experiments.loggers.modes import obey_wandb_mode, refuse_missing_packages

WANDB, BOARD, CSV = (f"lightning.pytorch.loggers.{name}Logger" for name in ("Wandb", "TensorBoard", "CSV"))


def trainer(*loggers):
    made = [Namespace(class_path=each, init_args=Namespace(offline=True)) for each in loggers]
    return Namespace(logger=made[0] if len(made) == 1 else made)


@pytest.mark.parametrize(
    ("mode", "words", "offline"),
    [
        ("online", [], False),
        ("run", [], False),
        ("disabled", [], False),  # and wandb itself reads the variable
        ("offline", [], True),
        ("dryrun", [], True),
        ("shared", [], True),  # a matter of wandb's own
        (None, [], True),
        ("", [], True),
        ("online", ["--trainer.logger.init_args.offline=true"], True),
        ("online", ["--trainer.logger.offline", "true"], True),
        ("online", ["--trainer.logger.init_args.project=mine", "--config", "offline.yaml"], False),
    ],
)
def test_the_mode_of_the_environment_counts_unless_the_command_line_has_one(mode, words, offline):
    stated = trainer(WANDB, CSV)
    obey_wandb_mode(stated, words, {} if mode is None else {"WANDB_MODE": mode})
    assert [each.init_args.offline for each in stated.logger] == [offline, True]


def test_a_mode_that_there_is_not_is_refused():
    with pytest.raises(DataError, match=r"WANDB_MODE: 'onlin' is none of online, offline, disabled"):
        obey_wandb_mode(trainer(WANDB), [], {"WANDB_MODE": "onlin"})


@pytest.mark.parametrize("logger", [True, False, None])
def test_no_class_of_a_logger_is_no_matter_of_the_mode(logger):
    obey_wandb_mode(Namespace(logger=logger), [], {"WANDB_MODE": "online"})
    refuse_missing_packages(Namespace(logger=logger))


def test_a_logger_without_its_package_is_refused_with_how_to_install_it(monkeypatch):
    refuse_missing_packages(trainer(BOARD, CSV))
    for package in ("tensorboard", "tensorboardX"):
        monkeypatch.setitem(sys.modules, package, None)
    refuse_missing_packages(trainer(CSV, WANDB))
    with pytest.raises(DataError, match=r"TensorBoardLogger needs the package tensorboard.*'melisma\[tensorboard\]'"):
        refuse_missing_packages(trainer(CSV, BOARD))


def test_the_mode_is_of_the_run_and_not_of_its_configuration(melisma, small_recipe, tmp_path, monkeypatch):
    for place in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{place}_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    recipe = tmp_path / "offline.yaml"
    recipe.write_text(small_recipe.read_text().replace("logger: false", f"logger: {{class_path: {WANDB}}}"))
    words = [f"--trainer.logger.init_args.save_dir={tmp_path}", "--trainer.max_steps=1", "--resume.run=mine"]
    outcome = melisma("fit", "--config", recipe, *words)
    assert outcome.code == 0, outcome.err
    assert not list(tmp_path.rglob("*.wandb"))
    assert "offline: true" in (tmp_path / "melisma" / "mine" / "config.yaml").read_text()


def test_the_command_line_asks_for_the_package_before_anything_is_made(melisma, small_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(modes, "_installed", lambda package: False)
    logger = "--trainer.logger.class_path=lightning.pytorch.loggers.TensorBoardLogger"
    place = f"--trainer.logger.init_args.save_dir={tmp_path / 'board'}"
    outcome = melisma("fit", "--config", small_recipe, logger, place, f"--trainer.default_root_dir={tmp_path}")
    assert outcome.code == 1 and "needs the package tensorboard, which is not installed; pip install" in outcome.err
    assert len(outcome.err.splitlines()) == 1 and not list(tmp_path.iterdir())
