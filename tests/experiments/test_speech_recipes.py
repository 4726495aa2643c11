"""Every YAML of the catalogues of clips and phonemes: complete, explained in its header, and able to take a step."""

from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pytest
from jsonargparse import ArgumentParser, Namespace

from architectures import FrontEnd
from architectures.layers import parameter_count
from datamodules.corpora.base import Audio, Corpus, Recording
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from lightning_modules import L2Penalty
from lightning_modules.decoding import CHARACTERS_11785
from tests.experiments import catalogue
from tests.experiments.catalogue import PUBLISHED, network_of, parsed, preparations, relative, stated, take_a_step

FAMILIES = ("classification", "phonemes")
SPEECH = [path for family in FAMILIES for path in catalogue.recipes(family)]
COPIED = ["fsdd_m3_8k", "an4_base01"]
CALLBACKS = {
    "ClipClassifier": ["PredictedClasses", "ClipPictures"],
    "PhonemeRecognizer": ["PredictedPhonemes", "AlignmentPictures", "PhoneConfusions"],
}

stem = attrgetter("stem")
each_recipe = pytest.mark.parametrize("path", SPEECH, ids=stem)


def module_of(recipe):
    return recipe["model"]["class_path"].rpartition(".")[2]


def front_end_of(configuration):
    parser = ArgumentParser()
    parser.add_subclass_arguments(FrontEnd, "front_end")
    return parser.instantiate(Namespace(front_end=configuration.model.init_args.front_end)).front_end


@pytest.mark.parametrize("family", FAMILIES)
def test_every_published_experiment_is_a_recipe_and_no_two_recipes_have_a_name(family):
    paths = catalogue.recipes(family)
    stems = [path.stem for path in paths]
    assert len(set(stems)) == len(stems)
    named = {name for path in paths for name in catalogue.original_runs(path)}
    assert named == set(PUBLISHED["runs"][family]), "headers say `# Original run: NAME` of the runs of published.yaml"
    assert set(PUBLISHED["recipes"][family]) <= set(stems)


@each_recipe
def test_a_recipe_says_in_its_header_what_it_asks_how_it_is_run_and_what_to_expect(path):
    catalogue.check_header(path)


# Rows of a published log that differ in one thing, and what that is.
PAIRS = [
    ("deepspeech_transformer", "deepspeech_init0", {"network.body.state.class_path"}),
    ("deepspeech_init0", "deepspeech_init0_t16", {"network.body.positions"}),
    (
        "deepspeech_init0_t16",
        "deepspeech_init0_t16_2x2",
        {"network.body.encoder_layers", "network.body.decoder_layers"},
    ),
    ("deepspeech_init0_t16_2x2", "deepspeech_t64_2x2", {"network.body.positions"}),
    ("deepspeech_t64_2x2", "deepspeech_t64_2x2_lr03", {"optimizer.lr"}),
    ("deepspeech_t64_2x2", "deepspeech_t64_2x2_unmasked", {"network.body.attention.class_path"}),
    ("deepspeech_t64_2x2_lr1_dropout1", "deepspeech_t64_2x2_lr1_dropout2", {"network.body.dropout"}),
    ("deepspeech_t64_2x2_lr1_dropout5", "deepspeech_t64_2x2_lr1_dropout8", {"network.body.dropout"}),
    ("deepspeech_hidden", "deepspeech_output_and_hidden", {"network.body.class_path"}),
]


def values_of(model, of=""):
    """Every value that a recipe gives, by its key without `init_args`."""
    if not isinstance(model, dict):
        return {of: model}
    found = {}
    for key, value in model.items():
        found |= values_of(value, of if key == "init_args" else f"{of}.{key}".strip("."))
    return found


@pytest.mark.parametrize(
    ("one", "other", "differing"), PAIRS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_two_rows_of_the_published_log_differ_in_one_thing(one, other, differing):
    first, second = (values_of(stated(path)) for name in (one, other) for path in SPEECH if path.stem == name)
    found = {key for key in first | second if first.get(key) != second.get(key)}
    assert found == {f"model.{key}" for key in differing}


def test_deepspeech_anneals_by_epochs_as_its_code_base():
    models = {path.stem: stated(path)["model"]["init_args"] for path in SPEECH if path.stem.startswith("deepspeech_")}
    constant = {name for name, model in models.items() if "scheduler" not in model}
    assert constant == {"deepspeech_t64_2x2_adam"}
    for name in models.keys() - constant:
        assert models[name]["scheduler"]["class_path"] == "lightning_modules.EpochDecay"
        assert models[name]["scheduler"]["init_args"]["gamma"] == pytest.approx(1 / 1.1)


# Batch size and learning rate of the keyword networks, with which the README describes them.
KEYWORDS = {"m1": (256, 0.01), "m2": (100, 0.05), "m3": (256, 0.01)}


@pytest.mark.parametrize("rate", ["8k", "16k"])
@pytest.mark.parametrize("network", KEYWORDS)
def test_a_keyword_network_has_its_batch_size_and_its_learning_rate_at_the_top_of_the_cycle(network, rate):
    (path,) = (path for path in SPEECH if path.stem == f"speech_commands_{network}_{rate}")
    model, data = stated(path)["model"]["init_args"], stated(path)["data"]["init_args"]
    cycle = model["scheduler"]["init_args"]
    assert (data["batch_size"], cycle["max_lr"]) == KEYWORDS[network]
    assert model["optimizer"]["init_args"]["lr"] == cycle["max_lr"]
    assert cycle["total_steps"] == stated(path)["trainer"]["max_steps"]


@each_recipe
def test_a_recipe_states_its_whole_model_and_data(path):
    recipe = stated(path)
    model, data, trainer = recipe["model"]["init_args"], recipe["data"]["init_args"], recipe["trainer"]
    assert {"network", "front_end", "optimizer"} <= set(model), "state model.network, front_end and optimizer"
    assert {"train", "validation", "batch_size"} <= set(data), "state data.train, validation and batch_size"
    assert {"max_steps", "max_epochs"} & set(trainer), "state trainer.max_steps or max_epochs"
    assert trainer["check_val_every_n_epoch"] == 1, "state trainer.check_val_every_n_epoch: 1"


@each_recipe
def test_a_recipe_keeps_the_checkpoint_that_its_own_validation_set_likes_best(path):
    recipe = stated(path)
    stage, name, metric = recipe["checkpoint"]["monitor"].split("/")
    assert stage == "val" and name in recipe["data"]["init_args"]["validation"]
    assert recipe["checkpoint"]["mode"] == ("max" if metric == "accuracy" else "min")
    assert recipe["resume"]["every_n_train_steps"] > 0
    plateau = recipe["model"]["init_args"].get("scheduler", {}).get("init_args", {}).get("monitor")
    assert plateau is None or plateau.split("/")[:2] == ["val", name]


@each_recipe
def test_a_recipe_has_the_tables_and_pictures_of_its_family(path):
    recipe = stated(path)
    given = [callback["class_path"].rpartition(".")[2] for callback in recipe["trainer"]["callbacks"]]
    missing = set(CALLBACKS[module_of(recipe)]) - set(given)
    assert not missing, f"{relative(path)}: state the callbacks {missing}"
    assert ("Submission" in given) == (recipe["data"]["init_args"]["train"] == ["data/phonemes_11785"])


@each_recipe
def test_a_cycle_of_the_learning_rate_is_as_long_as_the_training(path):
    recipe = stated(path)
    scheduler = recipe["model"]["init_args"].get("scheduler", {"class_path": ""})
    if scheduler["class_path"].endswith("OneCycleLR"):
        assert scheduler["init_args"]["total_steps"] == recipe["trainer"]["max_steps"]
        assert scheduler["init_args"]["max_lr"] == recipe["model"]["init_args"]["optimizer"]["init_args"]["lr"]


@each_recipe
def test_a_header_says_how_to_prepare_all_data_and_they_have_the_classes_or_phones_that_are_stated(path):
    data, written = stated(path)["data"]["init_args"], preparations(path)
    evaluated = [directory for stage in ("validation", "test", "predict") for directory in data.get(stage, {}).values()]
    for directory in [*data["train"], *evaluated]:
        assert directory in written, f"{relative(path)}: write into its header the `melisma prepare` that makes it"
        options = written[directory]
        assert (options.classes, options.phones) == (data.get("classes"), data.get("phones"))
        assert options.segment is None and options.context == 0


@pytest.mark.sampled(10)
@each_recipe
def test_the_command_line_takes_a_recipe_whose_network_has_the_stated_size_and_reads_what_is_stored(path):
    configuration = parsed("fit", "--config", str(path))
    network = network_of(configuration)
    catalogue.check_size(path, parameter_count(network))
    front_end, written = front_end_of(configuration), preparations(path)
    assert front_end.bins == network.bins
    rates = {written[directory].rate for directory in stated(path)["data"]["init_args"]["train"]}
    assert front_end.rate is None or rates == {front_end.rate}, "model.front_end.rate is not that of data.train"
    if penalty := configuration.model.init_args.get("penalty"):
        selected = L2Penalty(**penalty.init_args.as_dict()).select(network)
        kernels = [name for name, each in network.named_parameters() if each.ndim == 4]
        assert list(selected) == kernels, "the penalty is for all kernels of convolutions and for nothing else"


@pytest.mark.parametrize("path", [path for path in SPEECH if "callbacks.Submission" in path.read_text()], ids=stem)
def test_a_submission_has_the_characters_of_the_competition(path):
    recipe = stated(path)
    (submission,) = (each for each in recipe["trainer"]["callbacks"] if each["class_path"].endswith("Submission"))
    phones = {phone: character for phone, character in CHARACTERS_11785.items() if phone}
    assert submission["init_args"]["characters"] == phones
    assert list(phones) == recipe["data"]["init_args"]["phones"]


@dataclass(frozen=True)
class Hiss:
    """Noise of a sixth of a full scale."""

    seed: int
    seconds: float
    rate: int

    def fingerprint(self) -> str:
        return f"{self.seed} {self.seconds} {self.rate}"

    def read(self) -> Audio:
        samples = np.random.default_rng(self.seed).normal(0, 1 / 6, round(self.seconds * self.rate))
        return Audio(samples.astype(np.float32), self.rate)


@dataclass(frozen=True)
class Coefficients:
    """Thirteen of each of 80 frames."""

    seed: int

    def fingerprint(self) -> str:
        return str(self.seed)

    def read(self) -> np.ndarray:
        return np.random.default_rng(self.seed).normal(size=(80, 13)).astype(np.float32)


class Utterances(Corpus):
    """Four to train and two to validate, of the classes in turn, all with the same first phones."""

    def __init__(self, seconds, rate, classes, phones, stored):
        self.seconds, self.rate, self.classes, self.phones, self.stored = seconds, rate, classes, phones, stored

    def recordings(self):
        return [self._recording(seed, split) for seed, split in enumerate(["train"] * 4 + ["validation"] * 2)]

    def _recording(self, seed, split):
        name = f"{split}_{seed}"
        return Recording(
            name,
            None if self.stored else Hiss(seed, self.seconds * (1 - seed / 20), self.rate),
            None,
            group=name,
            split=split,
            label=self.classes and self.classes[seed % len(self.classes)],
            transcript=self.phones and " ".join(self.phones[:4]),
            features=Coefficients(seed) if self.stored else None,
        )


@pytest.fixture(scope="session")
def shards_like(tmp_path_factory):
    """Makes utterances with a corpus file's rate, classes and phones, and of these seconds, once each."""
    made = {}

    def like(options, seconds):
        stored = options.corpus.class_path.endswith("Phonemes11785")
        key = str((options.rate, options.hop, options.classes, options.phones, stored, seconds))
        if key not in made:
            made[key] = str(tmp_path_factory.mktemp("like"))
            corpus = Utterances(seconds, options.rate, options.classes, options.phones, stored)
            same = {name: options[name] for name in ("rate", "hop", "segment", "context", "classes", "phones")}
            prepare(ShardRecipe(corpus, made[key], **same), progress=False)
        return made[key]

    return like


@pytest.fixture
def train_and_validate(shards_like, tmp_path):
    """Takes one step of a recipe and validates one batch, on shards like those that it reads."""

    def run(path):
        data, written = stated(path)["data"]["init_args"], preparations(path)
        seconds = data.get("seconds") or 0.8
        train = [shards_like(written[directory], seconds) for directory in data["train"]]
        validation = {name: shards_like(written[each], seconds) for name, each in data["validation"].items()}
        take_a_step(
            tmp_path, "fit", "--config", str(path), f"--data.train={train}", f"--data.validation={validation}",
            "--data.batch_size=4",
        )  # fmt: skip

    return run


@pytest.mark.sampled(4)
@pytest.mark.parametrize("path", catalogue.stepped(SPEECH))
@pytest.mark.filterwarnings("ignore:At least one mel filterbank")  # published; see the headers
def test_a_recipe_trains_and_validates_one_batch(path, train_and_validate):
    train_and_validate(path)


@pytest.mark.long
@pytest.mark.parametrize("path", [path for path in SPEECH if path.stem in COPIED], ids=stem)
def test_a_copy_of_a_recipe_under_another_name_passes_all_of_this_and_is_trained_by_default(
    path, tmp_path, train_and_validate
):
    copy = catalogue.own_copy(path, tmp_path)
    found = catalogue.recipes(relative(path).parts[1], tmp_path)
    assert [each.values[0] for each in catalogue.stepped(found) if not each.marks].count(copy) == 1
    for check in catalogue.checks(each_recipe, globals()):
        check(copy)
    train_and_validate(copy)
