"""The catalogue as its users meet it: found by folder, its commands run through the parsers of the command line."""

import re
import shlex
import shutil
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser, Namespace

from architectures import ClipNetwork, FrameNetwork, SequenceNetwork, VoicingNetwork
from architectures.layers import parameter_count
from experiments import lightning_cli
from experiments.cli import run
from experiments.commands import prepare

ROOT = Path(__file__).parents[2]
SWEEPS = sorted((ROOT / "experiments" / "sweeps").glob("*.yaml"))
CORPORA = sorted((ROOT / "experiments" / "corpora").glob("*.yaml"))
PUBLISHED = yaml.safe_load(Path(__file__).with_name("published.yaml").read_text())
LOOP = re.compile(r"^for (\w+) in ([^;]+); do (.*); done$")
ORIGINAL = re.compile(r"^ Original runs?: ([^(]*)")
# Parameters times frames of an excerpt: above the first a step takes seconds, above the second gigabytes.
SLOW, HUGE = 12e6, 150e6


def recipes(family, root=ROOT):
    """The recipes of a family, in whatever room of its folder they are."""
    return sorted((root / "experiments" / family).rglob("*.yaml"))


def relative(path):
    """A path as commands give it, from the folder that holds `experiments`."""
    begin = len(path.parts) - 1 - path.parts[::-1].index("experiments")
    return Path(*path.parts[begin:])


@cache
def stated(path):
    """What a YAML says; read-only."""
    return yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def header(path):
    """The comment that a file begins with, without its number signs."""
    lines = path.read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return [line.removeprefix("#") for line in lines[:end]]


def text_of(path):
    """A header in one line."""
    return " ".join(line.strip() for line in header(path))


def original_runs(path):
    """The runs that a recipe repeats, as its header names them."""
    found = [ORIGINAL.match(line) for line in header(path)]
    return [name.strip() for line in found if line for name in line[1].split(";")]


def is_fitted(path):
    """Whether a recipe learns; the others follow a rule."""
    return "train" in stated(path)["data"]["init_args"]


def named_recipes(path):
    """The recipes that the commands of a header run."""
    verb = "fit" if is_fitted(path) else "validate"
    started = [words for words in commands(path) if words[:3] == ["melisma", verb, "--config"]]
    return [Path(words[3]) for words in started if not words[3].startswith("RUN/")]


def is_copy(path):
    """Whether a file has the header of another one in its folder, word for word."""
    others = [path.with_name(named.name) for named in named_recipes(path) if named.name != path.name]
    return any(other.exists() and header(other) == header(path) for other in others)


def stated_size(path):
    """Number of parameters that a header states first, or None."""
    found = re.search(r"(?<![\d.])(\d[\d ]*) parameters", text_of(path))
    return int(found[1].replace(" ", "")) if found else None


def cost(path):
    """What a step costs, about: parameters times frames of an excerpt."""
    return (stated_size(path) or 0) * stated(path)["model"]["init_args"]["network"].get("init_args", {}).get(
        "frames", 1
    )


def is_published(path):
    """Whether a recipe repeats a published experiment; all others are somebody's own."""
    family = relative(path).parts[1]
    named = bool(original_runs(path)) or path.stem in PUBLISHED["recipes"][family]
    return named and not is_copy(path)


def _classes(value):
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    inner = {name for each in values for name in _classes(each)}
    return inner | {value["class_path"]} if isinstance(value, dict) and "class_path" in value else inner


def kinds(path):
    """What a recipe is made of, roughly and finely: two recipes of a kind run the same code on other numbers."""
    recipe = stated(path)
    model, data = recipe["model"]["init_args"], recipe["data"]["init_args"]
    parts = (model.get(key, {}).get("class_path") for key in ("network", "loss", "front_end"))
    fine = (frozenset(_classes(recipe["model"])), frozenset(model), frozenset(data) - {"test", "predict"})
    return (recipe["model"]["class_path"], *parts), fine


def stepped(paths):
    """The recipes that a step is taken with, those that take seconds marked slow, the others of their kind long.

    By default these are the cheapest published one of each network, loss and front end, and all that are somebody's
    own. With the long tests it is the cheapest of each combination of classes and options.
    """
    cheapest = {}
    for path in sorted(paths, key=cost):
        for kind in kinds(path):
            cheapest.setdefault(kind, path)
    marked = []
    for path in paths:
        roughly, finely = (cheapest[kind] == path for kind in kinds(path))
        own = not is_published(path)
        if (own or roughly) and cost(path) <= SLOW:
            marked.append(pytest.param(path, id=path.stem))
        elif (own or roughly or finely) and cost(path) <= HUGE:
            mark = pytest.mark.slow if own or roughly else pytest.mark.long
            marked.append(pytest.param(path, id=path.stem, marks=mark))
    return marked


def commands(path):
    """The words of every command in a header, those of a loop once for each value."""
    indented = "\n".join(line.strip() for line in header(path) if line.startswith("   "))
    text = re.sub(r"\\\n|; do\n|,\n", lambda found: found[0].strip("\\\n") + " ", indented)
    found = []
    for line in text.splitlines():
        loop = LOOP.match(line)
        variable, values, body = loop.groups() if loop else ("", "-", line)
        found += [re.sub(rf"\$\{{?{variable}\b\}}?", value, body) if loop else body for value in values.split()]
    return [shlex.split(line) for line in found]


@cache
def prepare_parser():
    return prepare._parser()


@cache
def prepared(words):
    """The options of `melisma prepare` and these words, as strings and numbers; nothing is instantiated."""
    return prepare_parser().parse_args(prepare._with_config_option(list(words)))


def preparations(path):
    """The options of every `melisma prepare` in a header, by the directory that is written."""
    found = [prepared(tuple(words[2:])) for words in commands(path) if words[:2] == ["melisma", "prepare"]]
    return {options.directory: options for options in found}


class _Shared(lightning_cli.MelismaCLI):
    """The command line with parsers that were made before: making them takes longer than a step."""

    def setup_parser(self, *_):
        made = _parsed_once(self._words[0])
        self.parser, self._subcommand_parsers = made.parser, made._subcommand_parsers
        self._subcommand_method_arguments = made._subcommand_method_arguments


class _Unrun(lightning_cli.MelismaCLI):
    """The command line's parsers, and nothing built or run."""

    def instantiate_classes(self):
        pass

    def _run_subcommand(self, subcommand):
        pass


def _run_as(kind, words):
    usual, lightning_cli.MelismaCLI = lightning_cli.MelismaCLI, kind
    try:
        return run(words)
    finally:
        lightning_cli.MelismaCLI = usual


@cache
def _parsed_once(subcommand):
    return _run_as(_Unrun, [subcommand, "--config", str(recipes("melody")[0])])


def parsed(subcommand, *words):
    """The configuration that `melisma SUBCOMMAND` makes of these words, from the repository root."""
    return _parsed_once(subcommand)._subcommand_parsers[subcommand].parse_args(list(words))


def take_a_step(folder, *words):
    """Run `melisma` with these words for one batch of training and one of validation, or for the latter."""
    subcommand, *others = words
    _run_as(_Shared, [
        subcommand, *others, "--trainer.fast_dev_run=true", "--trainer.accelerator=cpu",
        "--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false",
        f"--trainer.default_root_dir={folder}",
    ])  # fmt: skip


@cache
def network_parser():
    """What reads `model.network` alone."""
    parser = ArgumentParser()
    parser.add_subclass_arguments((FrameNetwork, VoicingNetwork, ClipNetwork, SequenceNetwork), "network")
    return parser


def network_of(configuration):
    """The network of a configuration, without memory for its parameters."""
    with torch.device("meta"):
        return network_parser().instantiate(Namespace(network=configuration.model.init_args.network)).network


def size_of(configuration):
    """Number of parameters of the network of a configuration."""
    return parameter_count(network_of(configuration))


def check_header(path):
    """Fail unless a header has its question, the command that runs the recipe and a figure, and say what to write."""
    place, own = relative(path), f"melisma {'fit' if is_fitted(path) else 'validate'} --config {relative(path)}"
    assert header(path)[0].endswith("?"), f"{place}: write as its first line the question that the recipe answers"
    assert place in named_recipes(path) or is_copy(path), f"{place}: write into its header `#   {own}`"
    assert re.search(r"\.\d\d|fails to converge|No figure was published", text_of(path)), (
        f"{place}: write into its header the figure to expect, as in RPA .655, or: No figure was published."
    )
    long = [number for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > 120]
    assert not long, f"{place}: lines {long} have more than 120 characters"


def check_size(path, size):
    """Fail unless a header has this number of parameters, and say what to write."""
    assert stated_size(path) == size, f"{relative(path)}: write into its header: {size:,} parameters".replace(",", " ")


def own_copy(path, folder):
    """A copy of a recipe under another name, in a folder with all that stands beside it."""
    family = relative(path).parts[1]
    for name in (family, "corpora"):
        shutil.copytree(ROOT / "experiments" / name, folder / "experiments" / name)
    return Path(shutil.copy(path, (folder / relative(path)).with_name("my_own.yaml")))


def checks(mark, names):
    """The tests among these names that are run of every recipe."""
    return [each for each in names.values() if mark.mark in getattr(each, "pytestmark", ())]
