"""The sweep files, by wandb's own engine: valid, every value is one of ours to run, and one sweep is run."""

import math
import re
from copy import deepcopy
from functools import reduce

import pytest
import sweeps
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from experiments.cli import run
from tests.experiments.catalogue import ROOT, SWEEPS, header, network_parser, parsed, preparations, size_of

# How many runs each grid of the catalogue has.
RUNS = {
    **{"perceptron_voicing": 2, "perceptron_features": 4},
    **{"crepe_mel_jan": 4, "crepe_reconstruction": 3, "crepe_resid_bps1": 3, "crepe_plain_bps1": 4},
    **{"crepe_capacity": 4, "crepe_bps": 3, "crepe_sigma": 8, "crepe_win": 5, "crepe_mc_w1024": 8},
    **{"crepe_mc_w2048": 8, "crepe_mw": 3, "crepe_repeats_lr": 4, "crepe_repeats_steps": 4},
    **{"wavenet_channels": 7, "wavenet_fwid": 4, "wavenet_skip": 3, "wavenet_ifw": 6, "wavenet_stacks": 20},
    **{"wavenet_stacks_wide": 5, "wavenet_last_layers": 22},
    **{"bittner_plugplay": 16, "bittner_plugplay_hcl": 13, "hcnn_harmonic": 27, "hcnn_hop": 18, "hcnn_cqt_fs": 9},
    **{"hcnn_context": 36, "hcnn_specaug": 5, "hcnn_mirex_filter_scale": 24, "hcnn_mirex_top_db": 11},
    **{"hcnn_mirex_undertones": 6, "hcnn_mirex_overtones": 6, "hcnn_mirex_size": 24, "hcnn_voicing": 4},
    **{f"voicing_{name}_1layer": 13 for name in ("full", "octave", "note")},
    **{f"voicing_{name}": 13 for name in ("octave_octave", "note_dilated", "dilated_note")},
    **{f"voicing_{name}": 26 for name in ("note_note", "note_octave", "octave_note")},
    **{f"voicing_note_{name}": 5 for name in ("octave_fix", "note_octave", "note_octave_octave", "note_note_octave")},
    **{"voicing_note_octave_octave_temporal": 5, "voicing_note_note_note_octave_octave": 9},
}
PUBLISHED = {
    "crepe_resid_bps1": [808_496, 3_035_104, 11_743_040],
    "crepe_capacity": [558_240, 1_771_200, 6_163_200, 22_811_520],
    "crepe_win": [1_607_360, 1_771_200, 2_098_880, 2_754_240, 4_064_960],
    "crepe_mc_w2048": [2_098_880, 2_066_112, 2_041_918, 2_029_248, 2_016_350, 2_001_944, 1_996_184, 2_000_448],
    "bittner_plugplay_hcl": [
        *(10_921, 20_451, 32_701, 47_671, 65_361, 85_771),
        *(125_709, 153_659, 184_329, 217_719, 279_037, 319_967, 363_617),
    ],
}

GRIDS = [path for path in SWEEPS if "method: grid" in path.read_text()]
NETWORK = "model.init_args.network."

each_sweep = pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)


def base_of(path):
    """The words of a sweep's command that do not change, without those that need an account."""
    words = yaml.safe_load(path.read_text())["command"][3:-1]
    return [word for word in words if "offline" not in word]


def words_of(values):
    """What wandb's agent puts for `${args}`."""
    return create_sweep_command_args({"args": {key: {"value": value} for key, value in values.items()}})["args"]


def kind_of(path):
    """What a sweep varies: two sweeps of a kind give the command line words of the same types."""
    parameters = yaml.safe_load(path.read_text())["parameters"]
    return frozenset((key.split(".")[0], type(each.get("values", [0.0])[0])) for key, each in parameters.items())


FIRST = {kind_of(path): path for path in reversed(SWEEPS)}.values()


def every_value(path):
    """The configurations of every value of every parameter of a grid, the other parameters as in the recipe.

    A value of the network's is parsed as part of the network alone; that the command line takes the words of the key is
    what the first proposal shows.
    """
    base = parsed("fit", *base_of(path))
    for key, each in yaml.safe_load(path.read_text())["parameters"].items():
        for value in each["values"]:
            if key.startswith(NETWORK):
                yield with_network(base, key.removeprefix(NETWORK), value)
            else:
                yield parsed("fit", *base_of(path), *words_of({key: value}))


def with_network(base, key, value):
    """A configuration whose network has another value of one key."""
    changed = deepcopy(base.model.init_args.network.as_dict())
    *parents, last = key.split(".")
    place = reduce(dict.__getitem__, parents, changed)
    place[last] = {**place[last], **value} if last == "init_args" else value
    configuration = base.clone()
    configuration.model.init_args.network = network_parser().parse_object({"network": changed}).network
    return configuration


def proposal(path):
    """The words of the first run that wandb's engine proposes."""
    first = sweeps.next_run(sweeps.SweepConfig(yaml.safe_load(path.read_text())), [])
    return create_sweep_command_args({"args": first.config})["args"]


@each_sweep
def test_a_sweep_has_no_schema_violation_and_says_how_it_is_started(path):
    config = yaml.safe_load(path.read_text())
    assert sweeps.schema_violations_from_proposed_config(config) == []
    assert config["command"][:3] == ["${env}", "melisma", "fit"] and config["command"][-1] == "${args}"
    assert "?" in header(path)[0] and f"wandb sweep {path.relative_to(ROOT)} && wandb agent" in header(path)[1]
    recipe = yaml.safe_load((ROOT / base_of(path)[0].removeprefix("--config=")).read_text())
    assert config["metric"]["name"].split("/")[1] in recipe["data"]["init_args"]["validation"]


def test_every_grid_of_the_catalogue_is_a_sweep_of_as_many_runs():
    grids = {path.stem: yaml.safe_load(path.read_text())["parameters"] for path in SWEEPS if path.stem in RUNS}
    runs = {name: math.prod(len(each["values"]) for each in grid.values()) for name, grid in grids.items()}
    assert runs == RUNS
    assert sum(number for name, number in runs.items() if name.startswith("voicing_")) == 190


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path in FIRST else pytest.mark.long) for path in SWEEPS],
    ids=lambda path: path.stem,
)
def test_the_command_line_takes_what_the_engine_proposes(path):
    words = proposal(path)
    assert len(words) == len(yaml.safe_load(path.read_text())["parameters"])
    assert size_of(parsed("fit", *base_of(path), *words)) > 0


@pytest.mark.long
@pytest.mark.parametrize(
    "path", [path for path in SWEEPS if "method: grid" in path.read_text()], ids=lambda path: path.stem
)
def test_the_command_line_takes_every_value_of_a_grid_and_each_makes_a_difference(path):
    base = parsed("fit", *base_of(path))
    found = list(every_value(path))
    sizes = [size_of(configuration) for configuration in found]
    assert sizes == PUBLISHED.get(path.stem, sizes)
    differing = [str(configuration.clone()) for configuration in found]
    parameters = yaml.safe_load(path.read_text())["parameters"]
    # Two parameters may both have a value that is the recipe's own.
    assert len(set(differing)) >= len(differing) - len(parameters) + 1
    assert sum(each == str(base.clone()) for each in differing) <= len(parameters)


@each_sweep
def test_directories_that_a_sweep_chooses_among_are_prepared_by_commands_that_are_stated(path):
    chosen = yaml.safe_load(path.read_text())["parameters"].get("data.init_args", {"values": []})["values"]
    recipe = ROOT / base_of(path)[0].removeprefix("--config=")
    read = {directory for each in chosen for directory in [*each["train"], *each["validation"].values()]}
    assert read <= {*preparations(path), *preparations(recipe)}
    assert bool(chosen) == bool(re.search(r"\.filter_scales|\.top_dbs|_hop\.", path.read_text() + path.name))


def test_a_proposed_run_trains_and_logs_the_swept_metric(melody_shards, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    path = ROOT / "experiments" / "sweeps" / "crepe_demo.yaml"
    cli = run([
        "fit", *base_of(path), "--data.recipes=[]", f"--data.train=[{melody_shards}]",
        f"--data.validation={{demo: {melody_shards}}}", *proposal(path), "--data.batch_size=8", "--trainer.max_steps=2",
        "--trainer.val_check_interval=2", "--trainer.logger=false", f"--trainer.default_root_dir={tmp_path}",
        "--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu",
    ])  # fmt: skip
    assert yaml.safe_load(path.read_text())["metric"]["name"] in cli.trainer.callback_metrics
