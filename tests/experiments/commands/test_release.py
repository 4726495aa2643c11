"""Released models: what `melisma release` writes, that it appears whole or not at all, and that it stands alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from datamodules import DataError
from experiments.released import load_released, released_names
from experiments.releasing import FOLDERS
from experiments.transcription.transcriber import Transcriber
from lightning_modules import Argmax

ROOT = Path(__file__).parents[3]
FILES = ["MODEL_CARD.md", "config.yaml", "model.safetensors", "record.json"]
FACTS = """
summary: Follows one voice.
licence: CC BY 4.0
data:
- {set: words, licence: CC0, hours: 3}
- {set: tones, licence: made here}
figures:
- {set: FDA, raw pitch accuracy: 0.89}
limits: ["one voice", "no notes under 60 Hz"]
citation: Somebody, 2026.
"""


class OwnDecoder(Argmax):
    """Of a user."""


@pytest.fixture
def release(melisma, trained_run, tmp_path):
    def go(*words, model=trained_run, out=tmp_path / "out"):
        return melisma("release", model, "--out", out, *words)

    return go


def test_a_folder_has_all_that_is_needed(release, trained_run, tmp_path):
    (tmp_path / "facts.yaml").write_text(FACTS)
    outcome = release("--card", tmp_path / "facts.yaml")
    out = tmp_path / "out"
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in out.iterdir()) == FILES
    size = (out / "model.safetensors").stat().st_size
    assert f"weights of {size:,} bytes" in outcome.out
    weights = load_file(out / "model.safetensors")
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float32}
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert set(config) == {"model", "input"}
    assert set(config["model"]["init_args"]) == {"network", "grid", "loss", "decoder", "voicing_threshold"}
    assert config["input"] == {"rate": 8000, "hop": 80, "spectrogram": None}
    assert config["model"]["init_args"]["network"]["init_args"]["width"] == 32
    record, run = (json.loads((folder / "record.json").read_text()) for folder in (out, trained_run))
    assert record["run"]["seed"] == run["seed"] and record["run"]["commit"] == run["commit"]
    at = next(each for each in run["validations"] if each["step"] == record["step"])
    assert record["metrics"] == {"validation while it was trained": at["metrics"]}
    card = (out / "MODEL_CARD.md").read_text()
    for words in (
        *("Follows one voice.", "| words | CC0 | 3 |", "| tones | made here |  |", "CC BY 4.0", "- one voice\n"),
        *("| FDA | 0.89 |", f"| raw_pitch_accuracy | {at['metrics']['val/mine/raw_pitch_accuracy']:.4f} |"),
        *(f"{record['parameters']:,} parameters", f"seed {run['seed']}, commit {run['commit']}", "every 10 ms"),
        *("from 233.1 to 570.6 Hz, bins of 50 cents", "tuned on mine", "Somebody, 2026."),
    ):
        assert words in card, words


def test_nothing_says_where_it_was_trained(released_folder):
    for name in ("MODEL_CARD.md", "config.yaml", "record.json"):
        text = (released_folder / name).read_text()
        assert "/tmp" not in text and str(Path.home()) not in text and str(ROOT) not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/usr/local/bin/melisma", "melisma"),
        ("--data.train=[/srv/data/a, /srv/b]", "--data.train=[a, b]"),
        ("{mine: /srv/data/a}", "{mine: a}"),
        ("experiments/melody/crepe/x.yaml", "experiments/melody/crepe/x.yaml"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("~/data/a", "a"),
        ("1 / 2", "1 / 2"),
    ],
)
def test_paths_lose_their_folders(text, expected):
    assert FOLDERS.sub("", text) == expected


def test_text_takes_the_place_of_facts_and_without_either_nothing_is_claimed(release, tmp_path, released_folder):
    (tmp_path / "card.md").write_text("Trained on words (CC0).\n")
    assert release("--card", tmp_path / "card.md").code == 0
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert card.startswith("# out\n\nTrained on words (CC0).\n\n## What it is") and "Not stated" not in card
    assert "## Data and licences\n\nNot stated." in (released_folder / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ("licences: x", "licences: there is no such fact; there are summary, licence"),
        ("data: x", "data: a list of mappings is expected"),
        ("data: [x]", "data: a list of mappings is expected"),
        ("limits: x", "limits: a list of lines is expected"),
        ("summary: [x]", "summary: text is expected"),
        ("[]", "a mapping with some of summary"),
        ("{a: !!int x}", "line 1: not valid YAML"),
    ],
)
def test_facts_that_are_none_are_refused(release, tmp_path, facts, complaint):
    (tmp_path / "facts.yaml").write_text(facts)
    outcome = release("--card", tmp_path / "facts.yaml")
    assert (
        outcome.code in (1, 2)
        and outcome.err.startswith(f"melisma: {tmp_path / 'facts.yaml'}")
        and complaint in outcome.err
    )
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_released_leaves_nothing(release, trained_run, released_folder, tmp_path):
    outcome = release("--limit", 1000)
    assert outcome.code == 1 and "more than --limit 1,000" in outcome.err
    outcome = release("--voicing_threshold", 0.123)
    assert outcome.code == 1 and "--voicing_threshold: 0.123 is not one of" in outcome.err
    outcome = release(model=tmp_path / "nowhere")
    assert outcome.code == 1 and "nowhere: there is no such file" in outcome.err
    shutil.copytree(trained_run, tmp_path / "run")
    (tmp_path / "run" / "record.json").unlink()
    outcome = release(model=tmp_path / "run")
    assert outcome.code == 1 and "record.json: cannot be read" in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    before = {path: path.stat().st_mtime_ns for path in released_folder.iterdir()}
    outcome = release(out=released_folder)
    assert outcome.code == 1 and "is there already" in outcome.err
    assert {path: path.stat().st_mtime_ns for path in released_folder.iterdir()} == before


@pytest.mark.long
def test_a_network_may_have_other_parameters_if_the_weights_fit(release, tmp_path):
    assert release("--network", "{dropout: 0.125}").code == 0
    out = tmp_path / "out"
    dropouts = [each.p for each in load_released(out).model.network.modules() if isinstance(each, torch.nn.Dropout)]
    assert dropouts and set(dropouts) == {0.125}
    stated = yaml.safe_load((out / "config.yaml").read_text())["model"]["init_args"]["network"]["init_args"]
    assert stated["dropout"] == 0.125 and stated["width"] == 32
    assert json.loads((out / "record.json").read_text())["network"] == {"dropout": 0.125}
    assert "parameters of the network other than in training: dropout: 0.125" in (out / "MODEL_CARD.md").read_text()
    for changed, complaint in (("{capacity: 3}", "has"), ("{dropuot: 0.1}", "dropuot")):
        outcome = release("--network", changed, out=tmp_path / "other")
        assert outcome.code == 1 and "--network: with" in outcome.err and complaint in outcome.err
        assert not (tmp_path / "other").exists()


def test_a_class_that_is_not_ours_is_refused(release, trained_run, tmp_path):
    shutil.copytree(trained_run, tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    stated = yaml.safe_load(config.read_text())
    stated["model"]["init_args"]["decoder"] = {"class_path": f"{__name__}.OwnDecoder"}
    config.write_text(yaml.safe_dump(stated))
    outcome = release(model=tmp_path / "run")
    assert outcome.code == 1 and "--trust tests" in outcome.err
    outcome = release("--trust", "tests", model=tmp_path / "run")
    assert outcome.code == 1 and "cannot be released: class_path" in outcome.err and "OwnDecoder is ref" in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_the_figures_of_validate_and_test_are_those_of_this_checkpoint(release, trained_run, tmp_path):
    shutil.copytree(trained_run, tmp_path / "run")
    for kind, checkpoint in (("validate", "best.ckpt"), ("test", "last.ckpt")):
        (tmp_path / "run" / kind).mkdir()
        record = {
            "command": [],
            "checkpoint": f"/x/{checkpoint}",
            "metrics": {f"{kind[:3]}/fda/raw_pitch_accuracy": 0.5},
        }
        (tmp_path / "run" / kind / "record.json").write_text(json.dumps(record))
    assert release(model=tmp_path / "run").code == 0
    metrics = json.loads((tmp_path / "out" / "record.json").read_text())["metrics"]
    assert metrics["validate"] == {"val/fda/raw_pitch_accuracy": 0.5} and "test" not in metrics


def test_the_same_run_gives_the_same_bytes(release, tmp_path):
    for name in ("a", "b"):
        assert release(out=tmp_path / name / "model").code == 0
    for file in FILES:
        assert (tmp_path / "a" / "model" / file).read_bytes() == (tmp_path / "b" / "model" / file).read_bytes()


def test_it_is_used_without_lightning_from_any_folder(released_folder, tmp_path):
    script = f"""
import sys
import numpy as np
from experiments.transcription.transcriber import Transcriber
tone = np.sin(2 * np.pi * 300 * np.arange(8000) / 8000).astype(np.float32)
result = Transcriber.released({str(released_folder)!r})(tone, 8000)
print(len(result.times), [name for name in ("lightning", "torchmetrics", "wandb", "librosa") if name in sys.modules])
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    printed = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert printed == "100 []\n"


def test_it_gives_what_the_checkpoint_gives(released_folder, trained_run):
    noise = np.random.default_rng(0).normal(size=20000).astype(np.float32) * 0.1
    best = Transcriber.of_checkpoint(trained_run / "checkpoints" / "best.ckpt", voicing_threshold=0.37)
    for ours, theirs in zip(Transcriber.released(released_folder)(noise, 16000), best(noise, 16000), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.fixture
def damaged(released_folder, tmp_path):
    shutil.copytree(released_folder, tmp_path / "small")
    return tmp_path / "small"


def refusal(folder):
    with pytest.raises(DataError) as error:
        load_released(folder)
    return str(error.value)


def test_damage_is_named(damaged):
    config, weights = damaged / "config.yaml", damaged / "model.safetensors"
    whole, text = load_file(weights), config.read_text()
    name = next(iter(whole))
    save_file({key: value for key, value in whole.items() if key != name}, weights)
    assert f"{name} is missing in it" in refusal(damaged)
    save_file({**whole, "network.other": torch.zeros(1)}, weights)
    assert "network.other is (1,) in it, but the model of config.yaml has none" in refusal(damaged)
    weights.write_bytes(weights.read_bytes()[:100])
    assert f"{weights}: not readable as safetensors" in refusal(damaged)
    other = next(key for key, value in whole.items() if value.is_floating_point())
    save_file({**whole, other: torch.full_like(whole[other], torch.nan)}, weights)
    assert f"{weights}: {other} has a value that is not finite" in refusal(damaged)
    save_file(whole, weights)
    for before, after, complaint in (
        ("architectures.CREPE", "os.system", f"{config}: model.network: class_path os.system is refused"),
        ("lightning_modules.MelodyTracker", "lightning_modules.ClipClassifier", "only a MelodyTracker"),
        ("rate:", "speed:", f"{config}: input.rate is missing"),
        ("capacity:", "capacities:", "model.network: CREPE cannot be made"),
        ("voicing_threshold: 0.37", "voicing_threshold: 0.371", "0.371 is not one of"),
        ("semitones: 16", "semitones: 17", "network.width: 32, but the pitch grid has 34 bins"),
        ("model:", "models:", "not the configuration of a released model"),
        (text, "{", f"{config}, line 1: not valid YAML"),
        ("capacity: 1", "capacity: .nan", "model.network.capacity: nan is no value"),
    ):
        assert before in text
        config.write_text(text.replace(before, after))
        assert complaint in refusal(damaged)
    config.unlink()
    assert f"{config}: cannot be read" in refusal(damaged)


def test_names_are_those_of_the_folders(released_folder, monkeypatch):
    monkeypatch.setattr("experiments.released.FOLDER", released_folder.parent)
    assert released_names() == ["small"]
    assert load_released("small").shards["rate"] == 8000
    assert "no released model" in refusal("large") and "the names are: small" in refusal("large")
    assert "no released model" in refusal("../small/../small/x")
