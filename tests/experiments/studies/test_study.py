from pathlib import Path

import pytest

from datamodules import DataError

FINDING = {"claim": "c", "published": "p", "metric": "songs/accuracy", "order": ["narrow", "wide"]}


def test_runs_are_planned_seed_by_seed_with_their_own_settings_last(made_study):
    plan = made_study().plan()
    assert [(each.run, each.seed) for each in plan] == [("narrow", 0), ("wide", 0), ("narrow", 1), ("wide", 1)]
    assert plan[0].settings["model.width"] == 1 and plan[1].settings["model.width"] == 2
    assert plan[3].place == Path("wide/seed1")


RECIPE = """
model: {width: 8, loss: {class_path: lightning_modules.SalienceBCE, init_args: {sigma: 0.2}}}
trainer: {max_steps: 100, logger: false}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return str(path)


def test_the_configuration_of_a_run_is_the_recipe_with_its_settings(made_study, recipe):
    narrow, wide = (each.configuration(recipe) for each in made_study().plan()[2:])
    assert narrow == {
        "model": {"width": 1, "loss": {"class_path": "lightning_modules.SalienceBCE", "init_args": {"sigma": 0.2}}},
        "trainer": {"max_steps": 4, "logger": False},
        "seed_everything": 1,
        "data": {"init_args": {"seed": 1}},
    }
    # A class takes the place of another with all its arguments, and none of its defaults is added.
    assert wide["model"] == {"width": 2, "loss": {"class_path": "lightning_modules.SalienceSoftmax"}}


def test_a_run_may_have_another_recipe_or_be_validated_alone(made_study, recipe):
    study = made_study(runs={"narrow": {"recipe": recipe, "command": "validate"}, "wide": {}})
    narrow, wide = study.plan()[:2]
    assert narrow.command == "validate" and wide.command == "fit"
    assert narrow.configuration("no.yaml")["trainer"] == {"max_steps": 4, "logger": False}
    with pytest.raises(DataError, match=r"no\.yaml: cannot be read: No such file"):
        wide.configuration("no.yaml")


def test_a_key_that_leads_into_a_value_is_refused(made_study, recipe):
    study = made_study(settings={"trainer.max_steps.most": 3})
    with pytest.raises(DataError, match=r"trainer\.max_steps\.most: .*recipe\.yaml has no mapping at 'max_steps'"):
        study.plan()[0].configuration(recipe)


def test_folds_are_runs_of_their_own(made_study):
    study = made_study(folds={"first": {"data.train": ["a"]}, "second": {"data.train": ["b"]}})
    plan = study.plan()
    assert len(plan) == 8 and plan[1].place == Path("narrow/second/seed0")
    assert plan[1].settings["data.train"] == ["b"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": [0]}, "seeds: [0]: two or more"),
        ({"seeds": [0, 0]}, "no one twice"),
        ({"findings": [{**FINDING, "order": ["narrow", "wied"]}]}, "findings[0].order: 'wied' is no run of the study"),
        ({"findings": [{**FINDING, "alike": ["narrow", "wide"]}]}, "findings[0]: one of order, alike, under and over"),
        ({"findings": [{**FINDING, "order": ["narrow"]}]}, "findings[0].order: at least 2 runs"),
        ({"findings": [{**FINDING, "limit": 0.5}]}, "findings[0].limit: it belongs to under and over"),
        ({"findings": [{**FINDING, "metric": "accuracy"}]}, "'accuracy' is not SET/COLUMN"),
        ({"findings": [{**FINDING, "margin": 0.0}]}, "findings[0].margin: 0.0 is not above 0"),
        ({"runs": {"narrow": {}, "wide": {}, "idle": {}}}, "runs.idle: no finding asks for it"),
        ({"runs": {"narrow": {}, "wide": {}, "a/b": {}}, "findings": [{**FINDING, "order": ["narrow", "wide", "a/b"]}]},
         "'a/b' cannot name a folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_or_judged_is_refused_by_its_key(made_study, changes, message):
    with pytest.raises(DataError) as raised:
        made_study(**changes)
    assert message in str(raised.value)


def test_a_misspelt_key_is_refused_with_its_line(made_study, capsys):
    with pytest.raises(SystemExit):
        made_study(stand_ni="x")
    assert "stand_ni: there is no such key" in capsys.readouterr().err
