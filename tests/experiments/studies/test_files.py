"""The studies of the house: each can be read, and what it names is there."""

import re
from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser

from experiments.lightning_cli import subcommand_parser
from experiments.studies.study import RECIPE, Study, read
from tests.experiments.catalogue import ROOT

STUDIES = sorted((ROOT / "experiments" / "studies").rglob("*.yaml"))


@pytest.fixture(scope="module")
def parsers():
    """By command; to build one takes seconds."""
    return {command: subcommand_parser(command) for command in ("fit", "validate")}


def study_of(path):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_class_arguments(Study)
    return read(["--config", str(path)], parser)[0]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_names_what_there_is_and_says_how_it_is_run(path):
    study, lines = study_of(path), path.read_text().splitlines()
    assert lines[0].startswith("# ") and lines[0].endswith("?")
    assert f"melisma study {path.relative_to(ROOT)}" in lines[1]
    assert study.family == path.parent.name and study.budget
    recipes = {study.recipe, *(settings[RECIPE] for settings in study.runs.values() if RECIPE in settings)}
    for name in [*recipes, *study.corpora]:
        assert (ROOT / name).is_file(), name
    directories = {re.search(r"^directory: (\S+)", (ROOT / name).read_text(), re.M)[1] for name in study.corpora}
    for planned in study.plan():
        read_sets = [*planned.settings.get("data.init_args.train", []), *_validation(planned.settings, study)]
        assert any(Path(each).name.startswith(Path(known).name) for each in read_sets for known in directories)


def _validation(settings, study):
    stated = settings.get("data.init_args.validation")
    if stated is None:  # that of the recipe
        return re.findall(r"data/\w+", (ROOT / study.recipe).read_text())
    return list(stated.values())


# By default one run of each recipe: what the others set is checked by the schema as well.
@pytest.mark.sampled(5)
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)], ids=["one each", "all"])
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_run_is_a_configuration_that_can_be_parsed(path, every, monkeypatch, tmp_path, parsers):
    monkeypatch.chdir(ROOT)
    study = study_of(path)
    first = next(iter(study.folds or [""]))  # the others differ in their data alone
    runs = [each for each in study.plan() if (each.fold, each.seed) == (first, study.seeds[0])]
    for planned in runs if every else {each.settings.get(RECIPE): each for each in runs}.values():
        (tmp_path / "stated.yaml").write_text(yaml.safe_dump(planned.configuration(study.recipe)))
        parsers[planned.command].parse_args(["--config", str(tmp_path / "stated.yaml"), "--trainer.logger=false"])
