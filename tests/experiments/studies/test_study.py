import json
from pathlib import Path

import pytest

from datamodules import DataError

FINDING = {"claim": "c", "published": "p", "metric": "songs/accuracy", "order": ["narrow", "wide"]}


def test_runs_are_planned_seed_by_seed_with_their_own_settings_last(made_study):
    plan = made_study().plan()
    assert [(each.run, each.seed) for each in plan] == [("narrow", 0), ("wide", 0), ("narrow", 1), ("wide", 1)]
    assert plan[0].settings["model.width"] == 1 and plan[1].settings["model.width"] == 2
    assert plan[3].place == Path("wide/seed1")


def test_the_words_of_a_run_are_those_of_the_command_line(made_study):
    narrow, wide = (each.words("recipe.yaml") for each in made_study().plan()[2:])
    assert narrow[:3] == ["fit", "--config", "recipe.yaml"]
    assert narrow[-2:] == ["--seed_everything=1", "--data.init_args.seed=1"]
    assert "--model.width=1" in narrow and "--model.width=2" in wide
    # A class is described, not made.
    (loss,) = (each.partition("=")[2] for each in wide if each.startswith("--model.loss="))
    assert json.loads(loss) == {"class_path": "lightning_modules.SalienceSoftmax"}


def test_a_run_may_have_another_recipe_or_be_validated_alone(made_study):
    study = made_study(runs={"narrow": {"recipe": "other.yaml", "command": "validate"}, "wide": {}})
    assert study.plan()[0].words("recipe.yaml")[:3] == ["validate", "--config", "other.yaml"]


def test_folds_are_runs_of_their_own(made_study):
    study = made_study(folds={"first": {"data.train": ["a"]}, "second": {"data.train": ["b"]}})
    plan = study.plan()
    assert len(plan) == 8 and plan[1].place == Path("narrow/second/seed0")
    assert '--data.train=["b"]' in plan[1].words("recipe.yaml")


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
