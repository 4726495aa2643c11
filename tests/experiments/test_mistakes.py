"""A mistake in a configuration: exit code 2, and two lines that say where it is and what was meant."""

import pytest

from experiments.lightning_cli import MelismaCLI

CORPUS = """
corpus:
  class_path: datamodules.SyntheticMelody
  init_args: {recordings: {train: 2}, seconds: 1.0, rate: 8000}
directory: OUT
rate: 8000
hop: 80
"""
CREPES = "architectures.CREPE or architectures.KimCREPE or architectures.TorchCREPE"


def refused(outcome):
    """What was printed, of a command that ended with exit code 2 and did nothing."""
    assert (outcome.code, outcome.out) == (2, "")
    return outcome.err.removeprefix("Seed set to 0\n").removeprefix("melisma: ").splitlines()


@pytest.mark.parametrize(
    ("word", "place", "hint"),
    [
        ("--modl.grid=3", "--modl: there is no such key", "did you mean model?"),
        ("--trainer.max_stepz=3", "--trainer.max_stepz: there is no such key", "did you mean max_steps "),
        ("--checkpoint.monitr=x", "--checkpoint.monitr: there is no such key", "did you mean monitor?"),
        ("--model.network.windwo=512", "--model.network.windwo: there is no such key", "did you mean window?"),
        ("--model.init_args.network.init_args.windwo=1", "--model.network.windwo: there is no such key", "did you"),
        ("--model.grid.semitnes=3", "--model.grid.semitnes: there is no such key", "did you mean semitones?"),
        ("--model.optimizer.lrr=1", "--model.optimizer.lrr: there is no such key", "did you mean lr?"),
        (
            "--model.decoder.x=1",
            "--model.decoder.x: there is no such key",
            "lightning_modules.LocalAverage takes radius",
        ),
        ("--model.network=architectures.CREPEE", "--model.network: there is no class architectures.CREPEE", CREPES),
        ("--model.network=architectuers.CREPE", "--model.network: there is no class architectuers.CREPE", CREPES),
        ("--model.network=CREPEE", "--model.network: there is no class CREPEE", CREPES),
        (
            "--model.optimizer=torch.optim.Adamm",
            "--model.optimizer: there is no class torch.optim.Adamm",
            "optim.Adam ",
        ),
        (
            "--model.network=lightning_modules.SalienceBCE",
            "--model.network: lightning_modules.SalienceBCE is no FrameNetwork",
            "there are architectures.Autocorrelation, architectures.CREPE, ",
        ),
        ("--model=nothing", "--model: there is no class nothing", "a class path is PACKAGE.CLASS"),
    ],
)
def test_a_wrong_key_or_class_on_the_command_line_is_named_with_what_may_be_meant(
    melisma, small_recipe, word, place, hint
):
    first, second = refused(melisma("fit", "--config", small_recipe, word))
    assert first == place
    assert hint in second


@pytest.mark.parametrize(
    ("right", "wrong", "place", "hint"),
    [
        ("capacity: 1", "capcity: 1", "line 5: model.network.capcity: there is no such key", "did you mean capacity?"),
        ("semitones:", "semitnes:", "line 6: model.grid.semitnes: there is no such key", "did you mean semitones?"),
        ("batch_size:", "batchsize:", "line 16: data.batchsize: there is no such key", "did you mean batch_size?"),
        ("trainer:", "traner:", "line 18: traner: there is no such key", "did you mean trainer?"),
        ("max_steps:", "max_stepz:", "line 21: trainer.max_stepz: there is no such key", "did you mean max_steps "),
        ("{monitor:", "{monitr:", "line 17: checkpoint.monitr: there is no such key", "did you mean monitor?"),
        (".CREPE,", ".CREPEE,", "line 5: model.network: there is no class architectures.CREPEE", CREPES),
        (
            "PredictedF0",
            "PredictedF00",
            "line 26: trainer.callbacks: there is no class callbacks.PredictedF00",
            "mean callbacks.PredictedF0 ",
        ),
        (
            "callbacks.PredictedF0}",
            "callbacks.Pianorolls, init_args: {trcks: 2}}",
            "line 26: trainer.callbacks.trcks: there is no such key",
            "did you mean tracks?",
        ),
    ],
)
def test_a_wrong_key_or_class_in_a_file_is_named_with_its_line(
    melisma, small_recipe, tmp_path, right, wrong, place, hint
):
    path = tmp_path / "recipe.yaml"
    path.write_text(small_recipe.read_text().replace(right, wrong))
    first, second = refused(melisma("fit", "--config", path))
    assert first == f"{path}, {place}"
    assert hint in second


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--data.batch_size=eight", "--data.batch_size: expected int, got 'eight'"),
        ("--data.train=3", "--data.train: expected a list, got '3'"),
        ("--model.network.window=x", "--model.network.window: expected int, got 'x'"),
        ("--trainer.max_steps=x", "--trainer.max_steps: expected int, got 'x'"),
        ("--trainer.gradient_clip_val=x", "--trainer.gradient_clip_val: expected float or int or null, got 'x'"),
        ("--config=/nowhere.yaml", "--config: File does not exist: '/nowhere.yaml'"),
        ("--data.recipes=[nowhere.yaml]", "--data.recipes: there is no file nowhere.yaml"),
        ("--data.window=300", "data.window: 300, but this follows from the network; leave it out"),
        ("word", "unrecognized arguments: word"),
    ],
)
def test_a_wrong_value_is_said_in_one_line(melisma, small_recipe, word, message):
    assert refused(melisma("fit", "--config", small_recipe, word)) == [message]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--model.network.window=100", "window: 100 samples"),
        ("--model.loss.sigma=-1", "sigma: -1"),
        ("--model.grid.semitones=0", "semitones: 0"),
    ],
)
def test_what_a_class_says_of_a_value_is_passed_on_in_one_line(melisma, small_recipe, word, message):
    (line,) = refused(melisma("fit", "--config", small_recipe, word))
    assert line.startswith(message)


def test_a_wrong_type_in_a_file_is_named_with_its_line(melisma, small_recipe, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(small_recipe.read_text().replace("batch_size: 8", "batch_size: eight"))
    assert refused(melisma("fit", "--config", path)) == [f"{path}, line 16: data.batch_size: expected int, got 'eight'"]


def test_of_several_files_the_one_with_the_mistake_is_named(melisma, small_recipe, tmp_path):
    (tmp_path / "wrong.yaml").write_text("data: {init_args: {batchsize: 3}}")
    (tmp_path / "right.yaml").write_text("data: {init_args: {batch_size: 3}}")
    words = [word for name in ("wrong", "right") for word in ("--config", tmp_path / f"{name}.yaml")]
    first, _ = refused(melisma("fit", "--config", small_recipe, *words))
    assert first.startswith(f"{tmp_path / 'wrong.yaml'}, line 1: data.batchsize: ")


def test_what_is_missing_is_named_without_the_subcommand(melisma):
    assert refused(melisma("fit")) == ["the following arguments are required: checkpoint.monitor, data, model"]
    assert refused(melisma("inspect")) == ["the following arguments are required: directory"]


def test_a_file_that_is_not_yaml_is_named_with_the_line(melisma, tmp_path):
    (tmp_path / "broken.yaml").write_text("model:\n  a: [")
    (line,) = refused(melisma("fit", "--config", tmp_path / "broken.yaml"))
    assert line.startswith(f"{tmp_path}/broken.yaml, line 2: not valid YAML: ")


def test_a_package_that_a_class_needs_is_named_and_not_taken_for_the_class(
    melisma, small_recipe, tmp_path, monkeypatch
):
    (tmp_path / "needs_more.py").write_text("import no_such_package_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    (line,) = refused(melisma("fit", "--config", small_recipe, "--model.network=needs_more.Network"))
    assert line == "--model.network: No module named 'no_such_package_at_all'"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("seconds", "secnds", "line 4: corpus.secnds: there is no such key\n  did you mean seconds or seed?"),
        ("hop:", "hopp:", "line 7: hopp: there is no such key\n  did you mean hop?"),
        ("80\n", "x\n", "line 7: hop: expected int, got 'x'"),
        (
            "SyntheticMelody",
            "SynteticMelody",
            "line 3: corpus: there is no class datamodules.SynteticMelody\n"
            "  did you mean datamodules.SyntheticMelody or datamodules.SyntheticPhrases?",
        ),
    ],
)
def test_a_mistake_in_the_recipe_of_a_corpus_is_named_by_prepare_and_by_a_data_module(
    melisma, small_recipe, tmp_path, right, wrong, message
):
    path = tmp_path / "corpus.yaml"
    path.write_text(CORPUS.replace("OUT", str(tmp_path / "out")).replace(right, wrong, 1))
    assert refused(melisma("prepare", path)) == f"{path}, {message}".splitlines()
    assert not (tmp_path / "out").exists()
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(small_recipe.read_text().replace("batch_size:", "recipes: [corpus.yaml]\n    batch_size:"))
    key = message.partition(": ")[2]
    line, *_ = refused(melisma("fit", "--config", recipe))
    assert line == f"{path}, {message.partition(':')[0]}: data.recipes.{key.splitlines()[0]}"


def test_a_mistake_in_the_words_of_prepare_is_named(melisma, tmp_path):
    path = tmp_path / "corpus.yaml"
    path.write_text(CORPUS.replace("OUT", str(tmp_path / "out")))
    first, second = refused(melisma("prepare", path, "--corpus.secnds=2.0"))
    assert (first, second) == ("--corpus.secnds: there is no such key", "  did you mean seconds or seed?")


def test_a_misspelt_command_is_named_with_what_may_be_meant(melisma):
    assert refused(melisma("inspct")) == ["no command 'inspct'", "  did you mean inspect?"]
    first, second = refused(melisma("xyzzy"))
    assert first == "no command 'xyzzy'" and "there are: fit, validate, test, predict, browser, catalogue" in second


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_that_is_none_is_refused(melisma, small_recipe, seed):
    (line,) = refused(melisma("fit", "--config", small_recipe, f"--seed_everything={seed}"))
    assert line == f"seed_everything: {seed} is not from 0 to 2^32 - 1"


def test_a_model_that_memory_does_not_hold_is_no_wrong_key(melisma, small_recipe, monkeypatch):
    def built(*_):
        raise RuntimeError("[enforce fail] can't allocate memory: you tried to allocate 65536000000 bytes. Error 12")

    monkeypatch.setattr(MelismaCLI, "_compare_with_checkpoint", built)
    outcome = melisma("fit", "--config", small_recipe)
    assert outcome.code == 1
    assert "melisma: there is not enough memory (61.0 GiB were asked for); a smaller model" in outcome.err


@pytest.mark.parametrize("text", ["nothing", "[1, 2]", "x" * 100_000])
def test_a_recipe_without_keys_is_named(melisma, tmp_path, text):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    for words in (["fit", "--config", path], ["prepare", path], ["validate", f"--config={path}"]):
        (line,) = refused(melisma(*words))
        assert line.startswith(f"{path}: keys and their values are expected, not ") and len(line) < 400


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lowest_note: 48", "lowest_note: null"),
        ("harmonics: [1.0, 2.0]", "harmonics: null"),
        ("octaves: 3", "octaves: []"),
    ],
)
def test_a_value_of_another_kind_in_a_corpus_or_spectrogram_is_no_mistake_of_ours(melisma, tmp_path, before, after):
    text = (
        "corpus:\n  class_path: datamodules.corpora.SyntheticMelody\n"
        "  init_args: {recordings: {train: 1}, seconds: 1.0, rate: 8000, lowest_note: 48, highest_note: 60}\n"
        "directory: shards\nrate: 8000\nhop: 80\nsegment: 0.5\ncontext: 0.1\n"
        "spectrogram:\n  class_path: datamodules.preparation.spectrograms.HarmonicConstantQ\n"
        "  init_args: {minimum: 65.4, bins_per_octave: 12, octaves: 3, harmonics: [1.0, 2.0]}\n"
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(text.replace(before, after))
    outcome = melisma("prepare", path, "--directory", tmp_path / "shards")
    assert outcome.code in (1, 2) and "Traceback" not in outcome.err and "melisma: " in outcome.err
    assert not (tmp_path / "shards").exists()


def test_a_class_that_no_file_may_name_is_refused_also_where_a_word_changes_its_values(melisma, small_recipe, tmp_path):
    path, text = tmp_path / "evil.yaml", small_recipe.read_text()
    before, _, after = text.partition("\ndata:")
    after = after.replace("  init_args:", "  init_args:\n    reader: {class_path: os.system, init_args: {x: 1}}", 1)
    path.write_text(f"{before}\ndata:{after}")
    outcome = melisma("fit", "--config", path, "--data.predict={mine: shards}")
    assert outcome.code == 2 and "os.system" in outcome.err and "Traceback" not in outcome.err


def test_a_set_of_a_comparison_cannot_have_the_name_of_no_folder(melisma, tmp_path):
    path = tmp_path / "compare.yaml"
    path.write_text('data: ["\\0"]\nmethods: pyin\nout: report\n')
    outcome = melisma("compare", "--config", path)
    assert outcome.code == 1 and outcome.err == "melisma: data '\\x00': no name of a folder\n"
