"""Turn a corpus into shards: `melisma prepare CONFIG`."""

from __future__ import annotations

from jsonargparse import ActionConfigFile, ArgumentParser

from datamodules.index import describe
from datamodules.recipe import ShardRecipe, prepare


def main(arguments: list[str]) -> None:
    """Build the shards that a recipe describes; what is finished is kept."""
    parser = ArgumentParser(prog="melisma prepare", description=__doc__)
    parser.add_argument("config", action=ActionConfigFile, help="YAML of a ShardRecipe, such as experiments/corpora/*")
    parser.add_class_arguments(ShardRecipe, "recipe", skip=set())
    parser.add_argument("--jobs", "-j", type=int, default=1, help="processes")
    options = parser.instantiate_classes(parser.parse_args(arguments))
    recipe: ShardRecipe = options.recipe
    built = prepare(recipe, jobs=options.jobs)
    print(f"{recipe.directory}: {'prepared' if built else 'already prepared'}")
    for split, counts in describe_splits(recipe.directory).items():
        print(f"  {split:<12}{counts['tracks']:>7} tracks {counts['records']:>8} records {counts['hours']:>9.2f} h")


def describe_splits(directory: str) -> dict[str, dict[str, float]]:
    """Counts of every split of a prepared directory."""
    from pathlib import Path

    splits: dict[str, dict[str, float]] = describe(Path(directory))["splits"]
    return splits
