"""Print a JSON schema for editors of our YAML files, as in `melisma schema > melisma.schema.json`."""

from __future__ import annotations

import json

from jsonargparse import ArgumentParser

from experiments.mistakes import parse

KINDS = ("recipe", "part", "corpus", "study", "sweep", "comparison", "card", "released")


def main(arguments: list[str]) -> None:
    """Print it in one line; it takes some seconds, for every class is imported."""
    parser = ArgumentParser(prog="melisma schema", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "kind",
        nargs="?",
        choices=KINDS,
        help="of files: a recipe of `fit`, part of one, a corpus, a study, a sweep, a comparison, the facts of a model "
        "card, the configuration of a released model; by default one schema for all, which tells them apart by their "
        "keys",
    )
    parser.add_argument(
        "--modules",
        type=list[str],
        default=[],
        help="modules of your own with further classes, as in [my_package.networks]; others are refused",
    )
    options = parse(parser, arguments)

    from experiments.schema.builder import SchemaBuilder
    from experiments.schema.kinds import Kinds

    print(json.dumps(Kinds(SchemaBuilder(options.modules)).schema(options.kind), separators=(",", ":")))
