"""Every YAML of the catalogue: complete, explained in its header, and able to take a step and a validation."""

import re
from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser

from datamodules.recipe import ShardRecipe
from experiments.cli import run

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "experiments" / "melody").glob("*.yaml"))
CORPORA = sorted((ROOT / "experiments" / "corpora").glob("*.yaml"))


def test_there_are_recipes():
    assert RECIPES and CORPORA


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_states_question_command_and_expectation_and_its_whole_model_and_data(path):
    header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert header.split("\n")[0].endswith("?"), "its first line is the question"
    assert f"melisma fit --config {path.relative_to(ROOT)}" in header
    assert re.search(r"\d\.\d+", header), "a figure to expect or to compare with"
    stated = yaml.safe_load(path.read_text())
    assert {"model", "data", "checkpoint"} <= set(stated)
    assert {"network", "grid", "loss", "decoder", "optimizer"} <= set(stated["model"]["init_args"])


@pytest.fixture(scope="session")
def standard_shards(make_recipe, tmp_path_factory):
    """Two seconds of melody at 16 kHz with the default context, for recipes at that rate."""
    from datamodules.corpora import SyntheticMelody
    from datamodules.prepare import prepare

    directory = tmp_path_factory.mktemp("standard")
    prepare(ShardRecipe(SyntheticMelody({"train": 2, "validation": 2}, seconds=1.0), str(directory)), progress=False)
    return directory


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_trains_and_validates_one_batch(path, standard_shards, tmp_path):
    name = next(iter(yaml.safe_load(path.read_text())["data"]["init_args"]["validation"]))
    run([
        "fit", "--config", str(path), "--data.recipes=[]", f"--data.train=[{standard_shards}]",
        f"--data.validation={{{name}: {standard_shards}}}", "--data.batch_size=4", "--trainer.fast_dev_run=true",
        "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", f"--trainer.default_root_dir={tmp_path}",
    ])  # fmt: skip


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.stem)
def test_a_corpus_file_describes_a_recipe(path):
    parser = ArgumentParser()
    parser.add_class_arguments(ShardRecipe)
    options = parser.instantiate(parser.parse_path(str(path)))
    ShardRecipe(**{name: options[name] for name in ShardRecipe.__dataclass_fields__})
    assert f"melisma prepare {path.relative_to(ROOT)}" in path.read_text()
