import os
import random
import re
import subprocess
import sys

import pytest
import yaml
from jsonargparse import ArgumentParser, _stubs_resolver
from torch import nn

from datamodules import DataError
from experiments.trusting import policy

EVIL = """
open("executed", "a").write("x")
import torch
from architectures import FrameNetwork
class Net(FrameNetwork):
    pass
def make(parameters):
    return torch.optim.Adam(parameters)
"""
PATHS = (
    "evil_module.Net",
    "evil_module.make",
    "evil_module.sub.Net",
    "os.system",
    "subprocess.Popen",
    "torch.hub.load",
    "torch.utils.cpp_extension.load",
    "torch.nn.modules.module.os.system",
    "torch.optim.adam.torch.hub.load",
    "lightning.pytorch.callbacks.LambdaCallback",
    "experiments.cli.main",
    "jsonargparse.set_parsing_settings",
)


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """The current folder holds a module that shows that it was imported."""
    (tmp_path / "evil_module.py").write_text(EVIL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    yield tmp_path / "executed"
    sys.modules.pop("evil_module", None)


class OwnNet(nn.Module):
    pass


def test_types_are_looked_up_without_another_python_which_would_run_a_file_of_the_current_folder(monkeypatch):
    monkeypatch.setattr(_stubs_resolver, "stubs_resolver", None)
    monkeypatch.setattr(subprocess, "Popen", lambda *words, **options: pytest.fail(f"{words} was started"))
    with policy.only_trusted():
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(random.Random, "draw")  # what its parameters are, stubs alone say
    assert set(parser.get_defaults().draw.keys()) == {"x"} and _stubs_resolver.stubs_resolver is not None


def changed(config, key, value):
    """A configuration with a value in it, the class path of another one's or a class path alone."""
    stated = yaml.safe_load(config.read_text())
    *path, last = key.split(".")
    place = stated
    for part in path:
        place = place[part]
    place[last] = value
    return stated


KEYS = (
    "model",
    "model.init_args.network",
    "model.init_args.optimizer",
    "model.init_args.scheduler",
    "model.init_args.metrics",
    "data",
    "trainer.callbacks",
    "trainer.logger",
)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("path", PATHS)
def test_no_class_path_of_a_file_is_imported_but_those_of_ours_and_of_torch(evil, small_recipe, melisma, path):
    before = dict(os.environ)
    for key in ("model.init_args.network", "model.init_args.optimizer"):
        for value in (path, {"class_path": path}):
            with open("mine.yaml", "w") as file:
                yaml.safe_dump(changed(small_recipe, key, value), file)
            outcome = melisma("fit", "--config", "mine.yaml")
            assert outcome.code == 2 and len(outcome.err.splitlines()) <= 2, outcome.err
            if not policy.is_open(path.rpartition(".")[0]):
                told = rf"melisma: mine\.yaml, line \d+: {key.replace('.init_args', '')}: class_path '{path}' is "
                assert re.match(told, outcome.err), outcome.err
    assert not evil.exists() and "evil_module" not in sys.modules
    assert {name for name in os.environ if name != policy.VARIABLE} >= set(before) - {policy.VARIABLE}


@pytest.mark.parametrize("key", KEYS)
def test_a_class_path_is_guarded_wherever_it_may_stand(evil, small_recipe, melisma, key):
    for value in ("evil_module.Net", {"class_path": "evil_module.Net"}, [{"class_path": "evil_module.Net"}]):
        with open("mine.yaml", "w") as file:
            yaml.safe_dump(changed(small_recipe, key, value), file)
        assert melisma("fit", "--config", "mine.yaml").code == 2
    assert not evil.exists()


def test_a_callback_that_calls_what_it_is_told_to_is_not_built(small_recipe, melisma, tmp_path):
    """`LambdaCallback` is Lightning's, and would call any function that is open."""
    value = {"class_path": "lightning.pytorch.callbacks.LambdaCallback", "init_args": {}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(changed(small_recipe, "trainer.callbacks", [value])))
    outcome = melisma("fit", "--config", tmp_path / "mine.yaml", "--trainer.default_root_dir", tmp_path)
    assert outcome.code == 2 and "class_path 'lightning.pytorch.callbacks.LambdaCallback' is refused" in outcome.err
    assert "/mine.yaml, line " in outcome.err and len(outcome.err.splitlines()) <= 2


@pytest.mark.parametrize("command", ["fit", "validate"])
def test_a_file_does_not_let_checkpoints_run_what_they_hold(small_recipe, melisma, tmp_path, command):
    stated = {**yaml.safe_load(small_recipe.read_text()), "weights_only": False}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(stated))
    outcome = melisma(command, "--config", tmp_path / "mine.yaml")
    assert outcome.code == 2
    assert outcome.err == "melisma: weights_only: false would run what a checkpoint says; leave it out\n"


def test_a_run_of_somebody_else_is_not_executed_when_it_transcribes(evil, trained_run, melisma, tmp_path):
    theirs = tmp_path / "theirs"
    (theirs / "checkpoints").mkdir(parents=True)
    (theirs / "checkpoints" / "best.ckpt").symlink_to(trained_run / "checkpoints" / "best.ckpt")
    for key in ("model.init_args.network", "model.init_args.optimizer", "data"):
        stated = changed(trained_run / "config.yaml", key, {"class_path": "evil_module.Net", "init_args": {}})
        (theirs / "config.yaml").write_text(yaml.safe_dump(stated))
        outcome = melisma("transcribe", "song.wav", "--model", "theirs")
        assert outcome.code == 1 and "'evil_module.Net' is not of melisma or torch" in outcome.err, outcome.err
        assert "--trust evil_module" in outcome.err and "config.yaml, line " in outcome.err
    assert not evil.exists()


@pytest.mark.parametrize("init_args", [{}, {"folder": "."}, {"x": 1}])
def test_a_file_names_no_function_of_ours(small_recipe, trained_run, melisma, tmp_path, init_args):
    value = {"class_path": "datamodules.files.remove_leftovers", "init_args": init_args}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(changed(small_recipe, "model.init_args.optimizer", value)))
    outcome = melisma("fit", "--config", tmp_path / "mine.yaml")
    assert outcome.code in (1, 2) and len(outcome.err.splitlines()) <= 2, outcome.err
    assert init_args != {"folder": "."} or "remove_leftovers' is a function of melisma" in outcome.err
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "best.ckpt").symlink_to(trained_run / "checkpoints" / "best.ckpt")
    stated = changed(trained_run / "config.yaml", "model.init_args.optimizer", value)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stated))
    assert melisma("transcribe", "song.wav", "--model", tmp_path).code == 1


def test_what_the_user_trusts_is_imported(evil, small_recipe, melisma):
    with open("mine.yaml", "w") as file:
        yaml.safe_dump(changed(small_recipe, "model.init_args.network", "evil_module.Net"), file)
    assert "evil_module.Net is no" not in melisma("fit", "--config", "mine.yaml").err and not evil.exists()
    for words in (("--trust", "evil_module"), ("--trust=other,evil_module",)):
        melisma("fit", "--config", "mine.yaml", *words)
        assert evil.exists()


def test_what_is_typed_is_imported(evil, small_recipe, melisma):
    melisma("fit", "--config", small_recipe, "--model.network=evil_module.Net")
    assert evil.exists()


@pytest.mark.parametrize("name", ["", "a b", "../x", "jsonargparse", "os;"])
def test_a_name_that_is_no_package_is_refused(melisma, name):
    outcome = melisma("inspect", "nowhere", f"--trust={name}" if name else "--trust")
    assert (outcome.code == 1 and "--trust" in outcome.err) or not name


def test_class_paths_are_found_in_words_and_names_of_files_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.v1").mkdir()
    words = [
        "fit", "--config", "evil.yaml", "--model.network=my.Net", "--model.metrics", "[{class_path: jumps.Jumps}]",
        "--trainer.callbacks+=step_log.StepLog", "--data.train=[data.v1]", "--ckpt_path=run.ckpt", "--seed=1.5",
    ]  # fmt: skip
    assert list(policy.class_paths(words)) == ["my.Net", "jumps.Jumps", "step_log.StepLog"]


@pytest.mark.parametrize("word", ["--model.network=evil.Net", "--trust=evil", "MELISMA_TRUST"])
def test_words_that_stand_in_a_file_are_not_taken_for_typed_ones(word):
    with pytest.raises(DataError, match=r"^sweep\.yaml"):
        policy.refuse_untrusted(["fit", word], "sweep.yaml")
    policy.refuse_untrusted(["fit", "--model.network=architectures.CREPE", "--trainer.max_steps=3"], "sweep.yaml")


def test_other_parsers_of_the_process_keep_their_settings():
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(nn.Module, "net")
    with policy.only_trusted():
        pass
    assert parser.parse_args([f"--net={__name__}.OwnNet"]).net.class_path.endswith("OwnNet")


def test_what_is_open_and_what_is_closed():
    opened = (
        "architectures.CREPE",
        "torch.nn.ReLU",
        "lightning.pytorch.loggers.CSVLogger",
        "torch.optim.lr_scheduler.X",
    )
    closed = ("torch.hub.load", "torch", "lightning.pytorch.Trainer", "os.system", "architecturesx.CREPE")
    assert all(map(policy.is_open, opened)) and not any(map(policy.is_open, closed))
