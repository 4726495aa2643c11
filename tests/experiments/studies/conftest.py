"""Studies and the folders that their runs leave, made up."""

import json

import pytest
import yaml
from jsonargparse import ArgumentParser

from experiments.studies.study import Study, read

STATED = {
    "question": "Is wide better?",
    "family": "melody",
    "stand_in": "made up",
    "recipe": "recipe.yaml",
    "settings": {"trainer.max_steps": 4, "model.width": 1},
    "runs": {
        "narrow": {},
        "wide": {"model.width": 2, "model.loss": {"class_path": "lightning_modules.SalienceSoftmax"}},
    },
    "seeds": [0, 1],
    "findings": [
        {"claim": "Wide is better.", "published": ".5 and .6", "metric": "songs/accuracy", "order": ["narrow", "wide"]}
    ],
}


@pytest.fixture
def write_study(tmp_path):
    """Writes the YAML of a study with other values at some keys, and gives its path."""

    def write(**changes):
        path = tmp_path / "wide.yaml"
        path.write_text(yaml.safe_dump({**STATED, **changes}))
        return path

    return write


@pytest.fixture
def made_study(write_study):
    """The study of such a file."""

    def make(**changes):
        parser = ArgumentParser(exit_on_error=False)
        parser.add_argument("--config", action="config")
        parser.add_class_arguments(Study)
        return read(["--config", str(write_study(**changes))], parser)[0]

    return make


@pytest.fixture
def leave_run():
    """Leaves what a finished run leaves: the scores of a set's items, and a record."""

    def leave(folder, scores, history=(), finished=True, dataset="songs"):
        place = folder / "validation" / dataset
        place.mkdir(parents=True)
        columns = list(next(iter(scores.values())))
        lines = ["\t".join(["id", *columns])]
        lines += ["\t".join([name, *(str(row[column]) for column in columns)]) for name, row in scores.items()]
        (place / "scores.tsv").write_text("\n".join(lines) + "\n")
        record = {
            "command": ["melisma", "fit"],
            "commit": "0" * 40,
            "data_sets": {"data/songs": "1" * 64},
            "hours": 0.5,
            "hardware": "1 threads on 2 CPU cores",
            "packages": {"torch": "2"},
            "parameters": 7,
            "finished": finished,
            "validations": [
                {"step": step, "epoch": 0, "metrics": {f"val/{dataset}/accuracy": value}}
                for step, value in enumerate(history)
            ],
        }
        (folder / "record.json").write_text(json.dumps(record))

    return leave
