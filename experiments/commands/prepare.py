"""Turn a corpus into shards, as in `melisma prepare experiments/corpora/demo.yaml`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from jsonargparse import ArgumentParser

from datamodules.index import describe
from datamodules.recipe import ShardRecipe, prepare


def main(arguments: list[str]) -> None:
    """Build the shards that a recipe describes; what is finished already is kept."""
    parser = ArgumentParser(
        prog="melisma prepare", usage="melisma prepare CONFIG [options]", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--config", action="config", help="the same as CONFIG: YAML of a recipe")
    parser.add_class_arguments(ShardRecipe)
    parser.add_argument("--jobs", "-j", type=int, default=1, help="processes that read, resample and write")
    if arguments and not arguments[0].startswith("-"):  # jsonargparse reads configuration files from options only
        arguments = ["--config", *arguments]
    options = parser.instantiate(parser.parse_args(arguments))
    recipe = ShardRecipe(**{field.name: options[field.name] for field in fields(ShardRecipe)})
    built = prepare(recipe, jobs=options.jobs)
    description = describe(Path(recipe.directory))
    print(f"{recipe.directory}: {'prepared' if built else 'already prepared'}, id {description['id'][:12]}")
    for split, counts in description["splits"].items():
        print(f"  {split:<12}{counts['tracks']:>7} tracks {counts['records']:>8} records {counts['hours']:>9.2f} h")
