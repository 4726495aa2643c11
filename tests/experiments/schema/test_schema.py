"""The schema that editors use: it takes every file of ours and refuses mistakes where they stand."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema.exceptions import best_match

from experiments.commands import schema as command
from experiments.schema.kinds import KINDS
from experiments.schema.known_classes import OURS
from tests.experiments.catalogue import stated

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
KIND_OF = {
    **{"base.yaml": "part", "trackers": "comparison", "corpora": "corpus", "sweeps": "sweep", "checkpoints": "card"},
    **{"melody": "recipe", "classification": "recipe", "phonemes": "recipe", "studies": "study"},
}
FILES = sorted(path for path in EXPERIMENTS.rglob("*.yaml"))
DEMO, CORPUS, SWEEP = (
    f"{folder}.yaml" for folder in ("melody/crepe/crepe_demo", "corpora/mixtures", "sweeps/crepe_mw")
)
STUDY = "studies/melody/hcnn.yaml"
CARD, JUDGE, RELEASED = "checkpoints/tracker.yaml", "trackers/judge.yaml", "checkpoints/tracker/config.yaml"


def kind_of(path):
    parts = path.relative_to(EXPERIMENTS).parts
    return "released" if parts[-1] == "config.yaml" else KIND_OF[parts[0]]


def changed(name, *changes):
    """What a file says, with other values at some keys; a value `...` removes the key."""
    content = json.loads(json.dumps(stated(EXPERIMENTS / name)))
    for keys, value in changes:
        *above, last = keys.split("/")
        place = content
        for key in above:
            place = place[int(key)] if isinstance(place, list) else place[key]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return content


def mistake(validator, content):
    """Where the schema finds the worst mistake, and what it says; None if there is none."""
    error = best_match(validator.iter_errors(content))
    return error and (error.json_path.removeprefix("$."), error.message)


@pytest.mark.sampled(25)
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EXPERIMENTS)))
def test_every_file_fits_the_schema_of_its_kind_and_the_one_of_all(validators, path):
    for kind in (None, kind_of(path)):
        assert mistake(validators(kind), stated(path)) is None


INLINE = {"corpus": {"class_path": "AudioFolder", "init_args": {"folder": "x"}}, "directory": "y"}
NETWORK, DATA = "model/init_args/network", "data/init_args"
MISTAKES = {
    "a misspelt key of a run's settings": (
        STUDY,
        "runs/none/model.init_args.network.init_args.filers",
        3,
        "runs.none",
        "'model.init_args.network.init_args.filers'",
    ),
    "text for a setting of a study": (
        STUDY,
        "settings/trainer.max_steps",
        "many",
        "settings['trainer.max_steps']",
        "many",
    ),
    "an unknown key of a finding": (STUDY, "findings/0/orders", ["none"], "findings[0]", "'orders'"),
    "a misspelt key": (DEMO, f"{NETWORK}/init_args/capcity", 4, "model.init_args.network.init_args", "'capcity'"),
    "a misspelt group": (DEMO, "traner", {"max_steps": 1}, "$", "'traner'"),
    "a misspelt key of the grid": (DEMO, "model/init_args/grid/semitnes", 3, "model.init_args.grid", "'semitnes'"),
    "text for a number": (DEMO, f"{DATA}/batch_size", "eight", "data.init_args.batch_size", "'integer'"),
    "a number for a list": (DEMO, f"{DATA}/train", 3, "data.init_args.train", "'array'"),
    "an unknown class": (DEMO, f"{NETWORK}/class_path", "architectures.CREPEE", f"{NETWORK}/class_path", "CREPEE"),
    "a class of another kind": (
        DEMO,
        f"{NETWORK}/class_path",
        "lightning_modules.SalienceBCE",
        f"{NETWORK}/class_path",
        "SalienceBCE",
    ),
    "a key of another class": (
        DEMO,
        "model/init_args/decoder/init_args/transition",
        1.0,
        "model.init_args.decoder.init_args",
        "'transition'",
    ),
    "a key that follows from others": (
        DEMO,
        f"{NETWORK}/init_args/width",
        130,
        "model.init_args.network.init_args",
        "'width'",
    ),
    "what follows from the network": (DEMO, f"{DATA}/window", 512, "data.init_args", "'window'"),
    "no loss": (DEMO, "model/init_args/loss", ..., "model.init_args", "'loss' is a required"),
    "no monitor": (DEMO, "checkpoint/monitor", ..., "checkpoint", "'monitor' is a required"),
    "an unknown precision": (DEMO, "trainer/precision", "17-mixed", "trainer.precision", "17-mixed"),
    "a misspelt key of a callback": (
        DEMO,
        "trainer/callbacks",
        [{"class_path": "callbacks.PredictedF0"}, {"class_path": "callbacks.Pianorolls", "init_args": {"trks": 2}}],
        "trainer.callbacks[1].init_args",
        "'trks'",
    ),
    "what an optimiser is given": (
        DEMO,
        "model/init_args/optimizer/init_args/params",
        [],
        "model.init_args.optimizer.init_args",
        "'params'",
    ),
    "a key of a corpus within a corpus": (
        "corpora/medleydb_excerpts.yaml",
        "corpus/init_args/corpus/init_args/foldr",
        "x",
        "corpus.init_args.corpus.init_args",
        "'foldr'",
    ),
    "another audio format": (CORPUS, "audio", "mp3", "audio", "'mp3'"),
    "a list of three for a range": (
        CORPUS,
        "corpus/init_args/accompaniment_db",
        [0.0, 1.0, 2.0],
        "corpus.init_args.accompaniment_db",
        "",
    ),
    "an unknown split": (CORPUS, "splits", {"train": "most"}, "splits.train", "'most'"),
    "no directory": (CORPUS, "directory", ..., "$", "'directory' is a required"),
    "a misspelt key to sweep": (
        SWEEP,
        "parameters/model.init_args.loss.init_args.mis_weight",
        {"values": [1.0]},
        "parameters",
        "mis_weight",
    ),
    "a value that a swept key cannot have": (
        SWEEP,
        "parameters/model.init_args.loss.init_args.miss_weight",
        {"values": [0.5, "much"]},
        "parameters['model.init_args.loss.init_args.miss_weight'].values[1]",
        "'much'",
    ),
    "an unknown method": (SWEEP, "method", "gird", "method", "'gird'"),
    "a command without values": (SWEEP, "command", ["melisma", "fit"], "command", ""),
    "a misspelt option of compare": (JUDGE, "verifyy", ["praat"], "$", "'verifyy'"),
    "a fact of another type": (CARD, "data", "AN4", "data", "'array'"),
    "a rate that is text": (RELEASED, "input/rate", "16k", "input.rate", "'integer'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_where_it_stands(validators, name):
    file, keys, value, place, words = MISTAKES[name]
    for kind in (None, kind_of(EXPERIMENTS / file)):
        found = mistake(validators(kind), changed(file, (keys, value)))
        assert found is not None
        assert found[0] == place.replace("/", ".") and words in found[1]


@pytest.mark.parametrize(
    "changes",
    [
        [(f"{NETWORK}/class_path", "CREPE")],
        [(f"{NETWORK}/class_path", "architectures.crepe.crepe.CREPE")],
        [(NETWORK, "architectures.CREPE")],
        [(NETWORK, "my_network.yaml")],
        [("model/init_args/optimizer", "Adam")],
        [("model/init_args/scheduler", None)],
        [("trainer/logger", False)],
        [("trainer/callbacks", {"class_path": "PredictedF0"})],
        [(f"{DATA}/recipes", [INLINE, "../../corpora/demo.yaml"])],
        [("model/init_args/grid", "grid.yaml")],
    ],
)  # fmt: skip
def test_other_ways_to_say_it_are_taken(validators, changes):
    assert mistake(validators("recipe"), changed(DEMO, *changes)) is None


def test_a_width_is_stated_where_no_grid_gives_it_and_nowhere_else(validators):
    name = "melody/voicing/voicing_note_note.yaml"
    assert mistake(validators("recipe"), changed(name)) is None
    place, words = mistake(validators("recipe"), changed(name, (f"{NETWORK}/init_args/width", "wide")))
    assert place == "model.init_args.network.init_args.width" and "'integer'" in words


def test_what_a_run_leaves_fits_the_schema_of_recipes(validators, trained_run):
    assert mistake(validators("recipe"), yaml.safe_load((trained_run / "config.yaml").read_text())) is None


def test_keys_carry_what_docstrings_say_and_their_defaults(validators):
    definitions = validators("recipe").schema["definitions"]
    capacity = definitions["architectures.CREPE"]["properties"]["capacity"]
    assert capacity == {
        "type": "integer",
        "default": 4,
        "description": "multiplier of all channels; 4 is the published `tiny`, 32 the published `full`.",
    }
    assert definitions["architectures.CREPE"]["description"] == "The six-layer CREPE with a capacity multiplier."


def test_every_argument_of_our_classes_is_checked(validators):
    found = {
        f"{schema['title']}.{name}"
        for schema in validators(None).schema["definitions"].values()
        if schema.get("title", "").startswith(OURS)
        for name, each in schema["properties"].items()
        if not {"type", "enum", "anyOf", "allOf"} & set(each)
    }
    assert found <= {"datamodules.PhonemeData.output_frames"}, "a function, which follows from the network"


def test_the_command_names_the_kinds_and_prints_one(melisma):
    assert sorted(command.KINDS) == sorted(KINDS)
    assert melisma("schema", "recipes").code == 2
    schema = json.loads(melisma("schema", "card").out)
    assert set(schema["properties"]) == {"summary", "licence", "data", "figures", "limits", "citation"}
