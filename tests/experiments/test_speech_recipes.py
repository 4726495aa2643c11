"""Every YAML of the catalogues of clips and phonemes: complete, explained in its header, and able to take a step."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
import yaml

from datamodules.corpora.base import Audio, Corpus, Recording
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.cli import run
from lightning_modules import L2Penalty
from lightning_modules.decoding import CHARACTERS_11785
from tests.experiments.catalogue import ROOT, SPEECH, header, network_of, parsed, preparations, size_of

LANGUAGES = """
    basis dropout wider_strange wider_correct bidirectional shared model2 model2_regularised mobilenet shipped
""".split()
KEYWORDS = [f"m{number}_{rate}{run}" for number in (1, 2, 3) for rate in ("8k", "16k") for run in ("", "_published")]
DEEPSPEECH = """
    output_and_hidden hidden transformer init0 init0_t16 init0_t16_2x2 t64_2x2 t64_2x2_lr03 t64_2x2_adam
    t64_2x2_lr1_dropout1 t64_2x2_lr1_dropout2 t64_2x2_lr1_dropout5 t64_2x2_lr1_dropout6 t64_2x2_lr1_dropout8
""".split()
PHONEMES = """
    base01 base02 base03 base04 resnet34_01 resnet34_02 resnet34_03 resnet34_04 resnet34_05 resnet34_04f resnet34_05f
    resnet50_01 resnet50_01f resnet50_02f resnet50_03f resnet50_03f_as_coded
""".split()
ROWS = [
    *(f"languages_{name}" for name in LANGUAGES),
    *(f"speech_commands_{name}" for name in KEYWORDS),
    *(f"deepspeech_{name}" for name in DEEPSPEECH),
    *PHONEMES,
]
OURS = [
    *("fsdd_m3_8k", "fsdd_conv_rnn", "commands_m3_16k", "languages_conv_rnn"),
    *("emodb_deepspeech_transformer", "emodb_deepspeech_rnn"),
    *("resnet34_04_librispeech", "resnet34_04_timit", "an4_resnet34_04", "an4_base01"),
]
# Of each kind of network, front end and data the smallest.
REPRESENTATIVES = [
    *("fsdd_m3_8k", "fsdd_conv_rnn", "languages_shared", "speech_commands_m1_16k_published"),
    *("emodb_deepspeech_transformer", "base02", "resnet34_04_timit"),
]
# A step of a hundred million parameters takes gigabytes: these networks are counted, and one of them takes a step.
HUGE = {f"deepspeech_{name}" for name in DEEPSPEECH} - {"deepspeech_output_and_hidden", "deepspeech_hidden"}
STEPPED = [path for path in SPEECH if path.stem not in HUGE - {"deepspeech_t64_2x2_lr1_dropout5"}]
KEYS = [
    *("network", "front_end", "class_weights", "label_smoothing", "decoder", "test_decoder", "folding"),
    *("optimizer", "scheduler", "penalty", "augment"),
]
CALLBACKS = {
    "ClipClassifier": ["PredictedClasses", "ClipPictures"],
    "PhonemeRecognizer": ["PredictedPhonemes", "AlignmentPictures", "PhoneConfusions"],
}

each_recipe = pytest.mark.parametrize("path", SPEECH, ids=lambda path: path.stem)


def stated(path):
    return yaml.safe_load(path.read_text())


def family(recipe):
    return recipe["model"]["class_path"].rpartition(".")[2]


def stated_size(path):
    found = re.search(r"(?<![\d.])(\d[\d ]*) parameters", " ".join(line.strip() for line in header(path)))
    assert found, "the header says how many parameters there are"
    return int(found[1].replace(" ", ""))


def test_every_row_of_the_catalogue_is_a_recipe_and_every_recipe_a_row():
    assert sorted([*ROWS, *OURS]) == sorted(path.stem for path in SPEECH)


@each_recipe
def test_a_recipe_says_in_its_header_what_it_asks_how_it_is_run_and_what_to_expect(path):
    lines = header(path)
    text = " ".join(line.strip() for line in lines)
    assert lines[0].endswith("?"), "its first line is the question"
    assert f"melisma fit --config {path.relative_to(ROOT)}" in text
    assert re.search(r"\.\d\d|fails to converge|No figure was published", text), "a figure to expect"
    assert max(map(len, path.read_text().splitlines())) <= 120


@each_recipe
def test_a_recipe_states_its_whole_model_and_data_in_the_usual_order(path):
    recipe = stated(path)
    order = ("seed_everything", "model", "data", "checkpoint", "resume", "trainer")
    assert list(recipe) == [key for key in order if key in recipe]
    model, data, trainer = recipe["model"]["init_args"], recipe["data"]["init_args"], recipe["trainer"]
    assert list(model) == [key for key in KEYS if key in model]
    assert {"network", "front_end", "optimizer"} <= set(model)
    assert {"train", "validation", "batch_size"} <= set(data) and {"max_steps", "max_epochs"} & set(trainer)
    assert trainer["check_val_every_n_epoch"] == 1


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
def test_the_recipes_of_a_family_have_the_same_callbacks(path):
    recipe = stated(path)
    others = ["EarlyStopping", "Submission"]
    given = [callback["class_path"].rpartition(".")[2] for callback in recipe["trainer"]["callbacks"]]
    assert [name for name in given if name not in others] == CALLBACKS[family(recipe)]
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
        options = written[directory]
        assert (options.classes, options.phones) == (data.get("classes"), data.get("phones"))
        assert options.segment is None and options.context == 0


@each_recipe
def test_the_command_line_takes_a_recipe_and_its_network_has_the_stated_size(path):
    assert stated_size(path) == size_of(parsed("fit", "--config", str(path)))


@pytest.mark.parametrize("path", [path for path in SPEECH if "penalty" in path.read_text()], ids=lambda path: path.stem)
def test_a_penalty_is_for_all_kernels_of_convolutions_and_for_nothing_else(path):
    configuration = parsed("fit", "--config", str(path))
    network, penalty = network_of(configuration), configuration.model.init_args.penalty
    selected = L2Penalty(**penalty.init_args.as_dict()).select(network)
    assert list(selected) == [name for name, each in network.named_parameters() if each.ndim == 4]


@pytest.mark.parametrize("name", ["base01", "resnet34_04f"])
def test_a_submission_has_the_characters_of_the_competition(name):
    recipe = stated(ROOT / "experiments" / "phonemes" / f"{name}.yaml")
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


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in REPRESENTATIVES else pytest.mark.slow) for path in STEPPED],
    ids=lambda path: path.stem,
)
@pytest.mark.filterwarnings("ignore:At least one mel filterbank")  # published; see the headers
def test_a_recipe_trains_and_validates_one_batch(path, shards_like, tmp_path):
    data, written = stated(path)["data"]["init_args"], preparations(path)
    seconds = data.get("seconds") or 0.8
    train = [shards_like(written[directory], seconds) for directory in data["train"]]
    validation = {name: shards_like(written[each], seconds) for name, each in data["validation"].items()}
    run([
        "fit", "--config", str(path), f"--data.train={train}", f"--data.validation={validation}",
        "--data.batch_size=4", "--trainer.fast_dev_run=true", "--trainer.accelerator=cpu",
        "--trainer.enable_progress_bar=false", f"--trainer.default_root_dir={tmp_path}",
    ])  # fmt: skip
