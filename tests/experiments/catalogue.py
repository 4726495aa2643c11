"""The catalogue as its users meet it: the commands in a header, run through the parsers of the command line."""

import re
import shlex
from functools import cache
from pathlib import Path

import torch
from jsonargparse import ArgumentParser, Namespace

from architectures import ClipNetwork, FrameNetwork, SequenceNetwork, VoicingNetwork
from architectures.layers import parameter_count
from experiments import cli
from experiments.commands import prepare

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "experiments" / "melody").glob("*.yaml"))
SPEECH = sorted(
    path for family in ("classification", "phonemes") for path in (ROOT / "experiments" / family).glob("*.yaml")
)
SWEEPS = sorted((ROOT / "experiments" / "sweeps").glob("*.yaml"))
CORPORA = sorted((ROOT / "experiments" / "corpora").glob("*.yaml"))
LOOP = re.compile(r"^for (\w+) in ([^;]+); do (.*); done$")


def header(path):
    """The comment that a file begins with, without its number signs."""
    lines = path.read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return [line.removeprefix("#") for line in lines[:end]]


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


class _Unrun(cli.MelismaCLI):
    """The command line's parsers, and nothing built or run."""

    def instantiate_classes(self):
        pass

    def _run_subcommand(self, subcommand):
        pass


@cache
def parsers():
    usual, cli.MelismaCLI = cli.MelismaCLI, _Unrun
    try:
        return cli.run(["fit", "--config", str(RECIPES[0])])._subcommand_parsers
    finally:
        cli.MelismaCLI = usual


def parsed(subcommand, *words):
    """The configuration that `melisma SUBCOMMAND` makes of these words, from the repository root."""
    return parsers()[subcommand].parse_args(list(words))


def network_of(configuration):
    """The network of a configuration, without memory for its parameters."""
    parser = ArgumentParser()
    parser.add_subclass_arguments((FrameNetwork, VoicingNetwork, ClipNetwork, SequenceNetwork), "network")
    with torch.device("meta"):
        return parser.instantiate(Namespace(network=configuration.model.init_args.network)).network


def size_of(configuration):
    """Number of parameters of the network of a configuration."""
    return parameter_count(network_of(configuration))
