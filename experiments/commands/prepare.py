"""Turn a corpus into shards, as in `melisma prepare experiments/corpora/demo.yaml`."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser

from datamodules import corpora
from datamodules.errors import cut_lines
from datamodules.preparation.bounds import check_directory
from datamodules.preparation.recipe import ShardRecipe
from experiments.mistakes import instantiated, parse
from experiments.shares import check_jobs, share

if TYPE_CHECKING:
    from datamodules.preparation.description import Prepared


def main(arguments: list[str]) -> None:
    """Build the shards that a recipe describes; what is finished already is kept.

    Recordings that cannot be used are left out and listed at the end; the exit code is then 1.
    """
    options = instantiated(_parser(), parse(_parser(), _with_config_option(arguments)))
    check_jobs(options.jobs)
    if options.cache is not None:
        check_directory(str(options.cache), "--cache", "arrays")

    from datamodules.preparation.engines import Engine
    from datamodules.preparation.prepare import prepare

    recipe = ShardRecipe(**{field.name: options[field.name] for field in fields(ShardRecipe)})
    engine = Engine(options.jobs, options.backend, options.scheduler)
    result = prepare(recipe, engine, cache=options.cache, share=share(options.share), again=True)
    report(Path(recipe.directory), result)


def _parser() -> ArgumentParser:
    for name in corpora.__all__:
        getattr(corpora, name)  # a short class name resolves, and --help lists a class, only if it is imported
    parser = ArgumentParser(
        prog="melisma prepare", usage="melisma prepare CONFIG [options]", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--config", action="config", help="the same as CONFIG: YAML of a recipe")
    parser.add_class_arguments(ShardRecipe)
    parser.add_argument("--jobs", "-j", type=int, default=1, help="recordings or shards that are worked on at once")
    parser.add_argument(
        "--backend", type=Literal["loky", "threading", "dask"], default="loky", help="what runs them (joblib)"
    )
    parser.add_argument(
        "--scheduler",
        type=str | None,
        default=None,
        help="of dask: address of one that runs, or what --jobs workers are submitted to: a queue such as slurm, or a "
        "YAML file of dask-jobqueue's configuration",
    )
    parser.add_argument(
        "--cache", type=Path | None, default=None, help="folder of resampled audio and spectrograms that is kept"
    )
    parser.add_argument(
        "--share",
        type=str | None,
        default=None,
        help="I/N: begin with part I (from 0) of N; for arrays of jobs, see experiments/cluster/prepare.sbatch",
    )
    return parser


def _with_config_option(arguments: list[str]) -> list[str]:
    """A leading CONFIG as --config: jsonargparse reads configuration files from options only."""
    return ["--config", *arguments] if arguments and not arguments[0].startswith("-") else arguments


def report(directory: Path, result: Prepared) -> None:
    """Print what stands in the directory now; exit with code 1 after naming what had to be left out."""
    from datamodules.shards.index import describe

    description = describe(directory)
    print(f"{directory}: {'prepared' if result.built else 'already prepared'}, id {description['id'][:12]}")
    for split, counts in description["splits"].items():
        print(
            f"  {split:<12}{counts.get('tracks', 0):>7} tracks {counts.get('records', 0):>8} records "
            f"{counts.get('hours', 0.0):>9.2f} h"
        )
    for how, recordings in description.get("converted", {}).items():
        print(f"  {recordings} recordings {how}")
    for reason in result.left_out.values():
        print(f"melisma: left out: {cut_lines(reason)}", file=sys.stderr)
    if result.left_out:
        print(
            f"melisma: {len(result.left_out)} recordings could not be used; repair them and run the command again to "
            "have them in",
            file=sys.stderr,
        )
        sys.exit(1)
